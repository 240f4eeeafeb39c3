"""What a module that is a class costs: to make it, and to call it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import attrs
from measure import Row, compare

from sermod import (
    REQUEST_ROUTE,
    CmdExport,
    Lifecycle,
    Module,
    ModuleExports,
    ParamExport,
    Registry,
    command,
    int_param,
    str_param,
)

CLASSES = 100
CALLS = 100_000
CALL_GOAL = "at most 1.05" if sys.version_info < (3, 12) else "at most 1.4"


def module_class() -> type[Module[Any]]:
    """Make a class of 10 commands, some with fixups, and 5 parameters."""

    class Bench(Module):
        """A module."""

        name = "bench"
        param0 = int_param(0, minimum=0, doc="The first.")
        param1 = int_param(1)
        param2 = str_param("two")
        param3 = str_param("three", choices=["three", "four"])
        param4 = int_param(4)

        @command(REQUEST_ROUTE)
        def command0(self, msg: object, limit: int, pattern: re.Pattern[str]) -> int:
            return 1

        @command(REQUEST_ROUTE)
        def command1(self, msg: object, first: str, second: str) -> int:
            return 1

        @command(REQUEST_ROUTE)
        def command2(self, msg: object, limit: int) -> int:
            return 1

        @command(REQUEST_ROUTE)
        def command3(self, msg: object, on: bool) -> int:
            return 1

        @command(REQUEST_ROUTE)
        def command4(self, msg: object) -> int:
            return 1

        @command()
        def command5(self, msg: object, first: str) -> int:
            return 1

        @command()
        def command6(self, msg: object) -> int:
            return 1

        @command(REQUEST_ROUTE)
        def command7(self, msg: object, share: float) -> int:
            return 1

        @command(REQUEST_ROUTE)
        def command8(self, msg: object, first: str, second: str) -> int:
            return 1

        @command(REQUEST_ROUTE)
        def command9(self, msg: object, first: str) -> int:
            return 1

        def mod_init(self) -> int:
            return 0

    return Bench


def attrs_class() -> type[Any]:
    """Make a class of 15 fields with the same names."""

    @attrs.define
    class Bench:
        """A module."""

        param0: int = 0
        param1: int = 1
        param2: str = "two"
        param3: str = "three"
        param4: int = 4
        command0: object = None
        command1: object = None
        command2: object = None
        command3: object = None
        command4: object = None
        command5: object = None
        command6: object = None
        command7: object = None
        command8: object = None
        command9: object = None

    return Bench


def attrs_instance() -> object:
    """Make such a class, and an instance of it."""
    return attrs_class()()


def times(make: Callable[[], object]) -> Callable[[], None]:
    def loop() -> None:
        for _ in range(CLASSES):
            make()

    return loop


def call_rows() -> list[Row]:
    """Measure a call of a command beside a call of the method."""
    module = module_class()()
    core: Registry[Any] = Registry()
    core.register(module.exports)
    action = core.bind("command1", "a", "b", route=REQUEST_ROUTE)
    Lifecycle(core).init()
    method: Callable[[object, str, str], int] = module.command1  # type: ignore[attr-defined]

    def through_action(run: Callable[[object], object] = action.run, msg: object = "msg") -> None:
        for _ in range(CALLS):
            run(msg)

    def by_hand(method: Callable[..., object] = method, msg: object = "msg", a: str = "a", b: str = "b") -> None:
        for _ in range(CALLS):
            method(msg, a, b)

    return [compare("run(msg), command of a class", through_action, "method(msg, a, b)", by_hand, CALL_GOAL, per=CALLS)]


def c_shape() -> Callable[[], object]:
    """Return what writes the exports of the class down, as a module in the C shape does."""
    written = module_class()().exports
    cmds = [(each.name, each.function, each.param_no, each.fixup, int(each.flags)) for each in written.commands]
    params = [(each.name, each.type, each.param_pointer) for each in written.parameters]

    def make() -> object:
        commands = [*(CmdExport(*each) for each in cmds), CmdExport()]
        return ModuleExports(
            "bench", commands, [*(ParamExport(*each) for each in params), ParamExport()], written.init_f
        )

    return make


def rows() -> list[Row]:
    """Measure."""
    made, beside = module_class(), "attrs class of 15 fields"
    what = "class, 10 commands and 5 params"
    return [
        compare(what, times(module_class), beside, times(attrs_class), "at most 3", per=CLASSES),
        compare(
            f"{what}, an instance and its exports",
            times(lambda: module_class()().exports),
            f"{beside}, an instance",
            times(attrs_instance),
            "at most 3",
            per=CLASSES,
        ),
        compare(
            "a further instance and its exports",
            times(lambda: made().exports),
            "the same exports in the C shape",
            times(c_shape()),
            "at most 2",
            per=CLASSES,
        ),
        *call_rows(),
    ]
