"""The code that runs in a child, from its fork to its end (spec, section 1.4: "after the main process forks")."""

from __future__ import annotations

import atexit
import fcntl
import os
import select
import signal
from collections.abc import Callable, Collection, Coroutine
from types import FrameType
from typing import Any, Final, TypeAlias

import attrs

from sermod._core.lifecycle import Lifecycle
from sermod._core.results import traceback_of
from sermod._forking import close_in_forks, flush
from sermod._prefork.reports import Reports
from sermod._prefork.settings import Worker
from sermod._prefork.signals import Handler, Terminated
from sermod.errors import ChildInitError

Handlers: TypeAlias = Collection[tuple[int, Handler]]

FAILED: Final = 1
"""The exit code of a child that failed."""
_F_SETSIG: Final[int | None] = getattr(fcntl, "F_SETSIG", None)
_SIGKILL: Final = int(signal.SIGKILL)


@attrs.frozen(eq=False)
class ChildSpec:
    """What the main process gives to a child.

    Attributes:
        number: Its number, which no other child of this main process ever has.
        rank: Its rank.
        reports: Where it reports that it is ready, or how it failed.
        own: The descriptors of this child alone, in rising order.
        lifeline: One of them: the end for reading of a pipe whose other end only the main process has.
        on_module: Called with the name of each module before its ``init_child_f`` runs.
        handlers: Its signal handlers.
        mask: The signals that it blocks.
    """

    number: int
    rank: int
    reports: Reports
    own: Collection[int]
    lifeline: int
    on_module: Callable[[str], object]
    handlers: Handlers
    mask: Collection[int]

    def close(self) -> None:
        """Close the descriptors that a process forked by the child must not have."""
        for descriptor in (*self.own, self.reports.writable):
            os.close(descriptor)


def run_child(spec: ChildSpec, life: Lifecycle[Any], worker: Worker) -> int:
    """Run a child: initialise the modules, call the worker, clean up; return the exit code.

    Called in the child, with the signals of ``spec.handlers`` blocked. Whatever happens here, the caller must end the
    process by ``os._exit`` with the result.

    Args:
        spec: What the main process gives to the child.
        life: The lifecycle, which the main process has initialised.
        worker: The work.

    Returns:
        The exit code.
    """
    _drop_what_belongs_to_main(spec)
    if not _die_with_parent(spec.lifeline):
        return FAILED
    ready, code = False, FAILED
    try:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, spec.mask)
            life._init_child(spec.rank, spec.on_module)
            ready = True
            spec.reports.ready(spec.number)
            run_worker(worker, spec.rank)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
                signal.signal(number, _ignore)  # the end that they ask for has begun
        code = 0
    except SystemExit as error:
        code = _exit_code(spec, error)
    except BaseException as error:  # noqa: BLE001 - any exception is reported to the main process
        failure = error if isinstance(error, ChildInitError) and not ready else traceback_of(error)
        spec.reports.failed(spec.number, failure)
    finally:
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage] - as multiprocessing does
        flush()
    return code


def handlers_for_children() -> Handlers:
    """Return the signal handlers of children: ``SIGTERM`` ends the worker, and this process's handlers are the default.

    Ctrl-C in a terminal reaches every process, and the main process decides what follows. A child ignores it by a
    handler that does nothing: ``SIG_IGN`` would pass to the programs that the worker runs. With ``SIGCONT`` the main
    process wakes a child.
    """
    handlers: dict[int, Handler] = {
        number: signal.SIG_DFL for number in signal.valid_signals() if callable(signal.getsignal(number))
    }
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        handlers[signal.SIGINT] = _ignore
    handlers[signal.SIGCONT] = _ignore
    handlers[signal.SIGTERM] = _terminate
    return [*handlers.items()]


def run_worker(worker: Worker, rank: int) -> None:
    """Call the worker with its rank, in a child or in the only process.

    Raises:
        TypeError: The worker is a coroutine function, so that no work was done.
    """
    result = worker(rank)
    if isinstance(result, Coroutine):
        result.close()
        raise TypeError(
            f"worker({rank}) returned a coroutine, which is never run; give a plain function as the worker, and let it "
            f"call asyncio.run()"
        )


def _drop_what_belongs_to_main(spec: ChildSpec) -> None:
    """Drop the wake-up descriptor, the signal handlers and the exit functions of the main process."""
    signal.set_wakeup_fd(-1)
    for number, handler in spec.handlers:
        signal.signal(number, handler)
    atexit._clear()  # pyright: ignore[reportPrivateUsage] - what is registered is the main process's
    close_in_forks(spec.close)


def _die_with_parent(lifeline: int) -> bool:
    """Make sure that this process does not outlive the main process (Linux).

    The kernel sends a signal once no process has the other end of the pipe. It is ``SIGKILL``: after a milder
    signal, no main process would be there to send ``SIGKILL`` later.

    Returns:
        Whether the main process still exists.
    """
    if _F_SETSIG is None:
        return True
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, _F_SETSIG, _SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    return not poll.poll(0)


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, _ignore)
    raise Terminated(number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def _exit_code(spec: ChildSpec, error: SystemExit) -> int:
    """Return the exit code that CPython would use, and report the text that CPython would print."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    spec.reports.failed(spec.number, f"SystemExit: {error.code}")
    return FAILED
