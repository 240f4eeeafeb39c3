"""Modules that tests make in memory, and a journal of which of their functions were called."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from sermod import (
    REQUEST_ROUTE,
    Action,
    CmdExport,
    ConfigurationErrors,
    Lifecycle,
    ModuleExports,
    ParamExport,
    Registry,
    null_terminated,
)


def make_exports(name: str, *entries: CmdExport[Any] | ParamExport, **hooks: Callable[..., Any]) -> ModuleExports[Any]:
    """Return the exports of a module; its arrays are terminated, or null where they would be empty."""
    cmds = [entry for entry in entries if isinstance(entry, CmdExport)]
    params = [entry for entry in entries if isinstance(entry, ParamExport)]
    return ModuleExports(
        name, null_terminated(*cmds) if cmds else None, null_terminated(*params) if params else None, **hooks
    )


def bound(function: Callable[..., Any], *params: str, fixup: Callable[[str, int], object] | None = None) -> Action[Any]:
    """Return a call of *function* with these parameters, in a server that is initialised."""
    core = Registry[Any](script_param_no=range(7))
    core.register(make_exports("m", CmdExport("c", function, len(params), fixup, REQUEST_ROUTE)))
    action = core.bind("c", *params, route=REQUEST_ROUTE)
    Lifecycle(core).init()
    return action


def contents(core: Registry[Any]) -> object:
    """Return all that a registry knows, and what its modules' parameters hold, to compare before and after."""
    commands = [command for module in core for command in module.exports.commands]
    params = [param for module in core for param in module.exports.parameters]
    return (
        tuple(core),
        core.actions,
        [core.find_export(str(command.name), command.param_no, command.flags) for command in commands],
        [param.param_pointer and param.param_pointer.load() for param in params],
    )


@contextmanager
def mistakes_in(
    core: Registry[Any], expected: type[BaseException] = ConfigurationErrors
) -> Generator[pytest.ExceptionInfo[Any]]:
    """Collect the errors of a configuration, and expect that an exception comes out of it in the end."""
    with pytest.raises(expected) as caught, core.collect_errors():
        yield caught


class Journal(list[object]):
    """What was called, in this order."""

    def hook(self, entry: str, *, returns: object = None, raises: BaseException | None = None) -> Callable[..., Any]:
        """Return a function of any arguments that writes them down behind *entry*, and then returns or raises."""

        def function(*arguments: object) -> object:
            self.append((entry, *arguments) if arguments else entry)
            if raises is not None:
                raise raises
            return returns

        return function
