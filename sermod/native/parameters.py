"""Parameters in C memory: the variables of a C module, and the variables that C sees of a Python module (spec, 1.3)."""

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
from sermod.native.layout import from_c_string, to_c_string
from sermod.native.memory import Memory

_UNSET_INT: Final = INT_RANGE.start
"""The value of a required ``int`` until C sets it."""
MAX_VALUE_BYTES: Final = 65_536
"""The largest size of the value of a string parameter, without its NUL."""


class _Variable(Pointer[Any]):
    """A variable of a C module. Two of the same class are equal if their addresses are."""

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
    """An ``int`` variable of a C module."""

    __slots__ = ()

    def load(self) -> int:
        """Read the value from the module's memory."""
        return ctypes.c_int.from_address(self.address).value

    def store(self, value: int, /) -> None:
        """Write the value to the module's memory."""
        ctypes.c_int.from_address(self.address).value = value


@final
class StringVariable(_Variable):
    """A ``char*`` variable of a C module; a null pointer is ``None``.

    Args:
        address: The address of the pointer.
        kept: A list that lives as long as the module is loaded. It keeps every stored string, because the module may
            have copied the pointer.
    """

    __slots__ = ("_kept", "_loaded")

    def __init__(self, address: int, kept: list[object]) -> None:
        super().__init__(address)
        self._kept = kept
        self._loaded: tuple[str, int] | None = None

    def load(self) -> str | None:
        """Read the string from the module's memory.

        Raises:
            UnreadableError: The pointer leads to memory that cannot be read, or the string has no end.
        """
        place: int | None = ctypes.c_void_p.from_address(self.address).value
        if place is None:
            return None
        with Memory() as memory:
            value = from_c_string(memory.read_string(place, MAX_VALUE_BYTES))
        self._loaded = value, place
        return value

    def check(self, value: str | None, /) -> None:
        """Raise if C cannot have a value, or if :meth:`load` could not read it.

        Raises:
            ValueError: It cannot be encoded, or it is too long.
        """
        if value is not None and (length := len(to_c_string(value))) > MAX_VALUE_BYTES:
            raise ValueError(f"it is {counted(length, 'byte')} long; the limit is {MAX_VALUE_BYTES}")

    def store(self, value: str | None, /) -> None:
        """Write the pointer to the module's memory. The string that it pointed to before is not freed."""
        pointer = ctypes.c_void_p.from_address(self.address)
        if value is None:
            pointer.value = None
        elif self._loaded is not None and self._loaded[0] is value:
            pointer.value = self._loaded[1]  # the module's own string is put back
        else:
            buffer = ctypes.create_string_buffer(to_c_string(value))
            self._kept.append(buffer)
            pointer.value = ctypes.addressof(buffer)


class SharedParam:
    """A parameter of a Python module, with a variable that a C core writes to until it calls ``init_f``.

    Args:
        module: The name of the module, for messages.
        export: The parameter.

    Attributes:
        module: The name of the module, for messages.
        name: The name of the parameter.
    """

    def __init__(self, module: str, export: ParamExport) -> None:
        self.module = module
        self.name: str = str(export.name)
        self._pointer = cast("Any", export.param_pointer)
        self._is_required = bool(getattr(self._pointer, "required", False))
        self._is_string = export.type == STR_PARAM
        value: Any = self._pointer.load()
        self._variable: Any
        if self._is_string:
            default = None if value is None or self._is_required else to_c_string(value)
            self._default = None if default is None else ctypes.create_string_buffer(default)
            self._variable = ctypes.c_void_p(None if self._default is None else ctypes.addressof(self._default))
        else:
            self._variable = ctypes.c_int(_UNSET_INT if self._is_required else value)
        self._before: int | None = self._variable.value

    @property
    def address(self) -> int:
        """The address of the variable."""
        return ctypes.addressof(self._variable)

    @property
    def is_written(self) -> bool:
        """Whether C has changed the variable since it was made or last stored."""
        return bool(self._variable.value != self._before)

    @property
    def is_missing(self) -> bool:
        """Whether C must still write to the variable."""
        return self._is_required and not self.is_written

    @property
    def assignment(self) -> Assignment:
        """The assignment of the variable's value to the Python module's own variable."""
        value: int | str | None = self._variable.value
        if self._is_string and isinstance(value, int):
            value = from_c_string(ctypes.string_at(value))
        return Assignment(self.module, self.name, self._pointer, value)

    def mark_stored(self) -> None:
        """Remember that the Python module has the variable's value."""
        self._before = self._variable.value
        self._is_required = False


def store_written(params: Iterable[SharedParam]) -> None:
    """Store the values that C has written in the Python module: all of them, or none.

    Raises:
        MissingParamError: C has not written to required parameters.
        ParamValueError: A value is refused, or cannot be stored.
    """
    params = [*params]
    missing = [(param.module, param.name) for param in params if param.is_missing]
    if missing:
        raise MissingParamError(missing)
    written = [param for param in params if param.is_written]
    assignments = [param.assignment for param in written]
    for assignment in assignments:
        assignment.check()
    store_all(assignments)
    for param in written:
        param.mark_stored()
