"""What it costs to register modules, validation and all, beside pluggy's registration of plugins."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import Any

import pluggy
from measure import Row, compare

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    ModuleExports,
    ParamExport,
    Registry,
    null_terminated,
)


def function(msg: object, param1: str, param2: str) -> int:
    return 1


def module(number: int) -> ModuleExports[Any]:
    """Make a module of 10 commands and 5 parameters."""
    routes = REQUEST_ROUTE | REPLY_ROUTE
    cmds = (CmdExport(f"command_{number}_{n}", function, 2, 0, routes) for n in range(10))
    params = (ParamExport(f"param_{n}", INT_PARAM, Cell(0)) for n in range(5))
    return ModuleExports(f"module_{number}", null_terminated(*cmds), null_terminated(*params))


def registering(modules: Iterable[ModuleExports[Any]]) -> Callable[[], None]:
    def register() -> None:
        core: Registry[Any] = Registry()
        for exports in modules:
            core.register(exports)

    return register


SPEC, IMPL = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")


def hook(name: str, marker: Callable[..., Any]) -> Any:
    def function(self: object, msg: object, param1: str, param2: str) -> int:
        return 1

    function.__name__ = name
    return marker(function)


def plugin(number: int) -> object:
    """Make a plugin of 10 hooks."""
    return type(f"Plugin{number}", (), {f"command_{n}": hook(f"command_{n}", IMPL) for n in range(10)})()


def plugging(plugins: Iterable[object]) -> Callable[[], None]:
    specs = type("Specs", (), {f"command_{n}": hook(f"command_{n}", SPEC) for n in range(10)})

    def register() -> None:
        manager = pluggy.PluginManager("bench")
        manager.add_hookspecs(specs)
        for one in plugins:
            manager.register(one)

    return register


def rows() -> list[Row]:
    """Measure."""
    modules = [module(number) for number in range(10_000)]
    thousand = registering(modules[:1_000])
    plugins = plugging([plugin(number) for number in range(1_000)])
    what = "register 1,000 modules of 10 commands and 5 parameters"
    gc.collect()
    first = compare(what, thousand, "pluggy: 1,000 plugins of 10 hooks", plugins, "at most 0.05", repeats=7)

    def ten_times_a_thousand() -> None:
        for _ in range(10):
            thousand()

    what = "register 10,000 modules"
    second = compare(what, registering(modules), "ten times 1,000", ten_times_a_thousand, "1: linear", repeats=5)
    return [first, second]
