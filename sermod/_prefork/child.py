"""What a child does, from its fork to its end (spec, section 1.4: "after the main process forks")."""

from __future__ import annotations

import atexit
import fcntl
import os
import select
import signal
import traceback
from collections.abc import Callable, Collection, Coroutine
from types import FrameType
from typing import Any, Final, TypeAlias

import attrs

from sermod._core.lifecycle import Lifecycle
from sermod._forking import close_in_forks, flush
from sermod._prefork.reports import Reports
from sermod._prefork.settings import Worker
from sermod._prefork.signals import Handler, Terminated
from sermod.errors import ChildInitError

Handlers: TypeAlias = Collection[tuple[int, Handler]]

FAILED: Final = 1
"""The exit code of a child in which something went wrong."""
_SET_SIGNAL: Final[int | None] = getattr(fcntl, "F_SETSIG", None)
_SIGKILL: Final = int(signal.SIGKILL)


@attrs.frozen(eq=False)
class Birth:
    """What a child gets from the main process.

    Attributes:
        number: Its number, which no other child of this main process ever has.
        rank: Its rank.
        reports: Where it tells that it is ready, or what went wrong.
        own: The descriptors that are its alone, in rising order.
        lifeline: One of them: the end for reading of a pipe whose other end only the main process has.
        in_module: Takes the name of each module before its ``init_child_f`` is called.
        handlers: What it does about which signals.
        mask: The signals that it blocks.
    """

    number: int
    rank: int
    reports: Reports
    own: Collection[int]
    lifeline: int
    in_module: Callable[[str], object]
    handlers: Handlers
    mask: Collection[int]

    def close(self) -> None:
        """Close what is of no use to the children of the child."""
        for descriptor in (*self.own, self.reports.writable):
            os.close(descriptor)


def live(birth: Birth, life: Lifecycle[Any], worker: Worker) -> int:
    """Be a child: per-child initialization, the work, and the end of it.

    Runs in the child, with the signals of ``birth.handlers`` blocked. The caller is to end the process with the result,
    by ``os._exit``, whatever happens here.

    Args:
        birth: What the main process gave it.
        life: The lifecycle, which the main process has initialised.
        worker: The work.

    Returns:
        The exit code.
    """
    _leave_home(birth)
    if not _tie(birth.lifeline):
        return FAILED
    ready, code = False, FAILED
    try:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, birth.mask)
            life.init_child(birth.rank, on_module=birth.in_module)
            ready = True
            birth.reports.ready(birth.number)
            work(worker, birth.rank)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
                signal.signal(number, _ignore)  # what follows is the end that they ask for
        code = 0
    except SystemExit as error:
        code = _exit_code(birth, error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the main process's to hear of
        told = error if isinstance(error, ChildInitError) and not ready else _text(error)
        birth.reports.failed(birth.number, told)
    finally:
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage] - as multiprocessing does
        flush()
    return code


def handlers_for_children() -> Handlers:
    """Return what children do about signals: what this process handles, they do not, and ``SIGTERM`` ends the worker.

    Ctrl-C in a terminal reaches every process; what is to be done is the main process's to say. It is not ignored by
    ``SIG_IGN``, since that would pass to the programs that the worker runs. ``SIGCONT`` is for the main process to wake
    a child with.
    """
    handlers: dict[int, Handler] = {
        number: signal.SIG_DFL for number in signal.valid_signals() if callable(signal.getsignal(number))
    }
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        handlers[signal.SIGINT] = _ignore
    handlers[signal.SIGCONT] = _ignore
    handlers[signal.SIGTERM] = _terminate
    return [*handlers.items()]


def work(worker: Worker, rank: int) -> None:
    """Do the work, in whatever process does it.

    Raises:
        TypeError: The worker is a coroutine function, so that nothing was done.
    """
    result = worker(rank)
    if isinstance(result, Coroutine):
        result.close()
        raise TypeError(
            f"worker({rank}) returned a coroutine, which nobody runs: give a plain function as the worker, and let it "
            f"call asyncio.run()"
        )


def _leave_home(birth: Birth) -> None:
    """Drop what the main process has set up for itself."""
    signal.set_wakeup_fd(-1)
    for number, handler in birth.handlers:
        signal.signal(number, handler)
    atexit._clear()  # pyright: ignore[reportPrivateUsage] - what is registered is the main process's
    close_in_forks(birth.close)


def _tie(lifeline: int) -> bool:
    """See to it that this process does not outlive the main process (Linux).

    The kernel sends a signal once nobody has the other end of the pipe any more. It is ``SIGKILL``: the main process is
    gone, so nobody would be there to follow up on anything milder.

    Returns:
        Whether the main process is still there.
    """
    if _SET_SIGNAL is None:
        return True
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, _SET_SIGNAL, _SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    return not poll.poll(0)


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, _ignore)
    raise Terminated(number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def _exit_code(birth: Birth, error: SystemExit) -> int:
    """Return what CPython would make of it, and tell what CPython would print."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    birth.reports.failed(birth.number, f"SystemExit: {error.code}")
    return FAILED


def _text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
