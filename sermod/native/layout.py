"""The structures of the binary interface as ctypes has them (spec, 1.2, 1.3, 1.7); ``include/sermod.h``: as C does."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, cast

TEXT_ENCODING: Final = "utf-8"
"""How strings cross the border, with surrogateescape, so that any bytes survive."""


class CmdExportStruct(ctypes.Structure):
    """``struct cmd_export_``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("function", ctypes.c_void_p),
        ("param_no", ctypes.c_int),
        ("fixup", ctypes.c_void_p),
        ("flags", ctypes.c_uint),  # an int in C; read without a sign, every bit of it survives in a RouteFlag
    )


class ParamExportStruct(ctypes.Structure):
    """``struct param_export_``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("param_pointer", ctypes.c_void_p),
    )


class ModuleExportsStruct(ctypes.Structure):
    """``struct module_exports``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("cmds", ctypes.c_void_p),
        ("params", ctypes.c_void_p),
        ("init_f", ctypes.c_void_p),
        ("response_f", ctypes.c_void_p),
        ("destroy_f", ctypes.c_void_p),
        ("onbreak_f", ctypes.c_void_p),
        ("init_child_f", ctypes.c_void_p),
    )


FUNCTION: Final[type[Any]] = ctypes.CFUNCTYPE(None).__mro__[1]
"""The type of every ctypes function."""

_int: Final = ctypes.c_int
_address: Final = ctypes.c_void_p

# Calls of what the memory of a module points to, and what is called from there.
FIXUP_FUNCTION: Final = ctypes.CFUNCTYPE(_int, _address, _int)
FIND_EXPORT_FUNCTION: Final = ctypes.CFUNCTYPE(_address, ctypes.c_char_p, _int, _int)
STRDUP_FUNCTION: Final = ctypes.CFUNCTYPE(_address, ctypes.c_char_p)
FREE_FUNCTION: Final = ctypes.CFUNCTYPE(None, _address)

HOOK_FUNCTIONS: Final = {
    "init_f": ctypes.CFUNCTYPE(_int),
    "response_f": ctypes.CFUNCTYPE(_int, _address),
    "destroy_f": ctypes.CFUNCTYPE(None),
    "onbreak_f": ctypes.CFUNCTYPE(None, _address),
    "init_child_f": ctypes.CFUNCTYPE(_int, _int),
}
"""The prototype of each hook, by its field of the exports."""
UNDECLARED_HOOK_FUNCTIONS: Final = {"response_f": ctypes.CFUNCTYPE(_int), "onbreak_f": ctypes.CFUNCTYPE(None)}
"""The prototypes of hooks that take a message, for arguments that are prepared: to convert them again costs time."""

CALL_OF_COMMAND: Final = cast(
    "Callable[[int], Callable[..., int]]", type("Command", (FUNCTION,), {"_flags_": FIXUP_FUNCTION._flags_})
)
"""A command as Python calls it: without declared arguments, and so with arguments that are prepared once.

Nor has it a declared result. ctypes takes that for the C ``int`` that it is, sooner than where it is told so.
"""
CALLED_WITH_HANDLES: Final = tuple(ctypes.CFUNCTYPE(_int, _address, *[ctypes.c_size_t] * count) for count in range(3))
"""A command as C calls it, by the number of parameters that Python looks at, each a number of a pointer's size."""
CALLED_WITH_TEXT: Final = tuple(ctypes.CFUNCTYPE(_int, _address, *[ctypes.c_char_p] * count) for count in range(3))
"""The same, each parameter a string."""


def text(raw: bytes) -> str:
    """Return a C string as Python has it."""
    return raw.decode(TEXT_ENCODING, "surrogateescape")


def c_string(value: str) -> bytes:
    """Return a string as C has it, without its NUL."""
    return value.encode(TEXT_ENCODING, "surrogateescape")


def address_in(function: object) -> int:
    """Return the address that a ctypes function calls."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
