"""The binary interface: compiled modules in a Python host, and Python modules in a C host.

:func:`load` opens a compiled module and returns its exports, whose functions call C. :func:`to_c` does the reverse: it
makes the C structures of a Python module's exports. The author of a C module needs only ``sermod.h``, which is in
:func:`include_dir`.

The names in ``__all__`` are public; the other files of this folder are the engine. Importing this package imports
ctypes; ``import sermod`` does not, until a compiled module is loaded.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sermod._interface.exports import ModuleExports
from sermod._problems import counted
from sermod.errors import InvalidExportsError
from sermod.native.from_c import read_exports
from sermod.native.functions import NativeCommand, NativeFixup, NativeFunction, NativeHook
from sermod.native.layout import STRDUP_FUNCTION, ModuleExportsStruct
from sermod.native.library import address_of_exports, flush, open_library
from sermod.native.lookup import fill_find_export, recent_errors
from sermod.native.memory import UnreadableError
from sermod.native.messages import register_message
from sermod.native.symbols import resolve_function
from sermod.native.to_c import CFunction, NativeExports, to_c

__all__ = [
    "CFunction",
    "NativeCommand",
    "NativeExports",
    "NativeFixup",
    "NativeFunction",
    "NativeHook",
    "UnreadableError",
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

    The system resolves all symbols of the module and runs its initialisers. Then its arrays are read with checks, so
    that a bad address in them is an error and does not end the process. The functions in the result call C; its
    parameters are the module's own variables. The library stays open until the process ends. To load a file again opens
    a copy of it, with variables of its own.

    A C command is called as ``command(msg, param1, param2)``. The message is one of these: an ``int``, which is an
    address; a ctypes object; a writable buffer; an object with the attribute ``_as_parameter_``; ``None`` for a null
    pointer; an object of a type that :func:`register_message` knows. Strings are UTF-8 in C; other bytes become lone
    surrogates.

    If the module defines the variable ``sermod_find_export``, it is set before the module's ``init_f`` runs.

    Called in the main process, before it forks.

    Args:
        path: The shared object.
        core: A library that defines symbols that the module needs: in SER, the core itself. It is opened before the
            module, and its symbols are visible to all libraries that are opened later.
        strdup: The function that allocates the string that a fixup gets, owns, and may free: the name of a C function,
            a ctypes function, or any function that takes ``bytes`` and returns an address. The default is ``strdup``
            of libc.

    Returns:
        The exports. They are not validated yet; registration validates them.

    Raises:
        ModuleFileNotFoundError: There is no such file.
        NoExportsError: The file has no variable ``exports``, or the variable is too small or not loaded.
        InvalidExportsError: The structures cannot be read, or an array or a string in them has no end. The error
            carries all problems.
        LoadError: The file cannot be opened: it is not a shared object, it is for another machine, or it needs symbols
            that no library defines. The message names all of these symbols.
        LookupError: *strdup* is a name, and there is no C function of that name.
        TypeError: An argument is of a wrong type.
    """
    what = os.fspath(path)
    library = open_library(what, core)
    address = address_of_exports(library, what)
    allocate = resolve_function("strdup" if strdup is None else strdup, STRDUP_FUNCTION, "load(strdup=...)")
    try:
        exports = read_exports(address, allocate, library.kept)
    except InvalidExportsError as error:
        size, usual = library.size_of_exports, ctypes.sizeof(ModuleExportsStruct)
        if size not in (0, usual):
            error.add_note(
                f"its variable 'exports' has {counted(size, 'byte')}, and struct module_exports has {usual}: it may be "
                f"a module for another core"
            )
        raise
    fill_find_export(library, str(exports.name))
    return exports


def include_dir() -> str:
    """Return the directory of ``sermod.h``, for the compiler: ``cc -I DIRECTORY``."""
    return str(Path(__file__).with_name("include"))
