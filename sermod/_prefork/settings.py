"""The settings of a server of children, checked before anything is forked."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

import attrs

from sermod._interface.ranks import PROC_MAIN
from sermod._interface.values import is_int
from sermod._prefork.events import Event
from sermod._problems import repr_of

Worker: TypeAlias = Callable[[int], object]
"""The work of a child: a function that takes its rank. Its result is ignored."""


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def ranks_of(children: object) -> tuple[int, ...]:
    """Return the ranks of the children.

    Args:
        children: Their number, or the ranks themselves.

    Raises:
        TypeError: *children* is neither, or a rank is not an ``int``.
        ValueError: The number is negative; or there is no rank, one twice, or that of the main process.
    """
    if is_int(children):
        if children < 0:
            raise ValueError(f"children=... takes a number, 0 or more, or the ranks in a list (got {children})")
        return tuple(range(1, children + 1))
    if isinstance(children, (bool, str, bytes)) or not isinstance(children, Iterable):
        raise TypeError(f"children=... takes a number, or the ranks in a list (got {repr_of(children)})")
    ranks: list[int] = []
    for rank in cast("Iterable[object]", children):
        if not is_int(rank):
            raise TypeError(f"children=...: a rank must be an int (got {repr_of(rank)})")
        if rank == PROC_MAIN:
            raise ValueError(
                f"children=...: rank {PROC_MAIN} is that of the main process; leave it out, and give init_main=True"
            )
        if rank in ranks:
            raise ValueError(f"children=...: rank {rank} appears twice; give each child its own rank")
        ranks.append(rank)
    if not ranks:
        raise ValueError("children=...: the list has no ranks; to fork nothing, give children=0")
    return tuple(ranks)


@attrs.frozen
class RestartPolicy:
    """How often children that died are restarted.

    Args:
        max_restarts: How many deaths of children, taken together, are each followed by a restart; at the next death the
            server gives up.
        within: The period in seconds: older deaths do not count.

    Raises:
        TypeError: *max_restarts* is not an ``int``.
        ValueError: *max_restarts* is less than 1, or *within* is not a positive number of seconds.
    """

    max_restarts: int
    within: float

    def __attrs_post_init__(self) -> None:
        if not is_int(self.max_restarts):
            raise TypeError(f"RestartPolicy(max_restarts=...) takes an int (got {self.max_restarts!r})")
        if self.max_restarts < 1:
            raise ValueError(
                f"RestartPolicy(max_restarts=...) takes 1 or more (got {self.max_restarts}); to restart nothing, give "
                f"restart=None"
            )
        if not _is_seconds(self.within) or self.within <= 0:
            raise ValueError(f"RestartPolicy(within=...) takes seconds, more than 0 (got {self.within!r})")


class DeathCount:
    """Counts the deaths of children against a policy.

    Args:
        policy: The policy; ``None`` allows no death.

    Attributes:
        count: How many deaths counted when the last one was added, that one included.
    """

    def __init__(self, policy: RestartPolicy | None) -> None:
        self.count: int = 0
        self._allowed = 0 if policy is None else policy.max_restarts
        self._within = 0.0 if policy is None else policy.within
        self._times = deque[float](maxlen=self._allowed + 1)

    def add(self, now: float) -> bool:
        """Count one more death.

        Args:
            now: The time, by the monotonic clock.

        Returns:
            Whether the policy allows that many.
        """
        self._times.append(now)
        while now - self._times[0] > self._within:
            self._times.popleft()
        self.count = len(self._times)
        return self.count <= self._allowed


@attrs.frozen
class Settings:
    """The arguments of :class:`~sermod.Prefork`, checked.

    Attributes:
        ranks: The ranks of the children; empty if nothing is to be forked.
        restart: How often dead children are restarted; ``None``: never.
        init_main: Whether the main process is initialised as ``PROC_MAIN`` after the first forks.
        ready_timeout: How many seconds a child may take to become ready; ``None``: no limit.
        stop_timeout: How many seconds a child may take to end when asked to.
        on_event: Called with each event.
    """

    ranks: tuple[int, ...]
    restart: RestartPolicy | None
    init_main: bool
    ready_timeout: float | None
    stop_timeout: float
    on_event: Callable[[Event], object] | None

    def __attrs_post_init__(self) -> None:
        if self.restart is not None and not isinstance(self.restart, RestartPolicy):
            raise TypeError(f"restart=... takes a RestartPolicy or None (got {self.restart!r})")
        if self.restart is not None and self.init_main:
            raise ValueError(
                "init_main=True and restart=... exclude each other: a restarted child would inherit what rank "
                "PROC_MAIN opened in the main process; leave one of them out"
            )
        if self.ready_timeout is not None and not (_is_seconds(self.ready_timeout) and self.ready_timeout > 0):
            raise ValueError(f"ready_timeout=... takes seconds, more than 0, or None (got {self.ready_timeout!r})")
        if not (_is_seconds(self.stop_timeout) and self.stop_timeout >= 0):
            raise ValueError(f"stop_timeout=... takes seconds, 0 or more (got {self.stop_timeout!r})")
        if self.on_event is not None and not callable(self.on_event):
            raise TypeError(f"on_event=... takes a function of an event, or None (got {self.on_event!r})")
