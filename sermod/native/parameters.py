"""Parameters in memory that C and Python share: those of a C module, and those of a Python module in C (spec, 1.3)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any, Final, cast, final

from sermod._interface.assignments import Assignment, store_all
from sermod._interface.exports import STR_PARAM, ParamExport
from sermod._interface.pointers import Pointer
from sermod._interface.values import INT_RANGE
from sermod._problems import counted
from sermod.errors import MissingParamError
from sermod.native.layout import c_string, text
from sermod.native.memory import Memory

_UNSET_INT: Final = INT_RANGE.start
"""The value of an ``int`` that must be set, until C sets it."""
LONGEST_VALUE: Final = 65_536
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
            raise ValueError(f"it is {counted(length, 'byte')} long; the limit is {LONGEST_VALUE}")

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


class SharedParam:
    """A parameter's value where C looks for it, until the module is initialised.

    Args:
        module: The name of the module, for messages.
        export: The parameter.
    """

    def __init__(self, module: str, export: ParamExport) -> None:
        self.module = module
        self.name: str = str(export.name)
        self._pointer = cast("Any", export.param_pointer)
        self.is_required: bool = bool(getattr(self._pointer, "required", False))
        self._is_text = export.type == STR_PARAM
        value: Any = self._pointer.load()
        self._place: Any
        if self._is_text:
            text_of_default = None if value is None or self.is_required else c_string(value)
            self._default = None if text_of_default is None else ctypes.create_string_buffer(text_of_default)
            self._place = ctypes.c_void_p(None if self._default is None else ctypes.addressof(self._default))
        else:
            self._place = ctypes.c_int(_UNSET_INT if self.is_required else value)
        self._before: int | None = self._place.value

    @property
    def address(self) -> int:
        """Where C writes to."""
        return ctypes.addressof(self._place)

    @property
    def is_set(self) -> bool:
        """Whether C has written to it."""
        return bool(self._place.value != self._before)

    def value(self) -> int | str | None:
        """Return the value that is there now."""
        place: int | None = self._place.value
        return text(ctypes.string_at(place)) if self._is_text and place is not None else place

    @property
    def assignment(self) -> Assignment:
        """The assignment of that value to the Python module's own variable."""
        return Assignment(self.module, self.name, self._pointer, self.value())

    def mark_taken(self) -> None:
        """Note that the Python module has the value that is there now."""
        self._before = self._place.value


def take_all(params: Iterable[SharedParam]) -> None:
    """Give the Python module what C has written: every value, or none.

    Raises:
        MissingParamError: C has not written to required parameters.
        ParamValueError: A value is refused, or cannot be stored.
    """
    params = [*params]
    missing = [(param.module, param.name) for param in params if param.is_required and not param.is_set]
    if missing:
        raise MissingParamError(missing)
    written = [param for param in params if param.is_set]
    assignments = [param.assignment for param in written]
    for assignment in assignments:
        assignment.check()
    store_all(assignments)
    for param in written:
        param.mark_taken()
