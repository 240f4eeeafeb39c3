"""The binary interface: compiled modules in a Python host, and Python modules in a C host.

:func:`load` reads the exports of a C module, whose functions then are called like those of any other; :func:`to_c` is
the way back. ``include/sermod.h``, in :func:`include_dir`, is all that the author of a C module needs. Importing this
package loads ctypes; ``import sermod`` does not, until a compiled module is loaded.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sermod._interface.exports import ModuleExports
from sermod.errors import InvalidExportsError
from sermod.native.from_c import Belongings, read_exports
from sermod.native.functions import NativeCommand, NativeFixup, NativeFunction, NativeHook
from sermod.native.layout import STRDUP_FUNCTION, ModuleExportsStruct
from sermod.native.library import exports_of, flush, open_library
from sermod.native.lookup import give_lookup, recent_errors
from sermod.native.messages import register_message
from sermod.native.symbols import function_of
from sermod.native.to_c import CFunction, NativeExports, to_c

__all__ = [
    "CFunction",
    "NativeCommand",
    "NativeExports",
    "NativeFixup",
    "NativeFunction",
    "NativeHook",
    "flush",
    "include_dir",
    "load",
    "recent_errors",
    "register_message",
    "to_c",
]


def load(
    path: str | os.PathLike[str],
    core: str | os.PathLike[str] | None = None,
    strdup: str | Callable[[bytes], int] | None = None,
) -> ModuleExports[Any]:
    """Open a compiled module and read its variable ``exports`` (spec, section 1.1).

    The module is opened with all of its symbols resolved, and its initialisers run. Its arrays are then read with care:
    whatever its memory holds, the process lives. The functions in the result call C; its parameters are the module's
    own variables. The library stays open for good. Loading a file again opens a copy of it, with variables of its own.

    A C command is called as ``command(msg, param1, param2)``. The message is an ``int``, which is an address, a ctypes
    object, a writable buffer, an object with the attribute ``_as_parameter_``, ``None`` for a null pointer, or of a
    type that :func:`register_message` knows. Strings are UTF-8 in C; other bytes survive as lone surrogates.

    A module that defines the variable ``sermod_find_export`` finds it filled before its ``init_f``.

    Args:
        path: The shared object.
        core: A library whose symbols the module needs, opened first and for all: what in SER is the core itself.
        strdup: What allocates the string that a fixup gets, owns, and may free: a C function, as its name or as ctypes
            has it, or any function that takes ``bytes`` and returns an address. By default it is libc's ``strdup``.

    Returns:
        The exports, as they are: registration validates them.

    Raises:
        ModuleFileNotFoundError: There is no such file.
        NoExportsError: It has no variable ``exports``, or not one that is large enough and loaded.
        InvalidExportsError: The structures cannot be read, or have no end. All problems are told.
        LoadError: It cannot be opened: it is no shared object, is for another machine, or needs symbols that nothing
            defines, which are all named.
        LookupError: There is no C function of the name that *strdup* is.
        TypeError: An argument is of a wrong type.
    """
    what = os.fspath(path)
    library = open_library(what, core)
    address = exports_of(library, what)
    allocate = function_of("strdup" if strdup is None else strdup, STRDUP_FUNCTION, "load(strdup=...)")
    try:
        exports = read_exports(address, Belongings(allocate, library.kept))
    except InvalidExportsError as error:
        size, usual = library.size_of_exports, ctypes.sizeof(ModuleExportsStruct)
        if size not in (0, usual):
            error.add_note(f"its exports are {size} bytes long and not {usual}: is it a module for another core?")
        raise
    give_lookup(library, str(exports.name))
    return exports


def include_dir() -> str:
    """Return the directory of ``sermod.h``, for the compiler: ``cc -I DIRECTORY``."""
    return str(Path(__file__).with_name("include"))
