"""Reads the exports of a C module from memory, whose content may be wrong (spec, sections 1.2, 1.3, 1.7)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sermod._interface.exports import HOOKS, STR_PARAM, CmdExport, EntryT, ModuleExports, ParamExport
from sermod._interface.pointers import Pointer
from sermod._interface.validation import find_problems
from sermod._problems import Problem, counted, problem
from sermod.errors import InvalidExportsError
from sermod.native.functions import NativeCommand, NativeFixup, NativeHook, NativeMessageHook
from sermod.native.layout import CmdExportStruct, ModuleExportsStruct, ParamExportStruct, from_c_string
from sermod.native.memory import Memory, UnreadableError
from sermod.native.parameters import MAX_VALUE_BYTES, IntVariable, StringVariable

MAX_ENTRIES: Final = 16_384
"""The largest size of an array, without its terminator."""
MAX_NAME_BYTES: Final = 256
"""The largest size of a name, without its NUL."""

StructT = TypeVar("StructT", bound=ctypes.Structure)


def read_exports(address: int, strdup: Callable[[bytes], int], kept: list[object]) -> ModuleExports[Any]:
    """Read a ``struct module_exports`` and everything that it points to.

    Args:
        address: The address of the structure.
        strdup: Allocates the strings that the module's fixups own.
        kept: A list that lives as long as the module is loaded. It keeps what the module may point to.

    Returns:
        The exports. They are not validated: this function finds only what cannot be read.

    Raises:
        InvalidExportsError: Something cannot be read, or has no end. The error carries all of these problems, and those
            that validation finds in the rest.
    """
    with Memory() as memory:
        return _Reader(memory, strdup, kept).exports(address)


class _Reader:
    """Follows the pointers of one module, and collects the problems."""

    def __init__(self, memory: Memory, strdup: Callable[[bytes], int], kept: list[object]) -> None:
        self._memory = memory
        self._mappings = memory.mappings
        self._strdup = strdup
        self._kept = kept
        self._problems: list[Problem] = []

    def exports(self, address: int) -> ModuleExports[Any]:
        try:
            top = self._struct(ModuleExportsStruct, address)
        except UnreadableError as error:
            self._add_problem("exports", "bad-address", f"the structure at {address:#x} cannot be read: {error}")
            raise InvalidExportsError(None, self._problems) from error
        name = None if top.name is None else self._name(top.name, "name", "the module")
        exports = ModuleExports[Any](
            name,
            self._array(top.cmds, "cmds", CmdExportStruct, self._command, CmdExport[Any]()),
            self._array(top.params, "params", ParamExportStruct, self._param, ParamExport()),
            **{field: self._hook(getattr(top, field), field) for field in HOOKS},
        )
        if self._problems:
            # The value that replaces an unreadable one breaks rules as well: one problem for each field is enough.
            fields = {found.field for found in self._problems}
            rest = [found for found in find_problems(exports) if found.field not in fields]
            raise InvalidExportsError(name, [*self._problems, *rest])
        return exports

    # Arrays ---------------------------------------------------------------------------------------------------------

    def _array(
        self,
        address: int | None,
        field: str,
        kind: type[ctypes.Structure],
        make: Callable[[Any, str, str], EntryT],
        terminator: EntryT,
    ) -> list[EntryT] | None:
        if address is None:
            return None
        if address % ctypes.alignment(kind):
            self._add_problem(field, "bad-address", f"an array of {kind.__name__} cannot begin at {address:#x}")
            return None
        entries: list[EntryT] = []
        unreadable_names = 0
        for index in range(MAX_ENTRIES):
            try:
                struct = self._struct(kind, address + index * ctypes.sizeof(kind))
            except UnreadableError as error:
                self._add_no_end(field, index, str(error))
                break
            entry = f"{field}[{index}]"
            if struct.name is None:
                self._check_terminator(struct, entry)
                break
            name = self._name(struct.name, f"{entry}.name", "the entry")
            unreadable_names = unreadable_names + 1 if self._has_problem(f"{entry}.name") else 0
            if unreadable_names > 1:
                self._add_no_end(field, index - 1, "the memory behind it has no names")
                break
            entries.append(make(struct, name, entry))
        else:
            self._add_no_end(field, MAX_ENTRIES, "no array is longer")
        return [*entries, terminator]

    def _add_no_end(self, field: str, count: int, why: str) -> None:
        if count:
            length = counted(count, "entry", "entries")
            self._add_problem(field, "not-terminated", f"the array has no terminator ({length}): {why}")
        else:
            self._add_problem(field, "bad-address", f"the array cannot be read: {why}")

    def _check_terminator(self, struct: ctypes.Structure, entry: str) -> None:
        set_fields = [name for name, *_ in struct._fields_ if getattr(struct, name)]
        if set_fields:
            self._add_problem(entry, "half-null", f"the name is null but other fields are set: {', '.join(set_fields)}")

    def _command(self, struct: Any, name: str, entry: str) -> CmdExport[Any]:
        function = self._function(struct.function, f"{entry}.function")
        fixup = self._function(struct.fixup, f"{entry}.fixup")
        return CmdExport[Any](
            name,
            None if function is None else NativeCommand(name, function),
            struct.param_no,
            None if fixup is None else NativeFixup(f"fixup of {name}", fixup, self._strdup),
            struct.flags,
        )

    def _param(self, struct: Any, name: str, entry: str) -> ParamExport:
        pointer = self._variable(struct.param_pointer, struct.type, f"{entry}.param_pointer")
        return ParamExport(name, struct.type, pointer)

    def _variable(self, address: int | None, kind: int, field: str) -> Pointer[Any] | None:
        if address is None:
            return None
        c_type = ctypes.c_void_p if kind == STR_PARAM else ctypes.c_int
        size = ctypes.sizeof(c_type)
        wrong = self._check_variable(address, size) or (self._check_string(address) if kind == STR_PARAM else None)
        if wrong is not None:
            self._add_problem(field, "bad-address", wrong)
            return None
        return StringVariable(address, self._kept) if kind == STR_PARAM else IntVariable(address)

    def _check_variable(self, address: int, size: int) -> str | None:
        """Return what is wrong with the address of a variable; ``None`` if nothing is."""
        try:
            self._memory.read(address, size)
        except UnreadableError as error:
            return f"the variable at {address:#x} cannot be read: {error}"
        if address % size:
            return f"a variable of {counted(size, 'byte')} cannot be at {address:#x}"
        if not self._mappings.allows("w", address, size):
            return f"the memory at {address:#x} cannot be written to: the field takes a variable's address, &foo_bar"
        return None

    def _check_string(self, address: int) -> str | None:
        """Return what is wrong with the value of a string variable; ``None`` if nothing is."""
        value: int | None = ctypes.c_void_p.from_address(address).value
        if value is not None:
            try:
                self._memory.read_string(value, MAX_VALUE_BYTES)
            except UnreadableError as error:
                return f"the variable points to {value:#x}, which is not a string: {error}"
        return None

    # Functions ------------------------------------------------------------------------------------------------------

    def _hook(self, address: int | None, field: str) -> NativeHook | None:
        function = self._function(address, field)
        if function is None:
            return None
        return NativeMessageHook(field, function) if "msg" in HOOKS[field] else NativeHook(field, function)

    def _function(self, address: int | None, field: str) -> int | None:
        if address is None or self._mappings.allows("x", address):
            return address
        self._add_problem(field, "bad-address", f"there is no code at {address:#x}")
        return None

    # Memory ---------------------------------------------------------------------------------------------------------

    def _struct(self, kind: type[StructT], address: int) -> Any:
        return kind.from_buffer_copy(self._memory.read(address, ctypes.sizeof(kind)))

    def _name(self, address: int, field: str, whose: str) -> str:
        try:
            return from_c_string(self._memory.read_string(address, MAX_NAME_BYTES))
        except UnreadableError as error:
            self._add_problem(field, "bad-address", f"the name of {whose}, at {address:#x}, cannot be read: {error}")
            return f"<{field}>"

    def _add_problem(self, field: str, code: str, wrong: str) -> None:
        self._problems.append(problem(field, code, wrong))

    def _has_problem(self, field: str) -> bool:
        return bool(self._problems) and self._problems[-1].field == field
