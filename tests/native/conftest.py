"""Fixtures of the tests of native modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import compiling
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that compiles a module of tests/native/c, by name, and returns the shared object.

    Each is compiled once; each load has its own variables.
    """
    directory = tmp_path_factory.mktemp("compiled")
    made: dict[tuple[str, ...], Path] = {}

    def compile_once(name: str, *flags: str) -> Path:
        key = (name, *flags)
        if key not in made:
            source = compiling.SOURCES / f"{name}.c"
            made[key] = compiling.compile_module(source, directory, *flags, name=f"{name}{len(made)}")
        return made[key]

    return compile_once
