"""What the tests of the loader share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import pytest


@pytest.fixture
def loaded(tmp_path) -> Callable[[], set[str]]:
    """Return a function that returns which entries of ``sys.modules`` are of modules that tests have written."""

    def is_ours(name, module):
        attributes = getattr(module, "__dict__", {})
        path = attributes.get("__path__")
        places = [attributes.get("__file__"), *(path if isinstance(path, Iterable) else ())]
        return name.startswith("_sermod_") or any(str(place).startswith(str(tmp_path)) for place in places)

    return lambda: {name for name, module in [*sys.modules.items()] if is_ours(name, module)}


@pytest.fixture(autouse=True)
def _forget_modules(loaded):
    """Take out of ``sys.modules`` what a test has loaded."""
    before = loaded()
    yield
    for name in loaded() - before:
        del sys.modules[name]


@pytest.fixture
def modules(tmp_path):
    """Return a directory for modules, which is on no path."""
    directory = tmp_path / "modules"
    directory.mkdir()
    return directory


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a directory that is on ``sys.path``, as site-packages is."""
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)
    return directory
