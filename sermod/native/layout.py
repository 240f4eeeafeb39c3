"""The structures and function types of the binary interface in ctypes (spec, 1.2, 1.3, 1.7).

``include/sermod.h`` has the same in C.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, cast

ENCODING: Final = "utf-8"
"""The encoding of strings in C. With ``surrogateescape``, all bytes survive."""


class CmdExportStruct(ctypes.Structure):
    """``struct cmd_export_``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("function", ctypes.c_void_p),
        ("param_no", ctypes.c_int),
        ("fixup", ctypes.c_void_p),
        ("flags", ctypes.c_uint),  # an int in C; read as unsigned, so that each of its bits becomes a RouteFlag
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


CTYPES_FUNCTION: Final[type[Any]] = ctypes.CFUNCTYPE(None).__mro__[1]
"""The base class of all ctypes functions."""

_int: Final = ctypes.c_int
_address: Final = ctypes.c_void_p

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
"""The prototype of each hook, by its field in the exports."""
UNDECLARED_HOOK_FUNCTIONS: Final = {"response_f": ctypes.CFUNCTYPE(_int), "onbreak_f": ctypes.CFUNCTYPE(None)}
"""The prototypes of the hooks that take a message, for a message that is already prepared.

They declare no argument, so that ctypes does not convert the message a second time.
"""

COMMAND_FUNCTION: Final = cast(
    "Callable[[int], Callable[..., int]]", type("Command", (CTYPES_FUNCTION,), {"_flags_": FIXUP_FUNCTION._flags_})
)
"""The prototype of a command that Python calls with prepared arguments.

It declares no arguments, so that ctypes does not convert them again. It declares no result either: ctypes then takes it
for a C ``int``, which it is, and a call takes 6 % less time than with a declared ``int``.
"""
COMMANDS_WITH_HANDLES: Final = tuple(ctypes.CFUNCTYPE(_int, _address, *[ctypes.c_size_t] * count) for count in range(3))
"""The prototypes of a command that C calls with what its fixup left, by the number of parameters."""
COMMANDS_WITH_STRINGS: Final = tuple(ctypes.CFUNCTYPE(_int, _address, *[ctypes.c_char_p] * count) for count in range(3))
"""The prototypes of a command that C calls with strings, by the number of parameters."""


def from_c_string(raw: bytes) -> str:
    """Return a C string as a ``str``."""
    return raw.decode(ENCODING, "surrogateescape")


def to_c_string(value: str) -> bytes:
    """Return a ``str`` as a C string, without its NUL."""
    return value.encode(ENCODING, "surrogateescape")


def address_of_function(function: object) -> int:
    """Return the address that a ctypes function calls."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
