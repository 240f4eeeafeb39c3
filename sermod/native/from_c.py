"""From the memory of a C module to its exports, whatever that memory holds (spec, sections 1.2, 1.3, 1.7)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs

from sermod._interface.exports import HOOKS, STR_PARAM, CmdExport, EntryT, ModuleExports, ParamExport
from sermod._interface.pointers import Pointer
from sermod._interface.validation import find_problems
from sermod._problems import Problem, counted, problem
from sermod.errors import InvalidExportsError
from sermod.native.functions import NativeCommand, NativeFixup, NativeHook, NativeMessageHook
from sermod.native.layout import CmdExportStruct, ModuleExportsStruct, ParamExportStruct, text
from sermod.native.memory import Memory, UnreadableError
from sermod.native.parameters import LONGEST_VALUE, IntVariable, StringVariable

MOST_ENTRIES: Final = 16_384
"""An array has its terminator within so many entries."""
LONGEST_NAME: Final = 256
"""A name has its NUL within so many bytes."""

StructT = TypeVar("StructT", bound=ctypes.Structure)


@attrs.frozen
class Belongings:
    """What the exports of a C module need beside its memory.

    Attributes:
        strdup: Allocates the strings that its fixups own.
        kept: Keeps what the module may point to, for as long as it is loaded.
    """

    strdup: Callable[[bytes], int]
    kept: list[object] = attrs.Factory(list[object])


def read_exports(address: int, belongings: Belongings) -> ModuleExports[Any]:
    """Read a ``struct module_exports`` and all that it points to.

    Args:
        address: Where it is.
        belongings: What the exports need beside it.

    Returns:
        The exports, which are not validated yet: only what cannot be read is looked for here.

    Raises:
        InvalidExportsError: Something cannot be read, or has no end. It carries all of that, and what validation finds
            in the rest.
    """
    with Memory() as memory:
        return _Reader(memory, belongings).exports(address)


class _Reader:
    """Follows the pointers of one module, and notes what is wrong with them."""

    def __init__(self, memory: Memory, belongings: Belongings) -> None:
        self._memory = memory
        self._mappings = memory.mappings
        self._belongings = belongings
        self._problems: list[Problem] = []

    def exports(self, address: int) -> ModuleExports[Any]:
        try:
            top = self._struct(ModuleExportsStruct, address)
        except UnreadableError as error:
            self._note("exports", "bad-address", f"the structure at {address:#x} cannot be read: {error}")
            raise InvalidExportsError(None, self._problems) from error
        name = None if top.name is None else self._name(top.name, "name", "the module")
        exports = ModuleExports[Any](
            name,
            self._array(top.cmds, "cmds", CmdExportStruct, self._command, CmdExport[Any]()),
            self._array(top.params, "params", ParamExportStruct, self._param, ParamExport()),
            **{field: self._hook(getattr(top, field), field) for field in HOOKS},
        )
        if self._problems:
            # What stands in for something unreadable breaks rules of its own, at the same place.
            places = {found.field for found in self._problems}
            rest = [found for found in find_problems(exports) if found.field not in places]
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
            self._note(field, "bad-address", f"no array of {kind.__name__} can be at its address, {address:#x}")
            return None
        entries: list[EntryT] = []
        unreadable_names = 0
        for index in range(MOST_ENTRIES):
            try:
                entry = self._struct(kind, address + index * ctypes.sizeof(kind))
            except UnreadableError as error:
                self._note_no_end(field, index, str(error))
                break
            where = f"{field}[{index}]"
            if entry.name is None:
                self._check_terminator(entry, where)
                break
            name = self._name(entry.name, f"{where}.name", "the entry")
            unreadable_names = unreadable_names + 1 if self._is_noted(f"{where}.name") else 0
            if unreadable_names > 1:
                self._note_no_end(field, index - 1, "what follows them has no names")
                break
            entries.append(make(entry, name, where))
        else:
            self._note_no_end(field, MOST_ENTRIES, "no array is that long")
        return [*entries, terminator]

    def _note_no_end(self, field: str, count: int, why: str) -> None:
        if count:
            length = counted(count, "entry", "entries")
            self._note(field, "not-terminated", f"the array has no terminator ({length}): {why}")
        else:
            self._note(field, "bad-address", f"it cannot be read: {why}")

    def _check_terminator(self, entry: ctypes.Structure, where: str) -> None:
        set_fields = [name for name, *_ in entry._fields_ if getattr(entry, name)]
        if set_fields:
            self._note(where, "half-null", f"the name is null but other fields are set: {', '.join(set_fields)}")

    def _command(self, entry: Any, name: str, where: str) -> CmdExport[Any]:
        function = self._function(entry.function, f"{where}.function")
        fixup = self._function(entry.fixup, f"{where}.fixup")
        return CmdExport[Any](
            name,
            None if function is None else NativeCommand(name, function),
            entry.param_no,
            None if fixup is None else NativeFixup(f"fixup of {name}", fixup, self._belongings.strdup),
            entry.flags,
        )

    def _param(self, entry: Any, name: str, where: str) -> ParamExport:
        return ParamExport(name, entry.type, self._variable(entry.param_pointer, entry.type, f"{where}.param_pointer"))

    def _variable(self, address: int | None, kind: int, where: str) -> Pointer[Any] | None:
        if address is None:
            return None
        c_type = ctypes.c_void_p if kind == STR_PARAM else ctypes.c_int
        size = ctypes.sizeof(c_type)
        wrong = self._wrong_place(address, size) or (self._wrong_text(address) if kind == STR_PARAM else None)
        if wrong is not None:
            self._note(where, "bad-address", wrong)
            return None
        return StringVariable(address, self._belongings.kept) if kind == STR_PARAM else IntVariable(address)

    def _wrong_place(self, address: int, size: int) -> str | None:
        try:
            self._memory.read(address, size)
        except UnreadableError as error:
            return f"the variable at {address:#x} cannot be read: {error}"
        if address % size:
            return f"no variable of {size} bytes can be at its address, {address:#x}"
        if not self._mappings.allow("w", address, size):
            return f"the memory at {address:#x} cannot be written to: the address of a variable is meant, &foo_bar"
        return None

    def _wrong_text(self, address: int) -> str | None:
        value: int | None = ctypes.c_void_p.from_address(address).value
        if value is not None:
            try:
                self._memory.string(value, LONGEST_VALUE)
            except UnreadableError as error:
                return f"the variable points to {value:#x}, which is no string: {error}"
        return None

    # Functions ------------------------------------------------------------------------------------------------------

    def _hook(self, address: int | None, field: str) -> NativeHook | None:
        function = self._function(address, field)
        if function is None:
            return None
        return NativeMessageHook(field, function) if "msg" in HOOKS[field] else NativeHook(field, function)

    def _function(self, address: int | None, where: str) -> int | None:
        if address is None or self._mappings.allow("x", address):
            return address
        self._note(where, "bad-address", f"there is no code at {address:#x}")
        return None

    # Memory ---------------------------------------------------------------------------------------------------------

    def _struct(self, kind: type[StructT], address: int) -> Any:
        return kind.from_buffer_copy(self._memory.read(address, ctypes.sizeof(kind)))

    def _name(self, address: int, where: str, whose: str) -> str:
        try:
            return text(self._memory.string(address, LONGEST_NAME))
        except UnreadableError as error:
            self._note(where, "bad-address", f"the name of {whose}, at {address:#x}, cannot be read: {error}")
            return f"<{where}>"

    def _note(self, where: str, code: str, wrong: str) -> None:
        self._problems.append(problem(where, code, wrong))

    def _is_noted(self, where: str) -> bool:
        return bool(self._problems) and self._problems[-1].field == where
