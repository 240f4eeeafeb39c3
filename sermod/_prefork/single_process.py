"""A server without children: the one process acts as the child of rank 1 (the core's ``fork=no``)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from sermod._core.lifecycle import Lifecycle
from sermod._prefork.child import work
from sermod._prefork.events import ChildReady, Event, Stopped, Stopping
from sermod._prefork.failures import Failures
from sermod._prefork.settings import Worker
from sermod._prefork.signals import StopSignals, Terminated


def serve_alone(
    life: Lifecycle[Any], worker: Worker, signals: StopSignals, tell: Callable[[Event], object]
) -> signal.Signals | None:
    """Initialise, work and clean up in this process, in the order in which a server of children does.

    Args:
        life: The lifecycle, which is not initialised yet.
        worker: The work.
        signals: What ends the work.
        tell: Is told what happens.

    Returns:
        The signal that ended the work; ``None`` where it came to its end.
    """
    failures = Failures()
    reason = "the worker has returned"
    life.init()
    try:
        with signals.raising():
            life.init_child(1)
            tell(ChildReady(1, os.getpid()))
            work(worker, 1)
    except Terminated:
        pass
    except BaseException as error:  # noqa: BLE001 - it is raised after the clean-up
        failures.add(error)
        reason = f"{type(error).__name__} was raised"
    if signals.noted is not None:
        reason = f"{signals.noted.name} has come"
    steps: list[Callable[[], object]] = [
        lambda: tell(Stopping(reason, signals.noted)),
        life.destroy,
        lambda: tell(Stopped()),
    ]
    for step in steps:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - likewise
            failures.add(error)
    failures.reraise()
    return signals.noted
