"""The symbols that a library defines, and C functions that are given by name or as an object."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from sermod.native.layout import CTYPES_FUNCTION, address_of_function


def address_of_symbol(handle: ctypes.CDLL, name: str) -> int | None:
    """Return the address of a symbol that a library or one of its dependencies defines; ``None`` if there is none."""
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(handle, name))
    except ValueError:  # there is no such symbol, or the name has a NUL
        return None


def resolve_function(
    given: object, prototype: Callable[[int], Callable[..., Any]], argument: str
) -> Callable[..., Any]:
    """Return the callable for a function that the caller passed as an argument.

    Args:
        given: A C function, as its name among the symbols of this process or as a ctypes function; or a Python
            function.
        prototype: The prototype of a C function.
        argument: The argument that it was passed as, for messages.

    Raises:
        LookupError: There is no C function of that name.
        TypeError: *given* is none of these.
    """
    if isinstance(given, str):
        address = address_of_symbol(ctypes.CDLL(None), given)
        if address is None:
            raise LookupError(
                f"{argument}={given!r}: no library in this process defines {given}; open the library that does"
            )
        return prototype(address)
    if isinstance(given, CTYPES_FUNCTION):
        return prototype(address_of_function(given))
    if not callable(given):
        raise TypeError(f"{argument} takes a C function, its name, or a Python function (got {given!r})")
    return given
