"""Finding a command of any module, from within a function of a module's life (core, ``find_export``)."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from sermod._interface.exports import CmdExport
from sermod.errors import LifecycleError


class Commands(Protocol):
    """Where commands are found: a registry, or the look-up of a C core."""

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
        """Return the command that the core's scan would find, or ``None``."""
        ...


class _Hook(threading.local):
    """Where commands are found while this thread runs a function of a module."""

    commands: Commands | None = None


_hook: Final = _Hook()


@contextmanager
def looking_up_in(commands: Commands) -> Generator[None]:
    """Let :func:`find_export` look in *commands*, in this thread, while a function of one of its modules runs."""
    outer, _hook.commands = _hook.commands, commands
    try:
        yield
    finally:
        _hook.commands = outer


def find_export(name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
    """Find a command of any loaded module, from within an ``init_f``, fixup, ``init_child_f`` or ``destroy_f``.

    The thread that runs such a function sees the registry of its module. A function found in ``init_f`` is for later:
    its own module may be initialised later.

    Args:
        name: The command's name.
        param_no: Its number of parameters.
        flags: The routes that it must all be for; 0: any command, internal ones included.

    Returns:
        The export, or ``None`` where there is none.

    Raises:
        LifecycleError: No such function is running in this thread.
    """
    if _hook.commands is None:
        msg = f"find_export({name!r}, {param_no}) has no module to ask for here: look it up in mod_init and keep it"
        raise LifecycleError(msg, state="outside of a module's hook", call="find_export()")
    return _hook.commands.find_export(name, param_no, flags)
