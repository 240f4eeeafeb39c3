"""Messages that pass between a host and C: the host has an object, and C has its address."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from sermod._interface.values import is_int
from sermod._problems import kind_of, repr_of
from sermod.native.layout import CTYPES_FUNCTION

MessageT = TypeVar("MessageT")

_from_param: Final = ctypes.c_void_p.from_param
REFERENCE: Final = type(ctypes.byref(ctypes.c_int()))
"""The type of a prepared argument: ``byref()`` and ``from_param()`` of ctypes return it."""
_POINTER: Final[type[Any]] = ctypes.POINTER(ctypes.c_int).__mro__[1]
_POINTERS: Final = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_wchar_p, _POINTER, CTYPES_FUNCTION)

_converters: Final[dict[type, Callable[[Any], object]]] = {}


def register_message(kind: type[MessageT], function: Callable[[MessageT], object]) -> None:
    """Register how messages of a host's own type become addresses, for every C module in this process.

    Args:
        kind: The type of the messages. Classes derived from it count as well.
        function: Takes a message and returns its address: an ``int``, or another object that stands for an address
            (see :func:`sermod.native.load`). It is called at each call of a C command, ``response_f`` and
            ``onbreak_f``, in the process that handles the message. Its result is kept until that call returns.

    Raises:
        TypeError: *kind* is not a class, or *function* is not callable.

    Example:
        >>> class Request:
        ...     def __init__(self, address):
        ...         self.address = address
        >>> register_message(Request, lambda request: request.address)
    """
    if not isinstance(kind, type) or not callable(function):
        raise TypeError(f"register_message() takes a class and a function (got {kind!r} and {function!r})")
    _converters[kind] = function


class _PassedMessages(threading.local):
    """The messages of the C calls that this thread is in, by address."""

    def __init__(self) -> None:
        self.by_address: dict[int, object] = {}


_passed: Final = _PassedMessages()


def message_at(address: int | None) -> object:
    """Return the message that this thread passed to C under an address; the address itself if there is none."""
    return _passed.by_address.get(address or 0, address)


def call_with_message(call: Callable[..., Any], msg: object, *rest: object) -> Any:
    """Call a C function with a message and with further arguments that are prepared.

    If the function calls a Python command with the same address, :func:`message_at` returns the message for it.

    Args:
        call: The C function, without declared arguments.
        msg: The message of the host.
        rest: The further arguments.

    Returns:
        The result of the function.

    Raises:
        TypeError: The message does not stand for an address.
    """
    kind = type(msg)
    if kind is int:
        return call(_from_param(msg), *rest)
    if kind is ctypes.c_void_p or kind is REFERENCE or msg is None:
        return call(msg, *rest)
    address, kept = address_of(msg, "the message")
    messages = _passed.by_address
    before = messages.get(address)
    messages[address] = msg
    try:
        return call(_from_param(address), *rest)
    finally:
        del kept  # the memory at the address had to live until here
        if before is None:
            del messages[address]
        else:
            messages[address] = before


def address_of(value: object, role: str) -> tuple[int, object]:
    """Return the address that a value stands for, and the object that must live as long as the address is used.

    Args:
        value: An address, or an object that stands for one.
        role: What the value is, for messages: ``"the message"``.

    Raises:
        TypeError: It does not stand for an address, or its memory is read-only.
    """
    for kind in type(value).__mro__ if _converters else ():
        if kind in _converters:
            return address_of(_converters[kind](value), f"the result of {_converters[kind]!r} for {role}")
    if value is None:
        return 0, None
    if is_int(value):
        return value, None
    if isinstance(value, _POINTERS) or type(value) is REFERENCE:
        return ctypes.cast(cast("Any", value), ctypes.c_void_p).value or 0, value
    parameter: object = getattr(value, "_as_parameter_", None)
    if parameter is not None:
        return address_of(parameter, role)
    return _buffer_of(value, role)


def _buffer_of(value: Any, role: str) -> tuple[int, object]:
    try:
        buffer = (ctypes.c_char * memoryview(value).nbytes).from_buffer(value)
    except TypeError as error:
        raise TypeError(
            f"{role}, {repr_of(value)}, {kind_of(value)}, is not an address: pass an int, a ctypes object, a writable "
            f"buffer such as a bytearray, or an object with the attribute _as_parameter_; for a message type of the "
            f"host's own, use sermod.native.register_message()"
        ) from error
    return ctypes.addressof(buffer), buffer
