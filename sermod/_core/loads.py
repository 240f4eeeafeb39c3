"""What a registry has loaded: the names that users know it by, its Python modules, and its threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable

from sermod._core.loader import Loaded
from sermod._core.recording import remove_tree
from sermod._core.source import file_module, is_path
from sermod._core.state import INITIALISING, State
from sermod.errors import LifecycleError, UnknownModuleError


class Loads:
    """The loads of one registry.

    Attributes:
        origins: Where the modules come from.
        threads: The threads that were started while a module was loaded, each with the module's name.
    """

    def __init__(self) -> None:
        self.origins: set[str] = set()
        self.threads: list[tuple[str, threading.Thread]] = []
        self._own_names: dict[str, str] = {}
        self._executed: list[tuple[str, object]] = []

    def add(self, what: str | os.PathLike[str], name: str, loaded: Loaded) -> None:
        """Add a load that has succeeded.

        Args:
            what: What the caller asked for.
            name: The name in the module's exports.
            loaded: The result.
        """
        asked = os.fspath(what)
        self.origins.add(loaded.origin)
        self._own_names.update({asked: name, _expected_name(asked): name})
        self.threads += [(name, thread) for thread in loaded.threads]
        if loaded.private_name is not None:
            self._executed.append((loaded.private_name, sys.modules.get(loaded.private_name)))

    def unknown_module(self, name: str, available: Iterable[str]) -> UnknownModuleError:
        """Return the error for a name that no module has in its exports, but a file may have.

        Args:
            name: The name.
            available: The names of all modules.
        """
        own_name = self._own_names.get(name)
        message = f"no loaded module is named {name!r}"
        if own_name is not None:
            message = f"no loaded module is named {name!r}: the module that was loaded as {name!r} has another name"
        return UnknownModuleError(message, asked=name, available=available, nearest=own_name)

    def forget(self, state: str | None) -> None:
        """Remove the modules that were executed from files from ``sys.modules``, with their submodules.

        Args:
            state: The state of the lifecycle, if there is one.

        Raises:
            LifecycleError: The modules are initialised.
        """
        if state is not None and state in (INITIALISING, State.INITIALISED):
            msg = f"forget() comes too early: the lifecycle is {state}; call destroy() first"
            raise LifecycleError(msg, state=state, call="forget()")
        for name, module in self._executed:
            if sys.modules.get(name) is module:  # otherwise it is another registry's by now
                remove_tree(name)
        self._executed.clear()


def _expected_name(what: str) -> str:
    """Return the name that a user expects for a module loaded as *what*: that of its file."""
    return file_module(what) if is_path(what) else what.rpartition(".")[2]


def directories_of(path: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Return the directories that a registry looks up bare names in, as texts."""
    if isinstance(path, (str, os.PathLike)):
        raise TypeError(f"Registry(path=...) takes directories in a list (got {path!r}); write path=[{path!r}]")
    return tuple(os.fspath(directory) for directory in path)
