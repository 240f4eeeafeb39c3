"""The lifecycle of modules in the processes of a pool, for both kinds of pool and each start method."""

from __future__ import annotations

import fcntl
import os
from itertools import count
from multiprocessing.util import Finalize
from typing import Generic, TypeVar

from sermod import Lifecycle, Route, State

MsgT = TypeVar("MsgT")


class PooledLife(Generic[MsgT]):
    """A lifecycle in one process of a pool.

    Args:
        life: The lifecycle. If the pool forks its processes, the main process has initialised it.
    """

    def __init__(self, life: Lifecycle[MsgT]) -> None:
        self.life = life
        self._failure: Exception | None = None

    def begin(self, ranks: str) -> None:
        """Initialise this process. Called by the initializer of the pool.

        A pool does not report what its initializer raises, and `multiprocessing.Pool` would start one process after
        the other. So the exception is kept, and raised with the first result of the process.

        Args:
            ranks: The file that all processes of the pool lock for their ranks.
        """
        try:
            if self.life.state is State.CONFIGURING:  # nothing is inherited, so this is a main process
                self.life.init()
                Finalize(None, self.life.close, exitpriority=1)  # called when the process ends in order
            self.life.init_child(take_rank(ranks))
        except Exception as error:  # noqa: BLE001 - run_route raises it
            self._failure = error

    def run_route(self, route: Route[MsgT], msg: MsgT) -> int:
        """Run a route, or raise the exception that has kept this process from being initialised."""
        if self._failure is not None:
            raise self._failure
        return self.life.run_route(route, msg)


def take_rank(ranks: str) -> int:
    """Return the lowest rank, from 1 on, that no living process has, and keep it for this process.

    A process locks one byte of the file for its rank. The system unlocks it when the process ends, however it ends.

    Args:
        ranks: The file.
    """
    descriptor = os.open(ranks, os.O_RDWR)  # not closed, since that would unlock the byte
    return next(rank for rank in count(1) if _lock(descriptor, rank))


def _lock(descriptor: int, byte: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except BlockingIOError:
        return False
    return True
