"""From the annotation of a command's parameter to the fixup that makes such a value."""

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

from sermod._interface.signatures import accepts
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
    to_ip,
    to_path,
)

KNOWN: Final = (
    "str, int, float, bool, re.Pattern[str], pathlib.Path, the addresses, networks and interfaces of ipaddress, an "
    "Enum, a Literal of strings and numbers, each of these with | None, and Annotated[..., fixup] with a fixup of your "
    "own"
)
"""The annotations that a fixup is known for, for messages."""

_AS_WRITTEN: Final = (inspect.Parameter.empty, Any, object, str)


def _ip(kind: type[Any], expects: str) -> FixupTo[Any]:
    def fixup(param: str, param_no: int) -> object:  # noqa: ARG001
        return to_ip(param, kind, expects)

    return fixup


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
    """No fixup is known for an annotation. The text says why, and is for whoever knows whose annotation it is."""


def fixup_for(hint: object) -> FixupTo[Any] | None:
    """Return the fixup for what an annotation means.

    Args:
        hint: The annotation, resolved.

    Returns:
        The fixup; ``None`` where the parameter stays the string that it is.

    Raises:
        UnknownAnnotationError: No fixup is known for it.
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
    raise UnknownAnnotationError("no fixup is known for it")


def _path(kind: type[PurePath]) -> FixupTo[PurePath]:
    def fixup(param: str, param_no: int) -> PurePath:  # noqa: ARG001
        return to_path(param, kind)

    return fixup


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
    # What is only another name: NewType("Seconds", int), type Seconds = int
    meaning = getattr(hint, "__supertype__", None) or getattr(hint, "__value__", None)
    if meaning is not None:
        return fixup_for(meaning)
    raise UnknownAnnotationError("no fixup is known for it")


def _fixup_for_annotated(hint: Any) -> FixupTo[Any] | None:
    fixups = [each for each in hint.__metadata__ if callable(each)]
    if not fixups:
        return fixup_for(hint.__origin__)
    if len(fixups) > 1:
        raise UnknownAnnotationError(f"there are {len(fixups)} fixups in it; write one that does it all")
    if isinstance(fixups[0], type) or not accepts(fixups[0], 2):
        raise UnknownAnnotationError(
            f"{fixups[0]!r} in it cannot be called as fixup(param, param_no); make a fixup of a function of the "
            f"parameter alone with sermod.fixups.fixup_from"
        )
    fixup: FixupTo[Any] = fixups[0]
    return fixup


def _fixup_for_literal(values: tuple[object, ...]) -> FixupTo[Any]:
    if not all(isinstance(value, (str, int, Enum)) and not isinstance(value, bool) for value in values):
        raise UnknownAnnotationError("a Literal may be of strings, numbers and members of an Enum")
    return one_of({_as_written(value): value for value in values})


def _as_written(value: object) -> str:
    if not isinstance(value, Enum):
        return str(value)
    return value.value if isinstance(value.value, str) else value.name


def _fixup_for_union(kinds: tuple[object, ...]) -> FixupTo[Any] | None:
    # None is for the default: what a script writes is never None.
    kinds = tuple(kind for kind in kinds if kind is not types.NoneType)
    if len(kinds) == 1:
        return fixup_for(kinds[0])
    named = {kind for kind in kinds if isinstance(kind, type)}
    for union, fixup in _IP_UNIONS:
        if named == union and len(kinds) == len(union):
            return fixup
    raise UnknownAnnotationError("no fixup is known for such a union, and which one is meant cannot be told")


# What an annotation means -------------------------------------------------------------------------------------------


def resolve(annotation: object, function: types.FunctionType, owner: type) -> object:
    """Return what an annotation means where it is written.

    A text is looked up in the class, then in the functions around it that are running now, then in the module: what the
    annotation meant without ``from __future__ import annotations``, had it been evaluated at the end of the class.

    Args:
        annotation: The annotation as the function has it, possibly a text, or with texts in it.
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
            f"it cannot be resolved ({type(error).__name__}: {error}); what it names must be there at run time, before "
            f"the class: neither defined later nor imported for type checkers only"
        ) from error


def _evaluate(annotation: object, function: types.FunctionType, names: Mapping[str, Any]) -> object:
    def holder() -> None: ...

    holder.__annotations__ = {"hint": annotation}
    return get_type_hints(holder, function.__globals__, dict(names), include_extras=True)["hint"]


def _locals_around(function: types.FunctionType) -> dict[str, Any]:
    """Return the local variables of the functions in which *function* was defined, so far as they still run."""
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


def annotation_text(annotation: object) -> str:
    """Return an annotation as its author wrote it, or nearly."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
