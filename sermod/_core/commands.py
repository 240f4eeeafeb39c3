"""The commands of all loaded modules, indexed so that a look-up costs what a dictionary costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntFlag
from typing import Any, Final, Generic

from sermod._interface.exports import CmdExport, MsgT, route_names
from sermod._problems import either
from sermod.errors import ParamCountError, RouteError, SermodError, UnknownCommandError

_and: Final = int.__and__  # the flag's own `&` runs Python code


class CommandIndex(Generic[MsgT]):
    """The commands under each name, in the order of the core's scan: from the newest module to the oldest.

    Args:
        route_flags: The kinds of route that the host's script knows.
        script_param_no: The numbers of parameters with which the host's script can call a command.
    """

    def __init__(self, route_flags: IntFlag, script_param_no: Collection[int]) -> None:
        self._route_flags = int(route_flags)
        self._route_names = type(route_flags)
        self._script_param_no = script_param_no
        # Nearly always there is one export under a name, and a tuple of them only where there are overloads. The names
        # of the modules stand beside them, so that adding allocates nothing for each command: with thousands of
        # modules, what is allocated is what the garbage collector walks through again and again.
        self._exports: dict[str, CmdExport[MsgT] | tuple[CmdExport[MsgT], ...]] = {}
        self._modules: dict[str, str | tuple[str, ...]] = {}

    def find(self, name: str, param_no: int, flags: int = 0) -> CmdExport[MsgT] | None:
        """Return the command that the core's scan would find, or ``None``."""
        found = self._exports.get(name)
        if found is None:
            return None
        if isinstance(found, tuple):
            return next((export for export in found if _fits(export, param_no, flags)), None)
        # As _fits() has it, without the call
        fits = found.param_no == param_no and (not flags or _and(found.flags, flags) == flags)
        return found if fits else None

    def module_of(self, export: CmdExport[MsgT]) -> str:
        """Return the name of the module that exports a command which :meth:`find` has returned."""
        return next(module for found, module in self._overloads(str(export.name)) if found is export)

    def hidden_by(self, commands: Iterable[CmdExport[MsgT]]) -> CmdExport[MsgT] | None:
        """Return a command that one of *commands* would hide from the script, or ``None`` if there is none."""
        for command in commands:
            if command.name in self._exports and self.is_scriptable(command):
                for other, _ in self._overloads(command.name):
                    if other.param_no == command.param_no and other.flags & command.flags & self._route_flags:
                        return other
        return None

    def is_scriptable(self, command: CmdExport[MsgT]) -> bool:
        """Return whether the host's script can call the command at all."""
        return bool(_and(command.flags, self._route_flags)) and command.param_no in self._script_param_no

    def add(self, module: str, commands: Iterable[CmdExport[MsgT]]) -> None:
        """Add the commands of a module, which is the newest."""
        exports, modules = self._exports, self._modules
        for command in commands:
            name: Any = command.name
            if name in exports:
                self._add_overload(name, command, module)
            else:
                exports[name] = command
                modules[name] = module

    def _add_overload(self, name: str, command: CmdExport[MsgT], module: str) -> None:
        """Put a command where the scan would find it: before those of older modules, after those of its own module.

        Commands that the scan would no longer reach are left out; so there are few exports under a name, however many
        modules export it.
        """
        before = self._overloads(name)
        own = [pair for pair in before if pair[1] == module]
        older = [pair for pair in before if pair[1] != module and not _hides(command, pair[0])]
        pairs = [*own, (command, module), *older]
        if len(pairs) == 1:
            self._exports[name], self._modules[name] = command, module
        else:
            self._exports[name] = tuple(export for export, _ in pairs)
            self._modules[name] = tuple(owner for _, owner in pairs)

    def _overloads(self, name: str) -> list[tuple[CmdExport[MsgT], str]]:
        exports, modules = self._exports[name], self._modules[name]
        if isinstance(exports, tuple):
            return list(zip(exports, modules, strict=True))
        return [(exports, str(modules))]

    def not_found(self, name: str, count: int, flags: int, asked: str, *, in_script: bool) -> SermodError:
        """Return the error for a look-up that found nothing: because of the name, the parameters or the routes.

        Args:
            name: The command's name.
            count: The wanted number of parameters.
            flags: The wanted routes.
            asked: How the message names the command.
            in_script: Whether the host's script asks, rather than another module.
        """
        if name not in self._exports:
            message = f"no loaded module exports {asked} (is a load() missing?)"
            return UnknownCommandError(message, asked=name, available=self._exports)
        exports = [export for export, _ in self._overloads(name) if not flags or export.flags]
        if not exports:
            message = (
                f"{asked} is for other modules only, and no script can call it; a module finds it with find_export()"
            )
            return RouteError(message, command=name, takes=[0], got=flags)
        every = sorted({export.param_no for export in exports})
        numbers = [number for number in every if number in self._script_param_no or not in_script]
        if count in numbers:
            routes = [int(export.flags) for export in exports if export.param_no == count]
            asked_for, *allowed = (route_names(each, self._route_names) for each in (flags, *routes))
            message = f"{asked} cannot be used in {asked_for}; it can be used in {' or '.join(allowed)}"
            return RouteError(message, command=name, takes=routes, got=flags)
        if numbers:
            message = f"{asked} takes {either(numbers, 'parameter')} (got {count})"
        else:
            writable = either(sorted(self._script_param_no), "parameter")
            message = (
                f"{asked} takes {either(every, 'parameter')}, and a script can only write calls with {writable} (got "
                f"{count}); a module finds it with find_export()"
            )
        return ParamCountError(message, command=name, takes=numbers, got=count)


def _fits(export: CmdExport[Any], param_no: int, flags: int) -> bool:
    return export.param_no == param_no and (not flags or _and(export.flags, flags) == flags)


def _hides(newer: CmdExport[Any], older: CmdExport[Any]) -> bool:
    return newer.param_no == older.param_no and not older.flags & ~int(newer.flags)
