"""Messages on their way to C and back: what a host has, and the address that stands for it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from sermod._interface.values import is_int
from sermod.native.layout import FUNCTION

KindT = TypeVar("KindT")

_from_param: Final = ctypes.c_void_p.from_param
REFERENCE: Final = type(ctypes.byref(ctypes.c_int()))
"""The type of an argument that is prepared for a call."""
_POINTER: Final[type[Any]] = ctypes.POINTER(ctypes.c_int).__mro__[1]
_POINTERS: Final = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_wchar_p, _POINTER, FUNCTION)

_converters: Final[dict[type, Callable[[Any], object]]] = {}


def register_message(kind: type[KindT], function: Callable[[KindT], object]) -> None:
    """Tell how messages of a host's own type become addresses, for every C module in this process.

    Args:
        kind: The type of the messages; those of a class derived from it are meant as well.
        function: Takes a message and returns its address: an ``int``, or anything else that C takes for one (see
            :func:`sermod.native.load`). Called for each call of a C command, and for each C ``response_f`` and
            ``onbreak_f``, in the process that handles the message. What it returns is kept until that call returns.

    Raises:
        TypeError: *kind* is no class, or *function* cannot be called.

    Example:
        >>> class Request:
        ...     def __init__(self, address):
        ...         self.address = address
        >>> register_message(Request, lambda request: request.address)
    """
    if not isinstance(kind, type) or not callable(function):
        raise TypeError(f"register_message() takes a class and a function (got {kind!r} and {function!r})")
    _converters[kind] = function


class _Lent(threading.local):
    """The messages that C has from this thread at the moment, by address."""

    def __init__(self) -> None:
        self.messages: dict[int, object] = {}


_lent: Final = _Lent()


def message_at(address: int | None) -> object:
    """Return the message that a host has given to C under an address, or the address where there is none."""
    return _lent.messages.get(address or 0, address)


def call_with(call: Callable[..., Any], msg: object, *rest: object) -> Any:
    """Call a C function with a message and further arguments that are prepared.

    Where the function calls a Python command with the same address, that gets the message itself.

    Args:
        call: The C function, with no declared arguments.
        msg: The message as the host has it.
        rest: The further arguments.

    Returns:
        What the function returns.

    Raises:
        TypeError: There is no address for the message.
    """
    kind = type(msg)
    if kind is int:
        return call(_from_param(msg), *rest)
    if kind is ctypes.c_void_p or kind is REFERENCE or msg is None:
        return call(msg, *rest)
    address, kept = address_of(msg, "the message")
    messages = _lent.messages
    before = messages.get(address)
    messages[address] = msg
    try:
        return call(_from_param(address), *rest)
    finally:
        del kept  # until here it has kept alive what the address is of
        if before is None:
            del messages[address]
        else:
            messages[address] = before


def address_of(value: object, what: str) -> tuple[int, object]:
    """Return the address that a value stands for, and what has to live as long as the address is used.

    Args:
        value: An address or something that has one.
        what: What it is, for messages.

    Raises:
        TypeError: It has none, or is read-only.
    """
    for kind in type(value).__mro__ if _converters else ():
        if kind in _converters:
            return address_of(_converters[kind](value), f"what {_converters[kind]!r} makes of {what}")
    if value is None:
        return 0, None
    if is_int(value):
        return value, None
    if isinstance(value, _POINTERS) or type(value) is REFERENCE:
        return ctypes.cast(cast("Any", value), ctypes.c_void_p).value or 0, value
    parameter: object = getattr(value, "_as_parameter_", None)
    if parameter is not None:
        return address_of(parameter, what)
    return _buffer_of(value, what)


def _buffer_of(value: Any, what: str) -> tuple[int, object]:
    try:
        buffer = (ctypes.c_char * memoryview(value).nbytes).from_buffer(value)
    except TypeError as error:
        raise TypeError(
            f"{what}, {value!r}, a {type(value).__name__}, is no address: give an int, a ctypes object, a writable "
            f"buffer such as a bytearray, or an object with the attribute _as_parameter_; for messages of a type of "
            f"your own use sermod.native.register_message()"
        ) from error
    return ctypes.addressof(buffer), buffer
