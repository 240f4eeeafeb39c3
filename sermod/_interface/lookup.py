"""Finding a command of any module while a hook or a fixup runs (core, ``find_export``)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, cast

from sermod._interface.exports import CmdExport
from sermod.errors import LifecycleError


class Commands(Protocol):
    """An object that finds commands: a registry, or the look-up of a C core."""

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
        """Return the command that the core's scan would find, or ``None``."""
        ...

    def require_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any]:
        """Return the command that the core's scan would find, or raise an error that says what there is."""
        ...


class _Hook(threading.local):
    """The commands that :func:`find_export` finds in this thread; ``None`` while no hook runs."""

    commands: Commands | None = None


_hook: Final = _Hook()


class looking_up_in:  # noqa: N801 - a context manager, called as functions are
    """Let :func:`find_export` find *commands* in this thread, while a hook or a fixup of one of its modules runs.

    It is a class since ``contextlib.contextmanager`` changes the exceptions that pass through, which not all allow.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._outer: Commands | None = None

    def __enter__(self) -> None:
        self._outer, _hook.commands = _hook.commands, self._commands

    def __exit__(self, *_: object) -> None:
        _hook.commands = self._outer


def find_export(name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
    """Find a command of any loaded module, from within an ``init_f``, fixup, ``init_child_f`` or ``destroy_f``.

    The thread that runs such a function finds the commands of its module's registry. A function that is found in
    ``init_f`` must not be called before ``init_child_f``: its own module may be initialised later.

    Args:
        name: The command's name.
        param_no: Its number of parameters.
        flags: The routes that it must be for, all of them; 0: any command, also one for other modules only.

    Returns:
        The export, or ``None`` where there is none.

    Raises:
        LifecycleError: This thread runs no such function.
    """
    return _commands("find_export", name, param_no).find_export(name, param_no, flags)


def require_function(name: str, param_no: int, flags: int = 0) -> Callable[..., Any]:
    """Find a function of any loaded module as :func:`find_export` does, or raise an error that says what there is.

    A module that always uses the function declares it instead: :func:`~sermod.uses`.

    Args:
        name: The command's name.
        param_no: Its number of parameters.
        flags: The routes that it must be for, all of them; 0: any command, also one for other modules only.

    Returns:
        The function of the command.

    Raises:
        UnknownCommandError: No module exports a command of that name.
        ParamCountError: The command takes another number of parameters.
        RouteError: The command is not for these routes.
        LifecycleError: This thread runs no ``init_f``, fixup, ``init_child_f`` or ``destroy_f``.
    """
    commands = _commands("require_function", name, param_no)
    # A registry may note what is not found, and only there.
    export = commands.find_export(name, param_no, flags) or commands.require_export(name, param_no, flags)
    return cast("Callable[..., Any]", export.function)  # validation lets no command without a function pass


def _commands(call: str, name: str, param_no: int) -> Commands:
    if _hook.commands is None:
        msg = (
            f"{call}({name!r}, {param_no}) was called outside of hooks and fixups: call it in mod_init, and keep what "
            f"it returns"
        )
        raise LifecycleError(msg, state="outside of a module's hook", call=f"{call}()")
    return _hook.commands


class UsedFunction(NamedTuple):
    """A function of another module that a module uses.

    Attributes:
        name: The name of the command.
        param_no: Its number of parameters.
        flags: The routes that it must be for; 0: any command.
    """

    name: str
    param_no: int
    flags: int = 0


def used_functions(init_f: object) -> tuple[UsedFunction, ...]:
    """Return the functions of other modules that an ``init_f`` looks up, as far as it declares them.

    Args:
        init_f: The ``init_f`` of a module, or ``None``.
    """
    # Looked up in the class: an instance of Mock has every attribute.
    if not hasattr(type(init_f), "used_functions"):
        return ()
    declared: tuple[UsedFunction, ...] = cast("Any", init_f).used_functions
    return declared
