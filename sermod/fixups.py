"""Ready-made fixups (spec, section 1.2, ``fixup``).

A fixup converts a parameter of a call, once, at start-up: ``fixup(param, param_no)`` takes the parameter as written in
the script, and its number, from 1. It returns the fixed value, or raises :class:`ValueError` with a text that says what
it takes.

Give one to ``CmdExport`` if it serves every parameter of the command, otherwise combine several with :func:`for_each`.
A module as a class needs none of them by name: the annotations of its commands choose them.

Example:
    >>> from sermod import REQUEST_ROUTE, CmdExport
    >>> send_reply = CmdExport("send_reply", lambda msg, code, phrase: 1, 2, for_each(fixup_int, None), REQUEST_ROUTE)
    >>> send_reply.fixup("200", 1), send_reply.fixup("OK", 2)
    (200, 'OK')
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Coroutine, Mapping
from enum import Enum
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sermod._problems import counted, repr_of, text_of

if TYPE_CHECKING:  # slow to import, so they are imported by the fixups that need them
    import ipaddress
    import pathlib

T = TypeVar("T")
EnumT = TypeVar("EnumT", bound=Enum)

FixupTo: TypeAlias = Callable[[str, int], T]
"""A fixup, by the type of its fixed values."""

TRUE_WORDS: Final = ("yes", "true", "on", "enable", "enabled", "1")
"""The words that :func:`fixup_bool` takes for true: those of SER's configuration files, and ``enabled`` and ``1``."""
FALSE_WORDS: Final = ("no", "false", "off", "disable", "disabled", "0")
"""The words that :func:`fixup_bool` takes for false: those of SER's configuration files, and ``disabled`` and ``0``."""

_INT: Final = r"[+-]?[0-9]+"
_FLOAT: Final = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def fixed(value: T, whose: str = "the fixup") -> T:
    """Return the result of a fixup, if it is a fixed value.

    Args:
        value: The result.
        whose: The function that returned it, for the message.

    Raises:
        ValueError: *value* is ``None``, most likely a forgotten ``return``, or a coroutine, which is never awaited.
    """
    if isinstance(value, Coroutine):
        value.close()
        raise ValueError(f"{whose} returned a coroutine, which is never awaited; write it without async")  # noqa: TRY004 - as a refusal
    if value is None:
        raise ValueError(f"{whose} returned None; it must return the fixed value")
    return value


FixupT = TypeVar("FixupT", bound=Callable[[str, int], object])


def ready_made(fixup: FixupT) -> FixupT:
    """Mark a fixup that is made wholly of sermod's own: it runs no code of a module's author."""
    vars(fixup)["_is_ready_made"] = True
    return fixup


def saying(fixup: FixupT, expects: str) -> FixupT:
    """Note what a fixup takes, for descriptions: ``"from 0 to 255"``."""
    vars(fixup)["_expects"] = expects
    return fixup


def expectation(fixup: object) -> str | None:
    """Return what a fixup takes, if that was noted."""
    return vars(fixup).get("_expects") if isinstance(fixup, FunctionType) else None


def is_ready_made(fixup: object) -> bool:
    """Return whether a fixup runs no code of a module's author; null is no fixup."""
    return isinstance(fixup, FunctionType) and vars(fixup).get("_is_ready_made", False)


def refusal(expects: str, param: str, why: str = "") -> ValueError:
    """Return the error with which a fixup refuses a parameter.

    Args:
        expects: What the fixup takes: ``"a number from 0 to 255"``.
        param: The parameter.
        why: What is wrong with it, if that is not obvious.
    """
    return ValueError(f"takes {expects} (got {param!r}{'; ' if why else ''}{why})")


# Ready-made ----------------------------------------------------------------------------------------------------------


@ready_made
def fixup_int(param: str, param_no: int) -> int:  # noqa: ARG001 - the same for every parameter
    """Convert a whole number in decimal digits, with or without a sign, to an ``int``.

    Raises:
        ValueError: The parameter is anything else; spaces, underscores and a point are not allowed.
    """
    if not re.fullmatch(_INT, param):
        raise refusal("a whole number, such as 10 or -1", param)
    return int(param)


@ready_made
def fixup_float(param: str, param_no: int) -> float:  # noqa: ARG001
    """Convert a decimal number, with or without a sign, a point and an exponent, to a ``float``.

    Raises:
        ValueError: The parameter is anything else, or too large for a ``float``.
    """
    number = float(param) if re.fullmatch(_FLOAT, param) else math.inf
    if math.isinf(number):
        raise refusal("a number, such as 0.5, 10 or 1e-3", param)
    return number


@ready_made
def fixup_bool(param: str, param_no: int) -> bool:  # noqa: ARG001
    """Convert one of the ``TRUE_WORDS`` or ``FALSE_WORDS``, in upper or lower case, to a ``bool``.

    Raises:
        ValueError: The parameter is anything else.
    """
    word = param.lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise refusal(f"{', '.join(TRUE_WORDS)} for true, {', '.join(FALSE_WORDS)} for false", param)


@ready_made
def fixup_regexp(param: str, param_no: int) -> re.Pattern[str]:  # noqa: ARG001
    """Compile a regular expression of Python's :mod:`re`.

    Raises:
        ValueError: The parameter is not a regular expression.
    """
    try:
        return re.compile(param)
    except (re.error, RecursionError, OverflowError) as error:
        raise refusal("a regular expression", param, str(error)) from error


@ready_made
def fixup_path(param: str, param_no: int) -> pathlib.Path:  # noqa: ARG001
    """Convert the path of a file to a :class:`~pathlib.Path`; the file need not exist.

    Raises:
        ValueError: The path is empty, or contains a NUL.
    """
    from pathlib import Path

    return to_path(param, Path)


PathT = TypeVar("PathT")


def to_path(param: str, kind: Callable[[str], PathT]) -> PathT:
    """Convert the path of a file to a path of the class *kind*."""
    if not param or "\0" in param:
        raise refusal("the path of a file", param)
    return kind(param)


@ready_made
def fixup_ip_address(param: str, param_no: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:  # noqa: ARG001
    """Convert an IPv4 or IPv6 address, without brackets, to an address of :mod:`ipaddress`.

    Raises:
        ValueError: The parameter is not an address.
    """
    import ipaddress

    return to_ip(param, ipaddress.ip_address, "an IPv4 or IPv6 address")


@ready_made
def fixup_ip_network(param: str, param_no: int) -> ipaddress.IPv4Network | ipaddress.IPv6Network:  # noqa: ARG001
    """Convert an IPv4 or IPv6 network (``10.0.0.0/8``, ``2001:db8::/32``, or one address) to one of :mod:`ipaddress`.

    Raises:
        ValueError: The parameter is not a network, or has bits set behind its prefix.
    """
    import ipaddress

    return to_ip(param, ipaddress.ip_network, "an IPv4 or IPv6 network, such as 10.0.0.0/8")


def to_ip(param: str, kind: Callable[[str], T], expects: str) -> T:
    """Convert an address or a network with *kind*, a class or function of :mod:`ipaddress`."""
    try:
        return kind(param)
    except ValueError as error:
        raise refusal(expects, param, str(error)) from error


# Makers of fixups ---------------------------------------------------------------------------------------------------


def fixup_from(convert: Callable[[str], T], expects: str) -> FixupTo[T]:
    """Make a fixup from a function that takes the parameter alone.

    Args:
        convert: Takes a parameter; returns the fixed value, or raises an exception to refuse the parameter.
        expects: What *convert* takes, for the message: ``"a decimal number"``.

    Raises:
        TypeError: *convert* is not callable, or *expects* is not a ``str``.

    Example:
        >>> from decimal import Decimal
        >>> fixup_from(Decimal, "a decimal number")("1.5", 1)
        Decimal('1.5')
    """
    if not callable(convert) or not isinstance(expects, str):
        raise TypeError(
            f"fixup_from(convert, expects) takes a function of one str, and a str that says what it takes (got "
            f"{repr_of(convert)} and {repr_of(expects)})"
        )

    def fixup(param: str, param_no: int) -> T:  # noqa: ARG001
        try:
            return fixed(convert(param), _name_of(convert))
        except Exception as error:
            # The texts of other exceptions are seldom meant for the author of a script.
            why = text_of(error) if isinstance(error, ValueError) else type(error).__name__
            raise refusal(expects, param, why) from error

    return saying(fixup, expects)


def int_between(minimum: int | None = None, maximum: int | None = None) -> FixupTo[int]:
    """Make a fixup that takes whole numbers as :func:`fixup_int` does, within bounds.

    Args:
        minimum: The smallest number that it takes; ``None``: no limit.
        maximum: The largest number that it takes; ``None``: no limit.

    Raises:
        ValueError: *minimum* is greater than *maximum*.

    Example:
        >>> int_between(0, 255)("256", 1)
        Traceback (most recent call last):
        ValueError: takes a whole number from 0 to 255 (got '256')
    """
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ValueError(f"int_between({minimum}, {maximum}) would refuse every number; give the smaller one first")
    limits = bounds(minimum, maximum)
    expects = (
        f"a whole number {limits}" if limits.startswith("from") else f"a whole number, {limits or 'such as 10 or -1'}"
    )

    def fixup(param: str, param_no: int) -> int:
        try:
            number = fixup_int(param, param_no)
        except ValueError as error:
            raise refusal(expects, param) from error
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise refusal(expects, param)
        return number

    return saying(ready_made(fixup), limits)


def bounds(minimum: int | None, maximum: int | None) -> str:
    """Return bounds for a message: ``from 0 to 255``, ``at least 1``, ``at most 5``, or an empty text."""
    if minimum is None:
        return "" if maximum is None else f"at most {maximum}"
    return f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"


def one_of(words: Mapping[str, T]) -> FixupTo[T]:
    """Make a fixup that takes one of several words and returns its meaning.

    Args:
        words: The words, each with its meaning, which must not be ``None``.

    Example:
        >>> one_of({"udp": 17, "tcp": 6})("tcp", 1)
        6
    """
    meanings = dict(words)
    if not meanings or any(meaning is None for meaning in meanings.values()):
        raise ValueError(f"one_of() takes at least one word, and a meaning that is not None for each (got {words!r})")
    expects = f"one of {', '.join(map(repr, meanings))}"

    def fixup(param: str, param_no: int) -> T:  # noqa: ARG001
        if param not in meanings:
            raise refusal(expects, param)
        return meanings[param]

    return saying(ready_made(fixup), expects)


def member_of(enum: type[EnumT]) -> FixupTo[EnumT]:
    """Make a fixup that takes a member of an enumeration.

    A member whose value is a string is written as its value, any other as its name.

    Args:
        enum: The enumeration, which has members.

    Example:
        >>> from enum import Enum
        >>> Transport = Enum("Transport", {"UDP": "udp", "TCP": "tcp"})
        >>> member_of(Transport)("tcp", 1)
        <Transport.TCP: 'tcp'>
    """
    members = enum.__members__
    words = {member.value: member for member in members.values() if isinstance(member.value, str)}
    return one_of(words | {name: member for name, member in members.items() if not isinstance(member.value, str)})


def for_each(*fixups: FixupTo[Any] | None) -> FixupTo[object]:
    """Make one fixup from one for each parameter.

    Args:
        fixups: The fixups, in the order of the parameters; ``None`` for a parameter that stays a string.

    Example:
        >>> for_each(None, fixup_int)("10", 2)
        10
    """
    for number, each in enumerate(fixups, 1):
        if each is not None and not callable(each):
            raise TypeError(f"for_each(): argument {number} must be a fixup or None (got {repr_of(each)})")

    def fixup(param: str, param_no: int) -> object:
        if not 0 < param_no <= len(fixups):
            raise ValueError(
                f"there is no fixup for parameter {param_no}: for_each() was given {counted(len(fixups), 'fixup')}"
            )
        each = fixups[param_no - 1]
        return param if each is None else each(param, param_no)

    return ready_made(fixup) if all(each is None or is_ready_made(each) for each in fixups) else fixup


def _name_of(function: object) -> str:
    return getattr(function, "__qualname__", None) or repr_of(function)
