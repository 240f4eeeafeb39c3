"""The commands of modules as classes: how they are marked, and how they are exported."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, Concatenate, Final, NamedTuple, NoReturn, TypeVar, cast

from sermod._interface.exports import Fixup, RouteFlag, route_names
from sermod._interface.signatures import accepts
from sermod._interface.validation import is_hidden_by
from sermod._interface.values import NAME, is_int, is_name, is_scriptable_name
from sermod._problems import counted, kind_of, repr_of, text_of
from sermod.fixups import FixupTo, fixed, is_ready_made, ready_made

FunctionT = TypeVar("FunctionT", bound=Callable[Concatenate[Any, Any, ...], Any])

_MARK: Final = "_sermod_command"
_SELF_AND_MSG: Final = 2


class Mark(NamedTuple):
    """The mark that :func:`command` leaves on a method."""

    flags: RouteFlag
    name: str | None


class Command(NamedTuple):
    """A command of a class.

    Attributes:
        attribute: The name of the method.
        function: The function in the class.
        mark: The mark of its decorator.
        name: The name of the command.
        param_nos: The numbers of parameters with which it is exported; several if parameters have defaults.
        fixups: For each number, the fixup of the export; null if no parameter needs one.
    """

    attribute: str
    function: FunctionType
    mark: Mark
    name: str
    param_nos: range
    fixups: tuple[Fixup | None, ...]


def command(flags: int = 0, *, name: str | None = None) -> Callable[[FunctionT], FunctionT]:
    """Mark a method of a :class:`~sermod.Module` as a command that the module exports (spec, section 1.2).

    The method does not change. Its parameters after the message are those of the command: their number is the
    ``param_no``; if some have defaults, it is exported with each number with which it can be called. For a command that
    the script may call, the annotations choose the fixups.

    Args:
        flags: The routes in which the script may call it; 0: other modules only.
        name: The name of the command, if it is not that of the method: ``"~pre_auth"``.

    Raises:
        TypeError: *flags* are not flags, *name* is not a name, or the marked object is not a plain method.
    """
    if not is_int(flags) or flags < 0:
        how = "write @command(), with parentheses" if callable(flags) else "give REQUEST_ROUTE, for example"
        raise TypeError(
            f"command() takes the routes in which the script may call the method (got {repr_of(flags)}); {how}"
        )
    if name is not None and not is_name(name):
        raise TypeError(f"command(name=...) takes {NAME}, or None for the method's name (got {name!r})")
    mark = Mark(RouteFlag(flags), name)

    def marked(function: FunctionT) -> FunctionT:
        whose = getattr(function, "__qualname__", None) or repr_of(function)
        if not isinstance(cast("object", function), FunctionType):
            raise TypeError(
                f"{whose}: @command() marks plain methods, which take self and the message (got {kind_of(function)}); "
                f"a decorator between it and the method must return a function"
            )
        if find_mark(function) is not None and getattr(function, "__wrapped__", None) is None:
            raise TypeError(f"{whose}: it is marked with @command() twice; mark it once, with all routes: A | B")
        setattr(function, _MARK, mark)
        return function

    return marked


def find_mark(value: object) -> Mark | None:
    """Return the mark of a function of a class; ``None`` if it has none."""
    return getattr(value, _MARK, None) if isinstance(value, FunctionType) else None


def make_command(module: type, owner: type, attribute: str, function: FunctionType, mark: Mark) -> Command:
    """Return how a method is exported.

    Args:
        module: The class that is being made, for messages.
        owner: The class in whose body the method stands.
        attribute: The name of the method.
        function: The method.
        mark: The mark of its decorator, or of the method that it overrides.

    Raises:
        TypeError: It cannot be exported.
    """
    name = mark.name or attribute
    if mark.flags and not is_scriptable_name(name):
        _refuse(
            module,
            attribute,
            f"no script can write the name {name!r}; use letters, digits and underscores, or flags=0 for a command of "
            f"other modules only",
        )
    inner: Any = inspect.unwrap(function)
    names = _check_signature(module, attribute, function, inner)
    least = len(names) - min(len(names), len(inner.__defaults__ or ()))
    fixes = tuple(_fixup(module, attribute, inner, owner, name) for name in names) if mark.flags else ()
    param_nos = range(least, len(names) + 1)
    whole = _fixup_of_all(names, fixes)
    fixups = tuple(whole if any(fixes[:number]) else None for number in param_nos)
    return Command(attribute, function, mark, name, param_nos, fixups)


def _check_signature(module: type, attribute: str, function: FunctionType, inner: Any) -> tuple[str, ...]:
    """Return the names of a command's parameters, those after ``self`` and the message."""
    if not isinstance(inner, FunctionType):
        _refuse(module, attribute, f"it wraps {repr_of(inner)}, which is not a function; write a method that calls it")
    code = inner.__code__
    written = f"{attribute}{inspect.signature(inner)}"
    if code.co_flags & inspect.CO_VARARGS:
        wrong = "takes any number of parameters; write each parameter by its name instead of *args"
        _refuse(module, attribute, f"a command is exported with its number of parameters, and {written} {wrong}")
    if code.co_argcount < _SELF_AND_MSG:
        _refuse(
            module, attribute, f"a command takes self and the message, and {written} does not; write self, msg, ..."
        )
    names = code.co_varnames[_SELF_AND_MSG : code.co_argcount]
    if not accepts(function, code.co_argcount):
        called = ", ".join(["msg", *names])
        _refuse(module, attribute, f"{written} cannot be called as {attribute}({called}); make it take these alone")
    return names


def _fixup(module: type, attribute: str, function: FunctionType, owner: type, name: str) -> FixupTo[Any] | None:
    # Imported when a class has a command, since its own imports are slow.
    from sermod._classes.annotations import KNOWN, UnknownAnnotationError, annotation_text, fixup_for, resolve

    annotation: object = function.__annotations__.get(name, inspect.Parameter.empty)
    try:
        return fixup_for(resolve(annotation, function, owner))
    except UnknownAnnotationError as error:
        text = annotation_text(annotation)
        _refuse(
            module,
            attribute,
            f"its parameter {name!r} is annotated with {text}: {error}. These have fixups: {KNOWN}",
            error,
        )


def _fixup_of_all(names: tuple[str, ...], fixes: tuple[FixupTo[Any] | None, ...]) -> Fixup:
    """Return the one fixup of the export; its errors begin with the name of the parameter that it refuses."""

    def fixup(param: str, param_no: int) -> object:
        fix = fixes[param_no - 1]
        if fix is None:
            return param
        try:
            return fixed(fix(param, param_no), "its fixup")
        except Exception as error:
            text = text_of(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {text_of(error)}"
            raise ValueError(f"{names[param_no - 1]}: {text}") from error

    return ready_made(fixup) if all(fix is None or is_ready_made(fix) for fix in fixes) else fixup


def check_no_duplicates(module: type, commands: list[Command]) -> None:
    """Refuse two commands with the same name and number, if no look-up would find the second.

    Raises:
        TypeError: There are two such commands.
    """
    seen: dict[tuple[str, int], list[Command]] = {}
    for each in commands:
        for number in each.param_nos:
            before = seen.setdefault((each.name, number), [])
            for other in before:
                flags, others = int(each.mark.flags), int(other.mark.flags)
                if is_hidden_by(flags, others):
                    _refuse(
                        module,
                        each.attribute,
                        f"it is the command {each.name!r} with {counted(number, 'parameter')} for "
                        f"{route_names(flags)}, and so is {other.attribute}, for {route_names(others)}; give one of "
                        f"them another name=, another number of parameters, or other routes",
                    )
            before.append(each)


def _refuse(module: type, attribute: str, wrong: str, cause: Exception | None = None) -> NoReturn:
    raise TypeError(f"{module.__qualname__}.{attribute}: {wrong}") from cause
