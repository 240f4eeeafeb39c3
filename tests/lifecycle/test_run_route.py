"""`Lifecycle.run_route`: calls one after the other until one returns 0, or a function of the host."""

from __future__ import annotations

import asyncio
import enum
import functools
from collections import deque

import pytest
from making import Journal, make_exports
from travelling import pickled

from sermod import REQUEST_ROUTE, CmdExport, CommandResultError, Lifecycle, LifecycleError, Registry


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def running(journal):
    """Return a function that starts a server whose commands, in a route, return these results."""

    def start(*results):
        core = Registry()
        core.register(make_exports("older", onbreak_f=journal.hook("onbreak older")))
        core.register(make_exports("between"))
        commands = [
            CmdExport(f"c{number}", journal.hook(f"c{number}", returns=result), 0, 0, REQUEST_ROUTE)
            for number, result in enumerate(results)
        ]
        core.register(make_exports("newer", *commands, onbreak_f=journal.hook("onbreak newer")))
        route = [core.bind(command.name, route=REQUEST_ROUTE) for command in commands]
        life = Lifecycle(core)
        life.init()
        return life, route

    return start


class Verdict(enum.IntEnum):
    FALSE = -1
    STOP = 0
    TRUE = 1


ONBREAK = [("onbreak newer", "msg"), ("onbreak older", "msg")]
NO_RESULTS = [True, False, None, "1", 1.0, 0.0, [], (1,)]


class TestCalls:
    """A sequence of calls."""

    @pytest.mark.parametrize(
        ("results", "ran", "expected"),
        [
            ([], 0, 1),
            ([1], 1, 1),
            ([-1], 1, -1),
            ([1, -1, 5], 3, 5),
            ([-1, -2, -3], 3, -3),
            ([100, -100], 2, -100),
            ([Verdict.TRUE, Verdict.FALSE], 2, -1),
        ],
    )
    def test_all_run_and_the_last_result_counts(self, running, journal, results, ran, expected):
        """Errors, which are negative, do not end a route; only 0 does."""
        life, route = running(*results)

        assert expected == life.run_route(route, "msg")
        assert [(f"c{number}", "msg") for number in range(ran)] == journal

    @pytest.mark.parametrize(
        ("results", "ran"),
        [([0], 1), ([1, 0, 1], 2), ([-1, 0], 2), ([0, 0], 1), ([1, Verdict.STOP, 1], 2)],
    )
    def test_0_stops_it_and_onbreak_runs_newest_first(self, running, journal, results, ran):
        life, route = running(*results)

        assert 0 == life.run_route(route, "msg")
        assert [*((f"c{number}", "msg") for number in range(ran)), *ONBREAK] == journal

    def test_any_iterable_of_calls_is_a_route(self, running, journal):
        life, route = running(1, 2, 0, 4)

        for kind in (list, tuple, dict.fromkeys, deque):
            journal.clear()
            assert 0 == life.run_route(kind(route), "msg")
            assert [("c0", "msg"), ("c1", "msg"), ("c2", "msg"), *ONBREAK] == journal

    def test_what_follows_a_0_is_not_even_looked_at(self, running):
        life, route = running(0)

        class Calls:
            def __iter__(self):
                yield from route
                raise AssertionError("asked for more")

        assert 0 == life.run_route(Calls(), "msg")

    def test_a_call_may_stand_in_a_route_several_times(self, running, journal):
        life, (call,) = running(1)

        assert 1 == life.run_route([call] * 3, "msg")
        assert [("c0", "msg")] * 3 == journal

    def test_each_message_is_its_own(self, running, journal):
        life, route = running(1)
        for msg in (1, None, "text"):
            life.run_route(route, msg)

        assert [("c0", 1), ("c0", None), ("c0", "text")] == journal

    def test_an_exception_passes_on_without_onbreak(self, journal):
        core = Registry()
        error = ValueError("broken")
        failing = CmdExport("fails", journal.hook("fails", raises=error), 0, 0, REQUEST_ROUTE)
        core.register(make_exports("m", failing, onbreak_f=journal.hook("onbreak")))
        calls = [core.bind("fails", route=REQUEST_ROUTE) for _ in range(2)]
        with Lifecycle(core) as life, pytest.raises(ValueError, match="broken") as caught:
            life.run_route(calls, "msg")

        assert error is caught.value
        assert [("fails", "msg")] == journal

    def test_an_exception_in_onbreak_passes_on(self, journal):
        core = Registry()
        error = OSError("broken")
        core.register(make_exports("older", onbreak_f=journal.hook("older")))
        core.register(make_exports("newer", onbreak_f=journal.hook("newer", raises=error)))
        with Lifecycle(core) as life, pytest.raises(OSError, match="broken") as caught:
            life.run_route(lambda msg: 0, "msg")

        assert error is caught.value
        assert [("newer", "msg")] == journal

    @pytest.mark.parametrize("result", [-1, 0, True, "anything"])
    def test_what_onbreak_returns_is_not_looked_at(self, result):
        core = Registry()
        core.register(make_exports("m", onbreak_f=lambda msg: result))
        with Lifecycle(core) as life:
            assert 0 == life.run_route(lambda msg: 0, "msg")

    def test_a_call_of_another_server_is_not_ready(self, running):
        life, _ = running()
        other = Registry()
        other.register(make_exports("m", CmdExport("c", lambda msg: 1, 0, 0, REQUEST_ROUTE)))
        call = other.bind("c", route=REQUEST_ROUTE)

        with pytest.raises(LifecycleError, match="has no 'run' yet"):
            life.run_route([call], "msg")


class TestFunctionsOfTheHost:
    """A function of the message, with ifs of its own."""

    @pytest.mark.parametrize("result", [1, -1, 100, Verdict.TRUE], ids=repr)
    def test_its_result_is_the_routes(self, running, journal, result):
        life, _ = running()

        assert result == life.run_route(lambda msg: result, "msg")
        assert [] == journal

    @pytest.mark.parametrize("result", [0, Verdict.STOP], ids=repr)
    def test_onbreak_runs_where_it_returns_0(self, running, journal, result):
        life, _ = running()

        assert 0 == life.run_route(lambda msg: result, "msg")
        assert ONBREAK == journal

    def test_it_gets_the_message_and_may_run_calls(self, running, journal):
        life, (first, second) = running(-1, 5)

        def route(msg):
            if first.run(msg) > 0:
                return 1
            return second.run(msg)

        assert 5 == life.run_route(route, "msg")
        assert [("c0", "msg"), ("c1", "msg")] == journal

    def test_routes_within_routes_are_ordinary_functions(self, running, journal):
        """Onbreak runs once, for the outermost route."""
        life, (stop,) = running(0)

        def inner(msg):
            return stop.run(msg)

        def outer(msg):
            return inner(msg)

        assert 0 == life.run_route(outer, "msg")
        assert [("c0", "msg"), *ONBREAK] == journal

    def test_an_exception_passes_on_without_onbreak(self, running, journal):
        life, _ = running()

        def route(msg):
            raise KeyError(msg)

        with pytest.raises(KeyError, match="msg"):
            life.run_route(route, "msg")
        assert [] == journal

    def test_a_callable_object(self, running):
        life, _ = running()

        assert 7 == life.run_route(functools.partial(lambda a, msg: a, 7), "msg")


class TestWhatIsNoResult:
    """`True`, `False`, `None` and an awaitable would each mean something else than they look like."""

    @pytest.mark.parametrize("value", NO_RESULTS, ids=repr)
    def test_of_a_command(self, running, journal, value):
        life, route = running(1, value, 1)
        with pytest.raises(CommandResultError) as caught:
            life.run_route(route, "msg")

        error = caught.value
        assert (
            f"'c1' of module 'newer' returned {value!r}, which is not a result: return an int, more than 0 for true, "
            "less than 0 for false, 0 to stop (an awaitable needs run_route_async)"
        ) == str(error)
        assert isinstance(error, TypeError)
        assert ("newer", "c1") == (error.module, error.command)
        assert value is error.value
        assert [("c0", "msg"), ("c1", "msg")] == journal
        assert ("newer", "c1", value) == (pickled(error).module, pickled(error).command, pickled(error).value)

    @pytest.mark.parametrize("value", NO_RESULTS, ids=repr)
    def test_of_a_function_of_the_host(self, running, journal, value):
        life, _ = running()

        def main_route(msg):
            return value

        with pytest.raises(CommandResultError) as caught:
            life.run_route(main_route, "msg")

        error = caught.value
        assert f"the route 'main_route' returned {value!r}, which is not a result" in str(error)
        assert (None, "main_route") == (error.module, error.command)
        assert value is error.value
        assert [] == journal

    def test_of_a_callable_without_a_name(self, running):
        life, _ = running()
        route = functools.partial(lambda msg: None)
        with pytest.raises(CommandResultError) as caught:
            life.run_route(route, "msg")

        assert str(route) == caught.value.command

    def test_a_coroutine_of_a_command_is_closed(self, journal):
        """It does not warn later that it was never awaited."""

        async def command(msg):
            journal.append("ran")

        core = Registry()
        core.register(make_exports("m", CmdExport("c", command, 0, 0, REQUEST_ROUTE)))
        call = core.bind("c", route=REQUEST_ROUTE)
        with Lifecycle(core) as life, pytest.raises(CommandResultError, match="run_route_async") as caught:
            life.run_route([call], "msg")

        assert ("m", "c") == (caught.value.module, caught.value.command)
        assert caught.value.value.cr_frame is None
        assert [] == journal

    def test_a_coroutine_of_the_host_is_closed(self, running, journal):
        life, _ = running()

        async def route(msg):
            journal.append("ran")

        with pytest.raises(CommandResultError, match="the route 'route' returned <coroutine object") as caught:
            life.run_route(route, "msg")

        assert caught.value.value.cr_frame is None
        assert [] == journal

    def test_an_awaitable_that_is_no_coroutine(self, running):
        life, _ = running()

        async def run():
            future = asyncio.get_running_loop().create_future()
            with pytest.raises(CommandResultError) as caught:
                life.run_route(lambda msg: future, "msg")
            assert future is caught.value.value
            assert not future.done()

        asyncio.run(run())
