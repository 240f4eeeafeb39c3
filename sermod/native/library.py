"""Opens the shared object of a C module (spec, section 1.1)."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from sermod._forking import flush_also
from sermod._problems import kind_of_file
from sermod.errors import LoadError, ModuleFileNotFoundError, NoExportsError
from sermod.native import elf
from sermod.native.layout import ModuleExportsStruct
from sermod.native.symbols import address_of_symbol

FIND_EXPORT: Final = "sermod_find_export"
"""The variable through which a C module finds commands of other modules."""

_opened: Final[list[Library]] = []
"""Every library that was opened. None is ever closed, since C may have pointers into it."""


@attrs.frozen(eq=False)
class Library:
    """A shared object in the memory of this process.

    Attributes:
        path: Its file.
        identity: The device and the inode of the file: the same for all names of a file.
        handle: The handle of ctypes, which never closes the library.
        size_of_exports: The size of its variable ``exports`` in bytes, as the file says; 0 if the file does not say it.
        kept: The objects that its memory may point to.
    """

    path: str
    identity: tuple[int, int]
    handle: ctypes.CDLL
    size_of_exports: int
    kept: list[object] = attrs.Factory(list[object])

    def address_of(self, name: str) -> int | None:
        """Return the address of a variable; ``None`` if there is none of that name."""
        return address_of_symbol(self.handle, name)


def open_library(path: str | os.PathLike[str], core: str | os.PathLike[str] | None) -> Library:
    """Open a shared object, after the library that defines its symbols.

    A copy is opened of a file that was opened before, under this or another name, and of a new file in its place: the
    copy has variables of its own, and the code that the file has now.

    Args:
        path: The file.
        core: The library that defines its symbols.

    Raises:
        ModuleFileNotFoundError: There is no such file.
        NoExportsError: It has no variable ``exports``.
        LoadError: The file or *core* cannot be opened.
    """
    what = os.fspath(path)
    origin = os.path.realpath(what)
    try:
        status = os.stat(origin)  # noqa: PTH116 - its name is a text here
        _check_is_file(what, origin, status.st_mode)
        data = Path(origin).read_bytes()
    except (OSError, ValueError) as error:
        kind = ModuleFileNotFoundError if isinstance(error, FileNotFoundError) else LoadError
        msg = f"the compiled module {what!r} cannot be read ({error}); give the path of a shared object"
        raise kind(msg, what=what, origin=origin) from error
    try:
        file = elf.read(data)
    except ValueError as error:
        raise LoadError(f"the compiled module {what!r} {error}", what=what, origin=origin) from error
    if file is not None and (wrong := file.check_variable("exports", ctypes.sizeof(ModuleExportsStruct))):
        raise NoExportsError(_no_exports(what, wrong), what=what, origin=origin)
    if core is not None:
        _open_core(os.fspath(core), what)
    identity = (status.st_dev, status.st_ino)
    is_known = any(library.path == origin or library.identity == identity for library in _opened)
    try:
        handle = _open_copy(origin) if is_known else ctypes.CDLL(origin)
    except OSError as error:
        raise LoadError(_why_not_opened(what, error, file, core), what=what, origin=origin) from error
    _flush_before_forks()
    size = file.size_of("exports") if file is not None else 0
    library = Library(origin, identity, handle, size)
    _opened.append(library)
    return library


def _check_is_file(what: str, origin: str, mode: int) -> None:
    if not stat.S_ISREG(mode):  # reading a FIFO may wait, and reading a device may never end
        msg = f"the compiled module {what!r} is {kind_of_file(mode)}; give the path of a shared object"
        raise LoadError(msg, what=what, origin=origin)


def _no_exports(what: str, wrong: str) -> str:
    return f"the compiled module {what!r} {wrong}; define it as sermod.h declares it: struct module_exports exports"


def address_of_exports(library: Library, what: str) -> int:
    """Return the address of a library's variable ``exports``.

    Args:
        library: The library.
        what: The path that was asked for, for the error.

    Raises:
        NoExportsError: There is no such variable.
    """
    address = library.address_of("exports")
    if address is None:
        raise NoExportsError(_no_exports(what, "has no variable 'exports'"), what=what, origin=library.path)
    return address


def _open_core(core: str, what: str) -> None:
    if os.path.exists(core):  # noqa: PTH110 - a text; a name without a file is looked for by the system
        core = os.path.realpath(core)
        if not os.path.isfile(core):  # noqa: PTH113 - as above; the system would wait for the writer of a FIFO
            msg = f"the library {core!r}, whose symbols {what!r} needs, is no regular file; give core= its path"
            raise LoadError(msg, what=what, origin=core)
    try:
        ctypes.CDLL(core, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        msg = f"the core {core!r}, whose symbols {what!r} needs, cannot be opened: {error}; give core= its path"
        raise LoadError(msg, what=what, origin=core) from error


def _open_copy(origin: str) -> ctypes.CDLL:
    # For the same file or path, the system would return the library that is open already.
    directory = tempfile.mkdtemp(prefix="sermod-")
    try:
        copy = shutil.copyfile(origin, os.path.join(directory, os.path.basename(origin)))  # noqa: PTH118, PTH119
        return ctypes.CDLL(copy)
    finally:
        shutil.rmtree(directory)


def _why_not_opened(
    what: str, error: OSError, file: elf.SharedObject | None, core: str | os.PathLike[str] | None
) -> str:
    missing = _missing_symbols(file) if file is not None else []
    if not missing:
        return f"the compiled module {what!r} cannot be opened: {error}"
    where = "this process" if core is None else f"this process, {os.fspath(core)!r} included,"
    # The system's error names only the first missing symbol. It is repeated here only if it has another reason.
    why = "" if any(name in str(error) for name in missing) else f": {error}"
    hint = ""
    if FIND_EXPORT in missing:
        hint = f" ({FIND_EXPORT} is a variable that the module itself defines: see sermod.h)"
    return (
        f"the compiled module {what!r} cannot be opened{why}: no library in {where} defines {', '.join(missing)}, "
        f"which it needs{hint}; name the library that does, sermod.native.load(..., core='libcore.so'), or link the "
        f"module with it"
    )


def _missing_symbols(file: elf.SharedObject) -> list[str]:
    libraries = [ctypes.CDLL(None)]
    for name in file.needed:
        try:
            libraries.append(ctypes.CDLL(name))
        except OSError:  # only the module knows its directory: its symbols count as missing
            continue
    return sorted(name for name in file.undefined() if all(address_of_symbol(each, name) is None for each in libraries))


# Buffers of C -------------------------------------------------------------------------------------------------------


def flush() -> None:
    """Write out the buffers of all streams of C, as ``fflush(NULL)`` does.

    Once a compiled module is loaded, this happens before every fork of Python, and before a child of
    :func:`sermod.serve` ends. A program that ends its own children by :func:`os._exit` calls it before that.
    """
    ctypes.CDLL(None).fflush(None)


@cache  # once is enough
def _flush_before_forks() -> None:
    """Make every fork of Python, and the end of every child of a server, write out the buffers of C first."""
    flush_also(flush)
    os.register_at_fork(before=flush)
