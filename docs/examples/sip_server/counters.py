"""Counters in shared memory: the counts of a child remain when it has ended."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Counters:
    """Counters for each child. Made before the children are forked.

    Each child has a row of its own, so that two processes never write to the same place.

    Args:
        names: The names of the counters.
        children: The number of children, whose ranks are 1, 2, 3 and so on.
    """

    def __init__(self, names: Sequence[str], children: int) -> None:
        self._names = names
        self._column = {name: column for column, name in enumerate(names)}
        self._memory = memoryview(mmap.mmap(-1, 8 * len(names) * children)).cast("Q")

    def of(self, rank: int) -> Callable[[str], None]:
        """Return the function by which the child of that rank adds 1 to a counter."""
        column, width = self._column, len(self._names)
        row = self._memory[width * (rank - 1) : width * rank]

        def count(name: str) -> None:
            row[column[name]] += 1

        return count

    def text(self) -> str:
        """Return a line with the counts of each child, and one with the sums."""
        width = len(self._names)
        rows = [self._memory[start : start + width].tolist() for start in range(0, len(self._memory), width)]
        lines = [f"child {rank}: {self._line(row)}" for rank, row in enumerate(rows, 1)]
        return "\n".join([*lines, f"in all: {self._line([sum(column) for column in zip(*rows, strict=True)])}"])

    def _line(self, row: Sequence[int]) -> str:
        return ", ".join(f"{name} {count}" for name, count in zip(self._names, row, strict=True))
