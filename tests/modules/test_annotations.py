"""The fixups that the annotations of a command choose."""

from __future__ import annotations

import enum
import ipaddress
import pathlib
import re
import textwrap
import typing
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, Optional, Union

import pytest

from sermod import REQUEST_ROUTE, FixupError, Lifecycle, Module, Registry, command
from sermod.fixups import fixup_from, int_between

if TYPE_CHECKING:
    from email.message import Message

Seconds = NewType("Seconds", int)


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = 2


class Empty(enum.Enum):
    pass


def upper(param: str, param_no: int) -> str:
    return f"{param.upper()}{param_no}"


def module_of(annotation):
    """Make a module whose command has one parameter with that annotation."""

    class Some(Module):
        name = "some"

        def foo(self, msg, param):
            return param

        foo.__annotations__["param"] = annotation
        foo = command(REQUEST_ROUTE)(foo)

    return Some()


def fixed(module, *params):
    """Return what becomes of the parameters of a call of ``foo``."""
    core = Registry()
    core.register(module.exports)
    call = core.bind("foo", *params, route=REQUEST_ROUTE)
    Lifecycle(core).init()
    return call.fixed


TAKEN = [
    (str, "x", "x"),
    (Any, "x", "x"),
    (object, "x", "x"),
    (int, "10", 10),
    (float, "1.5", 1.5),
    (bool, "on", True),
    (re.Pattern, "a+", re.compile("a+")),
    (re.Pattern[str], "a+", re.compile("a+")),
    (typing.Pattern[str], "a+", re.compile("a+")),
    (typing.Pattern, "a+", re.compile("a+")),
    (Path, "/etc", Path("/etc")),
    (PurePosixPath, "/etc", PurePosixPath("/etc")),
    (IPv4Address, "127.0.0.1", IPv4Address("127.0.0.1")),
    (IPv6Address, "::1", IPv6Address("::1")),
    (ipaddress.IPv4Network, "10.0.0.0/8", ipaddress.IPv4Network("10.0.0.0/8")),
    (ipaddress.IPv6Network, "2001:db8::/32", ipaddress.IPv6Network("2001:db8::/32")),
    (ipaddress.IPv4Interface, "10.0.0.1/8", ipaddress.IPv4Interface("10.0.0.1/8")),
    (ipaddress.IPv6Interface, "2001:db8::1/32", ipaddress.IPv6Interface("2001:db8::1/32")),
    (IPv4Address | IPv6Address, "::1", IPv6Address("::1")),
    (Union[IPv6Address, IPv4Address], "127.0.0.1", IPv4Address("127.0.0.1")),  # noqa: UP007 - both ways to write it
    (ipaddress.IPv4Network | ipaddress.IPv6Network, "::/0", ipaddress.IPv6Network("::/0")),
    (ipaddress.IPv4Interface | ipaddress.IPv6Interface, "::1/128", ipaddress.IPv6Interface("::1/128")),
    (Mode, "fast", Mode.FAST),
    (Mode, "SLOW", Mode.SLOW),
    (Literal["udp", "tcp"], "tcp", "tcp"),
    (Literal[5, "x"], "5", 5),
    (Literal[Mode.FAST, Mode.SLOW], "SLOW", Mode.SLOW),
    (Literal[Mode.FAST], "fast", Mode.FAST),
    (int | None, "10", 10),
    (Optional[IPv4Address | IPv6Address], "::1", IPv6Address("::1")),  # noqa: UP045
    (str | None, "x", "x"),
    (Annotated[str, upper], "x", "X1"),
    (Annotated[int, int_between(0, 9)], "5", 5),
    (Annotated[Decimal, fixup_from(Decimal, "a number")] | None, "1.5", Decimal("1.5")),
    (Annotated[int, "how far"], "5", 5),
    (Annotated[str, "how far"], "5", "5"),
    (Seconds, "5", 5),
    ("int", "5", 5),
    ("Mode", "fast", Mode.FAST),
    ("re.Pattern[str]", "a", re.compile("a")),
    ("pathlib.Path | None", "a", pathlib.Path("a")),
    (Annotated["Mode", "which"], "fast", Mode.FAST),
]


@pytest.mark.parametrize(
    ("annotation", "param", "value"), TAKEN, ids=[f"{index}-{each[1]}" for index, each in enumerate(TAKEN)]
)
def test_a_value_is_made_of_what_the_script_has(annotation, param, value):
    (found,) = fixed(module_of(annotation), param)

    assert value == found
    assert type(value) is type(found)


@pytest.mark.parametrize(
    ("annotation", "param", "expects"),
    [
        (int, "x", "a whole number, such as 10 or -1"),
        (IPv4Address, "::1", "an IPv4 address"),
        (IPv6Address, "127.0.0.1", "an IPv6 address"),
        (ipaddress.IPv4Network, "::/0", "an IPv4 network, such as 10.0.0.0/8"),
        (ipaddress.IPv6Network, "x", "an IPv6 network, such as 2001:db8::/32"),
        (ipaddress.IPv4Interface | ipaddress.IPv6Interface, "x", "an IPv4 or IPv6 address with its network, such as"),
        (Path, "", "the path of a file"),
        (Mode, "FAST", "one of 'fast', 'SLOW'"),
        (Literal["udp", 5], "x", "one of 'udp', '5'"),
        (Annotated[int, int_between(0, 9)], "10", "a whole number from 0 to 9"),
    ],
)
def test_a_value_that_does_not_convert_is_refused(annotation, param, expects):
    """The name of the parameter and what was expected are in the text."""
    with pytest.raises(FixupError) as caught:
        fixed(module_of(annotation), param)

    assert f"the fixup refuses parameter 1, {param!r}: param: takes {expects}" in str(caught.value)


class TestError:
    """A value that does not convert is an error at start-up that names everything."""

    class Foobar(Module):
        name = "foobar"

        @command(REQUEST_ROUTE)
        def foo_req(self, msg, limit: int, pattern: re.Pattern[str]):
            return 1

    def error_of(self, *call, **options):
        core = Registry()
        core.register(self.Foobar().exports)
        with pytest.raises(FixupError) as caught:
            core.bind(*call, route=REQUEST_ROUTE, **options)
        return caught.value

    def test_with_file_and_line(self):
        error = self.error_of("foo_req", "5", "a(", where="ser.cfg:12")

        assert (
            "ser.cfg:12: foo_req(\"5\", \"a(\") of module 'foobar': the fixup refuses parameter 2, 'a(': pattern: "
            "takes a regular expression (got 'a('; missing ), unterminated subpattern at position 1)"
        ) == str(error)
        assert ("foobar", "foo_req", 2, "pattern", "a(", "ser.cfg:12", REQUEST_ROUTE) == (
            error.module,
            error.command,
            error.param_no,
            error.param_name,
            error.value,
            error.where,
            error.route,
        )

    def test_without_them_the_route_is_the_place(self):
        error = self.error_of("foo_req", "x", "a")

        assert str(error).startswith(
            'foo_req("x", "a") of module \'foobar\', in REQUEST_ROUTE: the fixup refuses param'
        )

    def test_a_fixup_that_falls_over_it(self):
        """The error names the kind of exception: its text alone, a bare ``'b'``, would not explain it."""

        class Table(Module):
            name = "table"

            @command(REQUEST_ROUTE)
            def foo(self, msg, entry: Annotated[int, lambda param, param_no: {"a": 1}[param]]):
                return entry

        assert (1,) == fixed(Table(), "a")
        with pytest.raises(FixupError, match="refuses parameter 1, 'b': entry: KeyError: 'b'"):
            fixed(Table(), "b")

    def test_a_forgotten_return(self):
        class Forgets(Module):
            name = "forgets"

            @command(REQUEST_ROUTE)
            def foo(self, msg, entry: Annotated[int, lambda param, param_no: None]):
                return entry

        with pytest.raises(FixupError, match="entry: its fixup returned None; it must return the fixed value"):
            fixed(Forgets(), "b")


class TestParameterName:
    """The error has the name of the parameter in the C shape too, where the function has it."""

    @pytest.mark.parametrize(
        ("function", "name"),
        [(lambda msg, text: 1, "text"), (lambda *args: 1, None), (print, None), (str.join, "iterable")],
    )
    def test_name(self, function, name):
        from sermod import CmdExport, ModuleExports

        core = Registry()
        cmds = [CmdExport("foo", function, 1, int, REQUEST_ROUTE), CmdExport()]
        core.register(ModuleExports("some", cmds))
        core.bind("foo", "x", route=REQUEST_ROUTE)
        with pytest.raises(FixupError) as caught:
            Lifecycle(core).init()

        assert name == caught.value.param_name

    def test_a_callable_whose_signature_raises(self):
        class Odd:
            def __call__(self, msg, text):
                return 1

            @property
            def __signature__(self):
                raise RuntimeError("no")

        from sermod import CmdExport, ModuleExports

        core = Registry()
        core.register(ModuleExports("some", [CmdExport("foo", Odd(), 1, fixup_from(int, "a number"), 1), CmdExport()]))
        core.bind("foo", "x", route=REQUEST_ROUTE)
        with pytest.raises(FixupError) as caught:
            Lifecycle(core).init()

        assert caught.value.param_name is None


class TestUnknown:
    """An annotation without a fixup is an error when the class is made."""

    @pytest.mark.parametrize(
        ("annotation", "text"),
        [
            (
                list[str],
                "list[str]: there is no fixup for it. These have fixups: str, int, float, bool, re.Pattern[str],",
            ),
            (Decimal, "decimal.Decimal: there is no fixup for it"),
            (Empty, "Empty: there is no fixup for it"),
            (None, "None: there is no fixup for it"),
            (re.Pattern[bytes], "re.Pattern[bytes]: there is no fixup for it"),
            (int | str, "int | str: there is no fixup for a union of several types"),
            (IPv4Address | IPv6Address | list[int], "there is no fixup for a union of several types"),
            (Literal[True], "Literal[True]: a Literal may contain strings, ints and members of an Enum"),
            (Literal["a", b"b"], "a Literal may contain strings, ints and members of an Enum"),
            (Annotated[Decimal, Decimal], "cannot be called as fixup(param, param_no); if it takes"),
            (Annotated[int, str.upper], "cannot be called as fixup(param, param_no)"),
            (Annotated[int, upper, upper], "there are 2 fixups in it; write one that does"),
            (Annotated[list[str], "names"], "there is no fixup for it"),
        ],
    )
    def test_it_is_named(self, annotation, text):
        with pytest.raises(TypeError) as caught:
            module_of(annotation)

        assert "module_of.<locals>.Some.foo: its parameter 'param' is annotated with " in str(caught.value)
        assert text in str(caught.value)

    def test_an_internal_command_may_take_anything(self):
        """No script calls it, and no fixup runs for it."""

        class Internal(Module):
            name = "internal"

            @command()
            def register(self, msg, callback: list[dict[str, int]], unknown: NoSuchThing):  # noqa: F821
                return 1

        assert [None] == [each.fixup for each in Internal().exports.commands]


class TestNames:
    """Annotations that are texts are looked up where they are written."""

    def test_only_those_of_the_parameters_are_looked_up(self):
        """The message's class may be there for type checkers only."""

        class Some(Module):
            name = "some"

            @command(REQUEST_ROUTE)
            def foo(self, msg: Message, param: int) -> Message:
                return param

        assert (5,) == fixed(Some(), "5")

    def test_in_the_function_around_the_class(self):
        class Local(enum.Enum):
            A = "a"

        alias = Optional[Local]  # noqa: UP045

        class Some(Module):
            name = "some"

            @command(REQUEST_ROUTE)
            def foo(self, msg, param: Local, other: alias = None):
                return 1

        assert (Local.A, Local.A) == fixed(Some(), "a", "a")

    def test_in_functions_further_out(self):
        class Local(enum.Enum):
            A = "a"

        def make():
            class Some(Module):
                name = "some"

                @command(REQUEST_ROUTE)
                def foo(self, msg, param: Local):
                    return 1

            return Some()

        assert (Local.A,) == fixed(make(), "a")

    def test_in_the_class_itself(self):
        class Some(Module):
            name = "some"

            class Mine(enum.Enum):
                A = "a"

            @command(REQUEST_ROUTE)
            def foo(self, msg, param: Mine, other: Literal["b"] | None = None):
                return 1

        assert (Some.Mine.A, "b") == fixed(Some(), "a", "b")

    def test_in_a_mixin_of_another_function(self):
        class Outer(enum.Enum):
            A = "a"

        class Mixin:
            @command(REQUEST_ROUTE)
            def foo(self, msg, param: Outer):
                return 1

        def make():
            class Some(Mixin, Module):
                name = "some"

            return Some()

        assert (Outer.A,) == fixed(make(), "a")

    def test_a_base_has_found_out_what_its_subclasses_inherit(self):
        """They need not find it again where its names are long gone."""

        def base():
            class Local(enum.Enum):
                A = "a"

            class Base(Module):
                name = "base"

                @command(REQUEST_ROUTE)
                def foo(self, msg, param: Local):
                    return 1

            return Base, Local

        made, local = base()

        class Derived(made):
            pass

        assert (local.A,) == fixed(Derived(), "a")

    @pytest.mark.parametrize("annotation", ["Later", "email.message.Message", "list[", "Later | None"])
    def test_one_that_is_not_there_is_an_error_of_the_class(self, annotation):
        """It is defined later, or imported for type checkers only, or no annotation at all."""
        with pytest.raises(TypeError) as caught:
            module_of(annotation)

        assert f"Some.foo: its parameter 'param' is annotated with {annotation}: it cannot be resolved (" in str(
            caught.value
        )
        assert "define or import its names before the class, and not only under TYPE_CHECKING" in str(caught.value)

    def test_without_the_future_import(self):
        """Annotations that are values, some with texts in them."""
        source = """
            import enum
            from typing import Annotated, Optional
            from sermod import REQUEST_ROUTE, Module, command

            class Mode(enum.Enum):
                A = "a"

            class Some(Module):
                name = "some"

                @command(REQUEST_ROUTE)
                def foo(self, msg, one: Mode, two: Optional["Mode"] = None):
                    return 1

                @command(REQUEST_ROUTE)
                def bar(self, msg, one: Annotated["Mode", "which"], two: "int" = 5):
                    return 1
        """
        names = {"__name__": "some_module"}
        # This file has that import, which would go into what it compiles.
        exec(compile(textwrap.dedent(source), "some_module.py", "exec", dont_inherit=True), names)  # noqa: S102

        assert (names["Mode"].A, names["Mode"].A) == fixed(names["Some"](), "a", "a")

    def test_a_type_alias(self):
        """``type Seconds = int``, where Python has it, and what stands for it elsewhere."""
        from typing_extensions import TypeAliasType

        assert (5,) == fixed(module_of(TypeAliasType("Alias", int)), "5")
