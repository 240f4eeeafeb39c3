"""The ranks of processes, for ``init_child_f``.

The children that do the work have the ranks 1, 2, 3 and so on. The values are those of the SER core; the spec, section
1.4, only says that a rank is an integer.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import Final

PROC_MAIN: Final = 0
"""The main process, after it has forked the children."""
PROC_TIMER: Final = -1
"""The process that runs the timers."""
PROC_FIFO: Final = -2
"""The process that serves the FIFO."""
PROC_TCP_MAIN: Final = -4
"""The process that hands TCP connections on."""


def lowest_free_rank(taken: Collection[int]) -> int:
    """Return the rank for a child that is about to be started: the lowest, from 1 on, that no living child has.

    So the ranks never exceed the number of children, however often these are replaced. Called by a host, in the process
    that starts children.

    Args:
        taken: The ranks of the living children.

    Example:
        >>> lowest_free_rank({1, 2, 4})
        3
    """
    return next(rank for rank in count(1) if rank not in taken)
