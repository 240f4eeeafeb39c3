"""The commands of a module that is a class: how they are marked, and what their signatures say."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, Concatenate, Final, NamedTuple, NoReturn, TypeVar, cast

from sermod.exports import Fixup
from sermod.fixups import FixupTo
from sermod.routes import RouteFlag, route_names
from sermod.signatures import accepts

FunctionT = TypeVar("FunctionT", bound=Callable[Concatenate[Any, Any, ...], Any])

_MARK: Final = "_sermod_command"
_SELF_AND_MSG: Final = 2


class Mark(NamedTuple):
    """What :func:`command` leaves on a method."""

    flags: RouteFlag
    name: str | None


class Command(NamedTuple):
    """A command of a class.

    Attributes:
        attribute: The name of the method.
        function: The function in the class.
        mark: What its decorator said.
        name: The name of the command.
        param_nos: The numbers of parameters with which it is exported; more than one where some have defaults.
        fixups: For each number, the fixup of the export; null where no parameter needs one.
    """

    attribute: str
    function: FunctionType
    mark: Mark
    name: str
    param_nos: range
    fixups: tuple[Fixup | None, ...]


def command(flags: int = 0, *, name: str | None = None) -> Callable[[FunctionT], FunctionT]:
    """Mark a method of a :class:`~sermod.Module` as a command that the module exports (spec, section 1.2).

    The method stays what it is. Its parameters after the message are those of the command: their number is its
    ``param_no``, and where some have defaults, each number that it can be called with is exported. For a command that
    the script may call, the annotations choose the fixups.

    Args:
        flags: The routes in which the script may call it; 0: other modules only.
        name: The name of the command, where it is not the method's: ``"~pre_auth"``.

    Raises:
        TypeError: The flags are none, the name is no text, or what is marked is no plain method.
    """
    if not isinstance(flags, int) or isinstance(flags, bool) or flags < 0:
        how = "write @command(), with parentheses" if callable(flags) else "REQUEST_ROUTE for example"
        raise TypeError(f"command() takes the routes in which the script may call the method (got {flags!r}); {how}")
    if not (name is None or (isinstance(name, str) and name and "\0" not in name)):
        raise TypeError(f"command(name=...) is the command's name, a text (got {name!r}); give it such a one, or none")
    mark = Mark(RouteFlag(flags), name)

    def marked(function: FunctionT) -> FunctionT:
        whose = getattr(function, "__qualname__", repr(function))
        if not isinstance(cast("object", function), FunctionType):
            raise TypeError(
                f"{whose}: @command() marks plain methods (got a {type(function).__name__}); put it on a method that "
                f"takes self and the message, above other decorators only where those return functions"
            )
        if find_mark(function) is not None and getattr(function, "__wrapped__", None) is None:
            raise TypeError(f"{whose}: it is marked with @command() twice; use one, with all routes: A | B")
        setattr(function, _MARK, mark)
        return function

    return marked


def find_mark(value: object) -> Mark | None:
    """Return what :func:`command` left on a function of a class; ``None`` where it is not marked."""
    return getattr(value, _MARK, None) if isinstance(value, FunctionType) else None


def make_command(module: type, owner: type, attribute: str, function: FunctionType, mark: Mark) -> Command:
    """Find out how a method is exported.

    Args:
        module: The class that is being made, for messages.
        owner: The class in whose body the method stands.
        attribute: The name of the method.
        function: The method.
        mark: What its decorator, or that of the method that it overrides, said.

    Raises:
        TypeError: It cannot be exported.
    """
    name = mark.name or attribute
    if mark.flags and not (name.isidentifier() and name.isascii()):
        _refuse(
            module,
            attribute,
            f"no script can write the name {name!r}; name it with letters, digits and underscores, or leave the routes "
            f"away where it is for other modules",
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
        _refuse(module, attribute, f"what it wraps, {inner!r}, is no function; write a method that calls it")
    code = inner.__code__
    written = f"{attribute}{inspect.signature(inner)}"
    if code.co_flags & inspect.CO_VARARGS:
        wrong = "its number of parameters cannot be told; write each parameter by its name instead of *args"
        _refuse(module, attribute, f"a command is exported with its number of parameters, and of {written} {wrong}")
    if code.co_argcount < _SELF_AND_MSG:
        _refuse(module, attribute, f"a command takes the message, and {written} does not; write self, msg, ...")
    names = code.co_varnames[_SELF_AND_MSG : code.co_argcount]
    if not accepts(function, code.co_argcount):
        called = ", ".join(["msg", *names])
        _refuse(module, attribute, f"{written} cannot be called as {attribute}({called}); make it take just these")
    return names


def _fixup(module: type, attribute: str, function: FunctionType, owner: type, name: str) -> FixupTo[Any] | None:
    # Imported once a class has a command: what it knows of is slow to import.
    from sermod.annotations import KNOWN, UnknownAnnotationError, annotation_text, fixup_for, resolve

    annotation: object = function.__annotations__.get(name, inspect.Parameter.empty)
    try:
        return fixup_for(resolve(annotation, function, owner))
    except UnknownAnnotationError as error:
        text = annotation_text(annotation)
        _refuse(
            module, attribute, f"its parameter {name!r} is annotated with {text}: {error}. Known are {KNOWN}", error
        )


def _fixup_of_all(names: tuple[str, ...], fixes: tuple[FixupTo[Any] | None, ...]) -> Fixup:
    """Return the one fixup that the structure has room for; it tells the name of what it refuses."""

    def fixup(param: str, param_no: int) -> object:
        fix = fixes[param_no - 1]
        if fix is None:
            return param
        try:
            fixed = fix(param, param_no)
        except Exception as error:
            text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise ValueError(f"{names[param_no - 1]}: {text}") from error
        if fixed is None:
            raise ValueError(f"{names[param_no - 1]}: its fixup returned None; it must return the fixed value")
        return fixed

    return fixup


def check_no_duplicates(module: type, commands: list[Command]) -> None:
    """Refuse two commands with one name and number, of which no look-up would ever find the second.

    Raises:
        TypeError: There are two such commands.
    """
    seen: dict[tuple[str, int], list[Command]] = {}
    for each in commands:
        for number in each.param_nos:
            before = seen.setdefault((each.name, number), [])
            for other in before:
                flags, others = int(each.mark.flags), int(other.mark.flags)
                if flags & others or not flags & ~others:
                    _refuse(
                        module,
                        each.attribute,
                        f"it is the command {each.name!r} with {number} parameters for {route_names(flags)}, and so is "
                        f"{other.attribute}, for {route_names(others)}; give one of them another name=, another number "
                        f"of parameters, or other routes",
                    )
            before.append(each)


def _refuse(module: type, attribute: str, wrong: str, cause: Exception | None = None) -> NoReturn:
    raise TypeError(f"{module.__qualname__}.{attribute}: {wrong}") from cause
