"""What happens to the children, as typed events."""

from __future__ import annotations

import signal as signals
from typing import Final

import attrs

_INFO: Final = 20
_WARNING: Final = 30
_ERROR: Final = 40
_SENT_SIGTERM: Final = 128 + signals.SIGTERM


@attrs.frozen
class Event:
    """Something that happened to the children of a server, told in its main process.

    Each kind is a class of its own; ``str()`` of one is a line for a log.
    """

    @property
    def level(self) -> int:
        """How much it matters, as ``logging`` has it."""
        return _INFO


@attrs.frozen
class ChildStarted(Event):
    """A child was forked. It is not ready yet.

    Attributes:
        rank: Its rank.
        pid: Its process id.
    """

    rank: int
    pid: int

    def __str__(self) -> str:
        return f"child {self.rank} (pid {self.pid}) is forked"


@attrs.frozen
class ChildReady(Event):
    """Every ``init_child_f`` has run in a child, and its worker begins.

    Attributes:
        rank: Its rank.
        pid: Its process id.
    """

    rank: int
    pid: int

    def __str__(self) -> str:
        return f"child {self.rank} (pid {self.pid}) is ready"


@attrs.frozen
class ChildExited(Event):
    """A child has ended.

    Attributes:
        rank: Its rank.
        pid: Its process id.
        exitcode: Its exit code; ``None`` where a signal ended it.
        signal: The name of the signal that ended it (``"SIGKILL"``); ``None`` where it exited.
        traceback: What went wrong in it, as text; ``None`` where it did not say.
        asked: Whether it was asked to end, because the server stops.
    """

    rank: int
    pid: int
    exitcode: int | None = None
    signal: str | None = None
    traceback: str | None = None
    asked: bool = False

    def __str__(self) -> str:
        said = f"\n{self.traceback.rstrip()}" if self.traceback else ""
        return f"child {self.rank} (pid {self.pid}) has ended: {how_it_ended(self.exitcode, self.signal)}{said}"

    @property
    def level(self) -> int:
        """How much it matters: an end that nobody asked for does, and so does one with something wrong."""
        return _INFO if self.asked and not self.traceback else _WARNING


@attrs.frozen
class ChildKilled(Event):
    """A child was sent ``SIGKILL``: it did not end in time when asked to, or was not ready in time.

    Attributes:
        rank: Its rank.
        pid: Its process id.
        reason: Why.
    """

    rank: int
    pid: int
    reason: str

    def __str__(self) -> str:
        return f"child {self.rank} (pid {self.pid}) is killed: {self.reason}"

    @property
    def level(self) -> int:
        """How much it matters."""
        return _WARNING


@attrs.frozen
class Restarting(Event):
    """A child has died, and another is about to be forked in its rank.

    Attributes:
        rank: Its rank.
        deaths: How many deaths of children the policy counts by now, this one included.
    """

    rank: int
    deaths: int

    def __str__(self) -> str:
        return f"child {self.rank} is restarted (deaths counted: {self.deaths})"


@attrs.frozen
class RestartDelayed(Event):
    """The system refused to fork a child that is to be restarted; it is tried again soon.

    Attributes:
        rank: Its rank.
        error: What the system said.
    """

    rank: int
    error: str

    def __str__(self) -> str:
        return f"child {self.rank} cannot be forked now, which is tried again: {self.error}"

    @property
    def level(self) -> int:
        """How much it matters."""
        return _WARNING


@attrs.frozen
class GivingUp(Event):
    """Children die more often than the policy allows: none is restarted any more, and the server stops.

    Attributes:
        rank: The rank of the last that died.
        deaths: How many died.
        within: In how many seconds, at most.
    """

    rank: int
    deaths: int
    within: float

    def __str__(self) -> str:
        return (
            f"giving up: {self.deaths} deaths of children within {self.within:g} seconds, the last that of {self.rank}"
        )

    @property
    def level(self) -> int:
        """How much it matters."""
        return _ERROR


@attrs.frozen
class Stopping(Event):
    """The server stops in order: every child is asked to end.

    Attributes:
        reason: Why.
        signal: The signal that is the reason; ``None`` where there is another.
    """

    reason: str
    signal: signals.Signals | None = None

    def __str__(self) -> str:
        return f"stopping: {self.reason}"


@attrs.frozen
class Stopped(Event):
    """No child is left, and every ``destroy_f`` has run."""

    def __str__(self) -> str:
        return "stopped: no child is left, and the modules are cleaned up"


def how_it_ended(exitcode: int | None, signal: str | None) -> str:
    """Say how a process ended, for a message."""
    if signal is not None:
        return f"{signal} ended it"
    if exitcode == _SENT_SIGTERM:
        return f"it exited with code {exitcode}, as it does when it is sent SIGTERM"
    if exitcode is None:
        return "nobody can say how, since its exit status went to another (SIGCHLD is ignored, or waitpid(-1) is used)"
    return f"it exited with code {exitcode}"
