"""What the tests of the specification share."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _forget_modules():
    """Take out of ``sys.modules`` the files that a test has loaded."""
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        if name.startswith("_sermod_"):
            del sys.modules[name]
