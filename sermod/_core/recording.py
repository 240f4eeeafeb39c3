"""What one load adds to the process, apart from what other threads add at the same time."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from typing import Any, Final, NamedTuple, Self

_lock = threading.Lock()
"""Held while recordings are compared with each other; never while code of a module runs."""
_active: list[Recording] = []


class Recording:
    """Records which modules and threads the thread that loads a module adds, from ``__enter__`` to ``__exit__``.

    Meanwhile a finder that finds nothing comes first in ``sys.meta_path``, since finders are called in the thread that
    imports, and ``threading.Thread.start`` is wrapped. Both are put back when no load is left.

    Attributes:
        threads: The threads that were started.
    """

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self._thread = threading.get_ident()
        self._wanted = ""
        self._executes = ""
        self._before: set[str] = set()
        self._importers: dict[str, set[int]] = {}

    def __enter__(self) -> Self:
        with _lock:
            self._before = {*sys.modules}
            if not _active:
                _watch()
            _active.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with _lock:
            _active.remove(self)
            if not _active:
                _unwatch()
            if kind is None:
                self._share()
            else:
                self._forget()

    def want(self, module: str) -> None:
        """Say which module, by its name in ``sys.modules``, is about to be imported or executed."""
        with _lock:
            self._wanted = module

    def executes(self, place: str) -> bool:
        """Say which file or module is about to be executed; return whether a load of this thread executes it already.

        Args:
            place: The real path of the file, or the dotted name.
        """
        with _lock:
            self._executes = place
            others = [other for other in _active if other is not self]
            return any(other._thread == self._thread and other._executes == place for other in others)

    # Threads --------------------------------------------------------------------------------------------------------

    def on_start(self, thread: threading.Thread) -> None:
        """Record a thread that the loading thread, or one that it has started, is about to start."""
        starter = threading.get_ident()
        if starter == self._thread or any(known.ident == starter for known in self.threads):
            self.threads += [thread] if thread not in self.threads else []

    # Modules --------------------------------------------------------------------------------------------------------

    def on_import(self, name: str) -> None:
        """Record that the current thread, which may be any, is about to import a module."""
        self._importers.setdefault(name, set()).add(threading.get_ident())

    def _share(self) -> None:
        """Let no other load forget what this one has loaded, or the packages above it."""
        for other in self._others():
            other._before.update(_lineage(self._wanted))

    def _forget(self) -> None:
        """Remove from ``sys.modules`` what was added for the module: itself, and what is new in its package."""
        package = self._wanted.partition(".")[0]
        inside = {name for name in [*sys.modules] if f"{name}.".startswith(f"{package}.")}
        new = {name for name in inside - self._before if self._is_own(name)}
        for other in self._others():
            needed = new & {*_lineage(other._wanted)}
            new -= needed
            other._before -= needed  # that load is the one that forgets it now
            other._importers.update((name, {other._thread}) for name in needed)
        new -= {above for name in inside - new for above in _lineage(name)}
        for name in new:
            removed = sys.modules.pop(name, None)
            above, _, attribute = name.rpartition(".")
            parent: object = sys.modules.get(above)
            if above not in new and getattr(parent, "__dict__", {}).get(attribute) is removed:
                delattr(parent, attribute)

    def _is_own(self, name: str) -> bool:
        if self._wanted.startswith(PRIVATE):
            return True
        importers = self._importers.get(name)
        if importers is None:  # put there by code, or by an import that another thread began earlier
            spec = getattr(sys.modules.get(name), "__spec__", None)
            return getattr(spec, "name", None) != name
        return importers == {self._thread}

    def _others(self) -> list[Recording]:
        return [other for other in _active if other is not self and other._thread != self._thread]


PRIVATE = "_sermod_"
"""How the names of modules begin that are executed from files."""


def remove_tree(root: str) -> None:
    """Remove a module and everything below it from ``sys.modules``."""
    for name in [*sys.modules]:
        if f"{name}.".startswith(f"{root}."):
            sys.modules.pop(name, None)


def _lineage(name: str) -> Iterator[str]:
    """Yield a dotted name and the names of the packages above it."""
    while name:
        yield name
        name = name.rpartition(".")[0]


# What is watched while a load runs ----------------------------------------------------------------------------------


class _Finder:
    """Finds no module, but reports to the recordings which one is looked for."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return nothing. Called by the import system, in the thread that imports."""
        for recording in (*_active,):
            recording.on_import(name)
        return None


_finder: Final = _Finder()


class _Watched(NamedTuple):
    """What stands in while a load runs, and what was there before.

    Attributes:
        finders: The value of ``sys.meta_path``.
        unchanged: What it contained at first.
        finders_before: The list that was there before.
        start: The value of ``threading.Thread.start``.
        start_before: The function that was there before.
    """

    finders: list[Any]
    unchanged: list[Any]
    finders_before: list[Any]
    start: Callable[[threading.Thread], None]
    start_before: Any


_watched: list[_Watched] = []
"""Empty while no load runs."""


def _watch() -> None:
    original = threading.Thread.start

    def start(self: threading.Thread) -> None:
        for recording in (*_active,):
            recording.on_start(self)
        original(self)

    # A new list: a thread that is going through the old one would leave a finder out when this one is removed from it.
    finders: list[Any] = [_finder, *sys.meta_path]
    _watched[:] = [_Watched(finders, [*finders], sys.meta_path, start, original)]
    sys.meta_path = finders
    threading.Thread.start = start  # type: ignore[method-assign]


def _unwatch() -> None:
    watched = _watched.pop()
    if sys.meta_path is watched.finders and watched.finders == watched.unchanged:
        sys.meta_path = watched.finders_before
    else:  # a module has added a finder, for example
        sys.meta_path = [finder for finder in sys.meta_path if finder is not _finder]
    if threading.Thread.start is watched.start:  # otherwise it is wrapped again, and stays below that without effect
        threading.Thread.start = watched.start_before  # type: ignore[method-assign]


def _renew() -> None:
    """Leave the loads of other threads, which do not exist in a forked child, behind."""
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    _active[:] = [recording for recording in _active if recording._thread == threading.get_ident()]
    if not _active and _watched:
        _unwatch()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_renew)
