# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Registry, actions and lifecycle, as type checkers see them. This file is checked by all four, and never run."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, assert_type

from sermod import (
    REPLY_ROUTE,
    REQUEST_ROUTE,
    Action,
    CmdExport,
    InterfaceWarning,
    InvalidExportsError,
    Lifecycle,
    LoadedModule,
    ModuleExports,
    ParamExport,
    Prefork,
    Problem,
    Registry,
    Severity,
    check,
    find_export,
    find_problems,
    load,
    null_terminated,
)
from sermod.hosts.asyncio import AsyncPrefork, initialised


class Message:
    """The host's type of a message."""


class OtherMessage:
    """Another host's."""


def ping(msg: Message) -> int:
    raise NotImplementedError


def of_another_host(msg: OtherMessage) -> int:
    raise NotImplementedError


def of_any_host(msg: object) -> int:
    raise NotImplementedError


# A registry is of its host's messages ---------------------------------------------------------------------------------

core = Registry[Message]()
assert_type(core, Registry[Message])
assert_type(Registry(), Registry[Any])
Registry[Message](["/usr/lib/modules", Path("modules")], REQUEST_ROUTE | REPLY_ROUTE, (0, 1, 2), True)
Registry(route_flags=0x1F, script_param_no=range(7))

Registry(path=5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
Registry(route_flags="REQUEST_ROUTE")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
Registry(script_param_no=2)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# What it returns is of the same messages ------------------------------------------------------------------------------

assert_type(core.load("foobar"), LoadedModule[Message])
assert_type(core.load(Path("foobar.py"), check_permissions=True).exports, ModuleExports[Message])
assert_type(core.find_module("foobar"), LoadedModule[Message] | None)
assert_type(core.find_export("ping", 0), CmdExport[Message] | None)
assert_type(core.require_export("ping", 0, REQUEST_ROUTE), CmdExport[Message])
assert_type(core.find_param("foobar", "foo_bar", 1), ParamExport | None)
assert_type(core.actions, tuple[Action[Message], ...])
assert_type(len(core), int)
assert_type("foobar" in core, bool)
for module in core:
    assert_type(module, LoadedModule[Message])
    assert_type(module.problems, tuple[Problem, ...])
    assert_type(module.origin, str | None)

action = core.bind("ping", route=REQUEST_ROUTE, where="ser.cfg:12")
assert_type(action, Action[Message])
assert_type(action.export, CmdExport[Message])
assert_type(action.params, tuple[str, ...])
assert_type(action.fixed, tuple[object, ...])
assert_type(action.run(Message()), Any)

run = action.run
run(Message())
run(OtherMessage())  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
run()  # type: ignore[call-arg]  # ty: ignore[missing-argument]
core.bind("ping")  # type: ignore[call-arg]  # ty: ignore[missing-argument]
core.bind("ping", 5, route=REQUEST_ROUTE)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
core.load(5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
core.find_export("ping")  # type: ignore[call-arg]  # ty: ignore[missing-argument]
core.set_param("foobar", "foo_bar", 5)
core.modparam("foo.*", "bar_foo", "text")
core.set_param("foobar", "foo_bar", None)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
core.set_param("foobar", "foo_bar", 1.0)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# A module of another host's messages does not fit ---------------------------------------------------------------------

assert_type(core.register(ModuleExports("foobar", [CmdExport("ping", ping), CmdExport()])), LoadedModule[Message])
core.register(ModuleExports("foobar"))
core.register(ModuleExports("foobar", [CmdExport("ping", of_any_host), CmdExport()]))

others = ModuleExports("foobar", null_terminated(CmdExport("ping", of_another_host, flags=1)))
core.register(others)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
core.register(CmdExport("ping", ping))  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# The lifecycle takes the routes of its registry -----------------------------------------------------------------------

with Lifecycle(core) as life:
    assert_type(life, Lifecycle[Message])
    assert_type(life.run_route([action], Message()), int)
    assert_type(life.run_route((action, action), Message()), int)
    assert_type(life.run_route(lambda msg: 1, Message()), int)
    assert_type(life.run_route(ping, Message()), int)
    assert_type(life.process_reply(Message()), bool)
    life.init_child(1)

    life.run_route([action], OtherMessage())  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
    life.run_route(of_another_host, Message())  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
    life.process_reply("text")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
    life.init_child("1")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


async def embed() -> None:
    """Run a route whose functions may be coroutine functions."""

    async def route(msg: Message) -> int:
        raise NotImplementedError

    assert_type(await life.run_route_async(route, Message()), int)
    assert_type(await life.run_route_async([action], Message()), int)
    life.run_route(route, Message())  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]

    async with initialised(Lifecycle(core)) as initialised_life:
        assert_type(initialised_life, Lifecycle[Message])
    async with AsyncPrefork(Prefork(Lifecycle(core), print, 3), handle_signals=True) as children:
        assert_type(children, AsyncPrefork)
        assert_type(await children.wait_stopped(), signal.Signals | None)
    AsyncPrefork(Lifecycle(core))  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# Functions that belong to no host take any messages -------------------------------------------------------------------

assert_type(load("foobar"), ModuleExports[Any])
assert_type(load("foobar", ["modules"], check_permissions=True), ModuleExports[Any])
assert_type(find_export("ping", 0), CmdExport[Any] | None)
assert_type(find_problems(others), tuple[Problem, ...])
assert_type(check(others, route_flags=0x1F, script_param_no={0, 1}), tuple[Problem, ...])
load()  # type: ignore[call-arg]  # ty: ignore[missing-argument]
find_problems("foobar")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]

try:
    check(others)
except InvalidExportsError as error:
    assert_type(error.module, str | None)
    assert_type(error.problems, tuple[Problem, ...])
    assert_type(error.problems[0].severity, Severity)
except InterfaceWarning as warning:
    assert_type(warning.problem, Problem)
