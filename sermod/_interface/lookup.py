"""Finding a command of any module while a hook or a fixup runs (core, ``find_export``)."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from sermod._interface.exports import CmdExport
from sermod.errors import LifecycleError


class Commands(Protocol):
    """An object that finds commands: a registry, or the look-up of a C core."""

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
        """Return the command that the core's scan would find, or ``None``."""
        ...


class _Hook(threading.local):
    """The commands that :func:`find_export` finds in this thread; ``None`` while no hook runs."""

    commands: Commands | None = None


_hook: Final = _Hook()


@contextmanager
def looking_up_in(commands: Commands) -> Generator[None]:
    """Let :func:`find_export` find *commands* in this thread, while a hook or a fixup of one of its modules runs."""
    outer, _hook.commands = _hook.commands, commands
    try:
        yield
    finally:
        _hook.commands = outer


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
    if _hook.commands is None:
        msg = (
            f"find_export({name!r}, {param_no}) was called outside of hooks and fixups: call it in mod_init, and keep "
            f"what it returns"
        )
        raise LifecycleError(msg, state="outside of a module's hook", call="find_export()")
    return _hook.commands.find_export(name, param_no, flags)
