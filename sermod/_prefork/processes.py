"""The children as processes: forks them, hears from them, reaps them. What is to be done about it is not said here."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import selectors
import signal
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, cast

import attrs

from sermod._core.lifecycle import Lifecycle
from sermod._forking import close_in_forks, close_runs, flush, keep_in_forks, runs_of
from sermod._prefork.child import FAILED, Birth, Handlers, handlers_for_children, live
from sermod._prefork.reports import Failure, Reports
from sermod._prefork.settings import Worker

_LOOK_AGAIN: Final = 0.01
"""Seconds until a child is looked at again that seems to have ended, but is not there to be reaped."""
_NONE: Final = -1


@attrs.define(eq=False)
class Child:
    """A child, as the main process knows it.

    Attributes:
        number: Its number, which no other child of this main process ever has.
        rank: Its rank.
        pid: Its process id.
        lifeline: The end of a pipe that only the main process has: the child ends when it is closed (Linux).
        ending: What becomes readable when it ends: a pidfd, or the end of a pipe whose other end only the child has.
        by_pidfd: Which of the two.
        theirs: The ends of those pipes that the child has.
        born: When it was forked, by the monotonic clock.
        ready: Whether every ``init_child_f`` has run in it.
        asked: Whether it was asked to end.
        overdue: The time that it had to become ready, where it is killed for having taken longer.
    """

    number: int
    rank: int
    pid: int = 0
    lifeline: int = _NONE
    ending: int = _NONE
    by_pidfd: bool = False
    theirs: list[int] = attrs.Factory(list[int])
    born: float = 0.0
    ready: bool = False
    asked: bool = False
    overdue: float | None = None

    @property
    def descriptors(self) -> set[int]:
        """Those of the main process."""
        return {self.lifeline, self.ending} - {_NONE}

    @property
    def is_awaited(self) -> bool:
        """Whether it may still become ready."""
        return not self.ready and self.overdue is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, and never to another process that has got its id."""
        with contextlib.suppress(ProcessLookupError):
            if self.by_pidfd:
                signal.pidfd_send_signal(self.ending, number)
            else:
                os.kill(self.pid, number)


@attrs.frozen
class Death:
    """The end of a child.

    Attributes:
        child: Which one.
        exitcode: Its exit code; ``None`` where a signal ended it.
        signal: The name of the signal; ``None`` where it exited.
        failure: What it told of what went wrong in it.
    """

    child: Child
    exitcode: int | None
    signal: str | None
    failure: Failure | None


class Children:
    """The children of one lifecycle. It belongs to the main process, and to one thread of it.

    Args:
        life: The lifecycle, which is initialised before the first fork.
        worker: The work of a child.
        ranks: Every rank that there will be.
        wake: Another descriptor that is to end the waiting.
    """

    def __init__(self, life: Lifecycle[Any], worker: Worker, ranks: Sequence[int], wake: int | None = None) -> None:
        self._life = life
        self._worker = worker
        self._slots = {rank: slot for slot, rank in enumerate(ranks)}
        self._modules = [module.name for module in life.registry]
        self._module_numbers = {name: number for number, name in enumerate(self._modules, 1)}
        # The number of the module that each child is at, which costs neither of the processes a system call.
        self._at = memoryview(mmap.mmap(-1, 4 * len(ranks))).cast("i")
        self._numbers = itertools.count(1)
        self._living: dict[int, Child] = {}
        self._restless: list[Child] = []
        self._by_pidfd = _has_pidfds()
        self._selector = selectors.DefaultSelector()
        self._reports = Reports()
        # A pipe of its own to wake itself: that of the reports may be full, and nobody but this process reads from it.
        self._bell = os.pipe()
        os.set_blocking(self._bell[0], False)
        self._private = {self.fileno(), self._reports.fileno(), *self._bell}
        self._runs = runs_of(self._private)
        self._own: Collection[int] = ()
        for readable in (self._reports.fileno(), self._bell[0], wake):
            if readable is not None:
                self._selector.register(readable, selectors.EVENT_READ)
        close_in_forks(self._close_in_fork)

    def __len__(self) -> int:
        """Return how many there are, the dead included until they are reaped."""
        return len(self._living)

    def __iter__(self) -> Iterator[Child]:
        """Iterate over them, the eldest first."""
        return iter([*self._living.values()])

    def fileno(self) -> int:
        """Return the descriptor that is readable when :meth:`wait` has something to tell."""
        return cast("selectors.EpollSelector", self._selector).fileno()

    def wake(self) -> None:
        """Make the descriptor readable until :meth:`wait` is called."""
        os.write(self._bell[1], b".")

    def close(self) -> None:
        """Close every descriptor, once no child is left."""
        keep_in_forks(self._close_in_fork)
        self._selector.close()
        self._reports.close()
        for end in self._bell:
            os.close(end)

    def _close_in_fork(self) -> None:
        if not self._own:  # somebody else forks, and the selector must not close one day what has its number by then
            self._selector.close()
        close_runs(self._runs, self._own)

    def _close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            os.close(descriptor)
        self._private.difference_update(descriptors)
        self._runs = runs_of(self._private)

    # Forking --------------------------------------------------------------------------------------------------------

    def fork(self, ranks: Iterable[int], born: Callable[[Child], object]) -> OSError | None:
        """Fork a child for each rank, one right after the other.

        All else is done before or after: between two forks each page that is written to has to be copied.

        Args:
            ranks: The ranks.
            born: Is told of each child that was forked.

        Returns:
            What kept the others from being forked; ``None`` where all were.
        """
        unborn: list[Child] = []
        births: list[Birth] = []
        pids: list[int] = []
        refusal: OSError | None = None
        handlers = handlers_for_children()
        flush()
        # In between a handler of the host's would run in a child; or it would raise here, while nobody knows of one.
        with _held_back({number for number, _ in handlers}) as mask:
            try:
                for rank in ranks:
                    child = Child(next(self._numbers), rank)
                    unborn.append(child)
                    births.append(self._birth_of(child, handlers, mask - {signal.SIGTERM}))
                self._runs = runs_of(self._private)
                for birth in births:
                    self._own = birth.own
                    pid = os.fork()  # which closes in the child what is private
                    if pid == 0:
                        code = FAILED
                        try:
                            code = live(birth, self._life, self._worker)
                        finally:  # a child never returns into the main process's stack
                            os._exit(code)
                    pids.append(pid)
            except OSError as error:
                refusal = error
            self._own = ()
            self._close(*(descriptor for child in unborn for descriptor in child.theirs))
            self._close(*(descriptor for child in unborn[len(pids) :] for descriptor in child.descriptors))
            for child, pid in zip(unborn, pids, strict=False):
                try:
                    self._watch(child, pid)
                except OSError as error:
                    refusal = error
                else:
                    born(child)
            self._runs = runs_of(self._private)
        return refusal

    def _birth_of(self, child: Child, handlers: Handlers, mask: Collection[int]) -> Birth:
        """Open the pipes of a child, and say what it gets."""
        lifeline, child.lifeline = os.pipe()
        child.theirs.append(lifeline)
        self._private.update((lifeline, child.lifeline))
        if not self._by_pidfd:
            child.ending, held = os.pipe()
            child.theirs.append(held)
            self._private.update((child.ending, held))
        slot = self._slots[child.rank]
        self._at[slot] = 0
        in_module = partial(self._note_module, slot)
        return Birth(child.number, child.rank, self._reports, sorted(child.theirs), lifeline, in_module, handlers, mask)

    def _watch(self, child: Child, pid: int) -> None:
        """Have the end of a child noticed; one that cannot be watched is ended at once."""
        child.pid, child.born = pid, time.monotonic()
        try:
            if self._by_pidfd:
                child.ending = os.pidfd_open(pid)
                child.by_pidfd = True
                self._private.add(child.ending)
            self._selector.register(child.ending, selectors.EVENT_READ, child)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            self._close(*child.descriptors)
            raise
        self._living[child.number] = child

    def _note_module(self, slot: int, module: str) -> None:
        self._at[slot] = self._module_numbers[module]

    # What becomes of them -------------------------------------------------------------------------------------------

    def wait(self, timeout: float | None) -> tuple[list[Child], list[Death]]:
        """Wait until something has happened to a child, the other descriptor is readable, or the time is over.

        Args:
            timeout: How many seconds, at most; ``None`` for as long as it takes. It is not to be longer than
                :meth:`timeout` says.

        Returns:
            The children that have become ready, and those that have ended, which are thereby reaped.
        """
        ended = [key.data for key, _ in self._selector.select(timeout) if key.data is not None]
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell[0], 4096)
        # Read after that, so that whoever has ended by then has told all that it had to tell.
        ready = [self._living[number] for number in self._reports.read() if number in self._living]
        for child in ready:
            child.ready = True
        deaths = [self._reap(child) for child in [*self._restless, *ended]]
        return ready, [death for death in deaths if death is not None]

    def timeout(self) -> float | None:
        """Return after how many seconds to call :meth:`wait` although the descriptor is silent; ``None``: never."""
        return _LOOK_AGAIN if self._restless else None

    def module_of(self, child: Child) -> str | None:
        """Return the module whose ``init_child_f`` a child is in, or ended in; ``None`` outside of any."""
        number = 0 if child.ready else self._at[self._slots[child.rank]]
        return self._modules[number - 1] if number else None

    def _reap(self, child: Child) -> Death | None:
        exitcode = None
        try:
            pid, status = os.waitpid(child.pid, os.WNOHANG)
        except ChildProcessError:
            pass  # it has ended, and its status went to another
        else:
            if pid == 0:
                self._look_again(child)
                return None
            exitcode = os.waitstatus_to_exitcode(status)
        del self._living[child.number]
        if child in self._restless:
            self._restless.remove(child)
        else:
            self._selector.unregister(child.ending)
        self._close(*child.descriptors)
        failure = self._reports.failure_of(child.number)
        if exitcode is not None and exitcode < 0:
            return Death(child, None, _name_of(-exitcode), failure)
        return Death(child, exitcode, None, failure)

    def _look_again(self, child: Child) -> None:
        # Its end of the pipe is closed, by itself or because it is about to end; or a debugger has not let go of it.
        if child not in self._restless:
            self._selector.unregister(child.ending)
            self._restless.append(child)


@contextlib.contextmanager
def _held_back(numbers: Collection[int]) -> Generator[set[int]]:
    """Hold signals back in the block, and say which were held back before."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        yield {*mask}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _has_pidfds() -> bool:
    """Tell whether there are pidfds: not every system has them, and a container may be denied them."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
