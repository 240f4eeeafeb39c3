"""A mistake in a class is an error when the class is made; it names the class, the method and the remedy."""

from __future__ import annotations

import functools

import pytest

from sermod import INT_PARAM, REQUEST_ROUTE, STR_PARAM, Cell, Module, command, int_param, pointer_param, str_param


def mistake(**body):
    """Make a class with that body, and return what is wrong with it."""
    with pytest.raises(TypeError) as caught:
        type("Foobar", (Module,), {"name": "foobar", **body})
    return str(caught.value)


def marked(function, flags=REQUEST_ROUTE, **options):
    return command(flags, **options)(function)


class TestCommand:
    """A command that cannot be one."""

    @pytest.mark.parametrize(
        ("function", "text"),
        [
            (lambda self: 1, "a command takes self and the message, and foo(self) does not; write self, msg, ..."),
            (lambda: 1, "a command takes self and the message, and foo() does not; write self, msg, ..."),
            (lambda self, *, msg: 1, "a command takes self and the message, and foo(self, *, msg) does not"),
            (
                lambda self, *args: 1,
                "a command is exported with its number of parameters, and foo(self, *args) takes any number",
            ),
            (lambda self, msg, *args: 1, "write each parameter by its name instead of *args"),
            (
                lambda self, msg, a, *, b: 1,
                "foo(self, msg, a, *, b) cannot be called as foo(msg, a); make it take",
            ),
        ],
    )
    def test_its_signature(self, function, text):
        found = mistake(foo=marked(function))

        assert found.startswith("Foobar.foo: ")
        assert text in found

    @pytest.mark.parametrize("name", ["~foo", "foo-bar", "größe", "1st"])
    def test_a_name_that_no_script_can_write(self, name):
        expected = (
            f"Foobar.foo: no script can write the name {name!r}; use letters, digits and underscores, or "
            "flags=0 for a command of other modules only"
        )

        assert expected == mistake(foo=marked(lambda self, msg: 1, name=name))

    def test_two_with_one_name_and_number(self):
        def first(self, msg, a, b=None):
            return 1

        def second(self, msg, a):
            return 1

        expected = (
            "Foobar.second: it is the command 'foo' with 1 parameter for REQUEST_ROUTE, and so is first, for "
            "REQUEST_ROUTE; give one of them another name=, another number of parameters, or other routes"
        )

        assert expected == mistake(first=marked(first, name="foo"), second=marked(second, name="foo"))

    def test_one_that_a_look_up_for_any_route_would_not_find(self):
        """An internal one behind one for the script."""
        found = mistake(
            first=marked(lambda self, msg: 1, name="foo"), second=marked(lambda self, msg: 1, flags=0, name="foo")
        )

        assert "Foobar.second: it is the command 'foo' with 0 parameters for other modules, and so is first" in found

    def test_something_else_in_the_place_of_one(self):
        class Base(Module):
            @command()
            def foo(self, msg):
                return 1

        with pytest.raises(TypeError, match=r"Derived.foo: must be a plain method, .* \(got an int\)"):

            class Derived(Base):
                foo = 5

    @pytest.mark.parametrize("name", ["mod_init", "response", "destroy", "onbreak", "child_init", "exports"])
    def test_in_the_place_of_what_every_module_has(self, name):
        expected = f"Foobar.{name}: the name is reserved in every module, so a command cannot have it; rename it"

        assert expected == mistake(**{name: marked(lambda self, msg: 1)})

    def test_in_the_place_of_the_name(self):
        assert "Foobar.name: the name of a module must be a non-empty str without a NUL (got <" in mistake(
            name=marked(lambda self, msg: 1)
        )

    def test_wrapped_in_what_takes_less(self):
        def foo(self, msg, limit: int):
            return 1

        @functools.wraps(foo)
        def wrapper(self, msg):
            return 1

        assert "Foobar.foo: foo(self, msg, limit: 'int') cannot be called as foo(msg, limit)" in mistake(
            foo=marked(wrapper)
        )

    def test_wrapping_what_is_no_function(self):
        def wrapper(self, msg):
            return 1

        wrapper.__wrapped__ = print

        assert "Foobar.foo: it wraps <built-in function print>, which is not a function" in mistake(foo=marked(wrapper))


class TestDecorator:
    """A mistake in the decorator itself is an error of its line."""

    def test_without_parentheses(self):
        with pytest.raises(TypeError, match=r"got <function .*>\); write @command\(\), with parentheses"):

            @command
            def foo(self, msg):
                return 1

    @pytest.mark.parametrize("flags", ["REQUEST_ROUTE", True, None, 1.0, -1])
    def test_flags_that_are_none(self, flags):
        with pytest.raises(TypeError, match=rf"takes the routes .* \(got {flags!r}\); give REQUEST_ROUTE, for example"):
            command(flags)

    @pytest.mark.parametrize("name", ["", 5, "a\0b"])
    def test_a_name_that_is_none(self, name):
        with pytest.raises(
            TypeError, match=r"command\(name=...\) takes a non-empty str without a NUL, or None for the method's name"
        ):
            command(name=name)

    @pytest.mark.parametrize("thing", [staticmethod(print), functools.partial(print), property(id)])
    def test_on_what_is_no_method(self, thing):
        with pytest.raises(TypeError, match=r"@command\(\) marks plain methods, .* \(got a "):
            command()(thing)

    def test_twice(self):
        def foo(self, msg):
            return 1

        with pytest.raises(
            TypeError,
            match=r"foo: it is marked with @command\(\) twice; mark it once, with all routes: @command\(A \| B\)",
        ):
            marked(marked(foo))


class TestHook:
    """A hook that cannot be called as the core calls it."""

    @pytest.mark.parametrize(
        ("hook", "function", "text"),
        [
            (
                "mod_init",
                lambda self, core: 0,
                "mod_init(self, core) cannot be called by the core; write def mod_init(self)",
            ),
            ("mod_init", lambda: 0, "mod_init() cannot be called by the core; write def mod_init(self)"),
            (
                "child_init",
                lambda self: 0,
                "child_init(self) cannot be called by the core; write def child_init(self, rank)",
            ),
            (
                "destroy",
                lambda self, why: 0,
                "destroy(self, why) cannot be called by the core; write def destroy(self)",
            ),
            ("response", lambda self: 0, "response(self) cannot be called by the core; write def response(self, msg)"),
            (
                "onbreak",
                lambda self, a, b: 0,
                "onbreak(self, a, b) cannot be called by the core; write def onbreak(self, msg)",
            ),
            (
                "destroy",
                staticmethod(lambda: 0),
                "must be a plain method, which takes self (got a staticmethod); write",
            ),
            ("destroy", 5, "must be a plain method, which takes self (got an int); write def destroy(self, ...)"),
        ],
    )
    def test_its_signature(self, hook, function, text):
        found = mistake(**{hook: function})

        assert found.startswith(f"Foobar.{hook}: ")
        assert text in found

    @pytest.mark.parametrize("hook", ["mod_init", "destroy"])
    def test_it_is_never_awaited(self, hook):
        async def function(self):
            return 0

        assert f"Foobar.{hook}: it is never awaited; write def {hook}(self), without async" == mistake(
            **{hook: function}
        )

    def test_onbreak_may_be_a_coroutine_function(self):
        """``run_route_async`` awaits it."""

        class Foobar(Module):
            name = "foobar"

            async def onbreak(self, msg):
                return None

        assert Foobar().exports.onbreak_f is not None

    def test_one_that_would_never_run(self):
        """Python would find that of ``Module`` first, which does nothing."""

        class Mixin:
            def mod_init(self):
                return 0

        with pytest.raises(TypeError) as caught:

            class Foobar(Module, Mixin):
                name = "foobar"

        assert str(caught.value).endswith(
            ".Mixin.mod_init would never run, since Module comes before Mixin; write class Foobar(Mixin, ...)"
        )


INT = "the default of int_param() must be an int from -2147483648 to 2147483647"


class TestParameter:
    """A parameter that cannot be one."""

    @pytest.mark.parametrize(
        ("declared", "text"),
        [
            (int_param("5"), f"{INT} (got '5')"),
            (int_param(None), f"{INT} (got None)"),
            (int_param(True), f"{INT} (got True)"),
            (int_param(1.5), f"{INT} (got 1.5)"),
            (int_param(2**31), f"{INT} (got 2147483648)"),
            (str_param(5), "the default of str_param() must be a str without a NUL, or None (got 5)"),
            (str_param("a\0"), "the default of str_param() must be a str without a NUL, or None (got 'a\\x00')"),
            (
                int_param(0, minimum=1),
                "the default 0 of int_param() must be at least 1; give another default, or required=True",
            ),
            (int_param(9, maximum=5), "the default 9 of int_param() must be at most 5"),
            (int_param(9, minimum=0, maximum=5), "the default 9 of int_param() must be from 0 to 5"),
            (int_param(9, choices=[1, 2]), "the default 9 of int_param() must be one of 1, 2"),
            (str_param("x", choices=["a"]), "the default 'x' of str_param() must be one of 'a'"),
            (
                int_param(0, minimum=5, maximum=1),
                "the minimum of int_param(), 5, is greater than the maximum, 1; swap",
            ),
            (
                int_param(0, minimum="1"),
                "minimum and maximum of int_param() must be ints of 32 bits (got '1' and None)",
            ),
            (int_param(0, maximum=2**31), "minimum and maximum of int_param() must be ints of 32 bits"),
            (
                int_param(1, choices=["1"]),
                "the choices of int_param() must be a non-empty list of values of its type (got ('1',))",
            ),
            (
                int_param(1, choices=[]),
                "the choices of int_param() must be a non-empty list of values of its type (got ())",
            ),
            (
                int_param(1, choices=1),
                "the choices of int_param() must be a non-empty list of values of its type (got 1)",
            ),
            (
                str_param("a", choices="abc"),
                "the choices of str_param() must be a non-empty list of values of its type (got 'abc')",
            ),
            (
                str_param("a", choices=["a", None]),
                "the choices of str_param() must be a non-empty list of values of its type",
            ),
            (
                int_param(name=""),
                "int_param(name=...) takes a non-empty str without a NUL, or None for the attribute's name (got '')",
            ),
            (
                str_param(name=5),
                "str_param(name=...) takes a non-empty str without a NUL, or None for the attribute's name (got 5)",
            ),
            (
                pointer_param("int", Cell),
                "the first argument of pointer_param() must be INT_PARAM or STR_PARAM (got 'int')",
            ),
            (
                pointer_param(INT_PARAM, Cell(0)),
                "the second argument of pointer_param() must be a function that makes a pointer for each instance",
            ),
            (pointer_param(STR_PARAM, Cell, name="a\0"), "pointer_param(name=...) takes a non-empty str without a NUL"),
        ],
    )
    def test_its_declaration(self, declared, text):
        found = mistake(foo_bar=declared)

        assert found.startswith("Foobar.foo_bar: ")
        assert text in found

    def test_a_default_that_does_not_matter(self):
        """The script must set another."""

        class Foobar(Module):
            name = "foobar"
            foo_bar = int_param(minimum=1, required=True)

        assert 0 == Foobar().foo_bar

    def test_a_null_default_is_always_allowed(self):
        class Foobar(Module):
            name = "foobar"
            bar_foo = str_param(None, choices=["a"])

        assert Foobar().bar_foo is None

    @pytest.mark.parametrize("name", ["mod_init", "exports"])
    def test_in_the_place_of_what_every_module_has(self, name):
        expected = f"Foobar.{name}: the name is reserved in every module, so a parameter cannot have it; rename it"

        assert expected == mistake(**{name: int_param(0)})

    def test_two_with_one_name_and_type(self):
        expected = "Foobar.second: is the parameter 'foo', and so is first; give one of them another name="

        assert expected == mistake(first=int_param(0, name="foo"), second=int_param(0, name="foo"))

    def test_one_name_with_two_types(self):
        """As the core has it."""

        class Foobar(Module):
            name = "foobar"
            number = int_param(0, name="foo")
            text = str_param("", name="foo")

        assert ["foo", "foo"] == [each.name for each in Foobar().exports.parameters]

    @pytest.mark.parametrize("value", [1.5, lambda self: 1, [], property(id)])
    def test_something_else_in_the_place_of_one(self, value):
        class Base(Module):
            foo_bar = int_param(0)

        with pytest.raises(
            TypeError, match=r"Derived.foo_bar: a base class has a parameter of this name, and .* cannot be "
        ):
            type("Derived", (Base,), {"foo_bar": value})

    @pytest.mark.parametrize("value", ["5", None, True])
    def test_another_default_of_the_wrong_type(self, value):
        class Base(Module):
            foo_bar = int_param(0)

        with pytest.raises(TypeError, match=r"Derived\.foo_bar: the default of int_param"):
            type("Derived", (Base,), {"foo_bar": value})

    def test_another_default_for_a_pointer(self):
        class Base(Module):
            foo_bar = pointer_param(INT_PARAM, lambda: Cell(0))

        with pytest.raises(TypeError, match="and 5 cannot be its default; "):
            type("Derived", (Base,), {"foo_bar": 5})


class TestName:
    """The name of the module."""

    @pytest.mark.parametrize("name", ["", None, 5, "a\0b"])
    def test_one_that_is_none(self, name):
        with pytest.raises(TypeError) as caught:
            type("Foobar", (Module,), {"name": name})

        assert f"Foobar.name: the name of a module must be a non-empty str without a NUL (got {name!r})" == str(
            caught.value
        )
