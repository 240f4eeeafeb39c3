"""The supervisor of children: which are restarted, when the server stops, and how."""

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
from sermod._prefork.failures import Failures, error_for_death, error_for_timeout
from sermod._prefork.processes import Child, Children, Death
from sermod._prefork.settings import DeathCount, Settings, Worker
from sermod._prefork.signals import StopSignals
from sermod._problems import counted
from sermod.errors import ChildInitError

_FORK_AGAIN: Final = 0.5
"""Seconds until the next attempt to fork a child for a restart, after the system refused."""
_FIRST_NUDGE: Final = 0.05
"""Seconds until a child that was asked to end is sent SIGCONT. The pause doubles each time, up to a second."""


class Supervisor:
    """Supervises the children of one server, in the main process, from the first fork to the clean-up.

    Args:
        life: The lifecycle, which is initialised before the first fork.
        worker: The work of a child.
        settings: The settings of the host.
        signals: The signals that end the server.

    Attributes:
        children: The children.
        pending: The events that are not emitted yet.
        failures: The errors; the first one ended the server.
        ended_by: The signal that ended the server, or ``None``.
        stopping: Whether the children were asked to end.
        stopped: Whether no child is left, and the modules are cleaned up.
    """

    def __init__(self, life: Lifecycle[Any], worker: Worker, settings: Settings, signals: StopSignals) -> None:
        self.children: Children = Children(life, worker, settings.ranks, signals.fileno())
        self.pending: deque[events.Event] = deque()
        self.failures: Failures = Failures()
        self.ended_by: signal.Signals | None = None
        self.stopping: bool = False
        self.stopped: bool = False
        self._life = life
        self._settings = settings
        self._signals = signals
        self._deaths = DeathCount(settings.restart)
        self._ranks_once_ready: set[int] = set()
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
        self._check_signal()
        if self.stopping:
            return
        wanted = self._settings.ranks
        forked, refusal = self._fork(wanted)
        self.children.wake()  # there are events
        if refusal is not None:
            message = (
                f"{refusal.strerror}: {len(forked)} of {counted(len(wanted), 'child', 'children')} could be forked; "
                f"fork fewer, or raise the limits of processes and descriptors (ulimit -u and -n, TasksMax= of systemd)"
            )
            raise OSError(refusal.errno, message) from refusal

    def step(self, until: float | None) -> None:
        """Wait until something happens to the children, and react to it.

        Args:
            until: When to stop waiting, by the monotonic clock; ``None``: never.
        """
        if self.stopping and not self.children:  # and all events before are emitted
            self._clean_up()
            return
        left = None if until is None else max(0.0, until - time.monotonic())
        ready, deaths = self.children.wait(_earlier(left, self.timeout()))
        self._signals.clear()
        # First of all: a signal to the whole process group is meant for the server, and explains the ends of children.
        self._check_signal()
        for child in ready:
            self._ranks_once_ready.add(child.rank)
            self.pending.append(events.ChildReady(child.rank, child.pid))
        missing = [death.child.rank for death in deaths if self._is_to_be_restarted(death)]
        self._check_deadlines(time.monotonic())
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
        """Ask every child to end, unless they were asked before.

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
        self.pending.append(events.Stopping(reason, by_signal))
        self._ask_to_end()
        self.children.wake()  # there is an event, and there are deadlines

    def timeout(self) -> float | None:
        """Return after how many seconds at the latest :meth:`step` must be called; ``None``: no limit."""
        times = [*self._fork_again.values()]
        if self._kill_at is not None:
            times += [self._kill_at, self._nudge_at]
        limit = self._settings.ready_timeout
        if limit is not None and not self.stopping:
            times += [child.forked_at + limit for child in self.children if child.is_awaited]
        left = max(0.0, min(times) - time.monotonic()) if times else None
        return _earlier(left, self.children.timeout())

    # While it serves ------------------------------------------------------------------------------------------------

    def _check_signal(self) -> None:
        noted = self._signals.noted
        if noted is not None:
            self.begin_stop(f"{noted.name} arrived", noted)

    def _fork(self, ranks: Collection[int]) -> tuple[list[int], OSError | None]:
        forked: list[int] = []

        def on_fork(child: Child) -> None:
            self.pending.append(events.ChildStarted(child.rank, child.pid))
            forked.append(child.rank)

        return forked, self.children.fork(ranks, on_fork)

    def _is_to_be_restarted(self, death: Death) -> bool:
        """Report a death; return whether the child is restarted, or make the server stop."""
        child, failure = death.child, death.failure
        text = failure.traceback or str(failure) if isinstance(failure, ChildInitError) else failure
        self.pending.append(
            events.ChildExited(child.rank, child.pid, death.exitcode, death.signal, text, asked=self.stopping)
        )
        if self.stopping:
            return False
        policy, module = self._settings.restart, self.children.module_of(child)
        if child.rank not in self._ranks_once_ready:
            advice = "the server does not start without it"
        elif policy is None:
            advice = "a worker must run until it is asked to end; to restart children, give a RestartPolicy"
        elif self._deaths.add(time.monotonic()):
            self.pending.append(events.Restarting(child.rank, self._deaths.count))
            return True
        else:
            advice = "children die more often than the RestartPolicy allows"
            self.pending.append(events.GivingUp(child.rank, self._deaths.count, policy.within))
        error = error_for_death(death, module, advice)
        self.begin_stop(str(error), failure=error)
        return False

    def _restart(self, ranks: Collection[int]) -> None:
        forked, refusal = self._fork(ranks)
        for rank in ranks:
            self._fork_again.pop(rank, None)
        for rank in set(ranks).difference(forked):
            # It counts as a death, so that the attempts end if the system stays out of processes.
            if not self._deaths.add(time.monotonic()):
                self.begin_stop(f"child {rank} cannot be forked: {refusal}", failure=refusal)
                return
            self._fork_again[rank] = time.monotonic() + _FORK_AGAIN
            self.pending.append(events.RestartDelayed(rank, str(refusal)))

    def _check_deadlines(self, now: float) -> None:
        limit = self._settings.ready_timeout
        if self.stopping:
            self._check_stop_deadlines(now)
        elif limit is not None:
            for child in self.children:
                if child.is_awaited and now >= child.forked_at + limit:
                    self._end_overdue(child, limit)

    def _end_overdue(self, child: Child, limit: float) -> None:
        error = error_for_timeout(child, self.children.module_of(child), limit)
        if child.rank in self._ranks_once_ready:
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

    def _check_stop_deadlines(self, now: float) -> None:
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            for child in self.children:
                self._kill(child, f"it has not ended within {self._settings.stop_timeout:g} seconds")
        elif self._kill_at is not None and now >= self._nudge_at:
            # Python's handler runs some time after the signal. A child that has begun to wait in between sleeps on
            # until another signal wakes it; SIGCONT also wakes a child that was stopped.
            for child in self.children:
                child.send(signal.SIGCONT)
            self._nudge_after = min(1.0, 2 * self._nudge_after)
            self._nudge_at = now + self._nudge_after

    def _kill(self, child: Child, reason: str) -> None:
        self.pending.append(events.ChildKilled(child.rank, child.pid, reason))
        child.send(signal.SIGKILL)

    def _clean_up(self) -> None:
        try:
            self._life.destroy()
        except BaseException as error:  # noqa: BLE001 - it is raised at the end
            self.failures.add(error)
        self.stopped = True
        self.pending.append(events.Stopped())


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((limit for limit in (one, other) if limit is not None), default=None)
