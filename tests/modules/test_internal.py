"""Functions for other modules: `@internal` takes a method of any signature."""

from __future__ import annotations

import functools

import pytest

from sermod import REQUEST_ROUTE, Lifecycle, Module, Registry, RouteError, command, describe, find_problems, internal


class Accounts(Module):
    """Counts for other modules."""

    name = "accounts"

    def __init__(self):
        self.seen = {}

    @internal(name="~add")
    def add(self, key: str, amount: int = 1) -> dict[str, int]:
        self.seen[key] = self.seen.get(key, 0) + amount
        return self.seen

    @internal
    def reset(self) -> None:
        self.seen.clear()

    @internal(param_no=-1)
    def log(self, *texts: str, end: str = "") -> str:
        return " ".join(texts) + end

    @internal()
    def labelled(self, value, *, label):
        return f"{label}={value}"

    @internal()
    async def later(self, value):
        return value


def numbers_of(module):
    return [(each.name, each.param_no) for each in module.exports.commands]


def module_of(function, **options):
    return type("Foobar", (Module,), {"name": "foobar", "foo": internal(**options)(function)})()


class TestExports:
    """The number is that of its parameters, or the one that is given."""

    def test_numbers(self):
        assert [("~add", 1), ("~add", 2), ("reset", 0), ("log", -1), ("labelled", 1), ("later", 1)] == numbers_of(
            Accounts()
        )

    def test_neither_flags_nor_fixups(self):
        assert {(0, None)} == {(int(each.flags), each.fixup) for each in Accounts().exports.commands}
        assert () == find_problems(Accounts().exports)

    def test_any_annotation(self):
        """A script never calls it, so that nothing is converted."""

        def foo(self, key: list[NotThere], other: "nonsense (") -> None:  # noqa: F821, F722
            """Have odd annotations."""

        assert [("foo", 2)] == numbers_of(module_of(foo))

    @pytest.mark.parametrize("number", [0, 1, 2, -1, -128, 2**31 - 1])
    def test_any_number(self, number):
        assert [("foo", number)] == numbers_of(module_of(lambda self, a, b=None: 1, param_no=number))

    def test_another_module_calls_it_with_its_own_arguments(self):
        core, module = Registry(), Accounts()
        core.register(module.exports)

        assert {"a": 5} == core.require_export("~add", 2).function("a", 5)
        assert {"a": 6} == core.require_export("~add", 1).function("a")
        assert "x=1" == core.require_export("labelled", 1).function(1, label="x")
        assert "a b!" == core.require_export("log", -1).function("a", "b", end="!")
        assert core.require_export("reset", 0).function() is None

    def test_no_script_can_call_it(self):
        core = Registry()
        core.register(Accounts().exports)

        with pytest.raises(RouteError, match="is for other modules only"):
            core.bind("reset", route=REQUEST_ROUTE)

    def test_the_method_does_not_change(self):
        assert {"a": 1} == Accounts().add("a")


class TestInheritance:
    """As for other commands."""

    def test_an_override_is_that_function(self):
        class Derived(Accounts):
            def add(self, key, amount, currency):
                return super().add(key, amount)

            def log(self):
                return ""

            reset = None

        assert [("~add", 3), ("log", -1), ("labelled", 1), ("later", 1)] == numbers_of(Derived())

    def test_it_may_become_a_command(self):
        class Derived(Accounts):
            @command(REQUEST_ROUTE)
            def reset(self, msg):
                return 1

        assert ("reset", 0, REQUEST_ROUTE) in [
            (each.name, each.param_no, each.flags) for each in Derived().exports.commands
        ]

    def test_a_wrapped_one_has_the_number_of_what_it_wraps(self):
        def foo(self, a, b):
            return (a, b)

        @functools.wraps(foo)
        def wrapper(*args):
            return foo(*args)

        assert [("foo", 2)] == numbers_of(module_of(wrapper))


class TestMistakes:
    """A mistake is an error of its line, or when the class is made."""

    def mistake(self, function, **options):
        with pytest.raises(TypeError) as caught:
            module_of(function, **options)
        return str(caught.value)

    def test_any_number_of_parameters(self):
        expected = (
            "Foobar.foo: a command is exported with its number of parameters, and foo(self, *args) takes any number of "
            "parameters; write each parameter by its name instead of *args, or give the number: "
            "@internal(param_no=...)"
        )

        assert expected == self.mistake(lambda self, *args: 1)

    def test_no_self(self):
        assert "Foobar.foo: a method takes self, and foo() does not; write self, ..." == self.mistake(lambda: 1)

    def test_wrapped_in_what_takes_less(self):
        def foo(self, a):
            return a

        @functools.wraps(foo)
        def wrapper(self):
            return foo(self, 1)

        assert "Foobar.foo: foo(self, a) cannot be called as foo(a); make it take" in self.mistake(wrapper)

    @pytest.mark.parametrize("thing", [staticmethod(print), functools.partial(print), property(id), print], ids=type)
    def test_no_plain_method(self, thing):
        with pytest.raises(TypeError, match=r"@internal\(\) marks plain methods, which take self \(got a "):
            internal()(thing)

    def test_a_name_without_its_keyword(self):
        with pytest.raises(TypeError, match=r"write @internal\(name='~foo'\)"):
            internal("~foo")

    @pytest.mark.parametrize("name", ["", 5, "a\0b"])
    def test_a_name_that_is_none(self, name):
        with pytest.raises(TypeError, match=r"internal\(name=...\) takes a non-empty str without a NUL"):
            internal(name=name)

    @pytest.mark.parametrize("number", ["1", True, 1.0, 2**31, range(2)], ids=repr)
    def test_a_number_that_is_none(self, number):
        with pytest.raises(TypeError, match=r"internal\(param_no=...\) takes an int of 32 bits"):
            internal(param_no=number)

    def test_marked_twice(self):
        with pytest.raises(TypeError, match=r"it is marked with @internal\(\) twice"):
            internal(internal(lambda self: 1))

    def test_marked_with_both(self):
        with pytest.raises(TypeError, match=r"marked with @command\(\) and @internal\(\); mark it once"):
            command()(internal(lambda self, msg: 1))

    def test_two_of_one_name_and_number(self):
        with pytest.raises(TypeError, match=r"it is the command 'foo' with 1 parameter for other modules, and so is"):
            type(
                "Foobar",
                (Module,),
                {"name": "m", "a": internal(name="foo")(lambda self, a: 1), "b": internal(name="foo")(lambda s, b: 1)},
            )

    def test_in_the_place_of_a_hook(self):
        with pytest.raises(TypeError, match=r"Foobar.destroy: the name is reserved"):
            type("Foobar", (Module,), {"name": "m", "destroy": internal(lambda self: 1)})


def test_both_are_one_in_a_lifecycle():
    """A module of commands and internal functions lives like any other."""
    core = Registry()
    core.register(Accounts().exports)
    with Lifecycle(core):
        assert "~add" in describe(core.find_module("accounts").exports)
