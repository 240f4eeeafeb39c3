"""Functions of a C module that Python calls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, Final

from sermod._interface.exports import HOOKS
from sermod._interface.signatures import C_SHAPE
from sermod._interface.values import is_int
from sermod._problems import counted
from sermod.native.layout import (
    COMMAND_FUNCTION,
    FIXUP_FUNCTION,
    HOOK_FUNCTIONS,
    UNDECLARED_HOOK_FUNCTIONS,
    to_c_string,
)
from sermod.native.messages import REFERENCE, address_of, call_with_message

_ADDRESS: Final = ctypes.c_void_p
_from_param: Final = _ADDRESS.from_param


def _signature(*names: str, optional: int = 0) -> Signature:
    required = len(names) - optional
    return Signature(
        [
            Parameter(name, Parameter.POSITIONAL_ONLY, default=None if index >= required else Parameter.empty)
            for index, name in enumerate(names)
        ]
    )


class NativeFunction:
    """A function of a C module. Two of the same class are equal if their addresses are.

    Args:
        name: Its name, for messages.
        address: Its address.

    Attributes:
        name: Its name, for messages.
        address: Its address.
    """

    __signature__: Signature

    def __init__(self, name: str, address: int) -> None:
        self.name = name
        self.address = address

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NativeFunction):
            return NotImplemented
        return type(self) is type(other) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"<C function {self.name} at {self.address:#x}>"

    @property
    def _as_parameter_(self) -> ctypes.c_void_p:
        """The argument that ctypes passes to C for this object."""
        return ctypes.c_void_p(self.address)

    def typed(self, prototype: Callable[[int], Callable[..., Any]]) -> Callable[..., Any]:
        """Return this function with arguments and a result of its own types (spec, section 1.2).

        Args:
            prototype: The result of :func:`ctypes.CFUNCTYPE`. It must be the type that the function has in C: nothing
                can check it.

        Example:
            >>> from ctypes import CFUNCTYPE, c_double
            >>> half = CFUNCTYPE(c_double, c_double)(lambda number: number / 2)
            >>> NativeFunction("half", ctypes.cast(half, ctypes.c_void_p).value).typed(CFUNCTYPE(c_double, c_double))(3)
            1.5
        """
        return prototype(self.address)


class NativeCommand(NativeFunction):
    """A command of a C module: ``command(msg, param1, param2)`` calls it. An omitted parameter is a null pointer.

    A parameter is a ``str`` or ``bytes``, of which C gets a copy for the time of the call; ``None``; or an object that
    stands for an address, such as the result of a C fixup.
    """

    __signature__: Signature = _signature("msg", "param1", "param2", optional=C_SHAPE)

    def __init__(self, name: str, address: int) -> None:
        super().__init__(name, address)
        self._call = COMMAND_FUNCTION(address)

    def __call__(self, msg: object, param1: object = None, param2: object = None, /) -> int:
        """Call the command. Called in the process that handles the message.

        Args:
            msg: The message: an address, or an object that stands for one (see :func:`sermod.native.load`).
            param1: The first parameter.
            param2: The second parameter.

        Returns:
            The result of the command.

        Raises:
            TypeError: The message or a parameter does not stand for an address.
            ValueError: A string has a NUL in it.
        """
        return int(call_with_message(self._call, msg, self._prepare(param1, 1), self._prepare(param2, 2)))

    def with_last_arguments(self, values: tuple[object, ...]) -> Callable[[Any], int]:
        """Return a function of the message that calls the command with parameters that are prepared once.

        Args:
            values: The parameters, at most two.

        Raises:
            TypeError: There are more, or one does not stand for an address.
            ValueError: A string has a NUL in it.
        """
        if len(values) > C_SHAPE:
            raise TypeError(f"{self!r} takes at most {counted(C_SHAPE, 'parameter')} (got {len(values)})")
        padded = (*values, None, None)
        return _with_prepared(self._call, self._prepare(padded[0], 1), self._prepare(padded[1], 2))

    def _prepare(self, value: object, number: int) -> object:
        """Return the argument of a parameter, which ctypes does not convert again and which keeps its memory alive."""
        if value is None:
            return None
        if isinstance(value, (str, bytes)):
            return ctypes.byref(ctypes.create_string_buffer(_c_string(value, number, self)))
        if is_int(value):
            return _from_param(value)
        address, kept = address_of(value, f"parameter {number} of {self!r}")
        return _keeping(address, kept)


def _with_prepared(call: Callable[..., int], param1: object, param2: object) -> Callable[[Any], int]:
    # The types are compared one by one: with two of them in the first condition, a call with an int takes 2 % longer.
    def run(msg: object) -> Any:
        kind = type(msg)
        if kind is _ADDRESS:
            return call(msg, param1, param2)
        if kind is int:
            return call(_from_param(msg), param1, param2)
        if kind is REFERENCE:
            return call(msg, param1, param2)
        return call_with_message(call, msg, param1, param2)

    return run


def _keeping(address: int, kept: object) -> object:
    """Return the argument for an address; the argument keeps an object alive, because ``byref()`` keeps its operand."""
    if not address:
        return None
    place: Any = ctypes.c_char.from_address(address)
    place.kept = kept
    return ctypes.byref(place)


class NativeFixup(NativeFunction):
    """A fixup of a C module (spec, section 1.2, ``fixup``).

    Args:
        name: Its name, for messages.
        address: Its address.
        strdup: Allocates the copy of a parameter that the fixup owns, and frees if it replaces it.

    Attributes:
        returns_address: Its results are addresses as a rule, so that two calls with the same parameter may differ.
    """

    returns_address: Final = True

    __signature__: Signature = _signature("param", "param_no")

    def __init__(self, name: str, address: int, strdup: Callable[[bytes], int]) -> None:
        super().__init__(name, address)
        self._call = FIXUP_FUNCTION(address)
        self._strdup = strdup

    def __call__(self, param: str, param_no: int, /) -> int:
        """Fix a parameter up. Called in the main process, before it forks.

        Args:
            param: The parameter as written in the script.
            param_no: Its number, from 1.

        Returns:
            What the fixup left in place of the pointer to the string: a number of a pointer's size, often an address.

        Raises:
            MemoryError: The string could not be allocated.
            ValueError: The fixup refuses the parameter, or the parameter has a NUL in it.
        """
        place = ctypes.c_void_p(self._strdup(_c_string(param, param_no, self)))
        if not place:
            raise MemoryError(
                f"the allocator returned a null pointer for a parameter of {self!r}: check that it works before the "
                f"modules are initialised (see sermod.native.load(strdup=...))"
            )
        code: int = self._call(ctypes.byref(place), param_no)
        if code < 0:
            raise ValueError(f"{self!r} returned {code}")
        return place.value or 0


class NativeHook(NativeFunction):
    """A hook of a C module (spec, sections 1.4 and 1.5).

    Args:
        name: The field of the exports that it is in.
        address: Its address.
    """

    _prototypes = HOOK_FUNCTIONS

    def __init__(self, name: str, address: int) -> None:
        super().__init__(name, address)
        self.__signature__: Signature = _signature(*HOOKS[name])
        self._call = self._prototypes[name](address)

    def __call__(self, *arguments: Any) -> Any:
        """Call the hook. Called in the process that the spec says."""
        return self._call(*arguments)


class NativeMessageHook(NativeHook):
    """A hook of a C module that takes a message (spec, section 1.6): ``response_f`` or ``onbreak_f``."""

    _prototypes = UNDECLARED_HOOK_FUNCTIONS

    def __call__(self, *arguments: Any) -> Any:
        """Call the hook. Called in the process that handles the message."""
        return call_with_message(self._call, *arguments)


def _c_string(value: str | bytes, number: int, function: object) -> bytes:
    raw = to_c_string(value) if isinstance(value, str) else value
    if 0 in raw:
        raise ValueError(
            f"parameter {number} of {function!r}, {value!r}, has a NUL in it, which ends a C string: remove the NUL"
        )
    return raw
