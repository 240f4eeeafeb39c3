"""How children are to be run: what the host says, checked before anything is forked."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeGuard, cast

import attrs

from sermod._interface.ranks import PROC_MAIN
from sermod._prefork.events import Event

Worker: TypeAlias = Callable[[int], object]
"""The work of a child: a function that takes its rank. What it returns is of no interest."""


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def ranks_of(children: object) -> tuple[int, ...]:
    """Return the ranks of the children that a host wants.

    Args:
        children: Their number, or the ranks themselves.

    Raises:
        TypeError: It is neither, or a rank is no ``int``.
        ValueError: The number is negative; or a rank is there twice, or the main process's own; or there is none.
    """
    if _is_int(children):
        if children < 0:
            raise ValueError(f"children={children}: give the number of children, 0 or more, or their ranks in a list")
        return tuple(range(1, children + 1))
    if isinstance(children, (bool, str, bytes)) or not isinstance(children, Iterable):
        raise TypeError(f"children=... takes a number, or the ranks themselves in a list (got {children!r})")
    ranks: list[int] = []
    for rank in cast("Iterable[object]", children):
        if not _is_int(rank):
            raise TypeError(f"children=...: a rank must be an int (got {rank!r})")
        if rank == PROC_MAIN:
            raise ValueError(
                f"children=...: rank {PROC_MAIN} is the main process's own; leave it out, and say init_main=True"
            )
        if rank in ranks:
            raise ValueError(f"children=...: rank {rank} is there twice; each child has a rank of its own")
        ranks.append(rank)
    if not ranks:
        raise ValueError("children=...: there are no ranks in the list; to fork nothing, say children=0")
    return tuple(ranks)


@attrs.frozen
class RestartPolicy:
    """How often children may die, taken together, and be restarted.

    Args:
        max_restarts: This many deaths are followed by a restart each; one more is one too many.
        within: Only deaths of the last so many seconds count.

    Raises:
        TypeError: *max_restarts* is no ``int``.
        ValueError: It is less than 1, or *within* is no number of seconds.
    """

    max_restarts: int
    within: float

    def __attrs_post_init__(self) -> None:
        if not _is_int(self.max_restarts):
            raise TypeError(f"RestartPolicy(max_restarts=...) takes an int (got {self.max_restarts!r})")
        if self.max_restarts < 1:
            raise ValueError(
                f"RestartPolicy(max_restarts=...) takes 1 or more (got {self.max_restarts}); not to restart at all is "
                f"restart=None"
            )
        if not _is_seconds(self.within) or self.within <= 0:
            raise ValueError(f"RestartPolicy(within=...) takes seconds, more than 0 (got {self.within!r})")


class DeathCount:
    """Counts the deaths of children against a policy.

    Args:
        policy: The policy; without one every death is too many.

    Attributes:
        count: How many count since the last was added, that one included.
    """

    def __init__(self, policy: RestartPolicy | None) -> None:
        self.count: int = 0
        self._allowed = 0 if policy is None else policy.max_restarts
        self._within = 0.0 if policy is None else policy.within
        self._times = deque[float](maxlen=self._allowed + 1)

    def add(self, now: float) -> bool:
        """Count one more.

        Args:
            now: When, by the monotonic clock.

        Returns:
            Whether there may be that many.
        """
        self._times.append(now)
        while now - self._times[0] > self._within:
            self._times.popleft()
        self.count = len(self._times)
        return self.count <= self._allowed


@attrs.frozen
class Settings:
    """What the host says about its children.

    Attributes:
        ranks: The ranks of the children; none where nothing is to be forked.
        restart: When dead ones are restarted; ``None``: never.
        init_main: Whether the main process is initialised as ``PROC_MAIN`` after the first forks.
        ready_timeout: How many seconds a child may take to be ready; ``None``: as many as it wants.
        stop_timeout: How many seconds a child may take to end when asked to.
        on_event: Is told what happens.
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
