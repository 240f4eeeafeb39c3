"""The description of a module, as text for people."""

from __future__ import annotations

import functools
import re
from types import FunctionType

import pytest

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
    Pointer,
    command,
    describe,
    int_param,
    null_terminated,
    pointer_param,
    str_param,
)


class Level(Pointer):
    doc = "How loud."
    required = True

    def load(self):
        return 0

    def store(self, value):
        """Forget it."""


class Foobar(Module):
    """Counts what it is told to count, and goes on in a second line that is so long that it has to be broken somewhere.

    It has a second paragraph:

        with something indented
    """

    name = "foobar"
    foo_bar = int_param(0, minimum=0, maximum=9, doc="How much is added.")
    mode = str_param("fast", choices=["fast", "slow"])
    null = str_param(None)
    secret = str_param(required=True, doc="What nobody else knows.")
    level = pointer_param(INT_PARAM, Level)

    @command(REQUEST_ROUTE | REPLY_ROUTE)
    def foo_req(self, msg, limit: int, pattern: re.Pattern[str] | None = None, third=None):
        """Count."""
        return limit

    @command(REQUEST_ROUTE)
    def none(self, msg, optional: str = ""):
        return 1

    @command(name="~foo_int")
    def foo_int(self, msg):
        return 1

    def mod_init(self):
        """Begin."""

    def destroy(self):
        pass


FOOBAR = """\
foobar

    Counts what it is told to count, and goes on in a second line that is so long that it has to be
    broken somewhere.

    It has a second paragraph:

        with something indented

Parameters

    foo_bar (integer, default 0, from 0 to 9)
        How much is added.
    mode (string, default "fast", one of 'fast', 'slow')
    null (string, default null)
    secret (string, required)
        What nobody else knows.
    level (integer, required)
        How loud.

Functions

    foo_req(limit: int[, pattern: re.Pattern[str] | None[, third]])
        For REQUEST_ROUTE | REPLY_ROUTE.
        Count.
    none([optional: str])
        For REQUEST_ROUTE.
    ~foo_int()
        For other modules only.

Hooks

    init_f: mod_init
        Begin.
    destroy_f: destroy"""


def test_a_class():
    """Overview, parameters, functions, hooks: in this order."""
    assert FOOBAR == describe(Foobar().exports)


def test_defaults_are_those_of_the_class():
    """The description has the defaults, not the values that are set now."""
    module = Foobar()
    module.foo_bar = 7

    assert FOOBAR == describe(module.exports)


def test_the_c_shape():
    """The overview is the docstring of the functions' file, and defaults are what the variables hold."""

    def foo_req(msg, param1, param2):
        """Count."""

    class Broken(Pointer):
        def load(self):
            raise KeyError

        def store(self, value):
            """Forget it."""

    globals_of_module = {"__doc__": "What the file is for.\n", "__name__": "cshape"}
    function = FunctionType(foo_req.__code__, globals_of_module)
    cmds = [
        CmdExport("foo_req", function, 2, 0, REQUEST_ROUTE),
        CmdExport("more", function, 3, 0, 8),
        CmdExport("builtin", print, 2),
        CmdExport("partial", functools.partial(foo_req, 1), 1),
        CmdExport("unknown", type, 1),
        CmdExport("none"),
    ]
    params = [
        ParamExport("foo_bar", INT_PARAM, Cell(5, doc="How much.")),
        ParamExport("bar_foo", STR_PARAM, Cell("x")),
        ParamExport("broken", 7, Broken()),
        ParamExport("null", INT_PARAM),
    ]
    exports = ModuleExports("cshape", null_terminated(*cmds), null_terminated(*params), functools.partial(print))
    expected = """\
cshape

    What the file is for.

Parameters

    foo_bar (integer, default 5)
        How much.
    bar_foo (string, default "x")
    broken (type 7, default unknown)
    null (integer, default unknown)

Functions

    foo_req(param1, param2)
        For REQUEST_ROUTE.
        Count.
    more(param1, param2, param3)
        For 0x8.
        Count.
    builtin(param1, param2)
        For other modules only.
    partial(param2)
        For other modules only.
    unknown(param1)
        For other modules only.
    none()
        For other modules only.

Hooks

    init_f: partial"""

    assert expected == describe(exports)


@pytest.mark.parametrize("doc", ["What it is for.", None])
def test_a_class_of_parameters_alone(doc):
    """Its pointers lead to the class; the docstring of ``Module`` itself is not that of a module."""
    bare = type("Bare", (Module,), {"name": "bare", "__doc__": doc, "level": int_param(3)})
    overview = "bare\n\n    What it is for.\n" if doc else "bare\n"

    assert f"{overview}\nParameters\n\n    level (integer, default 3)" == describe(bare().exports)


def test_a_docstring_is_inherited():
    class Derived(Foobar):
        name = "derived"

    assert "\n    Counts what it is told to count" in describe(Derived().exports)


def test_nothing_but_a_name():
    assert "bare" == describe(ModuleExports("bare"))
