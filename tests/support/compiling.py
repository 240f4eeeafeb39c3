"""Compiles shared objects for tests."""

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
"""The flags with which the program stops at an error of memory in C."""
SANITIZE: Final = "SERMOD_TESTS_SANITIZE"
"""If this environment variable is set, everything is compiled with these flags."""


def compile_module(source: Path, directory: Path, *flags: str, name: str | None = None) -> Path:
    """Compile a C file to a shared object, with every warning an error.

    Args:
        source: The C file.
        directory: The directory of the shared object.
        flags: Further arguments of the compiler.
        name: Its name, without the suffix; that of the source by default.

    Returns:
        The path of the shared object.
    """
    result = directory / f"{name or source.stem}.so"
    flags = (*flags, *SANITIZERS) if os.environ.get(SANITIZE) else flags
    command = [need("cc"), *FLAGS, "-shared", "-fPIC", "-I", str(INCLUDE), "-o", str(result), str(source), *flags]
    subprocess.run([*command, "-ldl"], check=True, timeout=120)
    return result


def compile_text(text: str, directory: Path, name: str, *flags: str) -> Path:
    """Compile C source that is given as text, as :func:`compile_module` does."""
    source = directory / f"{name}.c"
    source.write_text(text, encoding="utf-8")
    return compile_module(source, directory, *flags)
