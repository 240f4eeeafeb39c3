"""Python functions, as C calls them.

What C calls must return to it, whatever happens: an exception, or a result that C cannot take, becomes -1. The
functions below are what stands between C and a command at each call, and are written for speed: the results that nearly
every command has are recognised by identity, which needs no call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import attrs

from sermod._interface.exports import CmdExport
from sermod._interface.signatures import C_SHAPE, accepts, with_last_arguments
from sermod._problems import counted
from sermod.native.failures import FAILED, Called
from sermod.native.functions import NativeFunction
from sermod.native.layout import CALLED_WITH_HANDLES, CALLED_WITH_TEXT, FUNCTION, address_in, text

Message = Callable[[int | None], object]
"""Makes what a Python module takes for a message of the address that C has."""

_TRUE: Final = 1
_STOP: Final = 0
_FALSE: Final = -1
_STRINGS: Final = "zZ"
"""The codes of the types that ctypes has for pointers to strings."""
_NO_RESULT: Final[dict[str, object]] = {**dict.fromkeys("PzZO"), "c": b"\xff", "u": "\0", "?": False}
"""What C gets where Python has no result, by the codes of the types of ctypes for which that is not the number -1."""


@attrs.frozen
class Callback:
    """A function that C can call.

    Attributes:
        address: Where C calls it.
        kept: What has to live as long as C may call it.
    """

    address: int
    kept: object


def command_callback(
    export: CmdExport[Any],
    called: Called,
    *,
    message: Message | None = None,
    handles: Sequence[object] | None = None,
    prototype: Callable[..., Any] | None = None,
) -> Callback:
    """Return a command as C calls it.

    A command of a C module, and a function that ctypes made for C, is called by C itself, without Python.

    Args:
        export: The command, which has a function.
        called: What it is, for messages.
        message: Makes the message of an address.
        handles: What its fixup has left, by handle, a null pointer first; ``None``: parameters are strings.
        prototype: What :func:`ctypes.CFUNCTYPE` returns, for an internal command with arguments of its own.

    Raises:
        TypeError: The function takes neither what a C command is given, nor is there a prototype.
    """
    function: Any = export.function
    if isinstance(function, NativeFunction):
        return Callback(function.address, function)
    if isinstance(function, FUNCTION):
        return Callback(address_in(function), function)
    if prototype is not None:
        made: object = prototype(_guarded(function, called, prototype))
        return Callback(address_in(made), made)
    function, count = _of_address(function, export, called)
    if message is not None:
        function = _with_message(function, message)
    if handles is not None:
        made = CALLED_WITH_HANDLES[count](_WITH_HANDLES[count](function, called, handles))
    else:
        made = CALLED_WITH_TEXT[count](_WITH_TEXT[count](function, called))
    return Callback(address_in(made), made)


def _of_address(function: Callable[..., Any], export: CmdExport[Any], called: Called) -> tuple[Callable[..., Any], int]:
    """Return a function of the message and as many parameters as C is asked for, and their number."""
    count = export.param_no
    if 0 <= count <= C_SHAPE and accepts(function, 1 + count):
        return function, count
    if not accepts(function, 1 + C_SHAPE):
        raise TypeError(
            f"{called} cannot be called from C as command(msg, param1, param2), "
            f"nor with {counted(count, 'parameter')}: give its ctypes prototype, "
            f"to_c(exports, prototypes={{{called.command!r}: CFUNCTYPE(...)}})"
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


def _with_message(function: Callable[..., Any], message: Message) -> Callable[..., Any]:
    def call(address: int | None, *params: object) -> Any:
        return function(message(address), *params)

    return call


# With strings -------------------------------------------------------------------------------------------------------


def _without_params(function: Callable[..., Any], called: Called, _handles: object = None) -> Callable[..., int]:
    checked, failed = called.checked, called.failed

    def call(msg: int | None) -> int:
        try:
            result = function(msg)
            return result if result is _TRUE or result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
            return failed(error)

    return call


def _with_one_text(function: Callable[..., Any], called: Called) -> Callable[..., int]:
    checked, failed = called.checked, called.failed

    def call(msg: int | None, raw: Any) -> int:
        try:
            try:
                param = raw.decode()
            except (AttributeError, UnicodeDecodeError):
                param = _text_or_null(raw)
            result = function(msg, param)
            return result if result is _TRUE or result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
            return failed(error)

    return call


def _with_two_texts(function: Callable[..., Any], called: Called) -> Callable[..., int]:
    checked, failed = called.checked, called.failed

    def call(msg: int | None, raw1: Any, raw2: Any) -> int:
        try:
            try:
                param1, param2 = raw1.decode(), raw2.decode()
            except (AttributeError, UnicodeDecodeError):
                param1, param2 = _text_or_null(raw1), _text_or_null(raw2)
            result = function(msg, param1, param2)
            return result if result is _TRUE or result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
            return failed(error)

    return call


def _text_or_null(raw: bytes | None) -> str | None:
    return None if raw is None else text(raw)


# With what a fixup has left -----------------------------------------------------------------------------------------


def _with_one_handle(function: Callable[..., Any], called: Called, handles: Sequence[object]) -> Callable[..., int]:
    checked, failed = called.checked, called.failed

    # What is needed at every call are arguments with a default: they cost less to get at than what a closure has.
    def call(
        msg: int | None,
        handle: int,
        function: Callable[..., Any] = function,
        handles: Sequence[object] = handles,
        true: int = _TRUE,
    ) -> int:
        try:
            result: int = function(msg, handles[handle])
            if result is true:
                return true
            return result if result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
            return failed(_explained(error, handles, handle))

    return call


def _with_two_handles(function: Callable[..., Any], called: Called, handles: Sequence[object]) -> Callable[..., int]:
    checked, failed = called.checked, called.failed

    def call(
        msg: int | None,
        handle1: int,
        handle2: int,
        function: Callable[..., Any] = function,
        handles: Sequence[object] = handles,
        true: int = _TRUE,
    ) -> int:
        try:
            result: int = function(msg, handles[handle1], handles[handle2])
            if result is true:
                return true
            return result if result is _FALSE or result is _STOP else checked(result)
        except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
            return failed(_explained(error, handles, handle1, handle2))

    return call


def _explained(error: BaseException, handles: Sequence[object], *given: int) -> BaseException:
    """Return what is to be told of an exception: it may be that what C passes is no handle."""
    for number, handle in enumerate(given, 1):
        if handle >= len(handles):
            return ValueError(
                f"C passes {handle:#x} for parameter {number}, which is nothing that the command's fixup has left: "
                f"call the fixup once for each parameter of each call, and pass on what it leaves"
            )
    return error


_WITH_TEXT: Final[tuple[Callable[..., Callable[..., int]], ...]] = (_without_params, _with_one_text, _with_two_texts)
_WITH_HANDLES: Final[tuple[Callable[..., Callable[..., int]], ...]] = (
    _without_params,
    _with_one_handle,
    _with_two_handles,
)


# Other functions ----------------------------------------------------------------------------------------------------


def _guarded(function: Callable[..., Any], called: Called, prototype: Any) -> Callable[..., Any]:
    """Return a function of any arguments that does not raise: where it would, its result is -1, null, or false."""
    restype = prototype._restype_
    failure = _failure_of(restype)
    texts: dict[bytes | str, ctypes.Array[Any]] = {}

    def call(*arguments: Any) -> Any:
        try:
            result = function(*arguments)
            _check_fits(result, restype)
            if restype is not None and restype._type_ in _STRINGS and result is not None:
                result = _address_of_text(result, texts)
        except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
            called.failed(error)
            return failure
        return result

    return call


def _check_fits(result: Any, restype: Any) -> None:
    """Raise for a result that ctypes would refuse, or cut off, when nobody can be told any more."""
    if restype is None:
        return
    made = restype(result)
    if restype._type_ in _STRINGS:  # the value of such a one is what it points to
        return
    value = made.value
    is_whole = isinstance(result, int) and isinstance(value, (int, float))
    if (is_whole or isinstance(value, bool)) and value != result:
        raise OverflowError(f"{result!r} does not fit into {restype.__name__}")


def _address_of_text(result: bytes | str | int, texts: dict[bytes | str, ctypes.Array[Any]]) -> int:
    """Return the address of a string that C has for good; ctypes would leak one at each call."""
    if isinstance(result, int):
        return result
    if result not in texts:
        texts[result] = (
            ctypes.create_string_buffer(result) if isinstance(result, bytes) else ctypes.create_unicode_buffer(result)
        )
    return ctypes.addressof(texts[result])


def _failure_of(restype: Any) -> object:
    if restype is None:
        return None
    return _NO_RESULT[restype._type_] if restype._type_ in _NO_RESULT else restype(FAILED).value


def check_prototype(prototype: object, what: str) -> None:
    """Raise where a function of Python cannot have a prototype.

    Args:
        prototype: What it is.
        what: What it was given for, for messages.

    Raises:
        TypeError: It is none, or its result is of a type that ctypes takes from no function of Python.
    """
    if not (isinstance(prototype, type) and issubclass(prototype, FUNCTION)):
        raise TypeError(f"{what}: what ctypes.CFUNCTYPE() returns is a prototype (got {prototype!r})")
    restype: Any = cast("Any", prototype)._restype_
    if restype is not None and not isinstance(getattr(restype, "_type_", None), str):
        raise TypeError(f"{what}: C can have no {restype.__name__} from Python; declare a pointer as c_void_p")
