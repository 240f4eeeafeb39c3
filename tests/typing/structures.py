# pyright: reportUnnecessaryTypeIgnoreComment=true
"""The structures, as type checkers see them. This file is checked by all four, and never run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, assert_type

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    ModuleExports,
    ParamExport,
    ParamType,
    Pointer,
    RouteFlag,
    null_terminated,
    pointer_to,
    scan,
)


class Message:
    """A host's type of a message."""


class OtherMessage:
    """Another host's."""


def foo_req(msg: Message, p1: str, p2: str) -> int:
    raise NotImplementedError


def of_fewer(msg: Message, limit: int) -> int:
    raise NotImplementedError


def of_any(msg: Message, *params: object, key: bool = True) -> int:
    raise NotImplementedError


def of_another_host(msg: OtherMessage, p1: str, p2: str) -> int:
    raise NotImplementedError


async def coroutine(msg: Message, p1: re.Pattern[str]) -> int:
    raise NotImplementedError


def no_message() -> int:
    raise NotImplementedError


def fixup(param: str, param_no: int) -> re.Pattern[str]:
    raise NotImplementedError


def mod_init() -> int:
    raise NotImplementedError


def destroy() -> None:
    raise NotImplementedError


def response(msg: Message) -> int:
    raise NotImplementedError


def onbreak(msg: Message) -> None:
    raise NotImplementedError


def child_init(rank: int) -> int | None:
    raise NotImplementedError


class Foobar:
    def foo_req(self, msg: Message, p1: str) -> int:
        raise NotImplementedError


# The message type is inferred from the function -----------------------------------------------------------------------

assert_type(CmdExport("foo_req", foo_req, 2, 0, REQUEST_ROUTE), CmdExport[Message])
assert_type(CmdExport("foo_req", of_fewer, 1, 0, 1), CmdExport[Message])
assert_type(CmdExport("foo_req", of_any, 2, fixup, 1), CmdExport[Message])
assert_type(CmdExport("foo_req", coroutine, 1, fixup, 1), CmdExport[Message])
assert_type(CmdExport("foo_req", Foobar().foo_req, 1, 0, 1), CmdExport[Message])
assert_type(CmdExport("foo_req", of_another_host, 2, 0, 1), CmdExport[OtherMessage])
assert_type(CmdExport[Message](), CmdExport[Message])

CmdExport("foo_req", no_message, flags=1)  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]
CmdExport[Message]("foo_req", of_another_host, flags=1)  # type: ignore[arg-type]  # ty: ignore[no-matching-overload]

# Without a function the type of messages is Any, which fits anywhere.
terminator = CmdExport()
assert_type(terminator, CmdExport[Any])
of_host: list[CmdExport[Message]] = [CmdExport("foo_req", foo_req), CmdExport(), CmdExport(0, 0, 0, 0, 0)]

# The fields have the types that the constructor converts to.
foo = CmdExport("foo_req", foo_req, 2, fixup, 3)
assert_type(foo.name, str | None)
assert_type(foo.param_no, int)
assert_type(foo.fixup, Callable[[str, int], object] | None)
assert_type(foo.flags, RouteFlag)
assert_type(foo.is_terminator, bool)
if foo.function is not None:
    foo.function(Message(), "a", "b")

foo.name = "bar"  # type: ignore[misc]  # ty: ignore[invalid-assignment]


# Null is None, or 0; nothing else that is false -----------------------------------------------------------------------

CmdExport(0, 0, 0, 0, 0)
CmdExport(None, None, 0, None, 0)
ParamExport(0, 0, 0)
ParamExport(None, STR_PARAM, None)
ModuleExports("foobar", 0, 0, 0, 0, 0, 0, 0)
ModuleExports("foobar", None, None, None, None, None, None, None)

CmdExport(False)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", False)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", foo_req, 2, False)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", foo_req, 2, 1)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", foo_req, 2, 0.0)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
ParamExport("foo", INT_PARAM, False)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
ParamExport("foo", INT_PARAM, 5)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
ModuleExports("foo", False)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleExports("foo", None, False)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleExports("foo", None, None, False)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# Wrong types of fields ------------------------------------------------------------------------------------------------

CmdExport(b"foo")  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", "foo_req")  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", foo_req, "2")  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", foo_req, None)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
CmdExport("foo", foo_req, 2, mod_init)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
CmdExport("foo", foo_req, 2, 0, "REQUEST_ROUTE")  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("foo", foo_req, 2, 0, None)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("foo", foo_req, 2, 0, RouteFlag)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("foo", foo_req, 2, 0, [REQUEST_ROUTE])  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
CmdExport("foo", foo_req, 2, 0, REQUEST_ROUTE, 0)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
ParamExport("foo", "int")  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
ParamExport("foo", int)  # type: ignore[call-overload]  # ty: ignore[invalid-argument-type]
ParamExport("foo", INT_PARAM, "foo_bar")  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]

assert_type(REQUEST_ROUTE | REPLY_ROUTE, RouteFlag)  # ty: ignore[type-assertion-failure]
CmdExport("foo", foo_req, 2, 0, REQUEST_ROUTE | REPLY_ROUTE)
CmdExport("foo", foo_req, 2, 0, 0x80)
assert_type(ParamExport("foo", 7).type, ParamType | int)


# A module's exports ---------------------------------------------------------------------------------------------------

# A terminator does not give the type of messages: a list with both needs an annotation, or null_terminated().
cmds: list[CmdExport[Message]] = [CmdExport("foo_req", foo_req, 2, 0, REQUEST_ROUTE), CmdExport(0, 0, 0, 0, 0)]
params = [ParamExport("foo_bar", INT_PARAM, Cell(0)), ParamExport(0, 0, 0)]

exports = ModuleExports("foobar", cmds, params, mod_init, response, destroy, onbreak, child_init)
assert_type(exports, ModuleExports[Message])
assert_type(exports.commands, tuple[CmdExport[Message], ...])
assert_type(exports.parameters, tuple[ParamExport, ...])
assert_type(exports.cmds, tuple[CmdExport[Message], ...] | None)
assert_type(exports.name, str | None)

# It is inferred from any of its parts.
assert_type(ModuleExports("foobar", cmds), ModuleExports[Message])
assert_type(ModuleExports("foobar", null_terminated(CmdExport("foo_req", foo_req, flags=1))), ModuleExports[Message])
assert_type(ModuleExports("foobar", (cmd for cmd in cmds)), ModuleExports[Message])
assert_type(ModuleExports("foobar", response_f=response), ModuleExports[Message])
assert_type(ModuleExports("foobar"), ModuleExports[Any])

ModuleExports("foobar", CmdExport())  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleExports("foobar", params)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleExports("foobar", None, cmds)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleExports("foobar", cmds, params, child_init)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleExports("foobar", cmds, params, init_child_f=mod_init)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
ModuleExports[OtherMessage]("foobar", cmds)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# Arrays ---------------------------------------------------------------------------------------------------------------

assert_type(null_terminated(foo, foo), tuple[CmdExport[Message], ...])
assert_type(null_terminated(params[0]), tuple[ParamExport, ...])
assert_type([*scan(cmds)], list[CmdExport[Message]])
assert_type([*scan(params)], list[ParamExport])
scan(None)
scan(0)

null_terminated()  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
null_terminated(foo, params[0])  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
null_terminated(cmds)  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
scan(["foo"])  # type: ignore[type-var]  # ty: ignore[invalid-argument-type]
scan(5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


# Pointers -------------------------------------------------------------------------------------------------------------

assert_type(Cell(0).load(), int)
assert_type(Cell("text", doc="what it is for").value, str)
Cell(0).store("text")  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]

number: Pointer[int] = Cell(0)
text: Pointer[str] = Cell(0)  # type: ignore[arg-type]  # ty: ignore[invalid-assignment]
assert_type(pointer_to(globals(), "foo_bar"), Pointer[Any])
anything: Pointer[int] = pointer_to(exports, "name")
pointer_to(globals(), 5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]


class Derived(Pointer[int]):
    """A pointer of an author's own, with a check."""

    doc = "seconds to wait"
    required = True

    def load(self) -> int:
        raise NotImplementedError

    def store(self, value: int, /) -> None:
        raise NotImplementedError

    def check(self, value: int) -> None:
        raise NotImplementedError


class Structural:
    """It has the two methods, and that is enough."""

    def load(self) -> str | None:
        raise NotImplementedError

    def store(self, text: str | None) -> None:
        raise NotImplementedError


class OfAnotherType(Pointer[int]):
    def load(self) -> str:  # type: ignore[override]  # ty: ignore[incompatible-method-override]
        raise NotImplementedError

    def store(self, value: int, /) -> None:
        raise NotImplementedError


class ReadOnly:
    def load(self) -> int:
        raise NotImplementedError


ParamExport("timeout", INT_PARAM, Derived())
ParamExport("bar_foo", STR_PARAM, Structural())
derived: Pointer[int] = Derived()
structural: Pointer[str | None] = Structural()

ParamExport("timeout", INT_PARAM, ReadOnly())  # type: ignore[call-overload]  # ty: ignore[no-matching-overload]
wrong: Pointer[int] = Structural()  # type: ignore[assignment]  # ty: ignore[invalid-assignment]
