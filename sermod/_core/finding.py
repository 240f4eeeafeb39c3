"""Finding a module by its name or path, before its code runs (spec, section 1.1)."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable
from importlib import util
from importlib.machinery import ModuleSpec
from typing import Final, TypeAlias, cast

from sermod._core.source import PACKAGE_FILE, Source, is_path
from sermod._problems import kind_of_file, repr_of
from sermod.errors import LoadError, ModuleFileNotFoundError

ENTRY_POINT_GROUP: Final = "sermod.modules"
"""The group of entry points with which an installed distribution offers modules."""

Check: TypeAlias = Callable[[str, str | None], object]
"""Called with a file before it runs, and with the file of bytecode that Python may run instead, if any."""


def find(
    name: str, path: Iterable[str | os.PathLike[str]], want: Callable[[str], object], check: Check | None = None
) -> Source:
    """Find a module as :func:`sermod.load` does.

    Args:
        name: The path, or the name to look up.
        path: The directories in which bare names are looked up first.
        want: Called with the dotted name of a module before the packages above it are imported.
        check: Called for each file before it runs: those of the packages above a dotted name, then the module's.

    Raises:
        ModuleFileNotFoundError: There is no such file or name.
        LoadError: A place cannot be searched, or a package above the module cannot be loaded.
    """
    if not name or "\0" in name:
        msg = f"{name!r} is neither a path nor a name; give the path of a module's file, its name, or a dotted name"
        raise ModuleFileNotFoundError(msg, what=name)
    if is_path(name):
        source = _find_file(name)
    elif ".." in name:
        msg = f"the bare name {name!r} contains '..', which is not allowed; give a path, with a separator"
        raise LoadError(msg, what=name)
    else:
        directories = [_directory(name, directory) for directory in path]
        found = _find_in(directories, name)
        if found is None:
            return _find_installed(name, directories, want, check)
        source = found
    if check is not None and source.file is not None:
        # A file is compiled from its source; only the submodules of a package come from cached bytecode.
        check(source.file, _cached(source.file) if os.path.basename(source.file) == PACKAGE_FILE else None)
    return source


# Files --------------------------------------------------------------------------------------------------------------


def _find_file(name: str) -> Source:
    path = name if os.path.isabs(name) else os.path.join(_working_directory(name), name)
    mode = _mode(name, path)
    is_directory = stat.S_ISDIR(mode)
    file = os.path.join(path, PACKAGE_FILE) if is_directory else path
    mode = _mode(name, file) if is_directory else mode
    if stat.S_ISREG(mode):
        return _file_source(file)
    looked = "" if path == name else f" (looked from {path.removesuffix(name).rstrip(os.sep) or os.sep})"
    found = f"does not exist{looked}"
    if mode:
        found = f"is {kind_of_file(mode)}" if not is_directory else f"has {kind_of_file(mode)} as its {PACKAGE_FILE}"
    elif is_directory:
        found = f"is a directory without an {PACKAGE_FILE}"
    msg = f"the module file {name!r} {found}; give the path of a .py file, a package or a shared object"
    raise ModuleFileNotFoundError(msg, what=name, origin=os.path.realpath(file))


def _file_source(file: str) -> Source:
    return Source(None, file, os.path.realpath(file))


def _working_directory(what: str) -> str:
    try:
        return os.getcwd()
    except OSError as error:
        msg = (
            f"{what!r} cannot be loaded: a relative path is looked up from the working directory, which cannot be "
            f"found ({error.strerror}); give an absolute path, or change to a directory that exists"
        )
        raise LoadError(msg, what=what) from error


def _mode(what: str, path: str) -> int:
    """Return the file type and permissions at *path*, or 0 if there is no file."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"{what!r} cannot be searched for at {path!r} ({reason}); give a path that can be read"
        raise LoadError(msg, what=what, origin=path) from error


def _directory(what: str, given: object) -> str:
    directory: object = os.fspath(cast("os.PathLike[str]", given)) if isinstance(given, os.PathLike) else given
    if not isinstance(directory, str):
        advice = f"write {os.fsdecode(directory)!r}" if isinstance(directory, bytes) else "give the directory's path"
        msg = (
            f"{what!r} cannot be looked up: each directory in path= must be a str or a path of str "
            f"(got {repr_of(directory)}); {advice}"
        )
        raise LoadError(msg, what=what)
    if "\0" in directory:
        msg = f"{what!r} cannot be looked up: the directory {directory!r} in path= contains a NUL; take it out"
        raise LoadError(msg, what=what)
    return directory if os.path.isabs(directory) else os.path.join(_working_directory(what), directory)


def _find_in(directories: Iterable[str], name: str) -> Source | None:
    for file in _candidates(directories, name):
        if stat.S_ISREG(_mode(name, file)):
            return _file_source(file)
    return None


def _candidates(directories: Iterable[str], name: str) -> Iterable[str]:
    for directory in directories:
        for candidate in (f"{name}.py", os.path.join(name, PACKAGE_FILE), f"{name}.so"):
            yield os.path.join(directory, candidate)


# What is installed --------------------------------------------------------------------------------------------------


def _find_installed(name: str, directories: list[str], want: Callable[[str], object], check: Check | None) -> Source:
    from sermod._core.entry_points import read_entry_points  # slow to import, and rarely needed

    offers = read_entry_points(ENTRY_POINT_GROUP)
    values = offers.values.get(name, set())
    if len(values) > 1:
        msg = (
            f"several entry points of {ENTRY_POINT_GROUP!r} are named {name!r}: {', '.join(sorted(values))}; give the "
            f"dotted name of one of them"
        )
        raise LoadError(msg, what=name)
    for value in values:
        # Split here: EntryPoint.module fails with an AttributeError on a malformed reference.
        module, _, attribute = (part.strip() for part in value.partition("[")[0].partition(":"))
        source = _find_importable(name, module, want, check)
        if source is None:
            msg = f"the entry point {name!r} of {ENTRY_POINT_GROUP!r} names {value!r}, which does not exist"
            raise ModuleFileNotFoundError(msg, what=name, origin=value)
        return source._replace(attribute=attribute)
    source = _find_importable(name, name, want, check)
    if source is None:
        from sermod._core.load_failures import not_found

        special = {file: mode for file in _candidates(directories, name) if (mode := _mode(name, file))}
        raise not_found(name, directories, offers, ENTRY_POINT_GROUP, special)
    return source


def _find_importable(what: str, name: str, want: Callable[[str], object], check: Check | None) -> Source | None:
    parts = name.split(".")
    if not all(parts):  # relative to nothing
        return None
    want(name)
    spec: ModuleSpec | None = None
    for number in range(1, len(parts) + 1):
        prefix = ".".join(parts[:number])
        try:
            spec = util.find_spec(prefix)  # imports the packages above it, which are checked by now
        except (Exception, SystemExit) as error:
            if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
                return None
            if not (isinstance(error, ValueError) and prefix in sys.modules):
                from sermod._core.load_failures import execution_failed

                raise execution_failed(what, Source(name, None, name), error) from error
            spec = None  # it has none, as __main__ may have none
            continue
        if spec is None:
            return None
        if check is not None and spec.has_location and spec.origin:
            check(spec.origin, spec.cached)
    file = spec.origin if spec is not None and spec.has_location else None
    return Source(name, file, os.path.realpath(file) if file else name)


def _cached(file: str) -> str | None:
    spec = util.spec_from_file_location("_", file)
    return spec.cached if spec is not None else None
