"""Finding the commands of other modules across languages (the core, ``find_export``).

A Python module in a C core finds what the core has, and a C module in a Python host finds what the host has.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

from sermod._interface.exports import CmdExport
from sermod._interface.lookup import find_export
from sermod._problems import counted
from sermod.errors import LoadError, UnknownCommandError
from sermod.native.callbacks import Callback, command_callback
from sermod.native.failures import Callee, Failures
from sermod.native.functions import NativeCommand
from sermod.native.layout import FIND_EXPORT_FUNCTION, address_of_function, from_c_string, to_c_string
from sermod.native.library import FIND_EXPORT, Library
from sermod.native.memory import Mappings
from sermod.native.messages import message_at

failures: Final = Failures()
"""The exceptions of Python commands that C modules found."""


def recent_errors() -> tuple[BaseException, ...]:
    """Return the last exceptions of Python commands that C modules found and called, the newest last.

    C got -1 for each of them. Each was logged with its traceback by the logger ``sermod.native``.
    """
    return tuple(failures.recent)


class CoreLookup:
    """Finds the commands of a C core, for the Python modules in it.

    Args:
        function: The core's ``find_export``.
    """

    def __init__(self, function: Callable[[bytes, int, int], int | None]) -> None:
        self._function = function

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
        """Return the command that the core finds, or ``None``.

        The core returns only its function: the fixup is null, and the flags are those that were asked for.
        """
        address = self._function(to_c_string(name), param_no, int(flags))
        return CmdExport(name, NativeCommand(name, address), param_no, 0, flags) if address else None

    def require_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any]:
        """Return the command that the core finds, or raise an error; a core does not list what it has."""
        export = self.find_export(name, param_no, flags)
        if export is None:
            msg = f"the core finds no command {name!r} with {counted(param_no, 'parameter')} (is a module missing?)"
            raise UnknownCommandError(msg, asked=name, available=())
        return export


class FindExportForC:
    """The ``find_export`` of a Python host for a C module in it, which can call what it finds, in either language.

    Args:
        module: The name of the C module, for messages.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._found: dict[int, tuple[CmdExport[Any], Callback]] = {}

    def __call__(self, name: bytes | None, param_no: int, flags: int) -> int | None:
        """Return the address of the function, or ``None`` for a null pointer."""
        try:
            export = find_export(from_c_string(name or b""), param_no, flags)
            return None if export is None else self._callback(export).address
        except BaseException as error:  # noqa: BLE001 - the caller is C, which cannot take an exception
            failures.add(f"sermod_find_export({name!r}, {param_no}) by module {self._module!r}", error)
            return None

    def _callback(self, export: CmdExport[Any]) -> Callback:
        # The export is kept with its callback: C may call the function at any time, and its id() must stay its own.
        if id(export) not in self._found:
            callee = Callee("another module", str(export.name), failures)
            self._found[id(export)] = export, command_callback(export, callee, message=message_at)
        return self._found[id(export)][1]


def fill_find_export(library: Library, module: str) -> None:
    """Set the variable ``sermod_find_export`` of a C module, if it has one.

    Args:
        library: The shared object of the module.
        module: The name of the module, for messages.

    Raises:
        LoadError: The symbol is not a variable.
    """
    address = library.address_of(FIND_EXPORT)
    if address is None:
        return
    if not Mappings().allows("w", address, ctypes.sizeof(ctypes.c_void_p)):
        msg = (
            f"{FIND_EXPORT} of the compiled module {library.path!r} cannot be written to; define it as a variable: "
            f"sermod_find_export_function {FIND_EXPORT};"
        )
        raise LoadError(msg, what=library.path, origin=library.path)
    callback = FIND_EXPORT_FUNCTION(FindExportForC(module))
    library.kept.append(callback)
    ctypes.c_void_p.from_address(address).value = address_of_function(callback)
