"""The description of a module, as text for people."""

from __future__ import annotations

import functools
import re
from enum import IntFlag
from types import FunctionType, SimpleNamespace
from typing import Annotated, Literal, NewType

import pytest
from annotated_types import Gt, Lt

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
    Registry,
    command,
    describe,
    int_param,
    internal,
    list_param,
    null_terminated,
    pointer_param,
    pointer_to,
    str_param,
)
from sermod.fixups import fixup_from, int_between, one_of

Seconds = NewType("Seconds", int)


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

    init_f: print"""

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


class HostRoute(IntFlag):
    """The routes of some host."""

    REQUEST = 1
    REPLY = 2
    BRANCH = 16


class TestRouteNames:
    """A host's own kinds of route have their names."""

    class Branching(Module):
        name = "branching"

        @command(17)
        def foo(self, msg):
            return 1

    @pytest.mark.parametrize("route_flags", [HostRoute, HostRoute.REQUEST | HostRoute.BRANCH], ids=["class", "member"])
    def test_given(self, route_flags):
        assert "For REQUEST | BRANCH." in describe(self.Branching().exports, route_flags=route_flags)

    def test_by_default_those_of_the_spec(self):
        assert "For REQUEST_ROUTE | 0x10." in describe(self.Branching().exports)


class TestNoAddresses:
    """The same module has the same description with each start."""

    def described(self, annotation):
        def foo(self, msg, param):
            return 1

        foo.__annotations__["param"] = annotation
        cls = type("Some", (Module,), {"name": "some", "foo": command(REQUEST_ROUTE)(foo)})
        (line,) = [line for line in describe(cls().exports).splitlines() if "foo(" in line]
        return line.strip()

    def named(param, number):  # noqa: N805 - a fixup
        return param

    @pytest.mark.parametrize(
        ("annotation", "text"),
        [
            (Annotated[int, int_between(0, 9)], "int (from 0 to 9)"),
            (Annotated[int, int_between(minimum=1)] | None, "int (at least 1) | None"),
            (Annotated[int, int_between()], "int"),
            (Annotated[str, one_of({"udp": "u", "tcp": "t"})], "str (one of 'udp', 'tcp')"),
            (Annotated[int, fixup_from(int, "a number of lines")], "int (a number of lines)"),
            (Annotated[int, fixup_from(int, "a number"), Gt(3)], "int (a number and greater than 3)"),
            (Annotated[int, Gt(3), Lt(9)], "int (greater than 3 and less than 9)"),
            (Annotated[str, named], "str (named)"),
            (Annotated[str, functools.partial(named)], "str (partial)"),
            (Annotated[str, lambda param, number: param], "str"),
            (Annotated[int, "how far"], "int"),
            (Literal["udp", "tcp"], "Literal['udp', 'tcp']"),
            (Seconds, "Seconds"),
            (re.Pattern[str] | None, "re.Pattern[str] | None"),
        ],
        ids=range(14),
    )
    def test_an_annotation(self, annotation, text):
        assert text in self.described(annotation)
        assert " at 0x" not in self.described(annotation)

    def test_a_default(self):
        class Odd(Pointer):
            def load(self):
                return object()

            def store(self, value):
                """Forget it."""

        exports = ModuleExports("odd", 0, null_terminated(ParamExport("odd", INT_PARAM, Odd())))

        assert "odd (integer, default <object>)" in describe(exports)


class TestDefaults:
    """They are as declared, and not as set."""

    def test_after_parameters_were_set(self):
        place = {"number": 3}

        class Collects(Pointer):
            default = "none"

            def load(self):
                return "as set"

            def store(self, value):
                """Forget it."""

        class Level(Pointer):
            def __init__(self):
                self.value = 4

            def load(self):
                return self.value

            def store(self, value):
                self.value = value

        class Foobar(Module):
            name = "foobar"
            foo_bar = int_param(5)
            level = pointer_param(INT_PARAM, Level)
            listen = list_param(str, doc="Where to listen.")

        module = Foobar()
        c_shape = ModuleExports(
            "c_shape",
            0,
            null_terminated(
                ParamExport("cell", INT_PARAM, Cell(1)),
                ParamExport("number", INT_PARAM, pointer_to(place, "number")),
                ParamExport("attribute", INT_PARAM, pointer_to(SimpleNamespace(value=2), "value")),
                ParamExport("own", STR_PARAM, Collects()),
            ),
        )
        before = describe(module.exports), describe(c_shape)
        core = Registry()
        core.register(module.exports)
        core.register(c_shape)
        for name in ("foo_bar", "level"):
            core.set_param("foobar", name, 9)
        core.set_param("foobar", "listen", "udp")
        for name in ("cell", "number", "attribute"):
            core.set_param("c_shape", name, 8)
            core.set_param("c_shape", name, 9)

        assert before == (describe(module.exports), describe(c_shape))
        assert "level (integer, default 4)" in before[0]
        assert "listen (string, may be set several times)\n        Where to listen." in before[0]
        for line in ("cell (integer, default 1)", "number (integer, default 3)", "attribute (integer, default 2)"):
            assert line in before[1]
        assert 'own (string, default "none")' in before[1]

    def test_a_variable_that_did_not_exist_before_it_was_set(self):
        pointer = pointer_to({}, "later")
        pointer.store(5)

        assert "later (integer, default 5)" in describe(
            ModuleExports("m", 0, null_terminated(ParamExport("later", INT_PARAM, pointer)))
        )

    def test_a_pointer_param_whose_class_fails(self):
        """A fresh pointer shows the default, where one can be made."""
        pointers = iter([Cell(1)])

        class Foobar(Module):
            name = "foobar"
            foo_bar = int_param(0)
            level = pointer_param(INT_PARAM, lambda: next(pointers))

        assert "level (integer, default unknown)" in describe(Foobar().exports)

    def test_the_secrets_of_a_cell(self):
        exports = ModuleExports("m", 0, null_terminated(ParamExport("key", STR_PARAM, Cell("heslo", secret=True))))

        assert "key (string, default ***)" in describe(exports)


class TestFunctionsForOthers:
    """A function of any shape is described as it is called."""

    def lines(self, *cmds):
        return [line.strip() for line in describe(ModuleExports("m", null_terminated(*cmds))).splitlines()]

    def test_in_a_class(self):
        class Foobar(Module):
            name = "foobar"

            @internal
            def plain(self, key: str, amount: int = 1):
                """Count."""

            @internal(param_no=-1)
            def any_number(self, *texts: str, end="", **more):
                """Join."""

            @internal(name="~none")
            def none(self):
                """Do nothing."""

            @command()
            def shaped(self, msg, key: str):
                return 1

        text = describe(Foobar().exports)

        assert "plain(key: str[, amount: int])\n        For other modules only.\n        Count." in text
        assert "any_number(*texts, end=..., **more)\n        For other modules only, with param_no -1." in text
        assert "~none()\n" in text
        assert "shaped(key: str)\n" in text

    def test_in_the_c_shape(self):
        lines = self.lines(
            CmdExport("no_script", lambda a, b=None: 1, -1),
            CmdExport("own", lambda key: 1, 1),
            CmdExport("shaped", lambda msg, a, b: 1, 2),
            CmdExport("two", lambda msg, a, b=None: 1, 1),
        )

        assert "no_script(a[, b])" in lines
        assert "For other modules only, with param_no -1." in lines
        assert "own(key)" in lines
        assert "shaped(a, b)" in lines

    def test_a_signature_that_raises(self):
        class Odd:
            def __call__(self, msg):
                return 1

            @property
            def __signature__(self):
                raise RuntimeError("no")

        assert "odd(param1)" in self.lines(CmdExport("odd", Odd(), 1))


class TestHooks:
    """They are named, whatever they are."""

    class InC:
        def __init__(self, name):
            self.name = name

        def __call__(self):
            return 0

    class Unnamed:
        def __call__(self):
            return 0

    def hook(self, function):
        return describe(ModuleExports("m", init_f=function)).splitlines()[-1].strip()

    @pytest.mark.parametrize(
        ("function", "line"),
        [
            (InC("mod_init"), "init_f: mod_init"),
            (InC("init_f"), "init_f"),
            (InC(5), "init_f: InC"),
            (Unnamed(), "init_f: Unnamed"),
            (functools.partial(functools.partial(describe)), "init_f: describe"),
        ],
        ids=["C", "C without a name", "no text", "object", "partial"],
    )
    def test_name(self, function, line):
        assert line == self.hook(function)

    def test_an_object_with_a_docstring_of_its_own(self):
        hook = self.Unnamed()
        hook.__doc__ = "Begin."

        assert "Begin." == self.hook(hook)
