"""Loading a module by its name or path, up to its exports (spec, section 1.1)."""

from __future__ import annotations

import itertools
import os
import stat
import sys
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager
from importlib import import_module, util
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any, Final, NamedTuple, cast

from sermod._interface.exports import ModuleExports
from sermod._problems import kind_of, repr_of, text_of
from sermod.errors import AlreadyLoadedError, LoadError, ModuleFileNotFoundError, NoExportsError

ENTRY_POINT_GROUP: Final = "sermod.modules"
"""The group of entry points with which an installed distribution offers modules."""


class Loaded(NamedTuple):
    """The exports of a loaded module, and where they come from.

    Attributes:
        exports: The variable ``exports``.
        origin: The path of the module's file; its dotted name if it has no file.
    """

    exports: ModuleExports[Any]
    origin: str


def load(
    what: str | os.PathLike[str], path: Iterable[str | os.PathLike[str]] = (), *, check_permissions: bool = False
) -> ModuleExports[Any]:
    """Load a module and return its variable ``exports`` (spec, section 1.1).

    A path, which has a separator or ends in ``.py`` or ``.so``, names the file itself. A bare name is looked for in
    each directory of *path* (``name.py``, ``name/__init__.py``, ``name.so``), then among the entry points of the group
    ``sermod.modules``, then as an importable dotted name. A file is executed anew at each call, as a Python module of a
    private name; ``sys.path`` stays as it is.

    Args:
        what: The path or the name.
        path: The directories in which bare names are looked for first.
        check_permissions: Refuse a file that users other than its owner and root may replace, directly or through a
            directory or a link above it (POSIX: owners and permission bits).

    Returns:
        The exports.

    Raises:
        ModuleFileNotFoundError: There is no such file or name.
        NoExportsError: There is no variable ``exports``, or it is not a ``ModuleExports``.
        InsecurePathError: *check_permissions* is set, and another user may replace the file.
        LoadError: Anything else, such as an exception while the file was executed.
        TypeError: *what* is neither a ``str`` nor a path, or *path* is one directory instead of a list.
    """
    with loading(what, path, check_permissions=check_permissions) as loaded:
        return loaded.exports


@contextmanager
def loading(
    what: str | os.PathLike[str],
    path: Iterable[str | os.PathLike[str]] = (),
    *,
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
    before = set(sys.modules)
    module = name
    try:
        source = _find(name, path)
        module = source.module
        if source.origin in loaded_already:
            msg = f"{name!r} is already loaded, from {source.origin}; to run it twice, use two registries"
            raise AlreadyLoadedError(msg, what=name, origin=source.origin)  # noqa: TRY301 - it is unloaded as well
        if check_permissions and source.file:
            _check_permissions(name, source.file)
        yield Loaded(_exports_in(name, source, _execute(name, source)), source.origin)
    except BaseException:
        _forget(module, before)
        raise


# Finding ------------------------------------------------------------------------------------------------------------


class _Source(NamedTuple):
    """Where a module is, before any of its code is executed.

    Attributes:
        module: Its name in ``sys.modules``, now or later.
        file: Its file, or ``None``.
        private: Whether the file is executed anew under a private name, rather than by the import system.
        attribute: The object in the module that an entry point names, if any.
    """

    module: str
    file: str | None
    private: bool = False
    attribute: str = ""

    @property
    def origin(self) -> str:
        """The file, or the module's name if it has none; then the object that an entry point names."""
        where = os.path.realpath(self.file) if self.file else self.module
        return f"{where}:{self.attribute}" if self.attribute else where


_PACKAGE: Final = "__init__.py"
_serial: Final = itertools.count(1)


def _find(name: str, path: Iterable[str | os.PathLike[str]]) -> _Source:
    if not name or "\0" in name:
        msg = f"{name!r} is neither a path nor a name; give the path of a module's file, its name, or a dotted name"
        raise ModuleFileNotFoundError(msg, what=name)
    if is_path(name):
        return _find_file(name)
    if ".." in name:
        msg = f"the bare name {name!r} contains '..', which is not allowed; give a path, with a separator"
        raise LoadError(msg, what=name)
    directories = [os.fspath(directory) for directory in path]
    found = _find_in(directories, name) or _find_entry_point(name) or _find_importable(name, name)
    if found is None:
        looked = ", ".join(directories) or "the search path (which is empty)"
        msg = (
            f"there is no module {name!r} in {looked}, in the entry points of {ENTRY_POINT_GROUP!r} or among the "
            f"importable modules; give its path, or add its directory to Registry(path=[...])"
        )
        raise ModuleFileNotFoundError(msg, what=name)
    return found


def is_path(name: str) -> bool:
    """Return whether *name* is a path: it has a separator, or ends in ``.py`` or ``.so``."""
    return os.sep in name or bool(os.altsep and os.altsep in name) or name.endswith((".py", ".so"))


def _find_file(name: str) -> _Source:
    is_directory = stat.S_ISDIR(_mode(name, name))
    file = os.path.join(name, _PACKAGE) if is_directory else name
    if not stat.S_ISREG(_mode(name, file)):
        found = "is a directory without an __init__.py" if is_directory else "does not exist"
        msg = f"the module file {name!r} {found} (looked from {os.getcwd()}); give the path of a .py file or a package"
        raise ModuleFileNotFoundError(msg, what=name, origin=os.path.realpath(file))
    return _file_source(file)


def _mode(what: str, path: str) -> int:
    """Return the file type and permissions at *path*, or 0 if there is no file."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        msg = f"{what!r} cannot be searched for at {path} ({error.strerror}); give a path that can be read"
        raise LoadError(msg, what=what, origin=path) from error


def _file_source(file: str) -> _Source:
    return _Source(f"_sermod_{next(_serial)}_{file_module(file).replace('.', '_')}", file, private=True)


def file_module(file: str) -> str:
    """Return the name that a user expects for the module in *file*: that of the file, or of its package."""
    directory, base = os.path.split(file)
    return os.path.basename(directory) if base == _PACKAGE else os.path.splitext(base)[0]


def _find_in(directories: Iterable[str], name: str) -> _Source | None:
    for directory in directories:
        for candidate in (f"{name}.py", os.path.join(name, _PACKAGE), f"{name}.so"):
            file = os.path.join(directory, candidate)
            if stat.S_ISREG(_mode(name, file)):
                return _file_source(file)
    return None


def _find_entry_point(name: str) -> _Source | None:
    from importlib.metadata import entry_points  # slow to import, and rarely needed

    found = {point.value for point in entry_points(group=ENTRY_POINT_GROUP, name=name)}
    if len(found) > 1:
        msg = (
            f"several entry points of {ENTRY_POINT_GROUP!r} are named {name!r}: {', '.join(sorted(found))}; give the "
            f"dotted name of one of them"
        )
        raise LoadError(msg, what=name)
    for value in found:
        # Split here: EntryPoint.module fails with an AttributeError on a malformed reference.
        module, _, attribute = (part.strip() for part in value.partition("[")[0].partition(":"))
        before = set(sys.modules)
        try:
            source = _find_importable(name, module)
            if source is None:
                msg = f"the entry point {name!r} of {ENTRY_POINT_GROUP!r} names {value!r}, which does not exist"
                raise ModuleFileNotFoundError(msg, what=name, origin=value)  # noqa: TRY301 - it is unloaded as well
        except BaseException:
            _forget(module, before)
            raise
        return source._replace(attribute=attribute)
    return None


def _find_importable(what: str, name: str) -> _Source | None:
    if not name or name.startswith("."):  # relative to nothing
        return None
    try:
        spec = util.find_spec(name)  # imports the packages above it
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            return None
        if isinstance(error, ValueError) and name in sys.modules:  # without a spec, as __main__ may be
            return _Source(name, None)
        raise _raised(what, name, error) from error
    if spec is None:
        return None
    return _Source(name, spec.origin if spec.has_location else None)


# Executing ----------------------------------------------------------------------------------------------------------


class _FreshLoader(SourceFileLoader):
    """Compiles the source as it is now; no bytecode file is read or written."""

    def path_stats(self, path: Any) -> Any:
        raise OSError(path)  # "no statistics, so no cache", by the contract of importlib's SourceLoader


def _execute(what: str, source: _Source) -> object:
    """Execute the module; return its ``exports``, or those of the object that the entry point names."""
    if source.private and source.file and source.file.endswith(".so"):
        return _open_compiled(what, source.file)
    try:
        if source.private and source.file:
            found: object = _execute_file(source.module, source.file)
        else:
            found = import_module(source.module)
        for attribute in filter(None, source.attribute.split(".")):
            found = getattr(found, attribute, None)
        return cast("object", found) if isinstance(found, ModuleExports) else getattr(found, "exports", None)
    except Exception as error:
        raise _raised(what, source.origin, error) from error


def _open_compiled(what: str, file: str) -> object:
    from sermod.native import load as load_native  # loads ctypes, which only compiled modules need

    try:
        return load_native(file)
    except LoadError as error:
        error.what = what
        raise


def _execute_file(module_name: str, file: str) -> ModuleType:
    loader = _FreshLoader(module_name, file)
    spec = util.spec_from_file_location(module_name, file, loader=loader)
    module = util.module_from_spec(cast("ModuleSpec", spec))  # there is a spec wherever a loader is given
    sys.modules[module_name] = module
    loader.exec_module(module)
    return module


def _check_permissions(what: str, file: str) -> None:
    from pathlib import Path  # slow to import, and rarely needed

    from sermod._core.permissions import check_permissions

    check_permissions(what, Path(file))


def _raised(what: str, origin: str, error: Exception) -> LoadError:
    place = f" at line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
    msg = (
        f"module {what!r} cannot be loaded: {type(error).__name__}{place} while {origin} was executed: {text_of(error)}"
    )
    return LoadError(msg, what=what, origin=origin)


def _exports_in(what: str, source: _Source, exports: object) -> ModuleExports[Any]:
    if isinstance(exports, ModuleExports):
        return cast("ModuleExports[Any]", exports)
    wrong, value = f"has a variable 'exports' that is {kind_of(exports)}, not a ModuleExports", "ModuleExports(...)"
    if exports is None:
        wrong = "has no variable 'exports'"
    elif isinstance(getattr(exports, "exports", None), ModuleExports):
        value = f"{type(exports).__name__}(...).exports"
    msg = f"the module {what!r} ({source.origin}) {wrong}; write exports = {value}"
    raise NoExportsError(msg, what=what, origin=source.origin)


def _forget(module: str, before: set[str]) -> None:
    """Remove from ``sys.modules`` what was added for *module*: itself, and what is new in its package."""
    package = module.partition(".")[0]
    for name in set(sys.modules) - before:
        if f"{name}.".startswith(f"{package}."):
            forgotten = sys.modules.pop(name)
            above, _, attribute = name.rpartition(".")
            if above in before and getattr(sys.modules[above], attribute, None) is forgotten:
                delattr(sys.modules[above], attribute)
