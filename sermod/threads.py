"""Threads that modules start before the fork: no child has them, and a C core forks likewise."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sermod.errors import InterfaceWarning
from sermod.problems import Problem, Severity


def thread_warnings(threads: Iterable[tuple[str, threading.Thread]]) -> list[InterfaceWarning]:
    """Return what is to be said to the user before a fork. Called in the main process.

    Args:
        threads: What ``Lifecycle.threads`` has: the name of a module, and a thread that its ``init_f`` started.

    Returns:
        A warning for each thread that still runs.
    """
    return [InterfaceWarning(module, _problem(thread.name)) for module, thread in threads if thread.is_alive()]


def _problem(name: str) -> Problem:
    return Problem(
        "init_f",
        "thread-before-fork",
        Severity.WARNING,
        f"it started the thread {name!r}, which no child will have. A C core forks likewise: only the thread that "
        f"forks goes on in the child, and a lock that another held stays locked. Start threads in init_child_f.",
    )
