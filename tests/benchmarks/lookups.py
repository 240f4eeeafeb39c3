"""What a look-up and a bind cost, from ten commands to a hundred thousand."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from measure import Row, timed

from sermod import REQUEST_ROUTE, CmdExport, ModuleExports, Registry, null_terminated

SIZES = (10, 100, 1_000, 10_000, 100_000)
LOOKUPS = 20_000
REPEATS = 15


def function(msg: object, param1: str, param2: str) -> int:
    return 1


def registry_of(commands: int) -> Registry[Any]:
    """Return a registry with that many commands, in modules of ten."""
    core: Registry[Any] = Registry()
    for first in range(0, commands, 10):
        names = [f"command_{number}" for number in range(first, first + 10)]
        cmds = null_terminated(*(CmdExport(name, function, 2, 0, REQUEST_ROUTE) for name in names))
        core.register(ModuleExports(f"module_{first}", cmds))
    return core


FIXED = [f"command_{number}" for number in range(10)] * (LOOKUPS // 10)


def finding(core: Registry[Any], names: Sequence[str]) -> Callable[[], None]:
    def loop() -> None:
        find = core.find_export
        for name in names:
            find(name, 2, 1)

    return loop


def binding(core: Registry[Any], names: Sequence[str]) -> Callable[[], None]:
    def loop() -> None:
        bind = core.bind
        for name in names[: LOOKUPS // 10]:
            bind(name, "a", "b", route=REQUEST_ROUTE)

    return loop


def in_turn(loops: Sequence[Callable[[], None]]) -> list[float]:
    """Return the median time of each, measured in turn."""
    for loop in loops:
        loop()
    measured = [[timed(loop) for loop in loops] for _ in range(REPEATS)]
    return [statistics.median(column) for column in zip(*measured, strict=True)]


def flat(what: str, make: Callable[[Registry[Any], Sequence[str]], Callable[[], None]], count: int) -> Row:
    """Measure ten fixed names in registries of all sizes: the slowest beside the fastest."""
    times = in_turn([make(registry_of(size), FIXED) for size in SIZES])
    span = f"{what}, ten names: the slowest of {SIZES[0]} to {SIZES[-1]:,} commands"
    slowest, fastest = max(times), min(times)
    return Row(span, "the fastest", slowest / count, fastest / count, slowest / fastest, "at most 1.3")


def rows() -> list[Row]:
    """Measure."""
    result = [flat("find_export", finding, LOOKUPS), flat("bind", binding, LOOKUPS // 10)]

    def random_names(size: int) -> list[str]:
        return random.Random(size).choices([f"command_{number}" for number in range(size)], k=LOOKUPS)  # noqa: S311

    def getting(size: int) -> Callable[[], None]:
        table = {f"command_{number}": function for number in range(size)}
        names = random_names(size)

        def loop() -> None:
            get = table.get
            for name in names:
                get(name)

        return loop

    ours = in_turn([finding(registry_of(size), random_names(size)) for size in (SIZES[0], SIZES[-1])])
    other = in_turn([getting(size) for size in (SIZES[0], SIZES[-1])])
    for size, a, b in zip((SIZES[0], SIZES[-1]), ours, other, strict=True):
        what = f"find_export, random names of {size:,}"
        result.append(Row(what, "dict.get", a / LOOKUPS, b / LOOKUPS, a / b, "the same for both"))
    return result
