"""The variables of a C module that its parameters point to (spec, section 1.3)."""

from __future__ import annotations

import ctypes
from typing import Any, final

from sermod.native.layout import c_string, text
from sermod.native.memory import Memory
from sermod.pointers import Pointer

LONGEST_VALUE = 65_536
"""A string parameter's value has its NUL behind so many bytes at the most."""


class _Variable(Pointer[Any]):
    """A variable in the memory of a C module. Equal to every other one at the same address, as addresses are."""

    __slots__ = ("address",)

    def __init__(self, address: int) -> None:
        self.address: int = address

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Variable):
            return NotImplemented
        return type(self) is type(other) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address:#x})"


@final
class IntVariable(_Variable):
    """An ``int`` of a C module."""

    __slots__ = ()

    def load(self) -> int:
        """Return its value."""
        return ctypes.c_int.from_address(self.address).value

    def store(self, value: int, /) -> None:
        """Write to the module's memory."""
        ctypes.c_int.from_address(self.address).value = value


@final
class StringVariable(_Variable):
    """A ``char*`` of a C module; a null pointer is ``None``.

    Args:
        address: Where the pointer is.
        kept: Keeps what the module may point to, for as long as it is loaded.
    """

    __slots__ = ("_kept", "_loaded")

    def __init__(self, address: int, kept: list[object]) -> None:
        super().__init__(address)
        self._kept = kept
        self._loaded: tuple[str, int] | None = None

    def load(self) -> str | None:
        """Return its value.

        Raises:
            UnreadableError: It points to what cannot be read, or to what has no end.
        """
        place: int | None = ctypes.c_void_p.from_address(self.address).value
        if place is None:
            return None
        with Memory() as memory:
            value = text(memory.string(place, LONGEST_VALUE))
        self._loaded = value, place
        return value

    def check(self, value: str | None, /) -> None:
        """Raise where C cannot have a value, or it could not be read again.

        Raises:
            ValueError: It has no bytes, or too many of them.
        """
        if value is not None and (length := len(c_string(value))) > LONGEST_VALUE:
            raise ValueError(f"it is {length} bytes long, and {LONGEST_VALUE} are the most")

    def store(self, value: str | None, /) -> None:
        """Write to the module's memory. What it pointed to before is the module's own, and not freed."""
        pointer = ctypes.c_void_p.from_address(self.address)
        if value is None:
            pointer.value = None
        elif self._loaded is not None and self._loaded[0] is value:
            pointer.value = self._loaded[1]  # put back what was there
        else:
            buffer = ctypes.create_string_buffer(c_string(value))
            self._kept.append(buffer)
            pointer.value = ctypes.addressof(buffer)
