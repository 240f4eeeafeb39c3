"""Structures of the binary interface that tests make in the memory of this process."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_int, c_void_p
from typing import Any, Final

from sermod import REQUEST_ROUTE, ModuleExports
from sermod.native.from_c import read_exports
from sermod.native.layout import STRDUP_FUNCTION, CmdExportStruct, ModuleExportsStruct, ParamExportStruct
from sermod.native.symbols import resolve_function

COMMAND: Final = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)
FIXUP: Final = CFUNCTYPE(c_int, c_void_p, c_int)


class Good:
    """A module in memory in which nothing is wrong, all of it in one block of bytes that tests change.

    It has two commands, one of them with a fixup, two parameters, and every hook.
    """

    NAMES: Final = (b"good", b"first", b"second", b"number", b"text", b"a default")

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._functions: list[Any] = []
        self.top = ModuleExportsStruct()
        self.cmds = (CmdExportStruct * 3)()
        self.params = (ParamExportStruct * 3)()
        self.number = c_int(7)
        self._names = [ctypes.create_string_buffer(name) for name in self.NAMES]
        module, first, second, number, text, default = map(ctypes.addressof, self._names)
        self.text = c_void_p(default)
        self.cmds[0] = CmdExportStruct(first, self._command("first"), 2, self._fixup(), REQUEST_ROUTE)
        self.cmds[1] = CmdExportStruct(second, self._command("second"), 1, None, 0)
        self.params[0] = ParamExportStruct(number, 1, ctypes.addressof(self.number))
        self.params[1] = ParamExportStruct(text, 0, ctypes.addressof(self.text))
        self.top.name = module
        self.top.cmds = ctypes.addressof(self.cmds)
        self.top.params = ctypes.addressof(self.params)
        self.top.init_f = self._function(CFUNCTYPE(c_int), "init_f")
        self.top.response_f = self._function(CFUNCTYPE(c_int, c_void_p), "response_f")
        self.top.destroy_f = self._function(CFUNCTYPE(c_int), "destroy_f")
        self.top.onbreak_f = self._function(CFUNCTYPE(c_int, c_void_p), "onbreak_f")
        self.top.init_child_f = self._function(CFUNCTYPE(c_int, c_int), "init_child_f")

    def _function(self, prototype: Callable[..., Any], name: str) -> int:
        def called(*arguments: int) -> int:
            self.calls.append((name, *arguments))
            return 0

        function = prototype(called)
        self._functions.append(function)
        return ctypes.cast(function, c_void_p).value or 0

    def _command(self, name: str) -> int:
        return self._function(COMMAND, name)

    def _fixup(self) -> int:
        return self._function(FIXUP, "fixup")

    def read(self) -> ModuleExports[Any]:
        """Read it as a library's variable ``exports`` is read."""
        return read(self.top)


def read(top: ModuleExportsStruct) -> ModuleExports[Any]:
    """Read a structure as a library's variable ``exports`` is read."""
    return read_exports(ctypes.addressof(top), resolve_function("strdup", STRDUP_FUNCTION, "strdup"), [])
