"""`Action.run`: the call itself, from init on, as cheap as calling the function by hand."""

from __future__ import annotations

import asyncio
import functools
from types import SimpleNamespace
from unittest import mock

import pytest
from making import bound, make_exports

import sermod
from sermod import REPLY_ROUTE, REQUEST_ROUTE, CmdExport, Lifecycle, LifecycleError, Registry


class TestBeforeInit:
    """There is nothing to run yet, and no stub to keep."""

    @pytest.fixture
    def action(self):
        core = Registry()
        core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, 0, REQUEST_ROUTE)))
        return core.bind("c", "x", route=REQUEST_ROUTE, where="ser.cfg:1")

    @pytest.mark.parametrize("attribute", ["run", "fixed"])
    def test_the_attribute_itself_is_an_error(self, action, attribute):
        with pytest.raises(LifecycleError) as caught:
            getattr(action, attribute)

        error = caught.value
        assert (
            f'c("x") at ser.cfg:1 has no {attribute!r} yet: Lifecycle.init() makes it, after every module\'s init_f; '
            "read it when init() has returned"
        ) == str(error)
        assert ("configuring", f"Action.{attribute}") == (error.state, error.call)
        assert isinstance(error, RuntimeError)

    def test_what_it_never_has_is_an_attribute_error(self, action):
        with pytest.raises(AttributeError, match="an Action has no attribute 'runs'") as caught:
            action.runs  # noqa: B018

        assert ("runs", action) == (caught.value.name, caught.value.obj)
        assert not hasattr(action, "runs")

    def test_it_can_be_printed(self, action):
        assert 'c("x") at ser.cfg:1' == str(action)
        assert "<Action c(\"x\") at ser.cfg:1 of module 'm'>" == repr(action)

    @pytest.mark.parametrize("hook", ["init_f", "fixup"])
    def test_neither_an_init_f_nor_a_fixup_is_late_enough(self, hook):
        core = Registry()
        seen = []

        def look(param=None, number=None):
            for attribute in ("run", "fixed"):
                with pytest.raises(LifecycleError):
                    getattr(action, attribute)
            seen.append(hook)
            return param

        hooks = {"init_f": look} if hook == "init_f" else {}
        fixup = look if hook == "fixup" else 0
        core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, fixup, REQUEST_ROUTE), **hooks))
        action = core.bind("c", "x", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert [hook] == seen
        assert 1 == action.run("msg")

    def test_a_failed_init_leaves_no_call_runnable(self):
        """Not even those whose fixup succeeded."""
        core = Registry()

        def fixup(param, number):
            return int(param)

        core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, fixup, REQUEST_ROUTE)))
        actions = [core.bind("c", param, route=REQUEST_ROUTE) for param in ("1", "x")]
        with pytest.raises(sermod.FixupError):
            Lifecycle(core).init()

        for action in actions:
            with pytest.raises(LifecycleError):
                action.run("msg")


class TestHowTheFunctionIsCalled:
    """`function(msg, *parameters)` where its signature takes that, else the C shape, padded with None."""

    @pytest.mark.parametrize(
        ("function", "params", "arguments"),
        [
            (lambda msg: (msg,), "", ()),
            (lambda msg, a: (msg, a), "x", ("x",)),
            (lambda msg, a, b: (msg, a, b), "xy", ("x", "y")),
            (lambda msg, p1, p2: (msg, p1, p2), "", (None, None)),
            (lambda msg, p1, p2: (msg, p1, p2), "x", ("x", None)),
            (lambda msg, a, b="default": (msg, a, b), "x", ("x", "default")),
            (lambda msg, a="d1", b="d2": (msg, a, b), "", ("d1", "d2")),
            (lambda msg, *rest: (msg, *rest), "", ()),
            (lambda msg, *rest: (msg, *rest), "x", ("x",)),
            (lambda msg, a, *rest: (msg, a, *rest), "xy", ("x", "y")),
            (lambda msg, a, *, c="only": (msg, a, c), "x", ("x", "only")),
            (lambda msg, a, /: (msg, a), "x", ("x",)),
            (lambda msg, a, b, c, d: (msg, a, b, c, d), "wxyz", tuple("wxyz")),
            (lambda *everything: everything, "xyz", tuple("xyz")),
        ],
        ids=[
            "none",
            "one",
            "two",
            "c-shape-of-none",
            "c-shape-of-one",
            "a-default",
            "all-defaults",
            "star-of-none",
            "star-of-one",
            "star-behind-one",
            "keyword-only",
            "positional-only",
            "four",
            "star-alone",
        ],
    )
    def test_a_plain_function(self, function, params, arguments):
        action = bound(function, *params)

        assert ("msg", *arguments) == action.run("msg")
        assert tuple(params) == action.fixed == action.params

    def test_methods_of_every_kind(self):
        class Owner:
            def method(self, msg, a):
                return ("method", type(self), msg, a)

            @classmethod
            def class_method(cls, msg, a):
                return ("class", cls, msg, a)

            @staticmethod
            def static_method(msg, a):
                return ("static", None, msg, a)

            def c_shape(self, msg, p1, p2):
                return (p1, p2)

            def with_super(self, msg, a):
                return (super().__init__(), a)

        owner = Owner()
        assert ("method", Owner, "msg", "x") == bound(owner.method, "x").run("msg")
        assert ("class", Owner, "msg", "x") == bound(owner.class_method, "x").run("msg")
        assert ("static", None, "msg", "x") == bound(owner.static_method, "x").run("msg")
        assert ("x", None) == bound(owner.c_shape, "x").run("msg")
        assert (None, "x") == bound(owner.with_super, "x").run("msg")

    @pytest.mark.parametrize(
        ("function", "params", "arguments"),
        [
            (lambda msg, p1, p2: (msg, p1, p2), "", (None, None)),
            (lambda msg, p1, p2: (msg, p1, p2), "x", ("x", None)),
            (lambda msg, a: (msg, a), "x", ("x",)),
            (lambda msg, a="default": (msg, a), "", ("default",)),
        ],
        ids=["c-shape-of-none", "c-shape-of-one", "one", "a-default"],
    )
    def test_what_a_decorator_stands_before(self, function, params, arguments):
        """A decorator's wrapper takes any number of arguments; the signature that it copied says how many are meant."""

        @functools.wraps(function)
        def decorated(*everything):
            return function(*everything)

        assert ("msg", *arguments) == bound(decorated, *params).run("msg")

    def test_a_closure_and_its_state(self):
        calls = 0

        def count(msg, step):
            nonlocal calls
            calls += int(step)
            return calls

        run = bound(count, "2").run

        assert [2, 4, 6] == [run("msg") for _ in range(3)]
        assert 6 == calls

    def test_callables_without_a_code_of_their_own(self):
        class Callable:
            def __call__(self, msg, a):
                return (msg, a)

        stand_in = mock.Mock(return_value=7)

        assert ("msg", "x") == bound(Callable(), "x").run("msg")
        assert ("first", "msg", "x") == bound(functools.partial(lambda *all_: all_, "first"), "x").run("msg")
        assert 7 == bound(stand_in, "x", "y").run("msg")
        stand_in.assert_called_once_with("msg", "x", "y")
        assert max("msg", "x") == bound(max, "x").run("msg")

    def test_the_wrapper_of_a_decorator(self):
        def decorated(function):
            @functools.wraps(function)
            def wrapper(*arguments):
                return ("wrapped", function(*arguments))

            return wrapper

        @decorated
        def function(msg, a):
            return (msg, a)

        assert ("wrapped", ("msg", "x")) == bound(function, "x").run("msg")

    def test_a_decorator_that_gives_an_argument_of_its_own(self):
        """The signature that it copied has more arguments than its wrapper takes, and what the wrapper takes counts."""

        def with_database(function):
            @functools.wraps(function)
            def wrapper(msg, a):
                return function("database", msg, a)

            return wrapper

        @with_database
        def function(database, msg, a):
            return (database, msg, a)

        assert ("database", "msg", "x") == bound(function, "x").run("msg")

    @pytest.mark.parametrize("count", range(7))
    def test_any_number_of_parameters_of_a_callable_without_a_code(self, count):
        params = "abcdef"[:count]
        run = bound(functools.partial(lambda *all_: all_), *params).run

        assert ("msg", *params) == run("msg")

    def test_the_fixed_parameters_are_what_it_gets(self):
        action = bound(lambda msg, a, b: (a, b), "5", "6", fixup=lambda param, number: int(param) * number)

        assert (5, 12) == action.run("msg") == action.fixed
        assert ("5", "6") == action.params

    def test_the_overload_that_was_bound_is_called(self):
        core = Registry()
        core.register(
            make_exports(
                "m",
                CmdExport("log", lambda msg: "request, none", 0, 0, REQUEST_ROUTE),
                CmdExport("log", lambda msg: "reply, none", 0, 0, REPLY_ROUTE),
                CmdExport("log", lambda msg, a: "one", 1, 0, REQUEST_ROUTE | REPLY_ROUTE),
            )
        )
        actions = [
            core.bind("log", route=REQUEST_ROUTE),
            core.bind("log", route=REPLY_ROUTE),
            core.bind("log", "x", route=REQUEST_ROUTE | REPLY_ROUTE),
        ]
        with Lifecycle(core):
            assert ["request, none", "reply, none", "one"] == [action.run("msg") for action in actions]


class TestWhatRunHandsOn:
    """The result or the exception of the function comes out unchanged."""

    @pytest.mark.parametrize("value", [1, 0, -1, True, None, "text", NotImplemented])
    def test_any_result(self, value):
        assert value is bound(lambda msg, a: value, "x").run("msg")

    def test_any_exception(self):
        error = KeyboardInterrupt()

        def fail(msg, a):
            raise error

        with pytest.raises(KeyboardInterrupt) as caught:
            bound(fail, "x").run("msg")

        assert error is caught.value

    def test_an_awaitable(self):
        async def command(msg, a):
            return (msg, a)

        coroutine = bound(command, "x").run("msg")

        assert asyncio.iscoroutine(coroutine)
        assert ("msg", "x") == asyncio.run(coroutine)

    def test_a_generator(self):
        def command(msg, a):
            yield msg
            yield a

        assert ["msg", "x"] == list(bound(command, "x").run("msg"))

    def test_the_message_is_not_looked_at(self):
        message = object()

        assert message is bound(lambda msg, a: msg, "x").run(message)

    def test_what_is_patched_after_init_is_not_reached(self):
        """It is the function as it was at init, with the parameters as they were."""
        place = SimpleNamespace(function=lambda msg, a: "old")
        core = Registry()
        command = CmdExport("c", place.function, 1, 0, REQUEST_ROUTE)
        core.register(make_exports("m", command))
        action = core.bind("c", "x", route=REQUEST_ROUTE)
        Lifecycle(core).init()
        place.function = lambda msg, a: "new"

        assert "old" == action.run("msg")

    def test_a_method_patched_on_its_class_is_not_reached(self):
        class Owner:
            def method(self, msg, a):
                return "old"

        action = bound(Owner().method, "x")
        Owner.method = lambda self, msg, a: "new"

        assert "old" == action.run("msg")

    def test_the_function_itself_stays_as_it_was(self):
        """Other modules call it with parameters of their own."""

        def function(msg, a, b="default"):
            return (a, b)

        bound(function, "x")

        assert ("default",) == function.__defaults__
        assert ("y", "default") == function("msg", "y")
        with pytest.raises(TypeError):
            function("msg")
