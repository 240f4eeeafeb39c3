"""The children as processes: forking, waiting for reports and ends, reaping. The supervisor decides what follows."""

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
from sermod._forking import close_in_forks, close_runs, exit_status, flush, keep_in_forks, runs_of
from sermod._prefork.child import FAILED, ChildSpec, Handlers, handlers_for_children, run_child
from sermod._prefork.reports import Failure, Reports
from sermod._prefork.settings import Worker

_REAP_AGAIN: Final = 0.01
"""Seconds until the next attempt to reap a child that seems to have ended, but cannot be reaped yet."""
_NONE: Final = -1


@attrs.define(eq=False)
class Child:
    """A child, as the main process knows it.

    Attributes:
        number: Its number, which no other child of this main process ever has.
        rank: Its rank.
        pid: Its process id.
        lifeline: An end of a pipe that only the main process has: the child is killed once it is closed (Linux).
        end_descriptor: The descriptor that is readable once the child has ended: a pidfd, or the end of a pipe whose
            other end only the child has.
        has_pidfd: Whether it is a pidfd.
        child_ends: The ends of its pipes that the child keeps.
        forked_at: When it was forked, by the monotonic clock.
        ready: Whether every ``init_child_f`` has run in it.
        asked: Whether it was asked to end.
        overdue: The time that it had to become ready, in seconds, if it is killed for taking longer.
    """

    number: int
    rank: int
    pid: int = 0
    lifeline: int = _NONE
    end_descriptor: int = _NONE
    has_pidfd: bool = False
    child_ends: list[int] = attrs.Factory(list[int])
    forked_at: float = 0.0
    ready: bool = False
    asked: bool = False
    overdue: float | None = None

    @property
    def descriptors(self) -> set[int]:
        """The descriptors that the main process has for it."""
        return {self.lifeline, self.end_descriptor} - {_NONE}

    @property
    def is_awaited(self) -> bool:
        """Whether it may still become ready."""
        return not self.ready and self.overdue is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; with a pidfd, no other process that has the same id by now can get it."""
        with contextlib.suppress(ProcessLookupError):
            if self.has_pidfd:
                signal.pidfd_send_signal(self.end_descriptor, number)
            else:
                os.kill(self.pid, number)


@attrs.frozen
class Death:
    """The end of a child.

    Attributes:
        child: The child.
        exitcode: Its exit code; ``None`` where a signal ended it.
        signal: The name of the signal; ``None`` where it exited.
        failure: The failure that it reported, or ``None``.
    """

    child: Child
    exitcode: int | None
    signal: str | None
    failure: Failure | None


class Children:
    """The children of one lifecycle. Used in the main process, by one thread.

    Args:
        life: The lifecycle, which is initialised before the first fork.
        worker: The work of a child.
        ranks: The ranks of all children.
        wake: Another descriptor that ends a wait.
    """

    def __init__(self, life: Lifecycle[Any], worker: Worker, ranks: Sequence[int], wake: int | None = None) -> None:
        self._life = life
        self._worker = worker
        self._slots = {rank: slot for slot, rank in enumerate(ranks)}
        self._modules = [module.name for module in life.registry]
        self._module_numbers = {name: number for number, name in enumerate(self._modules, 1)}
        # The module whose init_child_f runs in each child, in shared memory: no process needs a system call for it.
        self._current_module = memoryview(mmap.mmap(-1, 4 * len(ranks))).cast("i")
        self._numbers = itertools.count(1)
        self._living: dict[int, Child] = {}
        self._not_reapable: list[Child] = []
        self._use_pidfds = _has_pidfds()
        self._selector = selectors.DefaultSelector()
        self._reports = Reports()
        # A pipe to wake this process. That of the reports may be full, and only this process could empty it.
        self._self_pipe = os.pipe()
        os.set_blocking(self._self_pipe[0], False)
        self._private = {self.fileno(), self._reports.fileno(), *self._self_pipe}
        self._runs = runs_of(self._private)
        self._own: Collection[int] = ()
        for readable in (self._reports.fileno(), self._self_pipe[0], wake):
            if readable is not None:
                self._selector.register(readable, selectors.EVENT_READ)
        close_in_forks(self._close_in_fork)

    def __len__(self) -> int:
        """Return the number of children, those included that have ended and are not reaped."""
        return len(self._living)

    def __iter__(self) -> Iterator[Child]:
        """Iterate over the children, the oldest first."""
        return iter([*self._living.values()])

    def fileno(self) -> int:
        """Return the descriptor that is readable when :meth:`wait` would return something."""
        return cast("selectors.EpollSelector", self._selector).fileno()

    def wake(self) -> None:
        """Make the descriptor readable until :meth:`wait` is called."""
        os.write(self._self_pipe[1], b".")

    def close(self) -> None:
        """Close all descriptors. Called once no child is left."""
        keep_in_forks(self._close_in_fork)
        self._selector.close()
        self._reports.close()
        for end in self._self_pipe:
            os.close(end)

    def _close_in_fork(self) -> None:
        if not self._own:  # other code forks; the selector must not close, later, a descriptor with the same number
            self._selector.close()
        close_runs(self._runs, self._own)

    def _close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            os.close(descriptor)
        self._private.difference_update(descriptors)
        self._runs = runs_of(self._private)

    # Forking --------------------------------------------------------------------------------------------------------

    def fork(self, ranks: Iterable[int], on_fork: Callable[[Child], object]) -> OSError | None:
        """Fork a child for each rank, one right after the other.

        Everything else is done before or after: each page that is written to between two forks must be copied.

        Args:
            ranks: The ranks.
            on_fork: Called with each child that was forked.

        Returns:
            The error that kept the others from being forked; ``None`` if all were forked.
        """
        children: list[Child] = []
        specs: list[ChildSpec] = []
        pids: list[int] = []
        refusal: OSError | None = None
        handlers = handlers_for_children()
        flush()
        # A handler of the host must not run in a child, nor raise here while a child is not recorded yet.
        with _blocked({number for number, _ in handlers}) as mask:
            try:
                for rank in ranks:
                    child = Child(next(self._numbers), rank)
                    children.append(child)
                    specs.append(self._spec_of(child, handlers, mask - {signal.SIGTERM}))
                self._runs = runs_of(self._private)
                for spec in specs:
                    self._own = spec.own
                    pid = os.fork()  # which closes, in the child, the descriptors of the main process
                    if pid == 0:
                        code = FAILED
                        try:
                            code = run_child(spec, self._life, self._worker)
                        finally:  # a child never returns into the main process's stack
                            os._exit(code)
                    pids.append(pid)
            except OSError as error:
                refusal = error
            self._own = ()
            self._close(*(descriptor for child in children for descriptor in child.child_ends))
            self._close(*(descriptor for child in children[len(pids) :] for descriptor in child.descriptors))
            for child, pid in zip(children, pids, strict=False):
                try:
                    self._watch(child, pid)
                except OSError as error:
                    refusal = error
                else:
                    on_fork(child)
            self._runs = runs_of(self._private)
        return refusal

    def _spec_of(self, child: Child, handlers: Handlers, mask: Collection[int]) -> ChildSpec:
        """Open the pipes of a child, and return what the main process gives to it."""
        lifeline, child.lifeline = os.pipe()
        child.child_ends.append(lifeline)
        self._private.update((lifeline, child.lifeline))
        if not self._use_pidfds:
            child.end_descriptor, held = os.pipe()
            child.child_ends.append(held)
            self._private.update((child.end_descriptor, held))
        slot = self._slots[child.rank]
        self._current_module[slot] = 0
        on_module = partial(self._note_module, slot)
        own = sorted(child.child_ends)
        return ChildSpec(child.number, child.rank, self._reports, own, lifeline, on_module, handlers, mask)

    def _watch(self, child: Child, pid: int) -> None:
        """Watch for the end of a child; kill one that cannot be watched."""
        child.pid, child.forked_at = pid, time.monotonic()
        try:
            if self._use_pidfds:
                child.end_descriptor = os.pidfd_open(pid)
                child.has_pidfd = True
                self._private.add(child.end_descriptor)
            self._selector.register(child.end_descriptor, selectors.EVENT_READ, child)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            self._close(*child.descriptors)
            raise
        self._living[child.number] = child

    def _note_module(self, slot: int, module: str) -> None:
        self._current_module[slot] = self._module_numbers[module]

    # Waiting and reaping -------------------------------------------------------------------------------------------

    def wait(self, timeout: float | None) -> tuple[list[Child], list[Death]]:
        """Wait until something happens to a child, the other descriptor is readable, or the time is over.

        Args:
            timeout: How many seconds to wait, at most, and not longer than :meth:`timeout`; ``None``: no limit.

        Returns:
            The children that have become ready, and those that have ended; these are reaped.
        """
        ended = [key.data for key, _ in self._selector.select(timeout) if key.data is not None]
        with contextlib.suppress(BlockingIOError):
            os.read(self._self_pipe[0], 4096)
        # Read after the wait: a child that has ended by then has written all its reports.
        ready = [self._living[number] for number in self._reports.read() if number in self._living]
        for child in ready:
            child.ready = True
        deaths = [self._reap(child) for child in [*self._not_reapable, *ended]]
        return ready, [death for death in deaths if death is not None]

    def timeout(self) -> float | None:
        """Return after how many seconds to call :meth:`wait` without a readable descriptor; ``None``: never."""
        return _REAP_AGAIN if self._not_reapable else None

    def module_of(self, child: Child) -> str | None:
        """Return the module whose ``init_child_f`` runs in a child, or ran when it ended; ``None`` if there is none."""
        number = 0 if child.ready else self._current_module[self._slots[child.rank]]
        return self._modules[number - 1] if number else None

    def _reap(self, child: Child) -> Death | None:
        exitcode, signal_name = None, None
        try:
            pid, status = os.waitpid(child.pid, os.WNOHANG)
        except ChildProcessError:
            pass  # another part of the program has taken its status
        else:
            if pid == 0:
                self._reap_later(child)
                return None
            exitcode, signal_name = exit_status(status)
        del self._living[child.number]
        if child in self._not_reapable:
            self._not_reapable.remove(child)
        else:
            self._selector.unregister(child.end_descriptor)
        self._close(*child.descriptors)
        return Death(child, exitcode, signal_name, self._reports.failure_of(child.number))

    def _reap_later(self, child: Child) -> None:
        # It has closed its end of the pipe, or is about to end, or a debugger still holds it.
        if child not in self._not_reapable:
            self._selector.unregister(child.end_descriptor)
            self._not_reapable.append(child)


@contextlib.contextmanager
def _blocked(numbers: Collection[int]) -> Generator[set[int]]:
    """Block signals in the block; yield those that were blocked before."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        yield {*mask}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _has_pidfds() -> bool:
    """Return whether pidfds can be used: not every system has them, and a container may be denied them."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
