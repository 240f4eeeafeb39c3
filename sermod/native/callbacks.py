"""Makes C functions of Python commands, for C to call.

C cannot take an exception: where a command raises one, or returns a result that C cannot take, C gets -1. The functions
below run at each call, between C and the command, and are written for speed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import attrs

from sermod._interface.exports import CmdExport
from sermod._interface.signatures import C_SHAPE, accepts, with_last_arguments
from sermod._problems import counted
from sermod.native.failures import FAILED, Callee
from sermod.native.functions import NativeFunction
from sermod.native.layout import (
    COMMANDS_WITH_HANDLES,
    COMMANDS_WITH_STRINGS,
    CTYPES_FUNCTION,
    address_of_function,
    from_c_string,
)

MakeMessage = Callable[[int | None], object]
"""Makes the message that a Python module takes of the address that C has."""

_TRUE: Final = 1
_STOP: Final = 0
_FALSE: Final = -1
_STRINGS: Final = "zZ"
"""The codes of the ctypes types for pointers to strings."""
_FAILURE_RESULTS: Final[dict[str, object]] = {**dict.fromkeys("PzZO"), "c": b"\xff", "u": "\0", "?": False}
"""The result for C where Python has none, by the code of the ctypes type; for all other types it is the number -1."""


@attrs.frozen
class Callback:
    """A function that C can call.

    Attributes:
        address: The address that C calls.
        kept: The object that must live as long as C may call it.
    """

    address: int
    kept: object


def command_callback(
    export: CmdExport[Any],
    callee: Callee,
    *,
    message: MakeMessage | None = None,
    handles: Sequence[object] | None = None,
    prototype: Callable[..., Any] | None = None,
) -> Callback:
    """Return a command as a function that C can call.

    If it is a function of a C module or a ctypes function, C calls it directly, without Python.

    Args:
        export: The command, which has a function.
        callee: The command, for messages and its exceptions.
        message: Makes a message of an address.
        handles: The fixed values of its fixup, by handle; the first is the null pointer. ``None`` if it has no fixup:
            its parameters are strings.
        prototype: The result of :func:`ctypes.CFUNCTYPE`, for an internal command with arguments of its own.

    Raises:
        TypeError: The function does not take the arguments of a C command, and there is no prototype.
    """
    function: Any = export.function
    if isinstance(function, NativeFunction):
        return Callback(function.address, function)
    if isinstance(function, CTYPES_FUNCTION):
        return Callback(address_of_function(function), function)
    if prototype is not None:
        made: object = prototype(_guarded(function, callee, prototype))
        return Callback(address_of_function(made), made)
    function, count = _match_params(function, export.param_no, callee)
    if message is not None:
        function = _with_message(function, message)
    if handles is not None:
        made = COMMANDS_WITH_HANDLES[count](_WITH_HANDLES[count](function, callee, handles))
    else:
        made = COMMANDS_WITH_STRINGS[count](_WITH_STRINGS[count](function, callee))
    return Callback(address_of_function(made), made)


def _match_params(function: Callable[..., Any], count: int, callee: Callee) -> tuple[Callable[..., Any], int]:
    """Return a function of the message and of the parameters that C passes, and the number of these parameters."""
    if 0 <= count <= C_SHAPE and accepts(function, 1 + count):
        return function, count
    if not accepts(function, 1 + C_SHAPE):
        raise TypeError(
            f"{callee} cannot be called from C as command(msg, param1, param2), nor with "
            f"{counted(count, 'parameter')}: give its ctypes prototype, "
            f"to_c(exports, prototypes={{{callee.command!r}: CFUNCTYPE(...)}})"
        )
    if count == 0:
        return with_last_arguments(function, (None, None)), 0
    if count == 1:
        return _with_null(function), 1
    return function, C_SHAPE


def _with_null(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(msg: object, param1: object) -> Any:
        return function(msg, param1, None)

    return call


def _with_message(function: Callable[..., Any], message: MakeMessage) -> Callable[..., Any]:
    def call(address: int | None, *params: object) -> Any:
        return function(message(address), *params)

    return call


# Commands -----------------------------------------------------------------------------------------------------------
#
# There is a function for each number of parameters: one with *params takes 2.5 times as long. The results that nearly
# all commands return are compared by identity, the most frequent one first: with checked() for every result, a call
# takes a third longer. That one is a variable of the closure: with a global, a call takes 5 % longer.


def _without_params(function: Callable[..., Any], callee: Callee, _handles: object = None) -> Callable[..., int]:
    checked, failed, true = callee.checked, callee.failed, _TRUE

    def call(msg: int | None) -> int:
        try:
            result: int = function(msg)
            if result is true:
                return true
            return result if result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
            return failed(error)

    return call


def _with_one_string(function: Callable[..., Any], callee: Callee) -> Callable[..., int]:
    checked, failed, true = callee.checked, callee.failed, _TRUE

    def call(msg: int | None, raw: Any) -> int:
        try:
            try:
                param = raw.decode()
            except (AttributeError, UnicodeDecodeError):
                param = _decoded(raw)
            result: int = function(msg, param)
            if result is true:
                return true
            return result if result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
            return failed(error)

    return call


def _with_two_strings(function: Callable[..., Any], callee: Callee) -> Callable[..., int]:
    checked, failed, true = callee.checked, callee.failed, _TRUE

    def call(msg: int | None, raw1: Any, raw2: Any) -> int:
        try:
            try:  # with two calls of _decoded() instead, the call takes 30 % longer
                param1, param2 = raw1.decode(), raw2.decode()
            except (AttributeError, UnicodeDecodeError):
                param1, param2 = _decoded(raw1), _decoded(raw2)
            result: int = function(msg, param1, param2)
            if result is true:
                return true
            return result if result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
            return failed(error)

    return call


def _decoded(raw: bytes | None) -> str | None:
    return None if raw is None else from_c_string(raw)


def _with_one_handle(function: Callable[..., Any], callee: Callee, handles: Sequence[object]) -> Callable[..., int]:
    checked, failed, true = callee.checked, callee.failed, _TRUE

    def call(msg: int | None, handle: int) -> int:
        try:
            result: int = function(msg, handles[handle])
            if result is true:
                return true
            return result if result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
            return failed(_explain_handles(error, handles, handle))

    return call


def _with_two_handles(function: Callable[..., Any], callee: Callee, handles: Sequence[object]) -> Callable[..., int]:
    checked, failed, true = callee.checked, callee.failed, _TRUE

    def call(msg: int | None, handle1: int, handle2: int) -> int:
        try:
            result: int = function(msg, handles[handle1], handles[handle2])
            if result is true:
                return true
            return result if result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
            return failed(_explain_handles(error, handles, handle1, handle2))

    return call


def _explain_handles(error: BaseException, handles: Sequence[object], *given: int) -> BaseException:
    """Return the exception of a call; if C passed a number that is not a handle, an exception that says so."""
    for number, handle in enumerate(given, 1):
        if handle >= len(handles):
            return ValueError(
                f"C passed {handle:#x} as parameter {number}, which the command's fixup did not leave there: call the "
                f"fixup once for each parameter of each call, and pass on what it leaves"
            )
    return error


_WITH_STRINGS: Final[tuple[Callable[..., Callable[..., int]], ...]] = (
    _without_params,
    _with_one_string,
    _with_two_strings,
)
_WITH_HANDLES: Final[tuple[Callable[..., Callable[..., int]], ...]] = (
    _without_params,
    _with_one_handle,
    _with_two_handles,
)


# Functions with a prototype -----------------------------------------------------------------------------------------


def _guarded(function: Callable[..., Any], callee: Callee, prototype: Any) -> Callable[..., Any]:
    """Return a function of any arguments that raises no exception: its result is then -1, null, or false."""
    restype = prototype._restype_
    failure = _failure_result(restype)
    strings: dict[bytes | str, ctypes.Array[Any]] = {}

    def call(*arguments: Any) -> Any:
        try:
            result = function(*arguments)
            _check_fits(result, restype)
            if restype is not None and restype._type_ in _STRINGS and result is not None:
                result = _address_of_string(result, strings)
        except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
            callee.failed(error)
            return failure
        return result

    return call


def _check_fits(result: Any, restype: Any) -> None:
    """Raise for a result that ctypes would refuse or truncate later, when no exception is possible any more."""
    if restype is None:
        return
    made = restype(result)
    if restype._type_ in _STRINGS:  # its value would be the string that it points to
        return
    value = made.value
    is_whole = isinstance(result, int) and isinstance(value, (int, float))
    if (is_whole or isinstance(value, bool)) and value != result:
        raise OverflowError(f"{result!r} does not fit into {restype.__name__}")


def _address_of_string(result: bytes | str | int, strings: dict[bytes | str, ctypes.Array[Any]]) -> int:
    """Return the address of a string that C may keep. It is made once: ctypes would leak one at each call."""
    if isinstance(result, int):
        return result
    if result not in strings:
        strings[result] = (
            ctypes.create_string_buffer(result) if isinstance(result, bytes) else ctypes.create_unicode_buffer(result)
        )
    return ctypes.addressof(strings[result])


def _failure_result(restype: Any) -> object:
    if restype is None:
        return None
    return _FAILURE_RESULTS[restype._type_] if restype._type_ in _FAILURE_RESULTS else restype(FAILED).value


def check_prototype(prototype: object, argument: str) -> None:
    """Raise if a Python function cannot have a prototype.

    Args:
        prototype: The prototype.
        argument: The argument that it was passed as, for messages.

    Raises:
        TypeError: It is not a prototype, or its result is of a type that ctypes does not take from a Python function.
    """
    if not (isinstance(prototype, type) and issubclass(prototype, CTYPES_FUNCTION)):
        raise TypeError(f"{argument}: a prototype is what ctypes.CFUNCTYPE() returns (got {prototype!r})")
    restype: Any = cast("Any", prototype)._restype_
    if restype is not None and not isinstance(getattr(restype, "_type_", None), str):
        raise TypeError(
            f"{argument}: a Python function cannot return {restype.__name__} to C; declare a pointer as c_void_p"
        )
