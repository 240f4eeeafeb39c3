"""What is done about the children: who is restarted, when the server stops, and in which order it does."""

from __future__ import annotations

import signal
import time
import warnings
from collections import deque
from collections.abc import Collection
from typing import Any, Final

from sermod._core.lifecycle import Lifecycle
from sermod._forking import thread_warnings
from sermod._prefork import events
from sermod._prefork.failures import Failures, error_of, not_ready
from sermod._prefork.processes import Child, Children, Death
from sermod._prefork.settings import DeathCount, Settings, Worker
from sermod._prefork.signals import StopSignals
from sermod.errors import ChildInitError

_FORK_AGAIN: Final = 0.5
"""Seconds until a fork that the system refused is tried again, where it is for a restart."""
_FIRST_NUDGE: Final = 0.05
"""Seconds until a child that was asked to end is nudged. The next come after twice as many each, up to a second."""


class Supervisor:
    """Supervises the children of one server, in the main process, from the first fork to the clean-up.

    Args:
        life: The lifecycle, which is initialised before the first fork.
        worker: The work of a child.
        settings: What the host said.
        signals: What may end the server.

    Attributes:
        children: The children.
        happened: What nobody was told yet.
        failures: What went wrong; the first is what ended the server.
        ended_by: The signal that ended the server, or ``None``.
        stopping: Whether the children are asked to end.
        stopped: Whether none is left, and the modules are cleaned up.
    """

    def __init__(self, life: Lifecycle[Any], worker: Worker, settings: Settings, signals: StopSignals) -> None:
        self.children: Children = Children(life, worker, settings.ranks, signals.fileno())
        self.happened: deque[events.Event] = deque()
        self.failures: Failures = Failures()
        self.ended_by: signal.Signals | None = None
        self.stopping: bool = False
        self.stopped: bool = False
        self._life = life
        self._settings = settings
        self._signals = signals
        self._deaths = DeathCount(settings.restart)
        self._proven: set[int] = set()
        self._fork_again: dict[int, float] = {}
        self._kill_at: float | None = None
        self._nudge_at = 0.0
        self._nudge_after = _FIRST_NUDGE

    def fork_first(self) -> None:
        """Fork the first children.

        Raises:
            OSError: The system refused.
            InterfaceWarning: A module has started a thread, and warnings are errors.
        """
        for warning in thread_warnings(self._life.threads):
            warnings.warn(warning, stacklevel=3)
        self._heed_signal()
        if self.stopping:
            return
        wanted = self._settings.ranks
        forked, refusal = self._fork(wanted)
        self.children.wake()  # there is something to tell
        if refusal is not None:
            message = (
                f"{refusal.strerror}: {len(forked)} of {len(wanted)} children were forked, and are stopped again; fork "
                f"fewer, or see what limits the processes and descriptors (ulimit -u and -n, TasksMax= of systemd)"
            )
            raise OSError(refusal.errno, message) from refusal

    def step(self, until: float | None) -> None:
        """Wait until something happens, and do what there is to do about it.

        Args:
            until: When to wait no longer, by the monotonic clock; ``None``: never.
        """
        if self.stopping and not self.children:  # which everybody has been told of by now
            self._clean_up()
            return
        left = None if until is None else max(0.0, until - time.monotonic())
        ready, deaths = self.children.wait(_sooner(left, self.timeout()))
        self._signals.clear()
        # First of all: who sends a signal to all of a group means the server, and then no child has died unasked.
        self._heed_signal()
        for child in ready:
            self._proven.add(child.rank)
            self.happened.append(events.ChildReady(child.rank, child.pid))
        missing = [death.child.rank for death in deaths if self._is_to_be_restarted(death)]
        self._look_at_the_clock(time.monotonic())
        missing += [rank for rank, when in self._fork_again.items() if when <= time.monotonic()]
        if missing and not self.stopping:
            self._restart(missing)
        if self.stopping:
            self._ask_to_end()
            if not self.children:
                self.children.wake()

    def begin_stop(
        self, reason: str, by_signal: signal.Signals | None = None, failure: BaseException | None = None
    ) -> None:
        """Ask every child to end, unless that is done.

        Args:
            reason: Why, for the event.
            by_signal: The signal that is the reason.
            failure: The error that is the reason.
        """
        if failure is not None:
            self.failures.add(failure)
        if self.stopping:
            return
        self.stopping = True
        self.ended_by = by_signal
        self._fork_again.clear()
        self._kill_at = time.monotonic() + self._settings.stop_timeout
        self._nudge_at = time.monotonic() + self._nudge_after
        self.happened.append(events.Stopping(reason, by_signal))
        self._ask_to_end()
        self.children.wake()  # there is something to tell, and soon there is something to do

    def timeout(self) -> float | None:
        """Return after how many seconds :meth:`step` has something to do at the latest; ``None``: never."""
        times = [*self._fork_again.values()]
        if self._kill_at is not None:
            times += [self._kill_at, self._nudge_at]
        limit = self._settings.ready_timeout
        if limit is not None and not self.stopping:
            times += [child.born + limit for child in self.children if child.is_awaited]
        left = max(0.0, min(times) - time.monotonic()) if times else None
        return _sooner(left, self.children.timeout())

    # While it serves ------------------------------------------------------------------------------------------------

    def _heed_signal(self) -> None:
        noted = self._signals.noted
        if noted is not None:
            self.begin_stop(f"{noted.name} has come", noted)

    def _fork(self, ranks: Collection[int]) -> tuple[list[int], OSError | None]:
        forked: list[int] = []

        def born(child: Child) -> None:
            self.happened.append(events.ChildStarted(child.rank, child.pid))
            forked.append(child.rank)

        return forked, self.children.fork(ranks, born)

    def _is_to_be_restarted(self, death: Death) -> bool:
        """Tell of a death, and whether another child takes its place; where none does, the server stops."""
        child, failure = death.child, death.failure
        text = failure.traceback or str(failure) if isinstance(failure, ChildInitError) else failure
        self.happened.append(
            events.ChildExited(child.rank, child.pid, death.exitcode, death.signal, text, asked=self.stopping)
        )
        if self.stopping:
            return False
        policy, module = self._settings.restart, self.children.module_of(child)
        if child.rank not in self._proven:
            advice = "without it the server does not start"
        elif policy is None:
            advice = "a child is to work until it is asked to end; to have it restarted, give a RestartPolicy"
        elif self._deaths.add(time.monotonic()):
            self.happened.append(events.Restarting(child.rank, self._deaths.count))
            return True
        else:
            advice = "children die more often than the RestartPolicy allows"
            self.happened.append(events.GivingUp(child.rank, self._deaths.count, policy.within))
        error = error_of(death, module, advice)
        self.begin_stop(str(error), failure=error)
        return False

    def _restart(self, ranks: Collection[int]) -> None:
        forked, refusal = self._fork(ranks)
        for rank in ranks:
            self._fork_again.pop(rank, None)
        for rank in set(ranks).difference(forked):
            # A death of its own: a system that is out of processes for long is not asked for ever.
            if not self._deaths.add(time.monotonic()):
                self.begin_stop(f"child {rank} cannot be forked: {refusal}", failure=refusal)
                return
            self._fork_again[rank] = time.monotonic() + _FORK_AGAIN
            self.happened.append(events.RestartDelayed(rank, str(refusal)))

    def _look_at_the_clock(self, now: float) -> None:
        limit = self._settings.ready_timeout
        if self.stopping:
            self._hurry_up(now)
        elif limit is not None:
            for child in self.children:
                if child.is_awaited and now >= child.born + limit:
                    self._give_up_waiting(child, limit)

    def _give_up_waiting(self, child: Child, limit: float) -> None:
        error = not_ready(child, self.children.module_of(child), limit)
        if child.rank in self._proven:
            child.overdue = limit
            self._kill(child, str(error))
        else:
            self.begin_stop(str(error), failure=error)

    # While it stops -------------------------------------------------------------------------------------------------

    def _ask_to_end(self) -> None:
        for child in self.children:
            if not child.asked:
                child.asked = True
                child.send(signal.SIGTERM)

    def _hurry_up(self, now: float) -> None:
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            for child in self.children:
                self._kill(child, f"it has not ended within {self._settings.stop_timeout:g} seconds")
        elif self._kill_at is not None and now >= self._nudge_at:
            # Python's handler runs some time after the signal, which is too late for a child that began to wait in
            # between: it sleeps on. Any other signal wakes it, and this one also a child that was stopped.
            for child in self.children:
                child.send(signal.SIGCONT)
            self._nudge_after = min(1.0, 2 * self._nudge_after)
            self._nudge_at = now + self._nudge_after

    def _kill(self, child: Child, reason: str) -> None:
        self.happened.append(events.ChildKilled(child.rank, child.pid, reason))
        child.send(signal.SIGKILL)

    def _clean_up(self) -> None:
        try:
            self._life.destroy()
        except BaseException as error:  # noqa: BLE001 - it is raised once all is over
            self.failures.add(error)
        self.stopped = True
        self.happened.append(events.Stopped())


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((limit for limit in (one, other) if limit is not None), default=None)
