"""Gives the exports of a Python module to a C core (spec, section 1.7)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

from sermod._interface.exports import HOOKS, CmdExport, ModuleExports, ParamExport
from sermod._interface.lookup import looking_up_in
from sermod._interface.validation import check
from sermod._problems import repr_of
from sermod.errors import FixupError, LifecycleError, UnknownCommandError
from sermod.fixups import fixed
from sermod.native.callbacks import MakeMessage, check_prototype, command_callback
from sermod.native.failures import Callee, Failures
from sermod.native.functions import NativeFixup, NativeFunction
from sermod.native.layout import (
    CTYPES_FUNCTION,
    FIND_EXPORT_FUNCTION,
    FIXUP_FUNCTION,
    FREE_FUNCTION,
    HOOK_FUNCTIONS,
    CmdExportStruct,
    ModuleExportsStruct,
    ParamExportStruct,
    address_of_function,
    from_c_string,
    to_c_string,
)
from sermod.native.lookup import CoreLookup
from sermod.native.parameters import IntVariable, SharedParam, StringVariable, store_written
from sermod.native.symbols import resolve_function

CFunction = str | Callable[..., Any]
"""A C function, as its name among the symbols of this process or as a ctypes function; or a Python function."""


class NativeExports:
    """The exports of a Python module as C structures. :func:`to_c` makes it.

    C may use what :attr:`pointer` leads to as long as this object lives: keep a reference to it. As a context manager
    it is closed on exit.

    Attributes:
        exports: The exports of the Python module.
        problems: The warnings that validation found in them.
    """

    def __init__(
        self,
        exports: ModuleExports[Any],
        *,
        message: MakeMessage | None,
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
        self._handles: list[object] = [None]  # the results of fixups, by handle; the first is the null pointer
        self._params: list[SharedParam] = []
        self._is_closed = False
        self._struct = self._make_struct()

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
            LifecycleError: This object is closed.
        """
        self._check_open("NativeExports.pointer")
        return ctypes.pointer(self._struct)

    @property
    def address(self) -> int:
        """The address of the structure, as an ``int``.

        Raises:
            LifecycleError: This object is closed.
        """
        return ctypes.addressof(self.pointer.contents)

    @property
    def errors(self) -> tuple[BaseException, ...]:
        """The last exceptions of functions that C called, the newest last. Each is logged; C got -1 instead."""
        return tuple(self._failures.recent)

    @property
    def last_error(self) -> BaseException | None:
        """The newest of :attr:`errors`, or ``None``."""
        return self._failures.recent[-1] if self._failures.recent else None

    def close(self) -> None:
        """Empty the structure, so that C sees a module without exports, and drop the results of fixups.

        Call it when C no longer uses the module. If C calls a function of the module all the same, the call fails
        without a crash, as long as this object lives.
        """
        self._is_closed = True
        ctypes.memset(ctypes.byref(self._struct), 0, ctypes.sizeof(self._struct))
        self._handles.clear()

    def _check_open(self, call: str) -> None:
        if self._is_closed:
            msg = f"the exports of module {self.exports.name!r} for C are closed: make new ones with to_c()"
            raise LifecycleError(msg, state="closed", call=call)

    # The structure --------------------------------------------------------------------------------------------------

    def _make_struct(self) -> ModuleExportsStruct:
        exports = self.exports
        struct = ModuleExportsStruct()
        struct.name = self._string(str(exports.name))
        struct.cmds = self._array(CmdExportStruct, map(self._command, exports.commands), exports.cmds)
        struct.params = self._array(ParamExportStruct, map(self._param, exports.parameters), exports.params)
        for field in HOOKS:
            setattr(struct, field, self._hook(field))
        return struct

    def _string(self, value: str) -> int:
        buffer = ctypes.create_string_buffer(to_c_string(value))
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
        callee = self._callee(name)
        fixup: int | None = None
        if isinstance(export.fixup, NativeFixup) and isinstance(export.function, NativeFunction):
            fixup = export.fixup.address
        elif export.fixup is not None and isinstance(export.function, (NativeFunction, CTYPES_FUNCTION)):
            raise TypeError(
                f"command {name!r} of module {callee.module!r} has a fixup in Python and a function in C, which cannot "
                f"use the fixed value: write both in one language"
            )
        elif export.fixup is not None:
            fixup = self._callback(FIXUP_FUNCTION, self._make_fixup(export.fixup, callee))
        callback = command_callback(
            export,
            callee,
            message=self._message,
            handles=None if fixup is None else self._handles,
            prototype=self._prototypes.get(name),
        )
        self._kept.append(callback)
        flags = int(export.flags) & 0xFFFF_FFFF
        return CmdExportStruct(self._string(name), callback.address, export.param_no, fixup, flags)

    def _param(self, export: ParamExport) -> ParamExportStruct:
        pointer = export.param_pointer
        if isinstance(pointer, (IntVariable, StringVariable)):
            address = pointer.address
        else:
            param = SharedParam(str(self.exports.name), export)
            self._params.append(param)
            address = param.address
        return ParamExportStruct(self._string(str(export.name)), export.type, address)

    def _callback(self, prototype: Callable[..., Any], function: Callable[..., Any]) -> int:
        callback = prototype(function)
        self._kept.append(callback)
        return address_of_function(callback)

    def _callee(self, command: str) -> Callee:
        return Callee(str(self.exports.name), command, self._failures)

    # Functions that C calls -----------------------------------------------------------------------------------------

    def _hook(self, field: str) -> int | None:
        function: Callable[..., Any] | None = getattr(self.exports, field)
        if field == "init_f" and self._params:
            function = self._storing_params(function)
        if function is None or isinstance(function, NativeFunction):
            return None if function is None else function.address
        check_result, expects = _HOOK_RESULTS.get(field, (_no_result, ""))
        callee = Callee(str(self.exports.name), field, self._failures, expects)
        make = self._message_hook if "msg" in HOOKS[field] else self._life_hook
        return self._callback(HOOK_FUNCTIONS[field], make(function, callee, check_result))

    def _storing_params(self, function: Callable[[], object] | None) -> Callable[[], object]:
        def init() -> object:
            store_written(self._params)
            return None if function is None else function()

        return init

    def _life_hook(
        self, function: Callable[..., Any], callee: Callee, check_result: _CheckResult
    ) -> Callable[..., int]:
        def hook(*arguments: int) -> int:
            try:
                with self._looking_up():
                    return check_result(callee, function(*arguments))
            except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
                return callee.failed(error)

        return hook

    def _message_hook(
        self, function: Callable[..., Any], callee: Callee, check_result: _CheckResult
    ) -> Callable[..., int]:
        message = self._message

        def hook(address: int | None) -> int:
            try:
                return check_result(callee, function(address if message is None else message(address)))
            except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
                return callee.failed(error)

        return hook

    def _make_fixup(self, function: Callable[[str, int], object], callee: Callee) -> Callable[[int, int], int]:
        handles, free = self._handles, self._free

        def fixup(address: int, number: int) -> int:
            try:
                self._check_open("fixup")
                place = ctypes.c_void_p.from_address(address)
                old = place.value
                param = _string_at(old, number)
                with self._looking_up():
                    value = function(param, number)
                handles.append(_fixed(value, callee, param, number))
                place.value = len(handles) - 1
                if free is not None:
                    free(old)
            except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
                return callee.failed(error)
            return 0

        return fixup

    @contextmanager
    def _looking_up(self) -> Generator[None]:
        if self._lookup is None:
            yield
        else:
            with looking_up_in(self._lookup):
                yield


def _no_result(_callee: Callee, _result: object) -> int:
    return 0  # the hook returns nothing in C


_CheckResult = Callable[[Callee, object], int]
_INIT_CODES: Final = "0 for success, less than 0 for failure"
_HOOK_RESULTS: Final[dict[str, tuple[_CheckResult, str]]] = {
    "init_f": (Callee.checked_code, _INIT_CODES),
    "response_f": (Callee.checked, "0 to drop the reply, any other number to pass it on"),
    "init_child_f": (Callee.checked_code, _INIT_CODES),
}
"""How the result of a hook is checked, and what it may be; by field, for the hooks that return a result."""


def _string_at(address: int | None, number: int) -> str:
    if address is None:
        raise ValueError(f"C passed a null pointer as parameter {number}, but a fixup takes a string")
    return from_c_string(ctypes.string_at(address))


def _fixed(value: object, callee: Callee, param: str, number: int) -> object:
    try:
        return fixed(value)
    except ValueError as error:
        message = f"{callee}: for parameter {number}, {param!r}, {error}"
        raise FixupError(
            message, module=callee.module, command=callee.command, param_no=number, value=param, where=None
        ) from None


def _c_function(
    given: CFunction | None, prototype: Callable[[int], Callable[..., Any]], name: str
) -> Callable[..., Any] | None:
    return None if given is None else resolve_function(given, prototype, f"to_c({name}=...)")


def to_c(
    exports: ModuleExports[Any],
    *,
    message: MakeMessage | None = None,
    prototypes: Mapping[str, Callable[..., Any]] | None = None,
    find_export: CFunction | None = None,
    free: CFunction | None = None,
) -> NativeExports:
    """Make the C structures of a Python module's exports: null-terminated arrays, C strings, function pointers.

    A C core writes to the parameters; the Python module has the values from its ``init_f`` on. A fixup leaves a handle
    in place of the string, and the command gets the fixed value. An exception, or a result that C cannot take, becomes
    -1; if a prototype declares a pointer or a ``bool`` as the result, it becomes a null pointer or false. The logger
    ``sermod.native`` logs it with its traceback, and :attr:`NativeExports.errors` keeps it.

    Call it in the main process, before it forks.

    Args:
        exports: The exports of the Python module.
        message: Makes the message that the module takes of the address that C has. By default the message is the
            address: an ``int``, or ``None`` for a null pointer.
        prototypes: The results of :func:`ctypes.CFUNCTYPE` for internal commands with arguments of their own, by name.
        find_export: The core's ``int (*find_export(char*, int, int))()``. With it, :func:`sermod.find_export` works in
            the module's hooks and fixups.
        free: Frees the string that a fixup replaces. By default the string is not freed, since only the core knows how
            it was allocated.

    Returns:
        The object to pass to the core. Keep a reference to it as long as the core may use it.

    Raises:
        InvalidExportsError: The exports break rules of the interface.
        TypeError: A command cannot be called from C, or an argument is of a wrong type.
        LookupError: *prototypes* has the name of a command that the module does not have, or there is no C function of
            the name that is given.

    Example:
        >>> from sermod import CmdExport, ModuleExports
        >>> with to_c(ModuleExports("pong", [CmdExport("ping", lambda msg: 1), CmdExport()])) as native:
        ...     ctypes.string_at(native.pointer.contents.name)
        b'pong'
    """
    if not isinstance(exports, ModuleExports):
        raise TypeError(f"to_c() takes a ModuleExports, such as the exports of a Module (got {repr_of(exports)})")
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
