"""Shared objects, compiled by the tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from needs import need

SOURCES: Final = Path(__file__).parents[1] / "native" / "c"
INCLUDE: Final = Path(__file__).parents[2] / "sermod" / "native" / "include"

FLAGS: Final = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1", "-g")
SANITIZERS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
"""What has the program stopped where C does what it must not."""
SANITIZE: Final = "SERMOD_TESTS_SANITIZE"
"""The variable of the environment that has everything compiled so."""


def compile_module(source: Path, directory: Path, *flags: str, name: str | None = None) -> Path:
    """Compile a C file to a shared object, with every warning an error.

    Args:
        source: The file.
        directory: Where the shared object is put.
        flags: Further arguments of the compiler.
        name: What it is to be called; as the source by default.

    Returns:
        The shared object.
    """
    result = directory / f"{name or source.stem}.so"
    flags = (*flags, *SANITIZERS) if os.environ.get(SANITIZE) else flags
    command = [need("cc"), *FLAGS, "-shared", "-fPIC", "-I", str(INCLUDE), "-o", str(result), str(source), *flags]
    subprocess.run([*command, "-ldl"], check=True, timeout=120)
    return result


def compile_text(text: str, directory: Path, name: str, *flags: str) -> Path:
    """Compile a C program that is given as text, as :func:`compile_module` does."""
    source = directory / f"{name}.c"
    source.write_text(text, encoding="utf-8")
    return compile_module(source, directory, *flags)
