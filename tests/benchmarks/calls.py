"""What a call costs through ``Action.run``, beside the call by hand and beside peers."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import blinker
import pluggy
from measure import Row, compare

from sermod import REQUEST_ROUTE, CmdExport, Lifecycle, ModuleExports, Registry, null_terminated

CALLS = 100_000
PLAIN_GOAL = "at most 1.05" if sys.version_info < (3, 12) else "at most 1.4"


def function(msg: object, param1: str, param2: str) -> int:
    return 1


class Thing:
    def method(self, msg: object, param1: str, param2: str) -> int:
        return 1

    def __call__(self, msg: object, param1: str, param2: str) -> int:
        return 1


def wrapper(*args: Any) -> int:
    return function(*args)


def fixup(param: str, param_no: int) -> object:
    return param


CALLABLES: list[tuple[str, Callable[..., Any], Any, str]] = [
    ("plain function", function, 0, PLAIN_GOAL),
    ("plain function with a fixup", function, fixup, PLAIN_GOAL),
    ("bound method", Thing().method, 0, PLAIN_GOAL),
    ("bound method with a fixup", Thing().method, fixup, PLAIN_GOAL),
    ("callable object", Thing(), 0, "at most 1.6"),
    ("partial object", functools.partial(function), 0, "at most 1.6"),
    ("function of *args", wrapper, 0, "at most 1.6"),
    ("built-in function", max, 0, "at most 1.6"),
]


def runs() -> list[Callable[[object], Any]]:
    """Return ``run`` of a call of each of the callables, after init."""
    core: Registry[Any] = Registry()
    exports = (CmdExport(f"c{n}", call, 2, fix, REQUEST_ROUTE) for n, (_, call, fix, _) in enumerate(CALLABLES))
    core.register(ModuleExports("bench", null_terminated(*exports)))
    actions = [core.bind(f"c{n}", "a", "b", route=REQUEST_ROUTE) for n in range(len(CALLABLES))]
    Lifecycle(core).init()
    return [action.run for action in actions]


def calling(run: Callable[[object], object]) -> Callable[[], None]:
    def loop(run: Callable[[object], object] = run, msg: object = "msg") -> None:
        for _ in range(CALLS):
            run(msg)

    return loop


def calling_by_hand(call: Callable[..., object]) -> Callable[[], None]:
    def loop(call: Callable[..., object] = call, msg: object = "msg", a: str = "a", b: str = "b") -> None:
        for _ in range(CALLS):
            call(msg, a, b)

    return loop


def pluggy_hook() -> Callable[..., object]:
    spec, impl = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")

    class Spec:
        @spec
        def foo_req(self, msg: object, param1: str, param2: str) -> None: ...

    class Plugin:
        @impl
        def foo_req(self, msg: object, param1: str, param2: str) -> int:
            return 1

    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Spec)
    manager.register(Plugin())
    return manager.hook.foo_req


def rows() -> list[Row]:
    """Measure."""
    made = runs()
    result = [
        compare(f"run(msg), {what}", calling(run), "function(msg, a, b)", calling_by_hand(call), goal, per=CALLS)
        for run, (what, call, _, goal) in zip(made, CALLABLES, strict=True)
    ]
    run = calling(made[0])

    hook = pluggy_hook()

    def call_pluggy() -> None:
        for _ in range(CALLS):
            hook(msg="msg", param1="a", param2="b")

    goal = "at least 25 times as fast"
    result.append(compare("run(msg)", run, "pluggy: a hook", call_pluggy, goal, per=CALLS, repeats=7, inverse=True))

    signal = blinker.Signal()
    signal.connect(function)

    def call_blinker() -> None:
        for _ in range(CALLS):
            signal.send("msg", param1="a", param2="b")

    result.append(
        compare("run(msg)", run, "blinker: a signal", call_blinker, "faster", per=CALLS, repeats=7, inverse=True)
    )

    commands = {"foo_req": function}

    def call_dict() -> None:
        for _ in range(CALLS):
            commands["foo_req"]("msg", "a", "b")

    result.append(
        compare("run(msg)", run, "a dict of functions", call_dict, "at least as fast", per=CALLS, inverse=True)
    )
    return result
