# pyright: reportUnnecessaryTypeIgnoreComment=true
"""What fits in the fields of the exports, to type checkers. Type checkers check this file; it is never run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, assert_type

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    Module,
    ModuleExports,
    ParamExport,
    ParamType,
    Pointer,
    Registry,
    RouteFlag,
    command,
    int_param,
    internal,
    list_param,
    null_terminated,
    pointer_param,
    pointer_to,
    require_function,
    str_param,
    uses,
)


class Message:
    """A host's type of a message."""


class OtherMessage:
    """Another host's."""


def of_script(msg: Message, a: str) -> int:
    raise NotImplementedError


async def coroutine(msg: Message) -> int:
    raise NotImplementedError


def of_any_host(msg: object) -> int:
    raise NotImplementedError


def of_another_host(msg: OtherMessage) -> int:
    raise NotImplementedError


def keyed(key: str) -> dict[str, int]:
    raise NotImplementedError


def without_arguments() -> None:
    raise NotImplementedError


def without_result(msg: Message) -> None:
    raise NotImplementedError


def of_text(msg: Message) -> str:
    raise NotImplementedError


async def of_text_later(msg: Message) -> str:
    raise NotImplementedError


# Commands for the script and functions of any shape in one array ------------------------------------------------------

core = Registry[Message]()

cmds = [
    CmdExport("a", of_script, 1, 0, REQUEST_ROUTE),
    CmdExport("b", coroutine, 0, 0, REQUEST_ROUTE | REPLY_ROUTE),
    CmdExport("~d", keyed, 1),
    CmdExport("~e", without_arguments, 0, 0, 0),
    CmdExport(0, 0, 0, 0, 0),
]
exports = ModuleExports("m", cmds)
core.register(exports)
core.register(ModuleExports("m", [CmdExport("~d", keyed, 1), CmdExport("a", of_script, 1, 0, 1), CmdExport()]))

array = null_terminated(CmdExport("~d", keyed, 1), CmdExport("a", of_script, 1, 0, REQUEST_ROUTE))
core.register(ModuleExports("m", array))
mixed = null_terminated(CmdExport("a", of_script, 1, 0, 1), CmdExport("c", of_any_host, 0, 0, 1))
core.register(ModuleExports("m", mixed))

internals = [CmdExport("~d", keyed, 1), CmdExport("~e", without_arguments), CmdExport()]
core.register(ModuleExports("m", internals))

for_any = [CmdExport("c", of_any_host, 0, 0, REQUEST_ROUTE)]
assert_type(for_any, list[CmdExport[object]])
for_any_host = ModuleExports("m", for_any)
assert_type(for_any_host, ModuleExports[object])
core.register(for_any_host)
of_host: CmdExport[Message] = for_any[0]

declared: list[CmdExport[Message]] = [CmdExport("a", of_script, 1, 0, REQUEST_ROUTE), CmdExport("~d", keyed, 1)]
assert_type(CmdExport("a", of_script, flags=REQUEST_ROUTE), CmdExport[Message])
assert_type(CmdExport("a", of_script, 1, 0, 0x80), CmdExport[Message])
assert_type(CmdExport("~d", keyed, 1), CmdExport[Any])


def of_unknown(flags: int, routes: RouteFlag, function: Callable[..., Any] | None) -> None:
    """Make entries of what is known only at run time."""
    assert_type(CmdExport("a", of_script, 1, 0, flags), CmdExport[Message])
    assert_type(CmdExport("a", of_script, 1, 0, routes), CmdExport[Message])
    CmdExport("a", function, 1, 0, routes)


CmdExport("a", without_result, 0, 0, REQUEST_ROUTE)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("a", of_text, 0, 0, REQUEST_ROUTE)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("a", of_text_later, 0, 0, REQUEST_ROUTE)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("a", without_arguments, 0, 0, REQUEST_ROUTE)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("a", keyed, 1, 0, 0x80)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("a", of_text, flags=REQUEST_ROUTE)  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]
CmdExport[Message]("a", of_another_host, 0, 0, REQUEST_ROUTE)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
others = null_terminated(CmdExport("a", of_another_host, 0, 0, REQUEST_ROUTE))
core.register(ModuleExports("m", others))  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# A pointer fits its type ----------------------------------------------------------------------------------------------


class Level(Pointer[int]):
    def load(self) -> int:
        raise NotImplementedError

    def store(self, value: int, /) -> None:
        raise NotImplementedError


class Text(Pointer[str]):
    def load(self) -> str:
        raise NotImplementedError

    def store(self, value: str, /) -> None:
        raise NotImplementedError


def parameters(text: str | None, kind: ParamType, number: int) -> None:
    """Make entries of what is known only at run time."""
    ParamExport("p", STR_PARAM, Cell(text))
    ParamExport("p", kind, pointer_to(core, "p"))
    ParamExport("p", number, pointer_to(core, "p"))
    ParamExport("p", number)


ParamExport("p", INT_PARAM, Cell(0))
ParamExport("p", INT_PARAM, Level())
ParamExport("p", STR_PARAM, Cell("text"))
ParamExport("p", STR_PARAM, Text())
ParamExport("p", STR_PARAM, list_param(str))
ParamExport("p", INT_PARAM, pointer_to(core, "p"))
ParamExport("p", STR_PARAM, pointer_to(core, "p"))
ParamExport(0, 0, 0)
ParamExport(None, 0, None)
ParamExport()

ParamExport("p", INT_PARAM, Cell("text"))  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]
ParamExport("p", INT_PARAM, Text())  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]
ParamExport("p", STR_PARAM, Cell(0))  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]
ParamExport("p", STR_PARAM, Level())  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]
ParamExport("p", 7, Level())  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]


# Modules as classes ---------------------------------------------------------------------------------------------------


class Foobar(Module[Message]):
    """A class with functions for other modules, and with functions of theirs."""

    name = "foobar"
    db_url = str_param("", secret=True)
    pin = int_param(0, secret=True)
    listen = list_param(int, doc="Where to listen.")
    level = pointer_param(INT_PARAM, Level)
    text = pointer_param(STR_PARAM, Text)
    cell = pointer_param(INT_PARAM, lambda: Cell(0))
    anything = pointer_param(STR_PARAM, lambda: pointer_to(core, "p"))
    query = uses("~query", 2)

    @internal
    def keyed(self, key: str, /, *, limit: int = 1) -> list[str]:
        raise NotImplementedError

    @internal(name="~later", param_no=-1)
    async def later(self, *keys: str) -> str:
        raise NotImplementedError

    @command()
    def of_any_result(self, msg: Message) -> str:
        raise NotImplementedError

    @command(name="~plain")
    def without_result(self, msg: Message) -> None:
        raise NotImplementedError

    @command(REQUEST_ROUTE, name="same")
    async def coroutine(self, msg: Message, a: str) -> int:
        raise NotImplementedError

    @command(REQUEST_ROUTE)  # type: ignore[type-var]  # ty: ignore[invalid-argument-type]
    def wrong(self, msg: Message) -> None:
        raise NotImplementedError

    @command(0x80)  # type: ignore[type-var]  # ty: ignore[invalid-argument-type]
    def wrong_as_well(self, msg: Message) -> str:
        raise NotImplementedError

    def mod_init(self) -> None:
        assert_type(self.query("text", 5), Any)
        assert_type(self.db_url, str)
        assert_type(self.pin, int)
        assert_type(self.listen.values, list[int])
        for port in self.listen:
            assert_type(port, int)
        assert_type(require_function("~query", 2), Callable[..., Any])

    async def onbreak(self, msg: Message) -> None:
        """Hear of a route that ended with 0."""


class Plain(Module[Message]):
    """A hook may be a plain function as well."""

    name = "plain"

    def onbreak(self, msg: Message) -> None:
        super().onbreak(msg)


assert_type(Foobar().keyed("a", limit=2), list[str])
assert_type(Foobar().level, Level)
assert_type(Foobar().text, Text)
assert_type(Foobar().cell, Cell[int])
assert_type(Foobar().of_any_result(Message()), str)
core.register(Foobar().exports)


async def at_break() -> None:
    """A hook of any module may be one or the other."""
    result: Awaitable[None] | None = Module[Message]().onbreak(Message())
    if result is not None:
        await result


pointer_param(INT_PARAM, Text)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
pointer_param(STR_PARAM, Level)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
internal("~name")  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
internal(param_no="1")  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
uses("~query")  # type: ignore[call-arg]  # ty: ignore[missing-argument]
uses("~query", "2")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
require_function("~query")  # type: ignore[call-arg]  # ty: ignore[missing-argument]
Foobar().keyed(5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
str_param("", secret=5)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
