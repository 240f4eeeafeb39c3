"""Opening the shared object of a C module (spec, section 1.1)."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import tempfile
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
"""The variable in which a C module finds the look-up."""

_flushed_before_forks: Final[list[bool]] = []
_opened: Final[list[Library]] = []
"""Every library that was opened, for ever: what C has of it, nobody can know."""


@attrs.frozen(eq=False)
class Library:
    """A shared object in the memory of this process.

    Attributes:
        path: Its file.
        identity: What tells the file apart from others, whatever its name.
        handle: ctypes' handle, which never closes it.
        size_of_exports: How long its variable ``exports`` says it is; 0 where it does not.
        kept: Keeps what its memory may point to.
    """

    path: str
    identity: tuple[int, int]
    handle: ctypes.CDLL
    size_of_exports: int
    kept: list[object] = attrs.Factory(list[object])

    def variable(self, name: str) -> int | None:
        """Return the address of a variable, or ``None`` where there is none of the name."""
        return address_of_symbol(self.handle, name)


def open_library(path: str | os.PathLike[str], core: str | os.PathLike[str] | None) -> Library:
    """Open a shared object, after the library whose symbols it needs.

    A file that was opened before, under whatever name, or a new one in its place, is opened as a copy: so it has
    variables of its own, and the code that it has now.

    Args:
        path: The file.
        core: The library whose symbols it needs.

    Raises:
        ModuleFileNotFoundError: There is no such file.
        NoExportsError: It has no variable ``exports``.
        LoadError: It, or *core*, cannot be opened.
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
        about = elf.read(data)
    except ValueError as error:
        raise LoadError(f"the compiled module {what!r} {error}", what=what, origin=origin) from error
    if about is not None and (mistake := about.find_mistake("exports", ctypes.sizeof(ModuleExportsStruct))):
        raise NoExportsError(_no_exports(what, mistake), what=what, origin=origin)
    if core is not None:
        _open_core(os.fspath(core), what)
    identity = (status.st_dev, status.st_ino)
    is_known = any(library.path == origin or library.identity == identity for library in _opened)
    try:
        handle = _open_copy(origin) if is_known else ctypes.CDLL(origin)
    except OSError as error:
        raise LoadError(_why_not_opened(what, error, about, core), what=what, origin=origin) from error
    flush_before_forks()
    size = about.size_of("exports") if about is not None else 0
    library = Library(origin, identity, handle, size)
    _opened.append(library)
    return library


def _check_is_file(what: str, origin: str, mode: int) -> None:
    if not stat.S_ISREG(mode):  # reading a FIFO may wait, and reading a device may never end
        msg = f"the compiled module {what!r} is {kind_of_file(mode)}; give the path of a shared object"
        raise LoadError(msg, what=what, origin=origin)


def _no_exports(what: str, mistake: str) -> str:
    return f"the compiled module {what!r} {mistake}; define the variable as struct module_exports, as sermod.h has it"


def exports_of(library: Library, what: str) -> int:
    """Return the address of a library's variable ``exports``.

    Raises:
        NoExportsError: It has none.
    """
    address = library.variable("exports")
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
        msg = f"the library {core!r}, whose symbols {what!r} needs, cannot be opened: {error}; give core= its path"
        raise LoadError(msg, what=what, origin=core) from error


def _open_copy(origin: str) -> ctypes.CDLL:
    # The system knows a library by its file and by its path, and would hand out the one that it has.
    directory = tempfile.mkdtemp(prefix="sermod-")
    try:
        copy = shutil.copyfile(origin, os.path.join(directory, os.path.basename(origin)))  # noqa: PTH118, PTH119
        return ctypes.CDLL(copy)
    finally:
        shutil.rmtree(directory)


def _why_not_opened(
    what: str, error: OSError, about: elf.SharedObject | None, core: str | os.PathLike[str] | None
) -> str:
    missing = _missing_symbols(about) if about is not None else []
    if not missing:
        return f"the compiled module {what!r} cannot be opened: {error}"
    where = "this process" if core is None else f"this process, {os.fspath(core)!r} included,"
    # The system tells of one symbol, unless it is something else that keeps it from opening the file.
    why = "" if any(name in str(error) for name in missing) else f": {error}"
    hint = ""
    if FIND_EXPORT in missing:
        hint = f" ({FIND_EXPORT} is a variable that the module itself defines: see sermod.h)"
    return (
        f"the compiled module {what!r} cannot be opened{why}: nothing in {where} defines {', '.join(missing)}, which "
        f"it needs{hint}; name the library that does, sermod.native.load(..., core='libcore.so'), or link the module "
        f"with it"
    )


def _missing_symbols(about: elf.SharedObject) -> list[str]:
    scopes = [ctypes.CDLL(None)]
    for name in about.needed:
        try:
            scopes.append(ctypes.CDLL(name))
        except OSError:  # only the module knows where it is: what it defines is named too
            continue
    return sorted(name for name in about.undefined() if all(address_of_symbol(scope, name) is None for scope in scopes))


# What C has buffered ------------------------------------------------------------------------------------------------


def flush() -> None:
    """Write out what C has buffered: libc's ``fflush`` of all streams.

    Called by itself before every fork, and before a child of :func:`sermod.serve` ends, once a native module is loaded.
    Who forks and ends a child by :func:`os._exit` calls it before that.
    """
    ctypes.CDLL(None).fflush(None)


def flush_before_forks() -> None:
    """Have what C has buffered written out before each fork, from now on."""
    if not _flushed_before_forks:
        _flushed_before_forks.append(True)
        flush_also(flush)
        os.register_at_fork(before=flush)
