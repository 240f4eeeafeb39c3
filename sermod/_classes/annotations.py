"""Choosing the fixup for a command's parameter by its annotation."""

from __future__ import annotations

import builtins
import inspect
import ipaddress
import re
import types
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from sermod._classes.constraints import RefusedConstraintError, constrained, constraints_in
from sermod._interface.signatures import accepts
from sermod._problems import repr_of, text_of
from sermod.fixups import (
    FixupTo,
    fixup_bool,
    fixup_float,
    fixup_int,
    fixup_ip_address,
    fixup_ip_network,
    fixup_regexp,
    member_of,
    one_of,
    ready_made,
    to_ip,
    to_path,
)

KNOWN: Final = (
    "str, int, float, bool, re.Pattern[str], pathlib.Path, the addresses, networks and interfaces of ipaddress, an "
    "Enum, a Literal of strings and numbers, each of these with | None, and Annotated[..., fixup] with a fixup of your "
    "own or with limits, such as those of annotated-types"
)
"""The annotations that have a fixup, for messages."""

_AS_WRITTEN: Final = (inspect.Parameter.empty, Any, object, str)


def _ip(kind: type[Any], expects: str) -> FixupTo[Any]:
    def fixup(param: str, param_no: int) -> object:  # noqa: ARG001
        return to_ip(param, kind, expects)

    return ready_made(fixup)


@ready_made
def _ip_interface(param: str, param_no: int) -> object:  # noqa: ARG001
    return to_ip(param, ipaddress.ip_interface, "an IPv4 or IPv6 address with its network, such as 10.0.0.1/8")


_READY: Final[Mapping[object, FixupTo[Any]]] = {
    int: fixup_int,
    float: fixup_float,
    bool: fixup_bool,
    re.Pattern: fixup_regexp,
    ipaddress.IPv4Address: _ip(ipaddress.IPv4Address, "an IPv4 address"),
    ipaddress.IPv6Address: _ip(ipaddress.IPv6Address, "an IPv6 address"),
    ipaddress.IPv4Network: _ip(ipaddress.IPv4Network, "an IPv4 network, such as 10.0.0.0/8"),
    ipaddress.IPv6Network: _ip(ipaddress.IPv6Network, "an IPv6 network, such as 2001:db8::/32"),
    ipaddress.IPv4Interface: _ip(ipaddress.IPv4Interface, "an IPv4 address with its network, such as 10.0.0.1/8"),
    ipaddress.IPv6Interface: _ip(ipaddress.IPv6Interface, "an IPv6 address with its network, such as 2001:db8::1/32"),
}

_IP_UNIONS: Final[tuple[tuple[set[type], FixupTo[Any]], ...]] = (
    ({ipaddress.IPv4Address, ipaddress.IPv6Address}, fixup_ip_address),
    ({ipaddress.IPv4Network, ipaddress.IPv6Network}, fixup_ip_network),
    ({ipaddress.IPv4Interface, ipaddress.IPv6Interface}, _ip_interface),
)


class UnknownAnnotationError(Exception):
    """There is no fixup for an annotation. The text says why; the caller adds which parameter has the annotation."""


def fixup_for(hint: object) -> FixupTo[Any] | None:
    """Return the fixup for an annotation.

    Args:
        hint: The annotation, resolved.

    Returns:
        The fixup; ``None`` if the parameter stays a string.

    Raises:
        UnknownAnnotationError: There is no fixup for it.
    """
    if isinstance(hint, type) and (found := _READY.get(hint)):
        return found
    if any(hint is each for each in _AS_WRITTEN):
        return None
    return _fixup_for_class(hint) if isinstance(hint, type) else _fixup_for_form(hint)


def _fixup_for_class(kind: type[Any]) -> FixupTo[Any]:
    if issubclass(kind, Enum) and kind.__members__:
        return member_of(kind)
    if issubclass(kind, PurePath):
        return _path(kind)
    raise UnknownAnnotationError("there is no fixup for it")


def _path(kind: type[PurePath]) -> FixupTo[PurePath]:
    def fixup(param: str, param_no: int) -> PurePath:  # noqa: ARG001
        return to_path(param, kind)

    return ready_made(fixup) if kind.__module__.partition(".")[0] == "pathlib" else fixup


def _fixup_for_form(hint: Any) -> FixupTo[Any] | None:
    origin = get_origin(hint)
    if origin is Annotated:
        return _fixup_for_annotated(hint)
    if origin is Literal:
        return _fixup_for_literal(get_args(hint))
    if origin in (Union, types.UnionType):
        return _fixup_for_union(get_args(hint))
    if origin is re.Pattern and get_args(hint) in ((), (str,)):  # both also by their names in typing
        return fixup_regexp
    # Another name for a type: NewType("Seconds", int), type Seconds = int
    meaning = getattr(hint, "__supertype__", None) or getattr(hint, "__value__", None)
    if meaning is not None:
        return fixup_for(meaning)
    raise UnknownAnnotationError("there is no fixup for it")


def _fixup_for_annotated(hint: Any) -> FixupTo[Any] | None:
    fixups = [each for each in hint.__metadata__ if callable(each)]
    if len(fixups) > 1:
        raise UnknownAnnotationError(f"there are {len(fixups)} fixups in it; write one that does the work of all")
    fixup: FixupTo[Any] | None = fixups[0] if fixups else fixup_for(hint.__origin__)
    if fixups and (isinstance(fixup, type) or not accepts(fixups[0], 2)):
        raise UnknownAnnotationError(
            f"{repr_of(fixups[0])} in it cannot be called as fixup(param, param_no); if it takes the parameter alone, "
            f"wrap it with sermod.fixups.fixup_from"
        )
    try:
        constraints = constraints_in(each for each in hint.__metadata__ if not callable(each))
        return constrained(fixup, constraints, None if fixups else hint.__origin__) if constraints else fixup
    except RefusedConstraintError as error:
        raise UnknownAnnotationError(str(error)) from error


def _fixup_for_literal(values: tuple[object, ...]) -> FixupTo[Any]:
    if not all(isinstance(value, (str, int, Enum)) and not isinstance(value, bool) for value in values):
        raise UnknownAnnotationError("a Literal may contain strings, ints and members of an Enum")
    return one_of({_as_written(value): value for value in values})


def _as_written(value: object) -> str:
    if not isinstance(value, Enum):
        return str(value)
    return value.value if isinstance(value.value, str) else value.name


def _fixup_for_union(kinds: tuple[object, ...]) -> FixupTo[Any] | None:
    # None is for the default: a script never writes it.
    kinds = tuple(kind for kind in kinds if kind is not types.NoneType)
    if len(kinds) == 1:
        return fixup_for(kinds[0])
    named = {kind for kind in kinds if isinstance(kind, type)}
    for union, fixup in _IP_UNIONS:
        if named == union and len(kinds) == len(union):
            return fixup
    raise UnknownAnnotationError("there is no fixup for a union of several types")


# Resolving annotations -------------------------------------------------------------------------------------------


def resolve(annotation: object, function: types.FunctionType, owner: type) -> object:
    """Return an annotation with its names resolved.

    Names in a string are looked up in the class, then in the running functions around it, then in the module: as if the
    annotation were evaluated at the end of the class body.

    Args:
        annotation: The annotation of the function, possibly a string, or with strings in it.
        function: The function.
        owner: The class in whose body the function stands.

    Raises:
        UnknownAnnotationError: It cannot be resolved.
    """
    if isinstance(annotation, type):
        return annotation
    if isinstance(annotation, str) and annotation.isidentifier():  # nearly all are, and need no compiling
        for names in (vars(owner), function.__globals__, vars(builtins)):
            if annotation in names and isinstance(names[annotation], type):
                return names[annotation]
    try:
        try:
            return _evaluate(annotation, function, vars(owner))
        except NameError:
            return _evaluate(annotation, function, {**_locals_around(function), **vars(owner)})
    except Exception as error:
        raise UnknownAnnotationError(
            f"it cannot be resolved ({type(error).__name__}: {text_of(error)}); define or import its names before the "
            f"class, and not only under TYPE_CHECKING"
        ) from error


def _evaluate(annotation: object, function: types.FunctionType, names: Mapping[str, Any]) -> object:
    def holder() -> None: ...

    holder.__annotations__ = {"hint": annotation}
    return get_type_hints(holder, function.__globals__, dict(names), include_extras=True)["hint"]


def _locals_around(function: types.FunctionType) -> dict[str, Any]:
    """Return the local variables of the functions in which *function* is defined, as far as these are running."""
    found: dict[str, Any] = {}
    around = function.__qualname__
    frame: types.FrameType | None = inspect.currentframe()
    while frame is not None and ".<locals>." in around:
        enclosing = around.rpartition(".<locals>.")[0]
        if frame.f_code.co_qualname == enclosing and frame.f_globals is function.__globals__:
            found = {**frame.f_locals, **found}
            around = enclosing
        frame = frame.f_back
    return found
