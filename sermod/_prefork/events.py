"""What happens to the children of a server, as typed events."""

from __future__ import annotations

import signal as signals
from typing import ClassVar, Final

import attrs

from sermod._forking import how_it_ended
from sermod._problems import counted

_INFO: Final = 20  # the levels of logging, which is slow to import
_WARNING: Final = 30
_ERROR: Final = 40


@attrs.frozen
class Event:
    """Something that happened to the children of a server, reported in its main process.

    Each kind is a class of its own; ``str()`` of an event is a line for a log.
    """

    _level: ClassVar[int] = _INFO

    @property
    def level(self) -> int:
        """How serious it is: a level of :mod:`logging`."""
        return self._level


@attrs.frozen
class _OfRank(Event):
    """Something that happened to a child or in its place.

    Attributes:
        rank: The rank of the child.
    """

    rank: int


@attrs.frozen
class _OfProcess(_OfRank):
    """Something that happened to a child.

    Attributes:
        pid: The process id of the child.
    """

    pid: int

    @property
    def _child(self) -> str:
        return f"child {self.rank} (pid {self.pid})"


@attrs.frozen
class ChildStarted(_OfProcess):
    """A child was forked. It is not ready yet."""

    def __str__(self) -> str:
        return f"{self._child} is forked"


@attrs.frozen
class ChildReady(_OfProcess):
    """Every ``init_child_f`` has run in a child, and its worker begins."""

    def __str__(self) -> str:
        return f"{self._child} is ready"


@attrs.frozen
class ChildExited(_OfProcess):
    """A child has ended.

    Attributes:
        exitcode: Its exit code; ``None`` where a signal ended it.
        signal: The name of the signal that ended it (``"SIGKILL"``); ``None`` where it exited.
        traceback: The traceback that it reported, as text; ``None`` where it reported none.
        asked: Whether it was asked to end, because the server stops.
    """

    exitcode: int | None = None
    signal: str | None = None
    traceback: str | None = None
    asked: bool = False

    def __str__(self) -> str:
        reported = f"\n{self.traceback.rstrip()}" if self.traceback else ""
        return f"{self._child} has ended: {how_it_ended(self.exitcode, self.signal)}{reported}"

    @property
    def level(self) -> int:
        """How serious it is: a warning if the child was not asked to end, or reported a traceback."""
        return _INFO if self.asked and not self.traceback else _WARNING


@attrs.frozen
class ChildKilled(_OfProcess):
    """A child was sent ``SIGKILL``: it did not end in time when it was asked to, or was not ready in time.

    Attributes:
        reason: Why.
    """

    _level: ClassVar[int] = _WARNING

    reason: str

    def __str__(self) -> str:
        return f"{self._child} is killed: {self.reason}"


@attrs.frozen
class Restarting(_OfRank):
    """A child has died, and another is about to be forked in its rank.

    Attributes:
        deaths: How many deaths of children the policy counts now, this one included.
    """

    deaths: int

    def __str__(self) -> str:
        return f"child {self.rank} is restarted (deaths counted: {self.deaths})"


@attrs.frozen
class RestartDelayed(_OfRank):
    """The system refused to fork a child that is to be restarted; the server tries again soon.

    Attributes:
        error: The error of the system.
    """

    _level: ClassVar[int] = _WARNING

    error: str

    def __str__(self) -> str:
        return f"child {self.rank} cannot be forked now, and is tried again: {self.error}"


@attrs.frozen
class GivingUp(_OfRank):
    """Children die more often than the policy allows: none is restarted any more, and the server stops.

    Attributes:
        deaths: How many children died.
        within: In how many seconds, at most.
    """

    _level: ClassVar[int] = _ERROR

    deaths: int
    within: float

    def __str__(self) -> str:
        times = f"{counted(self.deaths, 'death')} of children within {self.within:g} seconds"
        return f"giving up: {times}, the last one in rank {self.rank}"


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
