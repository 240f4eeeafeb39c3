"""The commands of modules as classes: how they are marked, and how they are exported."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import FunctionType
from typing import Any, Concatenate, Final, Literal, NamedTuple, NoReturn, TypeVar, overload

from sermod._interface.exports import Fixup, RouteFlag, route_names
from sermod._interface.signatures import accepts, annotations_of, signature_of
from sermod._interface.validation import is_hidden_by
from sermod._interface.values import NAME, is_c_int, is_int, is_name, is_scriptable_name
from sermod._problems import counted, kind_of, repr_of, text_of
from sermod.fixups import FixupTo, fixed, is_ready_made, ready_made

FunctionT = TypeVar("FunctionT", bound=Callable[Concatenate[Any, Any, ...], Any])
ScriptFunctionT = TypeVar("ScriptFunctionT", bound=Callable[Concatenate[Any, Any, ...], int | Awaitable[int]])
InternalT = TypeVar("InternalT", bound=Callable[Concatenate[Any, ...], Any])

_MARK: Final = "_sermod_command"


class Mark(NamedTuple):
    """The mark that :func:`command` or :func:`internal` leaves on a method.

    Attributes:
        flags: The routes in which the script may call it.
        name: The name of the command; ``None`` if it is that of the method.
        takes_msg: Whether it takes the message, as each command of :func:`command` does.
        param_no: The number of parameters with which it is exported; ``None`` if its signature says it.
    """

    flags: RouteFlag
    name: str | None
    takes_msg: bool = True
    param_no: int | None = None

    @property
    def decorator(self) -> str:
        """The decorator, for messages."""
        return "@command()" if self.takes_msg else "@internal()"


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
    param_nos: Sequence[int]
    fixups: tuple[Fixup | None, ...]


@overload
def command(flags: Literal[0] = 0, *, name: str | None = None) -> Callable[[FunctionT], FunctionT]: ...
@overload
def command(flags: int, *, name: str | None = None) -> Callable[[ScriptFunctionT], ScriptFunctionT]: ...
def command(flags: int = 0, *, name: str | None = None) -> Callable[[Any], Any]:
    """Mark a method of a :class:`~sermod.Module` as a command that the module exports (spec, section 1.2).

    The method does not change. Its parameters after the message are those of the command: their number is the
    ``param_no``; if some have defaults, it is exported with each number with which it can be called. For a command that
    the script may call, the annotations choose the fixups.

    Args:
        flags: The routes in which the script may call it; 0: other modules only. For a function for other modules that
            does not take the message, there is :func:`internal`.
        name: The name of the command, if it is not that of the method.

    Raises:
        TypeError: *flags* are not flags, *name* is not a name, or the marked object is not a plain method.
    """
    if not is_int(flags) or flags < 0:
        how = "write @command(), with parentheses" if callable(flags) else "give REQUEST_ROUTE, for example"
        raise TypeError(
            f"command() takes the routes in which the script may call the method (got {repr_of(flags)}); {how}"
        )
    _check_name(name, "command")
    return _marker(Mark(RouteFlag(flags), name))


@overload
def internal(function: InternalT, /) -> InternalT: ...
@overload
def internal(*, name: str | None = None, param_no: int | None = None) -> Callable[[InternalT], InternalT]: ...
def internal(function: Any = None, /, *, name: str | None = None, param_no: int | None = None) -> Any:
    """Mark a method of a :class:`~sermod.Module` as a function for other modules, of any signature (spec, section 1.2).

    The method does not change, and no script can call it. Another module calls it with the arguments that it takes; it
    gets it with :func:`~sermod.uses`, :func:`~sermod.require_function` or :func:`~sermod.find_export`, by its name and
    its number of parameters: all those after ``self``. If some have defaults, it is exported with each number with
    which it can be called.

    Args:
        function: The method, where the decorator is written without parentheses.
        name: The name of the command, if it is not that of the method: ``"~pre_auth"``.
        param_no: The number with which it is exported, if it is not the number of its parameters: that of a C module
            which it replaces, for example.

    Raises:
        TypeError: *name* is not a name, *param_no* is not an ``int`` of 32 bits, or the marked object is not a plain
            method.
    """
    _check_name(name, "internal")
    if param_no is not None and not is_c_int(param_no):
        raise TypeError(
            f"internal(param_no=...) takes an int of 32 bits, or None for the number of the method's parameters (got "
            f"{repr_of(param_no)})"
        )
    mark = _marker(Mark(RouteFlag(0), name, takes_msg=False, param_no=param_no))
    if isinstance(function, str):
        raise TypeError(f"internal() takes a name with its keyword; write @internal(name={function!r})")
    return mark if function is None else mark(function)


def _check_name(name: object, decorator: str) -> None:
    if name is not None and not is_name(name):
        raise TypeError(f"{decorator}(name=...) takes {NAME}, or None for the method's name (got {repr_of(name)})")


def _marker(mark: Mark) -> Callable[[Any], Any]:
    def marked(function: Any) -> Any:
        whose = getattr(function, "__qualname__", None) or repr_of(function)
        if not isinstance(function, FunctionType):
            takes = "self and the message" if mark.takes_msg else "self"
            raise TypeError(
                f"{whose}: {mark.decorator} marks plain methods, which take {takes} (got {kind_of(function)}); a "
                f"decorator between it and the method must return a function"
            )
        before = find_mark(function)
        if before is not None and getattr(function, "__wrapped__", None) is None:
            both = f"{mark.decorator} twice" if before.takes_msg is mark.takes_msg else "@command() and @internal()"
            raise TypeError(f"{whose}: it is marked with {both}; mark it once, with all routes: @command(A | B)")
        setattr(function, _MARK, mark)
        return function

    return marked


def find_mark(value: object) -> Mark | None:
    """Return the mark of a function of a class; ``None`` if it has none."""
    return getattr(value, _MARK, None) if isinstance(value, FunctionType) else None


# Marked methods that a decorator hides ------------------------------------------------------------------------------

_HOLDING_NONE: Final = (str, int, float, bytes, tuple, list, dict, set, frozenset, type, type(None))
_INNER: Final = ("__wrapped__", "__func__", "func", "fget", "fset", "fdel")
"""The attributes under which the objects that decorators make keep what they decorate."""
_LOOKED_AT_MOST: Final = 32


def find_hidden(attribute: str, value: object, body: Iterable[object]) -> FunctionType | None:
    """Return the marked method inside an object that a decorator has put in its place, or ``None``.

    Such a command would silently not be exported. What the object refers to is followed as far as decorators go: their
    usual attributes, those of the object itself, and the variables of a wrapper.

    Args:
        attribute: The name of the object in the body of its class.
        value: The object.
        body: All objects in that body: a method that stands there itself is not hidden.
    """
    if isinstance(value, _HOLDING_NONE) or (isinstance(value, FunctionType) and not value.__closure__):
        return None
    seen: list[object] = []
    waiting: list[object] = [value]
    if not isinstance(value, FunctionType):
        waiting += getattr(value, "__dict__", {}).values()
    while waiting and len(seen) < _LOOKED_AT_MOST:
        one = waiting.pop(0)
        if isinstance(one, _HOLDING_NONE) or any(one is each for each in seen):
            continue
        seen.append(one)
        if isinstance(one, FunctionType):
            # A method may use another one of an enclosing function; a wrapper is for the one of its own name.
            within = one is not value and (one.__name__ == attribute or not isinstance(value, FunctionType))
            if within and find_mark(one) is not None and not any(one is each for each in body):
                return one
            waiting += _variables_of(one)
        else:
            waiting += [inner for name in _INNER if (inner := _attribute_of(one, name)) is not None]
    return None


def _variables_of(function: FunctionType) -> list[object]:
    """Return the values of the variables that a function has from the function around it."""
    found: list[object] = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # it has no value yet
            continue
    return found


def _attribute_of(value: object, name: str) -> object:
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - an object of the author's own may raise anything
        return None


# Exports of a method ------------------------------------------------------------------------------------------------


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
    if mark.param_no is not None:
        return Command(attribute, function, mark, name, (mark.param_no,), (None,))
    names = _check_signature(module, attribute, function, inner, mark)
    least = len(names) - min(len(names), len(inner.__defaults__ or ()))
    fixes: tuple[FixupTo[Any] | None, ...] = ()
    if mark.flags:
        annotations = annotations_of(inner)
        fixes = tuple(_fixup(module, attribute, inner, owner, each, annotations) for each in names)
    param_nos = range(least, len(names) + 1)
    whole = _fixup_of_all(names, fixes) if any(fixes) else None
    fixups = tuple(whole if any(fixes[:number]) else None for number in param_nos)
    return Command(attribute, function, mark, name, param_nos, fixups)


def _check_signature(module: type, attribute: str, function: FunctionType, inner: Any, mark: Mark) -> tuple[str, ...]:
    """Return the names of a command's parameters: those after ``self``, and after the message if it takes that."""
    if not isinstance(inner, FunctionType):
        _refuse(module, attribute, f"it wraps {repr_of(inner)}, which is not a function; write a method that calls it")
    code = inner.__code__
    if code.co_flags & inspect.CO_VARARGS:
        remedy = "write each parameter by its name instead of *args"
        if not mark.takes_msg:
            remedy += ", or give the number: @internal(param_no=...)"
        _refuse(
            module,
            attribute,
            f"a command is exported with its number of parameters, and {_written(attribute, inner)} takes any number "
            f"of parameters; {remedy}",
        )
    first = 2 if mark.takes_msg else 1
    if code.co_argcount < first:
        takes, write = ("self and the message", "self, msg, ...") if mark.takes_msg else ("self", "self, ...")
        kind = "a command" if mark.takes_msg else "a method"
        _refuse(module, attribute, f"{kind} takes {takes}, and {_written(attribute, inner)} does not; write {write}")
    names = code.co_varnames[first : code.co_argcount]
    # Another module may give the function of its choice arguments by keyword as well.
    if not accepts(function, code.co_argcount) and (mark.takes_msg or function is not inner):
        called = ", ".join([*(["msg"] if mark.takes_msg else []), *names])
        _refuse(
            module,
            attribute,
            f"{_written(attribute, inner)} cannot be called as {attribute}({called}); make it take these alone",
        )
    return names


def _written(attribute: str, function: FunctionType) -> str:
    return f"{attribute}{signature_of(function)}"


def _fixup(
    module: type, attribute: str, function: FunctionType, owner: type, name: str, annotations: dict[str, Any]
) -> FixupTo[Any] | None:
    # Imported when a class has a command, since its own imports are slow.
    from sermod._classes.annotation_texts import annotation_text
    from sermod._classes.annotations import KNOWN, UnknownAnnotationError, fixup_for, resolve

    annotation: object = annotations.get(name, inspect.Parameter.empty)
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
                        f"{_callers(flags)}, and so is {other.attribute}, for {_callers(others)}; give one of "
                        f"them another name=, another number of parameters, or other routes",
                    )
            before.append(each)


def _callers(flags: int) -> str:
    return route_names(flags) if flags else "other modules"


def _refuse(module: type, attribute: str, wrong: str, cause: Exception | None = None) -> NoReturn:
    raise TypeError(f"{module.__qualname__}.{attribute}: {wrong}") from cause
