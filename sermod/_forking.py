"""What each fork in this library does: flush what is buffered, close what belongs to one process, warn of threads."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Final

from sermod._problems import problem
from sermod.errors import InterfaceWarning

# Standard streams -----------------------------------------------------------------------------------------------------

_flush_functions: Final[list[Callable[[], object]]] = []


def flush_also(function: Callable[[], object]) -> None:
    """Have :func:`flush` call *function* as well; for a library that has buffers of its own.

    Args:
        function: Writes out what is buffered.
    """
    _flush_functions.append(function)


def flush() -> None:
    """Write out what is buffered for standard output and standard error, before a fork and at the end of a child.

    A child inherits the buffers of the process that forks it, and would write their content a second time; a child that
    ends by ``os._exit`` loses what it has buffered.
    """
    for stream in (sys.stdout, sys.stderr):
        # A stream may be None or closed, or its reader may be gone; print() reports that.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
    for function in _flush_functions:
        function()


# Descriptors that belong to one process -------------------------------------------------------------------------------

_closers: Final[list[Callable[[], object]]] = []


def close_in_forks(close: Callable[[], object]) -> None:
    """Have each process that this one forks call *close* first, whatever code forks it.

    Args:
        close: Closes descriptors in the new process; those of this process stay open.
    """
    _closers.append(close)


def keep_in_forks(close: Callable[[], object]) -> None:
    """Undo :func:`close_in_forks`."""
    _closers.remove(close)


def _close_all() -> None:
    closers = _closers[:]
    _closers.clear()
    for close in closers:
        close()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_close_all)


def runs_of(descriptors: Iterable[int]) -> list[tuple[int, int]]:
    """Return descriptors as ranges, from the first to the one behind the last.

    A fresh child pays for every page of memory that it touches: it closes ranges many times as fast as many.
    """
    runs: list[tuple[int, int]] = []
    for descriptor in sorted(descriptors):
        if runs and runs[-1][1] == descriptor:
            runs[-1] = (runs[-1][0], descriptor + 1)
        else:
            runs.append((descriptor, descriptor + 1))
    return runs


def close_runs(runs: Iterable[tuple[int, int]], keep: Iterable[int]) -> None:
    """Close all descriptors in ranges, except those of *keep*, which are in rising order."""
    for first, end in runs:
        start = first
        for kept in keep:
            if start <= kept < end:
                os.closerange(start, kept)
                start = kept + 1
        os.closerange(start, end)


# The end of a child ---------------------------------------------------------------------------------------------------

_EXITED_BY_SIGTERM: Final = 128 + signal.SIGTERM
"""The exit code of a worker in which SIGTERM raised ``SystemExit``: the one that a shell gives for the signal."""


def exit_status(waitstatus: int) -> tuple[int | None, str | None]:
    """Return how a process ended: its exit code and ``None``, or ``None`` and the name of the signal that ended it.

    Args:
        waitstatus: What ``os.waitpid`` returned.
    """
    code = os.waitstatus_to_exitcode(waitstatus)
    return (code, None) if code >= 0 else (None, signal_name(-code))


def how_it_ended(exitcode: int | None, signal_name: str | None) -> str:
    """Return a sentence about the end of a process, for a message.

    Args:
        exitcode: Its exit code; ``None`` where a signal ended it, or where that is unknown.
        signal_name: The name of the signal; ``None`` where it exited, or where that is unknown.
    """
    if signal_name is not None:
        return f"{signal_name} ended it"
    if exitcode == _EXITED_BY_SIGTERM:
        return f"it exited with code {exitcode}, as after a SIGTERM"
    if exitcode is None:
        return "its exit status is unknown: another part of the program took it (SIGCHLD is ignored, or waitpid(-1))"
    return f"it exited with code {exitcode}"


def signal_name(number: int) -> str:
    """Return the name of a signal, for messages."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


# Threads --------------------------------------------------------------------------------------------------------------


def thread_warnings(threads: Iterable[tuple[str, threading.Thread]]) -> list[InterfaceWarning]:
    """Return a warning for each thread that a module left running. Called in the main process before it forks.

    Args:
        threads: ``Lifecycle.threads``: the name of a module, and a thread that it started while it was loaded or in its
            ``init_f``.
    """
    return [
        InterfaceWarning(
            module, problem("init_f", "thread-before-fork", f"it started the thread {thread.name!r}, which still runs")
        )
        for module, thread in threads
        if thread.is_alive()
    ]
