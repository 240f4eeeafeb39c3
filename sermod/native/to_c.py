"""Giving the exports of a Python module to C (spec, section 1.7)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

from sermod._interface.exports import HOOKS, CmdExport, ModuleExports, ParamExport
from sermod._interface.lookup import looking_up_in
from sermod._interface.validation import check
from sermod.errors import FixupError, LifecycleError, UnknownCommandError
from sermod.fixups import fixed
from sermod.native.callbacks import Message, check_prototype, command_callback
from sermod.native.failures import Called, Failures
from sermod.native.functions import NativeFixup, NativeFunction
from sermod.native.layout import (
    FIND_EXPORT_FUNCTION,
    FIXUP_FUNCTION,
    FREE_FUNCTION,
    FUNCTION,
    HOOK_FUNCTIONS,
    CmdExportStruct,
    ModuleExportsStruct,
    ParamExportStruct,
    address_in,
    c_string,
    text,
)
from sermod.native.lookup import CoreLookup
from sermod.native.parameters import IntVariable, SharedParam, StringVariable, take_all
from sermod.native.symbols import function_of

CFunction = str | Callable[..., Any]
"""A function that C has: its name among the symbols of this process, what ctypes has of it, or one of Python."""


class NativeExports:
    """The exports of a Python module as C has them. Made by :func:`to_c`.

    C may use what :attr:`pointer` leads to for as long as this object lives: keep it. As a context manager it is closed
    on exit.

    Attributes:
        exports: The exports that it was made of.
        problems: The warnings that validation had for them.
    """

    def __init__(
        self,
        exports: ModuleExports[Any],
        *,
        message: Message | None,
        prototypes: Mapping[str, Callable[..., Any]],
        find_export: Callable[..., Any] | None,
        free: Callable[..., Any] | None,
    ) -> None:
        self.problems: Final = check(exports)
        self.exports: Final = exports
        self._message = message
        self._prototypes = prototypes
        self._lookup = None if find_export is None else CoreLookup(find_export)
        self._free = free
        self._failures = Failures()
        self._kept: list[object] = []
        self._handles: list[object] = [None]  # what fixups have returned; the first one is C's null pointer
        self._params: list[SharedParam] = []
        self._is_closed = False
        self._struct = self._make()

    def __enter__(self) -> Self:
        self._check_open("NativeExports.__enter__")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        place = "closed" if self._is_closed else f"at {ctypes.addressof(self._struct):#x}"
        return f"<NativeExports of {self.exports.name!r} {place}>"

    @property
    def pointer(self) -> Any:
        """The ``struct module_exports*``, as a ctypes pointer.

        Raises:
            LifecycleError: It is closed.
        """
        self._check_open("NativeExports.pointer")
        return ctypes.pointer(self._struct)

    @property
    def address(self) -> int:
        """The same as an ``int``.

        Raises:
            LifecycleError: It is closed.
        """
        return ctypes.addressof(self.pointer.contents)

    @property
    def errors(self) -> tuple[BaseException, ...]:
        """The last exceptions in functions that C has called, the newest last. C got -1 for each; each is logged."""
        return tuple(self._failures.recent)

    @property
    def last_error(self) -> BaseException | None:
        """The newest of :attr:`errors`, or ``None``."""
        return self._failures.recent[-1] if self._failures.recent else None

    def close(self) -> None:
        """Take the module from C: the structure is that of a module with nothing in it, and what fixups left is gone.

        C is to be done with it. A function that it calls all the same is still there, as long as this object lives.
        """
        self._is_closed = True
        ctypes.memset(ctypes.byref(self._struct), 0, ctypes.sizeof(self._struct))
        self._handles.clear()

    def _check_open(self, call: str) -> None:
        if self._is_closed:
            msg = f"the exports of module {self.exports.name!r} that C had are closed: make new ones with to_c()"
            raise LifecycleError(msg, state="closed", call=call)

    # The structure --------------------------------------------------------------------------------------------------

    def _make(self) -> ModuleExportsStruct:
        exports = self.exports
        struct = ModuleExportsStruct()
        struct.name = self._text(str(exports.name))
        struct.cmds = self._array(CmdExportStruct, map(self._command, exports.commands), exports.cmds)
        struct.params = self._array(ParamExportStruct, map(self._param, exports.parameters), exports.params)
        for field in HOOKS:
            setattr(struct, field, self._hook(field))
        return struct

    def _text(self, value: str) -> int:
        buffer = ctypes.create_string_buffer(c_string(value))
        self._kept.append(buffer)
        return ctypes.addressof(buffer)

    def _array(
        self, kind: type[ctypes.Structure], entries: Iterable[Any], written: tuple[Any, ...] | None
    ) -> int | None:
        if written is None:
            return None
        made = [*entries]
        array = (kind * (len(made) + 1))(*made)  # the last one stays null: the terminator
        self._kept.append(array)
        return ctypes.addressof(array)

    def _command(self, export: CmdExport[Any]) -> CmdExportStruct:
        name = str(export.name)
        called = self._called(name)
        fixup: int | None = None
        if isinstance(export.fixup, NativeFixup) and isinstance(export.function, NativeFunction):
            fixup = export.fixup.address
        elif export.fixup is not None and isinstance(export.function, (NativeFunction, FUNCTION)):
            raise TypeError(
                f"command {name!r} of module {called.module!r} has a fixup in Python and a function in C, which would "
                f"get what only Python understands: write both in one language"
            )
        elif export.fixup is not None:
            fixup = self._callback(FIXUP_FUNCTION, self._fixing(export.fixup, called))
        callback = command_callback(
            export,
            called,
            message=self._message,
            handles=None if fixup is None else self._handles,
            prototype=self._prototypes.get(name),
        )
        self._kept.append(callback)
        flags = int(export.flags) & 0xFFFF_FFFF
        return CmdExportStruct(self._text(name), callback.address, export.param_no, fixup, flags)

    def _param(self, export: ParamExport) -> ParamExportStruct:
        pointer = export.param_pointer
        if isinstance(pointer, (IntVariable, StringVariable)):
            address = pointer.address
        else:
            param = SharedParam(str(self.exports.name), export)
            self._params.append(param)
            address = param.address
        return ParamExportStruct(self._text(str(export.name)), export.type, address)

    def _callback(self, prototype: Callable[..., Any], function: Callable[..., Any]) -> int:
        callback = prototype(function)
        self._kept.append(callback)
        return address_in(callback)

    def _called(self, command: str) -> Called:
        return Called(str(self.exports.name), command, self._failures)

    # What C calls ---------------------------------------------------------------------------------------------------

    def _hook(self, field: str) -> int | None:
        function: Callable[..., Any] | None = getattr(self.exports, field)
        if field == "init_f" and self._params:
            function = self._taking_params(function)
        if function is None or isinstance(function, NativeFunction):
            return None if function is None else function.address
        make = self._message_hook if "msg" in HOOKS[field] else self._life_hook
        check_result = _CHECKS.get(field, _no_result)
        return self._callback(HOOK_FUNCTIONS[field], make(function, self._called(field), check_result))

    def _taking_params(self, function: Callable[[], object] | None) -> Callable[[], object]:
        def init() -> object:
            take_all(self._params)
            return None if function is None else function()

        return init

    def _life_hook(
        self, function: Callable[..., Any], called: Called, check_result: _CheckResult
    ) -> Callable[..., int]:
        def hook(*arguments: int) -> int:
            try:
                with self._looking_up():
                    return check_result(called, function(*arguments))
            except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
                return called.failed(error)

        return hook

    def _message_hook(
        self, function: Callable[..., Any], called: Called, check_result: _CheckResult
    ) -> Callable[..., int]:
        message = self._message

        def hook(address: int | None) -> int:
            try:
                return check_result(called, function(address if message is None else message(address)))
            except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
                return called.failed(error)

        return hook

    def _fixing(self, function: Callable[[str, int], object], called: Called) -> Callable[[int, int], int]:
        handles, free = self._handles, self._free

        def fixup(address: int, number: int) -> int:
            try:
                self._check_open("fixup")
                place = ctypes.c_void_p.from_address(address)
                old = place.value
                param = _string_at(old, number)
                with self._looking_up():
                    value = function(param, number)
                handles.append(_fixed(value, called, param, number))
                place.value = len(handles) - 1
                if free is not None:
                    free(old)
            except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
                return called.failed(error)
            return 0

        return fixup

    @contextmanager
    def _looking_up(self) -> Generator[None]:
        if self._lookup is None:
            yield
        else:
            with looking_up_in(self._lookup):
                yield


def _no_result(_called: Called, _result: object) -> int:
    return 0  # of a function that has none in C


_CheckResult = Callable[[Called, object], int]
_CHECKS: Final[dict[str, _CheckResult]] = {
    "init_f": Called.checked_code,
    "response_f": Called.checked,
    "init_child_f": Called.checked_code,
}
"""What C gets as the result of a hook, by its field."""


def _string_at(address: int | None, number: int) -> str:
    if address is None:
        raise ValueError(f"C passes a null pointer for parameter {number}, and a fixup takes a string")
    return text(ctypes.string_at(address))


def _fixed(value: object, called: Called, param: str, number: int) -> object:
    try:
        return fixed(value)
    except ValueError as error:
        wrong = f"{called}, parameter {number}, {param!r}: {error}"
        raise FixupError(
            wrong, module=called.module, command=called.command, param_no=number, value=param, where=None
        ) from None


def _c_function(
    given: CFunction | None, prototype: Callable[[int], Callable[..., Any]], name: str
) -> Callable[..., Any] | None:
    return None if given is None else function_of(given, prototype, f"to_c({name}=...)")


def to_c(
    exports: ModuleExports[Any],
    *,
    message: Message | None = None,
    prototypes: Mapping[str, Callable[..., Any]] | None = None,
    find_export: CFunction | None = None,
    free: CFunction | None = None,
) -> NativeExports:
    """Make of a module's exports what a C core can walk: null-terminated arrays, C strings, function pointers.

    The core writes to the parameters; the Python module has the values from its ``init_f`` on. A fixup leaves a handle
    where the string was, and the command gets what the fixup returned. An exception, or a result that C cannot take,
    becomes -1 (a null pointer or false, where a prototype says that C gets one), is logged with its traceback by the
    logger ``sermod.native``, and is kept in :attr:`NativeExports.errors`.

    Args:
        exports: What a module passes to the core.
        message: Makes what the module takes for a message of the address that C has. By default that is an ``int``, or
            ``None`` for a null pointer.
        prototypes: For internal commands with arguments of their own, by name: what :func:`ctypes.CFUNCTYPE` returns.
        find_export: The core's ``int (*find_export(char*, int, int))()``, so that :func:`sermod.find_export` works in
            the module's hooks and fixups.
        free: Frees the string that a fixup replaces. By default nobody does, since only the core knows how.

    Returns:
        What to give to the core, and to keep as long as it may use it.

    Raises:
        InvalidExportsError: The exports break rules of the interface.
        TypeError: A command cannot be called from C, or an argument is of a wrong type.
        LookupError: *prototypes* names no command of the module, or there is no C function of the name given.

    Example:
        >>> from sermod import CmdExport, ModuleExports
        >>> with to_c(ModuleExports("pong", [CmdExport("ping", lambda msg: 1), CmdExport()])) as native:
        ...     ctypes.string_at(native.pointer.contents.name)
        b'pong'
    """
    if not isinstance(exports, ModuleExports):
        raise TypeError(f"to_c() takes a ModuleExports, such as the exports of a Module (got {exports!r})")
    if message is not None and not callable(message):
        raise TypeError(f"to_c(message=...) takes a function of the address (got {message!r})")
    prototypes = prototypes or {}
    names = {str(export.name) for export in exports.commands}
    for name, prototype in prototypes.items():
        if name not in names:
            wrong = f"to_c(prototypes=...): module {exports.name!r} has no command {name!r}"
            raise UnknownCommandError(wrong, asked=name, available=names)
        check_prototype(prototype, f"to_c(prototypes=...), command {name!r}")
    return NativeExports(
        exports,
        message=message,
        prototypes=prototypes,
        find_export=_c_function(find_export, FIND_EXPORT_FUNCTION, "find_export"),
        free=_c_function(free, FREE_FUNCTION, "free"),
    )
