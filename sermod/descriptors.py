"""File descriptors that belong to one process alone, although a fork copies them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final

_closers: Final[list[Callable[[], object]]] = []


def close_in_forks(close: Callable[[], object]) -> None:
    """Have whatever this process forks call *close* first of all, whoever forks it.

    Args:
        close: Closes descriptors, those of the new process: this one's stay open.
    """
    _closers.append(close)


def keep_in_forks(close: Callable[[], object]) -> None:
    """Take back what :func:`close_in_forks` was told."""
    _closers.remove(close)


def _close_all() -> None:
    closers = _closers[:]
    _closers.clear()
    for close in closers:
        close()


if hasattr(os, "register_at_fork"):  # pragma: no branch - on Windows nothing forks
    os.register_at_fork(after_in_child=_close_all)


def runs_of(descriptors: Iterable[int]) -> list[tuple[int, int]]:
    """Return descriptors as ranges, from the first to the one behind the last.

    A fresh child pays for every page of memory that it touches: it closes ranges many times as fast as many.
    """
    runs: list[tuple[int, int]] = []
    for descriptor in sorted(descriptors):
        if runs and runs[-1][1] == descriptor:
            runs[-1] = (runs[-1][0], descriptor + 1)
        else:
            runs.append((descriptor, descriptor + 1))
    return runs


def close_runs(runs: Iterable[tuple[int, int]], keep: Iterable[int]) -> None:
    """Close all descriptors in ranges, except those of *keep*, which are in rising order."""
    for first, end in runs:
        start = first
        for kept in keep:
            if start <= kept < end:
                os.closerange(start, kept)
                start = kept + 1
        os.closerange(start, end)
