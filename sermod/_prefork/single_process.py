"""A server without children: the one process acts as the child of rank 1 (the core's ``fork=no``)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from sermod._core.lifecycle import Lifecycle
from sermod._prefork.child import run_worker
from sermod._prefork.events import ChildReady, Event, Stopped, Stopping
from sermod._prefork.failures import Failures
from sermod._prefork.settings import Worker
from sermod._prefork.signals import StopSignals, Terminated


def serve_in_this_process(
    life: Lifecycle[Any], worker: Worker, signals: StopSignals, emit: Callable[[Event], object]
) -> signal.Signals | None:
    """Initialise, work and clean up in this process, in the order of a server of children.

    Args:
        life: The lifecycle, which is not initialised yet.
        worker: The work.
        signals: The signals that end the work.
        emit: Called with each event.

    Returns:
        The signal that ended the work; ``None`` where the worker returned.
    """
    failures = Failures()
    reason = "the worker returned"
    life.init()
    try:
        with signals.raising():
            life.init_child(1)
            emit(ChildReady(1, os.getpid()))
            run_worker(worker, 1)
    except Terminated:
        pass
    except BaseException as error:  # noqa: BLE001 - it is raised after the clean-up
        failures.add(error)
        reason = f"{type(error).__name__} was raised"
    if signals.noted is not None:
        reason = f"{signals.noted.name} arrived"
    steps: list[Callable[[], object]] = [
        lambda: emit(Stopping(reason, signals.noted)),
        life.destroy,
        lambda: emit(Stopped()),
    ]
    for step in steps:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - as above
            failures.add(error)
    failures.reraise()
    return signals.noted
