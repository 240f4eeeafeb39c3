"""Look-ups across the border: C modules in a Python host, Python modules in a C host (core, ``find_export``)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

from sermod._interface.exports import CmdExport
from sermod._interface.lookup import find_export
from sermod._problems import counted
from sermod.errors import LoadError, UnknownCommandError
from sermod.native.callbacks import Callback, command_callback
from sermod.native.failures import Called, Failures
from sermod.native.functions import NativeCommand
from sermod.native.layout import FIND_EXPORT_FUNCTION, c_string, text
from sermod.native.library import FIND_EXPORT, Library
from sermod.native.memory import Mappings
from sermod.native.messages import message_at

failures: Final = Failures()
"""What went wrong in Python functions that C modules have found."""


def recent_errors() -> tuple[BaseException, ...]:
    """Return the last exceptions of Python commands that C modules have found and called, the newest last.

    C got -1 for each of them, and each was logged with its traceback, by the logger ``sermod.native``.
    """
    return tuple(failures.recent)


class CoreLookup:
    """The look-up of a C core, for the Python modules in it.

    Args:
        function: Its ``find_export``.
    """

    def __init__(self, function: Callable[[bytes, int, int], int | None]) -> None:
        self._function = function

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
        """Return the command that the core finds, or ``None``; its fixup and its other flags the core does not tell."""
        address = self._function(c_string(name), param_no, int(flags))
        return CmdExport(name, NativeCommand(name, address), param_no, 0, flags) if address else None

    def require_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any]:
        """Return the command that the core finds, or raise an error; a core does not list what it has."""
        export = self.find_export(name, param_no, flags)
        if export is None:
            msg = f"the core finds no command {name!r} with {counted(param_no, 'parameter')} (is a module missing?)"
            raise UnknownCommandError(msg, asked=name, available=())
        return export


class ModuleLookup:
    """The look-up of a Python host, for a C module in it: commands of Python modules become functions that C can call.

    Args:
        module: The name of the C module, for messages.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._found: dict[int, tuple[CmdExport[Any], Callback]] = {}

    def __call__(self, name: bytes | None, param_no: int, flags: int) -> int | None:
        """Return the address of the function, or null."""
        try:
            export = find_export(text(name or b""), param_no, flags)
            return None if export is None else self._callback(export).address
        except BaseException as error:  # noqa: BLE001 - the caller is C, and takes none
            failures.add(f"sermod_find_export({name!r}, {param_no}) by module {self._module!r}", error)
            return None

    def _callback(self, export: CmdExport[Any]) -> Callback:
        # By identity, and kept for ever: C may call the function as long as it is in memory.
        if id(export) not in self._found:
            called = Called("another module", str(export.name), failures)
            self._found[id(export)] = export, command_callback(export, called, message=message_at)
        return self._found[id(export)][1]


def give_lookup(library: Library, module: str) -> None:
    """Fill the variable ``sermod_find_export`` of a C module, if it has one.

    Args:
        library: The module's shared object.
        module: Its name, for messages.

    Raises:
        LoadError: What is called so is no variable.
    """
    address = library.variable(FIND_EXPORT)
    if address is None:
        return
    if not Mappings().allow("w", address, ctypes.sizeof(ctypes.c_void_p)):
        msg = (
            f"the {FIND_EXPORT} of the compiled module {library.path!r} cannot be written to: it is to be a variable, "
            f"sermod_find_export_function {FIND_EXPORT};"
        )
        raise LoadError(msg, what=library.path, origin=library.path)
    callback = FIND_EXPORT_FUNCTION(ModuleLookup(module))
    library.kept.append(callback)
    ctypes.c_void_p.from_address(address).value = ctypes.cast(callback, ctypes.c_void_p).value
