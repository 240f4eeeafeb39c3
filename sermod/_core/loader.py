"""Loading a module by its name or path, up to its exports (spec, section 1.1)."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager
from importlib import import_module, util
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any, Final, NamedTuple, cast

from sermod._core.finding import Check, find
from sermod._core.recording import PRIVATE, Recording
from sermod._core.source import Source, file_module, is_compiled
from sermod._interface.exports import ModuleExports
from sermod._problems import repr_of
from sermod.errors import AlreadyLoadedError, LoadError


class Loaded(NamedTuple):
    """The exports of a loaded module, and where they come from.

    Attributes:
        exports: The variable ``exports``.
        origin: The path of the module's file; its dotted name if it has no file.
        private_name: The name in ``sys.modules`` under which its file was executed; ``None`` if it was imported.
        threads: The threads that were started while it was loaded.
    """

    exports: ModuleExports[Any]
    origin: str
    private_name: str | None
    threads: list[threading.Thread]


def load(
    what: str | os.PathLike[str], path: Iterable[str | os.PathLike[str]] = (), *, check_permissions: bool = False
) -> ModuleExports[Any]:
    """Load a module and return its variable ``exports`` (spec, section 1.1).

    A path, which has a separator or ends in ``.py``, ``.so`` or a version such as ``.so.1``, names the file itself. A
    bare name is looked for in each directory of *path* (``name.py``, ``name/__init__.py``, ``name.so``), then among the
    entry points of the group ``sermod.modules``, then as an importable dotted name. A file is executed anew at each
    call; ``sys.path`` stays as it is. The name of its Python module depends on its real path only, so that pickles of
    its objects can be read after the next start, once the file is loaded; a further module of a file, while the first
    is in ``sys.modules``, has another name.

    Args:
        what: The path or the name.
        path: The directories in which bare names are looked for first.
        check_permissions: Refuse a file that users other than root and the process's own may replace: itself, its
            cached bytecode, or a directory or link above it (POSIX: owners and permission bits). The packages above a
            dotted name are checked as well, each before it is executed.

    Returns:
        The exports.

    Raises:
        ModuleFileNotFoundError: There is no such file or name.
        NoExportsError: There is no variable ``exports``, or it is not a ``ModuleExports``.
        InsecurePathError: *check_permissions* is set, and another user may replace the file.
        LoadError: Anything else, such as an exception or ``sys.exit()`` while the file was executed.
        TypeError: *what* is neither a ``str`` nor a path, or *path* is one directory instead of a list.
    """
    with loading(what, path, check_permissions) as loaded:
        return loaded.exports


@contextmanager
def loading(
    what: str | os.PathLike[str],
    path: Iterable[str | os.PathLike[str]] = (),
    check_permissions: bool = False,
    loaded_already: Collection[str] = (),
) -> Generator[Loaded]:
    """Load a module as :func:`load` does, and unload it if the block that uses it raises.

    Args:
        what: As for :func:`load`.
        path: As for :func:`load`.
        check_permissions: As for :func:`load`.
        loaded_already: The origins that may not be loaded a second time.

    Yields:
        The exports and their origin.

    Raises:
        AlreadyLoadedError: It is one of *loaded_already*; no code of it was executed.
    """
    name = os.fspath(what)
    if not isinstance(name, str):
        raise TypeError(f"a module to load must be a str or a path of str (got {repr_of(what)})")
    if isinstance(path, (str, os.PathLike)):
        raise TypeError(f"the search path must be a list of directories (got {path!r}); write [{path!r}]")
    with Recording() as recording:
        source = find(name, path, recording.want, _check_of(name) if check_permissions else None)
        if source.origin in loaded_already:
            msg = f"{name!r} is already loaded, from {source.origin}; to run it twice, use two registries"
            raise AlreadyLoadedError(msg, what=name, origin=source.origin)
        if recording.executes(source.place) and source.dotted_name not in sys.modules:
            from sermod._core.load_failures import loaded_in_a_circle

            raise loaded_in_a_circle(name, source)
        found, private_name = _execute(name, source, recording)
        yield Loaded(_exports_in(name, source, found), source.origin, private_name, recording.threads)


def _check_of(what: str) -> Check:
    from sermod._core.permissions import check_permissions

    return lambda file, cached: check_permissions(what, file, cached)


# Executing ----------------------------------------------------------------------------------------------------------


class _FreshLoader(SourceFileLoader):
    """Compiles the source as it is now; no bytecode file is read or written."""

    def path_stats(self, path: Any) -> Any:
        raise OSError(path)  # "no statistics, so no cache", by the contract of importlib's SourceLoader


def _execute(what: str, source: Source, recording: Recording) -> tuple[object, str | None]:
    """Execute the module; return it, or the object that the entry point names, and its private name if it has one."""
    private_name: str | None = None
    if source.dotted_name is None and is_compiled(cast("str", source.file)):
        return _open_compiled(what, cast("str", source.file)), None
    try:
        if source.dotted_name is None:
            private_name = _execute_file(source, recording)
            found: object = sys.modules.get(private_name, _REMOVED)  # a module may put another object in its place
        else:
            found = import_module(source.dotted_name)
        for attribute in filter(None, source.attribute.split(".")):
            found = getattr(found, attribute, None)
    except (Exception, SystemExit) as error:
        raise _failed(what, source, error) from error
    if found is _REMOVED:
        from sermod._core.load_failures import removed_itself

        raise LoadError(removed_itself(what, source), what=what, origin=source.origin)
    return found, private_name


_REMOVED: Final = object()


def _failed(what: str, source: Source, error: BaseException) -> LoadError:
    from sermod._core.load_failures import execution_failed

    return execution_failed(what, source, error)


def _open_compiled(what: str, file: str) -> object:
    from sermod.native import load as load_native  # loads ctypes, which only compiled modules need

    try:
        return load_native(file)
    except LoadError as error:
        error.what = what
        raise


def _execute_file(source: Source, recording: Recording) -> str:
    """Execute a file under a private name, and return the name."""
    from zlib import crc32

    # The same at each start, so that pickles can be read; not hash(), which is another one at each start.
    base = f"{PRIVATE}{file_module(source.place).replace('.', '_')}_{crc32(os.fsencode(source.place)):08x}"
    file = cast("str", source.file)
    names = itertools.chain([base], (f"{base}_{number}" for number in itertools.count(2)))
    claim = ModuleType(base)
    while sys.modules.setdefault(name := next(names), claim) is not claim:  # another thread may load the file as well
        pass
    recording.want(name)
    loader = _FreshLoader(name, file)
    spec = cast("ModuleSpec", util.spec_from_file_location(name, file, loader=loader))  # there is one for each loader
    module = sys.modules[name] = util.module_from_spec(spec)
    loader.exec_module(module)
    return name


def _exports_in(what: str, source: Source, found: object) -> ModuleExports[Any]:
    if isinstance(found, ModuleExports):
        return cast("ModuleExports[Any]", found)
    try:
        exports: object = getattr(found, "exports", None)
    except (Exception, SystemExit) as error:
        raise _failed(what, source, error) from error
    if isinstance(exports, ModuleExports):
        return cast("ModuleExports[Any]", exports)
    from sermod._core.load_failures import no_exports

    raise no_exports(what, source, found, exports)
