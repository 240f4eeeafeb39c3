"""How the benchmarks measure: side by side, in one run, in turn, and by the median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib import import_module

import attrs


@attrs.frozen
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        beside: What it was measured against.
        ours: The median of ours, in seconds.
        other: The median of the other, in seconds.
        ratio: The median of the ratios, each of one of ours to the one of the other that was measured next to it.
        goal: What the ratio is to be.
    """

    what: str
    beside: str
    ours: float
    other: float
    ratio: float
    goal: str


def timed(function: Callable[[], object]) -> float:
    """Return how many seconds *function* takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(
    what: str,
    ours: Callable[[], object],
    beside: str,
    other: Callable[[], object],
    goal: str,
    *,
    repeats: int = 21,
    per: int = 1,
    inverse: bool = False,
) -> Row:
    """Measure two things in turn, after one warm-up of each.

    Args:
        what: What is measured.
        ours: Does it *per* times.
        beside: What it is measured against.
        other: Does that *per* times.
        goal: What the ratio is to be.
        repeats: How often each is measured.
        per: How often each does its thing in one measurement.
        inverse: Give the ratio as "times as fast" rather than "times as long".
    """
    ours()
    other()
    pairs = [(timed(ours), timed(other)) for _ in range(repeats)]
    ratio = statistics.median(b / a if inverse else a / b for a, b in pairs)
    return Row(
        what,
        beside,
        statistics.median(a for a, _ in pairs) / per,
        statistics.median(b for _, b in pairs) / per,
        ratio,
        goal,
    )


def rows_of(name: str) -> list[Row]:
    """Return what one benchmark has measured; called in a process that has measured nothing before."""
    rows: list[Row] = import_module(name).rows()
    return rows


def seconds(value: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.2f} {unit}"
    return f"{value * 1e9:.1f} ns"


def table(rows: list[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| what | beside | ours | the other | ratio | goal |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.beside} | {seconds(row.ours)} | {seconds(row.other)} | {row.ratio:.2f} | {row.goal} |"
        for row in rows
    ]
    return "\n".join(lines)
