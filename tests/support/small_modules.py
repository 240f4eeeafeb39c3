"""A small module as a shared object, written byte by byte. Its functions are functions of libc."""

from __future__ import annotations

import ctypes
import struct
from typing import Final

from shared_objects import SharedObjectFile, Variable

EXPORTS: Final = 0
CMDS: Final = 64
PARAMS: Final = 192
NUMBER: Final = 264
TEXT: Final = 272
LOOKUP: Final = 280
STRINGS: Final = 288
SIZE: Final = 512

_STRINGS: Final = b"small\0first\0second\0number\0text\0a default\0"


def small_module(*, lookup: bool = False) -> SharedObjectFile:
    """Return a module with two commands, ``abs`` and ``labs`` of libc, two parameters, and an ``init_f``.

    Args:
        lookup: Whether it has the variable ``sermod_find_export``, at :data:`LOOKUP`.
    """
    data = bytearray(SIZE)
    data[STRINGS : STRINGS + len(_STRINGS)] = _STRINGS
    module, first, second, number, text, default = (
        STRINGS + _STRINGS.index(name) for name in (b"small", b"first", b"second", b"number", b"text", b"a default")
    )
    struct.pack_into("<i4x8xi", data, CMDS + 16, 2, 1)
    struct.pack_into("<i4x8xi", data, CMDS + 40 + 16, 1, 0)
    struct.pack_into("<i", data, PARAMS + 8, 1)
    struct.pack_into("<i", data, NUMBER, 7)
    pointers: dict[int, int | str] = {
        EXPORTS: module,
        EXPORTS + 8: CMDS,
        EXPORTS + 16: PARAMS,
        EXPORTS + 24: "sched_yield",
        CMDS: first,
        CMDS + 8: "abs",
        CMDS + 40: second,
        CMDS + 48: "labs",
        PARAMS: number,
        PARAMS + 16: NUMBER,
        PARAMS + 24: text,
        PARAMS + 40: TEXT,
        TEXT: default,
    }
    variables = {"exports": Variable(EXPORTS, 64)}
    if lookup:
        variables["sermod_find_export"] = Variable(LOOKUP, ctypes.sizeof(ctypes.c_void_p))
    return SharedObjectFile(data, variables, pointers)
