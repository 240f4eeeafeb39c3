"""The values that C can have: ints of 32 bits, and strings without a NUL (spec, sections 1.2 and 1.3)."""

from __future__ import annotations

from typing import Final, TypeGuard, TypeVar

T = TypeVar("T")

INT_RANGE: Final = range(-(2**31), 2**31)
"""The values of a C ``int``."""
NAME: Final = "a non-empty str without a NUL"
"""What :func:`is_name` takes, for messages."""


def is_int(value: object) -> TypeGuard[int]:
    """Return whether *value* is an ``int`` and not a ``bool``."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_c_int(value: object) -> TypeGuard[int]:
    """Return whether *value* is an ``int`` of 32 bits and not a ``bool``: what an ``INT_PARAM`` holds."""
    # Compared with its ends: a range goes through its numbers one by one for an int of a subclass.
    return is_int(value) and INT_RANGE.start <= value < INT_RANGE.stop


def is_c_string(value: object) -> TypeGuard[str]:
    """Return whether *value* is a ``str`` without a NUL: what a ``STR_PARAM`` holds."""
    return isinstance(value, str) and "\0" not in value


def is_name(value: object) -> TypeGuard[str]:
    """Return whether *value* can be the name of a module, command or parameter: a non-empty ``str`` without a NUL."""
    return is_c_string(value) and bool(value)


def is_scriptable_name(name: str) -> bool:
    """Return whether a script can write *name*: an identifier of ASCII letters, digits and underscores."""
    return name.isidentifier() and name.isascii()


def plain(value: T) -> T | str:
    """Return a ``str`` as an object of that class, whatever its subclass says of itself; any other value as it is."""
    return str.__str__(value) if isinstance(value, str) else value
