# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Modules as classes, and the test kit, as type checkers see them. This file is checked by all four, and never run."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, assert_type

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Action,
    LoadedModule,
    Module,
    ModuleExports,
    Pointer,
    Registry,
    command,
    describe,
    int_param,
    pointer_param,
    str_param,
)
from sermod.fixups import (
    fixup_bool,
    fixup_from,
    fixup_int,
    fixup_path,
    fixup_regexp,
    for_each,
    int_between,
    member_of,
    one_of,
)
from sermod.testing import (
    CheckResult,
    FakeMessage,
    ForkedChild,
    IsolatedHarness,
    MissingExport,
    ModuleHarness,
    RecordedCall,
    Setup,
    Verdict,
    check_module,
)


class Message:
    """The host's type of a message."""

    hops: int


class Level(Pointer[int]):
    """An author's own pointer."""

    seen: list[int]

    def load(self) -> int:
        raise NotImplementedError

    def store(self, value: int, /) -> None:
        raise NotImplementedError


class Foobar(Module[Message]):
    """A module for that host."""

    name = "foobar"
    foo_bar = int_param(0, minimum=0, maximum=10, choices=[0, 5], doc="How much.")
    bar_foo = str_param("default value", choices=("default value",), required=True, name="bar-foo")
    null = str_param(None)
    level = pointer_param(INT_PARAM, Level)

    @command(REQUEST_ROUTE | REPLY_ROUTE)
    def foo_req(self, msg: Message, limit: int, pattern: re.Pattern[str] | None = None) -> int:
        assert_type(self.foo_bar, int)
        return limit + self.foo_bar + msg.hops

    @command(name="~foo_int")
    def foo_int(self, msg: Message, price: Annotated[Decimal, fixup_from(Decimal, "a price")]) -> Decimal:
        return price

    @command(8)
    async def coroutine(self, msg: Message) -> int:
        raise NotImplementedError

    def mod_init(self) -> int:
        self.foo_bar = 5
        self.bar_foo = "x"
        self.null = None
        self.null = "x"
        return super().mod_init() or 0

    def child_init(self, rank: int) -> None:
        super().child_init(rank)

    def destroy(self) -> None:
        super().destroy()

    def response(self, msg: Message) -> int:
        return super().response(msg)

    def onbreak(self, msg: Message) -> None:
        super().onbreak(msg)


# A module's parameters are int and str --------------------------------------------------------------------------------

assert_type(Foobar().foo_bar, int)
assert_type(Foobar().bar_foo, str)
assert_type(Foobar().null, str | None)
assert_type(Foobar().level, Level)
assert_type(Foobar().level.seen, list[int])
Foobar().foo_bar = "x"  # type: ignore[assignment]  # ty: ignore[invalid-assignment]
Foobar().bar_foo = 5  # type: ignore[assignment]  # ty: ignore[invalid-assignment]

# Its commands keep their signatures -----------------------------------------------------------------------------------

assert_type(Foobar().foo_req(Message(), 5), int)
assert_type(Foobar().foo_req(Message(), 5, re.compile("x")), int)
assert_type(Foobar().foo_int(Message(), Decimal(1)), Decimal)
Foobar().foo_req(Message(), "5")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
Foobar().foo_req("msg", 5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
Foobar().foo_req(Message())  # type: ignore[call-arg]  # ty: ignore[missing-argument]

# Its exports are of its host's messages -------------------------------------------------------------------------------

core = Registry[Message]()
assert_type(Foobar().exports, ModuleExports[Message])
assert_type(core.register(Foobar().exports), LoadedModule[Message])
assert_type(describe(Foobar().exports), str)
Registry[str]().register(Foobar().exports)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


class Anybodys(Module):
    """A module for any host: the type of messages is Any."""

    name = "anybodys"

    def response(self, msg: Message) -> int:
        return msg.hops


assert_type(Anybodys().exports, ModuleExports[Any])

# A wrong flag, name or default is found -------------------------------------------------------------------------------

command("REQUEST_ROUTE")  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
command(None)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
command(print)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
command(REQUEST_ROUTE, name=5)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
int_param("5")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
int_param(None)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
int_param(0, minimum="0")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
int_param(0, choices=["a"])  # type: ignore[list-item]  # ty: ignore[invalid-argument-type]
int_param(0, "doc")  # type: ignore[arg-type, call-arg]  # ty: ignore[too-many-positional-arguments]
str_param(5)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
str_param("x", choices=[5])  # type: ignore[list-item]  # ty: ignore[no-matching-overload]
str_param("x", minimum=5)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
pointer_param("int", Level)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
pointer_param(STR_PARAM, int)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]


class Wrong(Module[Message]):
    """Each mistake is an error in its own line."""

    name = 5  # type: ignore[assignment]  # ty: ignore[invalid-assignment]
    wrong: int = str_param("5")  # type: ignore[assignment]  # ty: ignore[invalid-assignment]

    @command()  # type: ignore[type-var]  # ty: ignore[invalid-argument-type]
    def no_message(self) -> int:
        raise NotImplementedError

    def mod_init(self, core: object) -> int:  # type: ignore[override]  # ty: ignore[incompatible-method-override]
        raise NotImplementedError

    def child_init(self, rank: str) -> int:  # type: ignore[override]  # ty: ignore[incompatible-method-override]
        raise NotImplementedError

    def destroy(self) -> int:  # type: ignore[override]  # ty: ignore[incompatible-method-override]
        raise NotImplementedError

    def response(self, msg: str) -> int:  # type: ignore[override]  # ty: ignore[incompatible-method-override]
        raise NotImplementedError


# Fixups ---------------------------------------------------------------------------------------------------------------

assert_type(fixup_int("5", 1), int)
assert_type(fixup_bool("on", 1), bool)
assert_type(fixup_regexp("x", 1), re.Pattern[str])
assert_type(fixup_path("x", 1), Path)
assert_type(int_between(0, 5)("5", 1), int)
assert_type(one_of({"a": 1})("a", 1), int)
assert_type(fixup_from(Decimal, "a number")("5", 1), Decimal)
assert_type(for_each(fixup_int, None, member_of(Verdict))("5", 1), object)
fixup_from(5, "a number")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
member_of(int)  # type: ignore[type-var]  # ty: ignore[invalid-argument-type]
for_each("int")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]

# The test kit ---------------------------------------------------------------------------------------------------------

for target in (Foobar, Foobar(), Foobar().exports, re, "foobar", Path("foobar.py")):
    ModuleHarness(target)
ModuleHarness(5)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
ModuleHarness(Foobar, params={"foo_bar": 1.5})  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleHarness(Foobar, isolated=True)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]

with ModuleHarness(Foobar, {"foo_bar": 5}, provides={("~pre_auth", 0): fixup_int}) as harness:
    assert_type(harness, ModuleHarness)
    assert_type(harness.call("foo_req", "5", "x", msg=Message(), route=REQUEST_ROUTE), int)
    assert_type(harness.call_fixed("foo_req", 5, None), int)
    assert_type(harness.function("~foo_int", 1), Callable[..., Any])
    assert_type(harness.bind("foo_req", "5"), Action[Any])
    assert_type(harness.run_route([("foo_req", "5"), harness.bind("foo_req", "6")], Message()), int)
    assert_type(harness.run_route(lambda msg: 1), int)
    assert_type(harness.reply(Message()), bool)
    assert_type(harness.events, list[RecordedCall])
    assert_type(harness.missing, tuple[MissingExport, ...])
    with harness.forked(1) as child:
        assert_type(child, ForkedChild)
        assert_type(child.call("foo_req", "5"), int)
    harness.call("foo_req", 5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
    harness.forked("1")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]

with ModuleHarness(Foobar, {"foo_bar": 5}, isolate=True, timeout=5) as isolated:
    assert_type(isolated, IsolatedHarness)
    assert_type(isolated.call("foo_req", "5", "x", msg=Message(), route=REQUEST_ROUTE), int)
    assert_type(isolated.run_route([("foo_req", "5")], Message()), int)
    assert_type(isolated.provide("~pre_auth", 0, fixup_int), IsolatedHarness)
    isolated.bind("foo_req", "5")  # type: ignore[attr-defined]  # ty: ignore[missing-attribute]
    _ = isolated.exports  # type: ignore[attr-defined]  # ty: ignore[missing-attribute]
    isolated.run_route(lambda msg: 1)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
IsolatedHarness(Foobar, {"foo_bar": 5}, isolate=True)  # type: ignore[call-arg]  # ty: ignore[unknown-argument]


def harnesses(*, isolate: bool) -> None:
    assert_type(ModuleHarness(Foobar, isolate=isolate), ModuleHarness | IsolatedHarness)
    assert_type(ModuleHarness(Foobar, isolate=isolate).call("foo_req", "5"), int)


assert_type(FakeMessage(method="OPTIONS").method, Any)
assert_type(check_module(Setup(Foobar, params={"foo_bar": 5}, refused={"foo_req": [("x",)]})), tuple[CheckResult, ...])
assert_type(check_module(Foobar, expected_failures={"names": "why"})[0].verdict, Verdict)
