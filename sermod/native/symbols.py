"""What a library defines, by name, and functions that are given by name or otherwise."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from sermod.native.layout import FUNCTION, address_in


def address_of_symbol(handle: ctypes.CDLL, name: str) -> int | None:
    """Return the address of what a library, or one that it needs, defines; ``None`` where none does."""
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(handle, name))
    except ValueError:  # not there, or no name that C could have
        return None


def function_of(given: object, prototype: Callable[[int], Callable[..., Any]], what: str) -> Callable[..., Any]:
    """Return a function that was given for C's sake.

    Args:
        given: A C function, as its name among the symbols of this process or as ctypes has it; or a Python function.
        prototype: The prototype of a C function.
        what: The argument that it was given for, for messages.

    Raises:
        LookupError: There is no C function of that name.
        TypeError: It is none of these.
    """
    if isinstance(given, str):
        address = address_of_symbol(ctypes.CDLL(None), given)
        if address is None:
            raise LookupError(f"{what}={given!r}: nothing in this process defines {given}; open the library that does")
        return prototype(address)
    if isinstance(given, FUNCTION):
        return prototype(address_in(given))
    if not callable(given):
        raise TypeError(f"{what} takes a C function, its name, or a function of Python (got {given!r})")
    return given
