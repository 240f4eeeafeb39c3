"""Functions of a C module, as Python calls them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, Final

from sermod.native.layout import CALL_OF_COMMAND, FIXUP_FUNCTION, c_string
from sermod.native.messages import REFERENCE, address_of, call_with

_ADDRESS: Final = ctypes.c_void_p
_from_param: Final = _ADDRESS.from_param
_C_SHAPE: Final = 2  # parameters of every C command, whatever its param_no


def _signature(*names: str, optional: int = 0) -> Signature:
    required = len(names) - optional
    return Signature(
        [
            Parameter(name, Parameter.POSITIONAL_ONLY, default=None if index >= required else Parameter.empty)
            for index, name in enumerate(names)
        ]
    )


class NativeFunction:
    """A function of a C module. Equal to every other one of the same address, as addresses are.

    Args:
        name: What it is called, for messages.
        address: Where it is.

    Attributes:
        name: What it is called, for messages.
        address: Where it is.
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
        """What ctypes passes to C for it."""
        return ctypes.c_void_p(self.address)

    def typed(self, prototype: Callable[[int], Callable[..., Any]]) -> Callable[..., Any]:
        """Return the same function with a prototype of its own, which only its author knows (spec, section 1.2).

        Args:
            prototype: What :func:`ctypes.CFUNCTYPE` returns.

        Example:
            >>> from ctypes import CFUNCTYPE, c_double
            >>> half = CFUNCTYPE(c_double, c_double)(lambda number: number / 2)
            >>> NativeFunction("half", ctypes.cast(half, ctypes.c_void_p).value).typed(CFUNCTYPE(c_double, c_double))(3)
            1.5
        """
        return prototype(self.address)


class NativeCommand(NativeFunction):
    """A command of a C module: ``command(msg, param1, param2)`` calls it, and a parameter left out is a null pointer.

    A parameter is a ``str``, of which C gets a copy for the time of the call; ``bytes``, likewise; ``None``; or
    anything that stands for an address, such as what a C fixup has returned.
    """

    __signature__: Signature = _signature("msg", "param1", "param2", optional=_C_SHAPE)

    def __init__(self, name: str, address: int) -> None:
        super().__init__(name, address)
        self._call = CALL_OF_COMMAND(address)

    def __call__(self, msg: object, param1: object = None, param2: object = None, /) -> int:
        """Call the command, in the process that handles the message.

        Args:
            msg: The message: an address, or something that has one (see :func:`sermod.native.load`).
            param1: The first parameter.
            param2: The second parameter.

        Returns:
            What the command returns.

        Raises:
            TypeError: The message or a parameter has no address.
            ValueError: A string has a NUL in it.
        """
        return int(call_with(self._call, msg, self._prepare(param1, 1), self._prepare(param2, 2)))

    def with_last_arguments(self, values: tuple[object, ...]) -> Callable[[Any], int]:
        """Return a function of the message alone, with parameters that are prepared once and kept.

        Args:
            values: The parameters, two at the most.

        Raises:
            TypeError: There are too many of them, or one has no address.
            ValueError: A string has a NUL in it.
        """
        if len(values) > _C_SHAPE:
            raise TypeError(f"{self!r} takes {_C_SHAPE} parameters at the most (got {len(values)})")
        padded = (*values, None, None)
        return _calling(self._call, self._prepare(padded[0], 1), self._prepare(padded[1], 2))

    def _prepare(self, value: object, number: int) -> object:
        """Return a parameter as ctypes passes it on at once; it keeps alive what it is the address of."""
        if value is None:
            return None
        if isinstance(value, (str, bytes)):
            return ctypes.byref(ctypes.create_string_buffer(_checked(value, number, self)))
        if isinstance(value, int) and not isinstance(value, bool):
            return _from_param(value)
        address, kept = address_of(value, f"parameter {number} of {self!r}")
        return _keeping(address, kept)


def _calling(call: Callable[..., int], param1: object, param2: object) -> Callable[[Any], int]:
    # What every call needs are arguments with a default: they cost less to get at than what is built in, or in a
    # closure. Each kind of message is looked for by itself, since each costs those behind it a part of a call.
    def run(
        msg: Any,
        call: Callable[..., Any] = call,
        param1: object = param1,
        param2: object = param2,
        kind_of: type = type,
        integer: type = int,
    ) -> Any:
        kind = kind_of(msg)
        if kind is _ADDRESS:
            return call(msg, param1, param2)
        if kind is integer:
            return call(_from_param(msg), param1, param2)
        if kind is REFERENCE:
            return call(msg, param1, param2)
        return call_with(call, msg, param1, param2)

    return run


def _keeping(address: int, kept: object) -> object:
    """Return an argument for an address that keeps an object alive, as a byref() keeps what it refers to."""
    if not address:
        return None
    place: Any = ctypes.c_char.from_address(address)
    place.kept = kept
    return ctypes.byref(place)


class NativeFixup(NativeFunction):
    """A fixup of a C module (spec, section 1.2, ``fixup``).

    Args:
        name: What it is called, for messages.
        address: Where it is.
        strdup: Allocates the copy of a parameter that the fixup owns, and frees where it replaces it.

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
        """Fix a parameter up, in the main process before it forks.

        Args:
            param: The parameter as the script has it.
            param_no: Its number, from 1.

        Returns:
            What the fixup has left where the pointer to the string was: as large as a pointer, and often one.

        Raises:
            MemoryError: There is no copy of it for the fixup.
            ValueError: The fixup has refused it, or there is a NUL in it.
        """
        place = ctypes.c_void_p(self._strdup(_checked(param, param_no, self)))
        if not place:
            raise MemoryError(
                f"the allocator has returned a null pointer for {self!r}, which would write there: does it work as "
                f"early as this? See sermod.native.load(strdup=...)"
            )
        code: int = self._call(ctypes.byref(place), param_no)
        if code < 0:
            raise ValueError(f"{self!r} returned {code}")
        return place.value or 0


class NativeHook(NativeFunction):
    """A function of a C module's life (spec, sections 1.4 and 1.5).

    Args:
        name: What it is called, for messages.
        address: Where it is.
        prototype: How it is called.
        takes: The name of its argument, if it takes one.
    """

    def __init__(self, name: str, address: int, prototype: Callable[[int], Callable[..., Any]], *takes: str) -> None:
        super().__init__(name, address)
        self.__signature__: Signature = _signature(*takes)
        self._call = prototype(address)

    def __call__(self, *arguments: Any) -> Any:
        """Call it, in the process that the spec says."""
        return self._call(*arguments)


class NativeMessageHook(NativeHook):
    """A function of a C module that takes a message (spec, section 1.6): ``response_f`` or ``onbreak_f``."""

    def __call__(self, *arguments: Any) -> Any:
        """Call it, in the process that handles the message."""
        return call_with(self._call, *arguments)


def _checked(value: str | bytes, number: int, function: object) -> bytes:
    raw = c_string(value) if isinstance(value, str) else value
    if 0 in raw:
        raise ValueError(
            f"parameter {number} of {function!r}, {value!r}, has a NUL in it, which ends a C string: take it out"
        )
    return raw
