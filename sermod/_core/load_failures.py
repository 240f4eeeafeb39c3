"""Why a module cannot be loaded, and what to do about it: the errors of loading."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType, TracebackType
from typing import Final, cast

from sermod._core.entry_points import EntryPoints
from sermod._core.source import PACKAGE_FILE, Source, file_module
from sermod._interface.exports import ModuleExports
from sermod._problems import kind_of, kind_of_file, listed, nearest_name, repr_of, text_of
from sermod.errors import LoadError, ModuleFileNotFoundError, NoExportsError

_PLAIN: Final = "exports = ModuleExports(...)"


# Nothing was found --------------------------------------------------------------------------------------------------


def not_found(
    name: str, directories: list[str], offers: EntryPoints, group: str, special: Mapping[str, int]
) -> ModuleFileNotFoundError:
    """Return the error for a bare name that leads nowhere.

    Args:
        name: The name.
        directories: Where files were looked for.
        offers: What installed distributions offer.
        group: The group of their entry points.
        special: What was passed over since it is no regular file: the paths and their ``st_mode``.
    """
    looked = ", ".join(directories) or "the search path (which is empty)"
    files = {file for directory in directories for file in _modules_in(directory)}
    inside = _submodules(name)
    nearest = nearest_name(name, {*files, *offers.values, *inside})
    sentences = [
        f"there is no module {name!r} in {looked}, in the entry points of {group!r} or among the importable modules"
        + (f"; did you mean {nearest!r}?" if nearest else "")
    ]
    if files:
        sentences.append(f"In the search path there is: {listed(files)}")
    if offers.values:
        sentences.append(f"Entry points: {listed(offers.values)}")
    if inside:
        sentences.append(f"In {name.rpartition('.')[0]} there is: {listed(inside)}")
    sentences += [f"{file} is {kind_of_file(mode)}" for file, mode in special.items()]
    if offers.unreadable:
        sentences.append(f"These distributions cannot be read; reinstall them: {', '.join(offers.unreadable)}")
    text = sentences[0]
    for sentence in sentences[1:]:
        text += f"{'' if text.endswith('?') else '.'} {sentence}"
    remedy = "give its path, or add its directory to Registry(path=[...])"
    text += f"; {remedy}" if len(sentences) == 1 and not nearest else f". {remedy[0].upper()}{remedy[1:]}"
    return ModuleFileNotFoundError(text, what=name)


def _modules_in(directory: str) -> Iterator[str]:
    try:
        entries = os.listdir(directory)
    except OSError:
        return
    for entry in entries:
        if entry.endswith((".py", ".so")) and entry != PACKAGE_FILE:
            yield file_module(entry)
        elif os.path.isfile(os.path.join(directory, entry, PACKAGE_FILE)):
            yield entry


def _submodules(name: str) -> set[str]:
    """Return the dotted names of what is in the package above *name*, if that was imported."""
    from pkgutil import iter_modules

    package = name.rpartition(".")[0]
    path = getattr(sys.modules.get(package), "__path__", ())
    return {f"{package}.{found.name}" for found in iter_modules(path)}


# Its code failed ----------------------------------------------------------------------------------------------------


def execution_failed(what: str, source: Source, error: BaseException) -> LoadError:
    """Return the error for a module whose code raised.

    Args:
        what: The module as the caller named it.
        source: Where it is.
        error: What was raised.
    """
    place = source.origin
    if isinstance(error, LoadError) and error.origin == place:  # loaded in a circle, as its message says
        return LoadError(text_of(error), what=what, origin=place)
    if isinstance(error, SystemExit):
        msg = _ended_the_program(what, source, error)
    elif isinstance(error, KeyError) and source.dotted_name is not None and error.args == (source.dotted_name,):
        msg = removed_itself(what, source)
    else:
        line = f" at line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        msg = f"module {what!r} cannot be loaded: {type(error).__name__}{line} while {place} was executed: "
        msg += text_of(error) + _advice(source, error)
    return LoadError(msg, what=what, origin=place)


def removed_itself(what: str, source: Source) -> str:
    """Return the message for a module that is no longer in ``sys.modules`` after its execution."""
    return (
        f"module {what!r} cannot be loaded: it removed itself from sys.modules while {source.origin} was executed; "
        f"let it stay there, or put another object in its place"
    )


def loaded_in_a_circle(what: str, source: Source) -> LoadError:
    """Return the error for a module that is loaded while it is being executed.

    Args:
        what: The module as the caller named it.
        source: Where it is.
    """
    caller = sys._getframe()
    while caller.f_back is not None and str(caller.f_globals.get("__name__")).startswith(("sermod.", "contextlib")):
        caller = caller.f_back
    by = caller.f_globals.get("__name__")
    msg = (
        f"module {what!r} is loaded in a circle: while {source.origin} was executed, it imported {by!r}, which loads "
        f"it again; load it in a function of {by!r} that runs later (for a program: under if __name__ == '__main__':), "
        f"or move what both need to a third file"
    )
    return LoadError(msg, what=what, origin=source.origin)


def _ended_the_program(what: str, source: Source, error: SystemExit) -> str:
    frames = [*_frames(error.__traceback__)]
    caller = "argparse called" if any(name == "argparse" for name, _, _ in frames) else "it called"
    lines = [line for _, file, line in frames if file == source.file]
    line = f"line {lines[-1]} of " if lines else ""
    code = "" if error.code is None else repr_of(error.code)
    return (
        f"module {what!r} cannot be loaded: {caller} sys.exit({code}) while {line}{source.origin} was executed, which "
        f"would end the host; move what only a program does under if __name__ == '__main__':"
    )


def _frames(trace: TracebackType | None) -> Iterator[tuple[object, str, int]]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield trace.tb_frame.f_globals.get("__name__"), code.co_filename, trace.tb_lineno
        trace = trace.tb_next


def _advice(source: Source, error: BaseException) -> str:
    text = text_of(error)
    missed = error.obj if isinstance(error, AttributeError) else sys.modules.get(str(getattr(error, "name", None)))
    if _is_being_executed(missed):
        name = getattr(missed, "__name__", None)
        return f"; {name!r} is still being executed, and imports this module or loads it: do that in a function, later"
    if not isinstance(error, ImportError) or source.file is None:
        return ""
    is_package = os.path.basename(source.file) == PACKAGE_FILE
    if "no known parent package" in text or (
        "relative import" in text and source.dotted_name is None and not is_package
    ):
        name = file_module(source.file)
        return f"; only a package has relative imports: move the file to {name}/{PACKAGE_FILE}, with what it imports"
    beside = os.path.join(os.path.dirname(source.file), error.name or "")
    if not isinstance(error, ModuleNotFoundError) or not _is_module(beside):
        return ""
    if is_package:
        return f"; it is a part of the package: write from . import {error.name}"
    package = os.path.join(file_module(source.file), PACKAGE_FILE)
    return (
        f"; the file beside it is not importable, since sys.path stays as it is: make both a package, with the module "
        f"as {package}, and write from . import {error.name}"
    )


def _is_module(path: str) -> bool:
    return os.path.isfile(f"{path}.py") or os.path.isfile(os.path.join(path, PACKAGE_FILE))


def _is_being_executed(module: object) -> bool:
    # The import system keeps it there, for messages of its own, which differ between versions.
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


# It has no exports --------------------------------------------------------------------------------------------------


def no_exports(what: str, source: Source, found: object, exports: object) -> LoadError:
    """Return the error for a module without a variable ``exports`` that is a ``ModuleExports``.

    Args:
        what: The module as the caller named it.
        source: Where it is.
        found: The Python module, or the object that an entry point names.
        exports: Its variable ``exports``; ``None`` if it has none.
    """
    subject = f"the module {what!r} ({source.origin})"
    if exports is not None:
        kind = f"the class {exports.__name__}" if isinstance(exports, type) else kind_of(exports)
        remedy = _expression(exports) or "ModuleExports(...)"
        msg = f"{subject} has a variable 'exports' that is {kind}, not a ModuleExports; write exports = {remedy}"
    elif _is_being_executed(found):
        return loaded_in_a_circle(what, source)
    elif _is_of_python(source):
        msg = (
            f"{subject} has no variable 'exports': it is a module of Python's standard library; give the directory of "
            f"the module that is meant in path=, or its path"
        )
    else:
        there, remedy = _what_was_meant(found)
        msg = f"{subject} has no variable 'exports'{there}; write {remedy}"
    return NoExportsError(msg, what=what, origin=source.origin)


def _expression(value: object) -> str | None:
    """Return the expression for the exports of a class, or of an instance of a class, that has some."""
    if isinstance(value, type):
        return f"{value.__name__}().exports" if hasattr(value, "exports") else None
    exports: object = getattr(value, "exports", None)
    return f"{type(value).__name__}().exports" if isinstance(exports, ModuleExports) else None


def _is_of_python(source: Source) -> bool:
    if source.dotted_name is None or source.dotted_name.partition(".")[0] not in sys.stdlib_module_names:
        return False
    return source.file is None or source.place.startswith(os.path.dirname(os.path.realpath(os.__file__)) + os.sep)


def _what_was_meant(found: object) -> tuple[str, str]:
    """Return what a module has instead of ``exports``, and what to write."""
    if not isinstance(found, ModuleType):
        return "", _PLAIN
    variables = dict(vars(found))
    for name, value in variables.items():
        if isinstance(value, ModuleExports):
            return f", but a variable {name!r} that is a ModuleExports", f"exports = {name}"
    classes = [*_module_classes(found.__name__, variables.values())]
    for name, value in variables.items():
        if type(value) in classes:
            return f", but a variable {name!r} that is {kind_of(value)}", f"exports = {name}.exports"
    if classes:
        names = [kind.__name__ for kind in classes]
        noun = "the class" if len(names) == 1 else "the classes"
        return f", but {noun} {', '.join(names)}", f"exports = {names[-1]}().exports"
    return "", _PLAIN


def _module_classes(module: str, values: Iterable[object]) -> Iterator[type]:
    """Yield the subclasses of ``sermod.Module`` that a Python module defines, without those that others derive from."""
    # Looked up like this since a module that has such a class has loaded it.
    base = cast("type | None", getattr(sys.modules.get("sermod._classes.module"), "Module", None))
    classes = [
        value
        for value in values
        if base is not None and isinstance(value, type) and issubclass(value, base) and value.__module__ == module
    ]
    for kind in classes:
        if not any(other is not kind and issubclass(other, kind) for other in classes):
            yield kind
