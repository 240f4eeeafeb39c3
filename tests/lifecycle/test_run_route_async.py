"""`Lifecycle.run_route_async`: as `run_route`, with functions that may be coroutine functions."""

from __future__ import annotations

import asyncio
import enum

import pytest
from making import Journal, make_exports

from sermod import REQUEST_ROUTE, CmdExport, CommandResultError, Lifecycle, Registry


@pytest.fixture
def journal():
    return Journal()


def later(function):
    """Return a coroutine function that lets others run before it does what *function* does."""

    async def coroutine(msg):
        await asyncio.sleep(0)
        return function(msg)

    return coroutine


def plain(function):
    return function


@pytest.fixture(params=[plain, later], ids=["plain", "coroutine"])
def kind(request):
    """Give each of the two kinds of function."""
    return request.param


@pytest.fixture
def running(journal, kind):
    """Return a function that starts a server whose commands return these results, in a way of *kind*."""

    def start(*results):
        core = Registry()
        core.register(make_exports("older", onbreak_f=kind(journal.hook("onbreak older"))))
        commands = [
            CmdExport(f"c{number}", kind(journal.hook(f"c{number}", returns=result)), 0, 0, REQUEST_ROUTE)
            for number, result in enumerate(results)
        ]
        core.register(make_exports("newer", *commands, onbreak_f=kind(journal.hook("onbreak newer"))))
        route = [core.bind(command.name, route=REQUEST_ROUTE) for command in commands]
        life = Lifecycle(core)
        life.init()
        return life, route

    return start


def run(life, route, msg="msg"):
    return asyncio.run(life.run_route_async(route, msg))


class Verdict(enum.IntEnum):
    STOP = 0
    TRUE = 1


ONBREAK = [("onbreak newer", "msg"), ("onbreak older", "msg")]


class TestCalls:
    """A sequence of calls."""

    @pytest.mark.parametrize(
        ("results", "ran", "expected"),
        [([], 0, 1), ([1], 1, 1), ([-1], 1, -1), ([1, -1, 5], 3, 5), ([5, Verdict.TRUE], 2, 1)],
    )
    def test_all_run_and_the_last_result_counts(self, running, journal, results, ran, expected):
        life, route = running(*results)

        assert expected == run(life, route)
        assert [(f"c{number}", "msg") for number in range(ran)] == journal

    @pytest.mark.parametrize(("results", "ran"), [([0], 1), ([1, 0, 1], 2), ([-1, Verdict.STOP], 2)])
    def test_0_stops_it_and_onbreak_runs_newest_first(self, running, journal, results, ran):
        life, route = running(*results)

        assert 0 == run(life, route)
        assert [*((f"c{number}", "msg") for number in range(ran)), *ONBREAK] == journal

    @pytest.mark.parametrize("value", [True, False, None, "1", 1.0], ids=repr)
    def test_what_was_awaited_must_be_a_result(self, running, journal, value):
        life, route = running(value, 1)
        with pytest.raises(
            CommandResultError, match=r"'c0' of module 'newer' returned .*, which is not a result"
        ) as caught:
            run(life, route)

        assert ("newer", "c0") == (caught.value.module, caught.value.command)
        assert value is caught.value.value
        assert [("c0", "msg")] == journal

    def test_an_exception_passes_on_without_onbreak(self, journal, kind):
        core = Registry()
        failing = CmdExport("fails", kind(journal.hook("fails", raises=ValueError("broken"))), 0, 0, REQUEST_ROUTE)
        core.register(make_exports("m", failing, onbreak_f=journal.hook("onbreak")))
        calls = [core.bind("fails", route=REQUEST_ROUTE) for _ in range(2)]
        with Lifecycle(core) as life, pytest.raises(ValueError, match="broken"):
            run(life, calls)

        assert [("fails", "msg")] == journal


class TestFunctionsOfTheHost:
    """A function of the message, with ifs and awaits of its own."""

    @pytest.mark.parametrize("result", [1, -1, Verdict.TRUE], ids=repr)
    def test_its_result_is_the_routes(self, running, kind, journal, result):
        life, _ = running()

        assert result == run(life, kind(lambda msg: result))
        assert [] == journal

    def test_onbreak_runs_where_it_returns_0(self, running, kind, journal):
        life, _ = running()

        assert 0 == run(life, kind(lambda msg: 0))
        assert ONBREAK == journal

    def test_it_may_await_its_calls(self, journal):
        core = Registry()
        command = CmdExport("c", later(journal.hook("c", returns=5)), 0, 0, REQUEST_ROUTE)
        core.register(make_exports("m", command))
        call = core.bind("c", route=REQUEST_ROUTE)

        async def route(msg):
            return await call.run(msg) + await call.run(msg)

        with Lifecycle(core) as life:
            assert 10 == run(life, route)
        assert [("c", "msg"), ("c", "msg")] == journal

    @pytest.mark.parametrize("value", [True, False, None], ids=repr)
    def test_what_was_awaited_must_be_a_result(self, running, kind, value):
        life, _ = running()
        route = kind(lambda msg: value)
        with pytest.raises(CommandResultError, match=r"the route .* returned") as caught:
            run(life, route)

        assert (None, route.__name__) == (caught.value.module, caught.value.command)
        assert value is caught.value.value


def test_a_coroutine_of_a_coroutine_is_no_result(journal):
    """It is awaited once; the second coroutine is closed, and does not warn that it was never awaited."""

    async def inner():
        journal.append("ran")

    async def route(msg):
        return inner()

    with Lifecycle(Registry()) as life, pytest.raises(CommandResultError) as caught:
        run(life, route)

    assert caught.value.value.cr_frame is None
    assert [] == journal


def test_any_awaitable_is_awaited():
    """Also one that is no coroutine."""

    def route(msg):
        future = asyncio.get_running_loop().create_future()
        future.set_result(7)
        return future

    with Lifecycle(Registry()) as life:
        assert 7 == run(life, route)


def test_routes_of_several_messages_take_turns(journal):
    """While one waits, the others go on."""
    core = Registry()
    turns = asyncio.Barrier(3)

    async def meet(msg):
        async with asyncio.timeout(60):
            await turns.wait()
        return msg

    core.register(make_exports("m", CmdExport("meet", meet, 0, 0, REQUEST_ROUTE)))
    call = core.bind("meet", route=REQUEST_ROUTE)

    async def all_at_once(life):
        return await asyncio.gather(*(life.run_route_async([call], number) for number in (1, 2, 3)))

    with Lifecycle(core) as life:
        assert [1, 2, 3] == asyncio.run(all_at_once(life))


def test_a_cancelled_route_runs_no_onbreak(journal):
    """Cancellation is an exception like any other."""
    core = Registry()
    started = asyncio.Event()

    async def wait_for_ever(msg):
        started.set()
        await asyncio.Event().wait()

    core.register(make_exports("m", onbreak_f=journal.hook("onbreak")))

    async def cancel(life):
        task = asyncio.create_task(life.run_route_async(wait_for_ever, "msg"))
        async with asyncio.timeout(60):
            await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Lifecycle(core) as life:
        asyncio.run(cancel(life))
    assert [] == journal
