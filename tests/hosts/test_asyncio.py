"""asyncio as the host: a life in the process that has the loop, and children that the loop looks after."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from types import SimpleNamespace

import pytest
from hosting import SECONDS, hosting, make_life, my_children, my_descriptors, work_on
from recorded import LOADED, bind_route, check_life, make_core, read

from sermod import (
    REQUEST_ROUTE,
    ChildDiedError,
    ChildExited,
    ChildInitError,
    ChildKilled,
    ChildReady,
    ChildStarted,
    CmdExport,
    Lifecycle,
    LifecycleError,
    ModuleExports,
    ModuleInitError,
    Prefork,
    Registry,
    RestartPolicy,
    Stopped,
    Stopping,
    null_terminated,
)
from sermod.hosts.asyncio import AsyncPrefork, initialised

OFTEN = RestartPolicy(100, 60)


def options(**more):
    return SimpleNamespace(
        method="OPTIONS", max_forwards=70, append_to_reply=lambda *_: None, reply=lambda *_: None, **more
    )


def run(main):
    """Run a coroutine function that must not hang, and leave loop and signals as they were."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        return asyncio.run(asyncio.wait_for(main(), SECONDS))
    finally:
        assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


async def go_round(times=50):
    """Return after the loop has gone round so many times."""
    for _ in range(times):
        await asyncio.sleep(0)


class TestOneProcess:
    """A life in the process that has the loop."""

    def test_record(self, tmp_path):
        """It has the whole life, and routes whose commands are coroutine functions run at the same time."""
        waiting = []
        both_wait = asyncio.Event()

        async def lookup(_msg):
            waiting.append(asyncio.current_task())
            if len(waiting) == 2:
                both_wait.set()
            await both_wait.wait()
            return 1

        usrloc = ModuleExports("usrloc", null_terminated(CmdExport("lookup", lookup, 0, 0, REQUEST_ROUTE)))
        core = make_core(tmp_path / "record")
        core.register(usrloc)
        route = [core.bind("lookup", route=REQUEST_ROUTE), *bind_route(core)]
        life = Lifecycle(core)

        async def main():
            async with initialised(life) as same:
                assert same is life
                assert 1 == life.rank
                return await asyncio.gather(*(life.run_route_async(route, options()) for _ in range(2)))

        assert [1, 1] == run(main)
        check_life(read(tmp_path / "record"), [1], requests=2, destroyed=True)

    def test_an_exception_in_the_block(self):
        """The modules are cleaned up, and it passes on."""
        told = []

        async def main():
            async with initialised(make_life("a", destroy_f=told.append)):
                raise KeyError(1)

        with pytest.raises(KeyError):
            run(main)
        assert ["a"] == told

    def test_a_cancellation(self):
        """The modules are cleaned up."""
        told = []

        async def main():
            async with initialised(make_life("a", init_child_f=lambda *_: inside.set(), destroy_f=told.append)):
                await asyncio.sleep(SECONDS)

        async def cancel():
            task = asyncio.create_task(main())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        inside = asyncio.Event()
        run(cancel)
        assert ["a"] == told

    @pytest.mark.parametrize(
        ("hooks", "error", "destroyed"),
        [
            ({"init_f": lambda _: -1}, ModuleInitError, []),
            ({"init_child_f": lambda *_: -1}, ChildInitError, ["a"]),
        ],
        ids=["init_f", "init_child_f"],
    )
    def test_a_failing_start(self, hooks, error, destroyed):
        """The block is not entered; what was initialised is cleaned up."""
        told = []

        async def main():
            async with initialised(make_life("a", destroy_f=told.append, **hooks)):
                pytest.fail("it is entered")

        with pytest.raises(error, match="of module 'a'"):
            run(main)
        assert destroyed == told

    def test_a_command_that_raises(self):
        """The exception is the caller's; the next message is processed."""

        async def fail(msg):
            raise ValueError(msg)

        core = Registry()
        core.register(ModuleExports("a", null_terminated(CmdExport("fail", fail, 0, 0, REQUEST_ROUTE))))
        route = [core.bind("fail", route=REQUEST_ROUTE)]

        async def main():
            async with initialised(Lifecycle(core)) as life:
                for msg in ("one", "two"):
                    with pytest.raises(ValueError, match=msg):
                        await life.run_route_async(route, msg)

        run(main)


class TestChildren:
    """A server of children that the loop looks after."""

    def test_record(self, tmp_path):
        """It has the whole life, in each process its part of it."""

        def host_of(tell):
            core = make_core(tmp_path / "record")
            route = bind_route(core)
            life = Lifecycle(core)

            def worker(rank):
                asyncio.run(work(rank))

            async def work(rank):
                assert 1 == await life.run_route_async(route, options())
                tell(rank)
                await asyncio.sleep(SECONDS)

            async def main():
                async with AsyncPrefork(Prefork(life, worker, 3), handle_signals=True) as children:
                    return await children.wait_stopped()

            return run(main)

        with hosting(host_of) as host:
            assert {1, 2, 3} == {*host.until(int, 3)}
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        check_life(read(tmp_path / "record"), [1, 2, 3], requests=3, destroyed=True, loaded=LOADED)

    def test_the_loop_goes_on_meanwhile(self):
        """Children get ready, are restarted and end although each waits for the loop to have gone round many times."""

        def host_of(tell):
            wait, go = os.pipe()

            def wait_for_the_loop(*_arguments):
                os.read(wait, 1)

            def worker(rank):
                signal.signal(signal.SIGTERM, lambda *_: wait_for_the_loop() or os._exit(0))
                work_on(rank)

            async def let_go(count):
                for _ in range(count):
                    await go_round()
                    os.write(go, b".")

            async def main():
                restarted = asyncio.Event()
                ready = []

                def on_event(event):
                    tell(event)
                    if isinstance(event, ChildReady):
                        ready.append(event.rank)
                        if ready.count(1) == 2:
                            restarted.set()

                life = make_life(init_child_f=wait_for_the_loop)
                server = Prefork(life, worker, 2, restart=OFTEN, stop_timeout=SECONDS, on_event=on_event)
                starting = asyncio.create_task(let_go(2))
                async with AsyncPrefork(server) as children:
                    await starting
                    os.kill(server.children[1], signal.SIGKILL)
                    await let_go(1)
                    await restarted.wait()
                    children.stop()
                    assert server.running
                    await let_go(2)
                    assert await children.wait_stopped() is None
                os.close(wait)
                os.close(go)

            run(main)

        with hosting(host_of) as host:
            host.value()
        assert 3 == len(host.told(ChildReady)) == len(host.told(ChildStarted))
        assert not host.told(ChildKilled)

    def test_entry_waits_for_every_child(self):
        """In the block they are all ready."""

        def host_of(tell):
            async def main():
                told = []
                async with AsyncPrefork(Prefork(make_life(), work_on, 3, on_event=told.append)):
                    assert {1, 2, 3} == {event.rank for event in told if isinstance(event, ChildReady)}

            run(main)

        with hosting(host_of) as host:
            host.value()

    def test_a_child_that_fails_at_the_start(self):
        """The error comes out of the entry, once no child is left and the modules are cleaned up."""

        def host_of(tell):
            def init_child_f(_name, rank):
                return -1 if rank == 2 else 0

            async def main():
                life = make_life("a", init_child_f=init_child_f, destroy_f=tell)
                async with AsyncPrefork(Prefork(life, work_on, 3), handle_signals=True):
                    pytest.fail("it is entered")

            with pytest.raises(ChildInitError, match="init_child_f of module 'a' in rank 2 returned -1"):
                run(main)

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.heard

    def test_init_f_fails(self):
        """Nothing is forked, and all is as before."""

        def host_of(tell):
            async def main():
                server = Prefork(make_life("a", init_f=lambda _: -1), work_on, 3)
                before = my_descriptors()
                signals = signal.getsignal(signal.SIGTERM)
                with pytest.raises(ModuleInitError):
                    async with AsyncPrefork(server, handle_signals=True):
                        pytest.fail("it is entered")
                assert signals == signal.getsignal(signal.SIGTERM)
                assert before == my_descriptors()

            run(main)

        with hosting(host_of) as host:
            host.value()

    @pytest.mark.parametrize("awaited", [True, False], ids=["in_the_block", "at_its_end"])
    def test_a_child_that_dies(self, awaited):
        """The error comes out of `wait_stopped`, and of the block where nobody has waited; each task gets it."""

        def host_of(tell):
            async def main():
                stopped = asyncio.Event()

                def on_event(event):
                    if isinstance(event, Stopped):
                        stopped.set()

                server = Prefork(make_life("a", destroy_f=tell), work_on, 2, on_event=on_event)
                async with AsyncPrefork(server) as children:
                    os.kill(server.children[2], signal.SIGKILL)
                    if awaited:
                        waiting = [asyncio.create_task(children.wait_stopped()) for _ in range(2)]
                        errors = await asyncio.gather(*waiting, return_exceptions=True)
                        assert [ChildDiedError] * 2 == [type(error) for error in errors]
                        raise errors[0]
                    await stopped.wait()

            with pytest.raises(ChildDiedError, match=r"child 2 .* ended although it was not asked to: SIGKILL"):
                run(main)

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.heard

    def test_an_exception_in_the_block(self):
        """The server is stopped, and it passes on."""

        def host_of(tell):
            async def main():
                async with AsyncPrefork(Prefork(make_life("a", destroy_f=tell), work_on, 2)):
                    raise KeyError(1)

            with pytest.raises(KeyError):
                run(main)

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.heard

    @pytest.mark.parametrize("times", [1, 2])
    def test_a_cancellation(self, times):
        """It stops the server, and another one while it stops changes nothing: no child is left behind."""

        def host_of(tell):
            async def body(inside):
                async with AsyncPrefork(Prefork(make_life("a", destroy_f=tell), work_on, 2)):
                    inside.set()
                    await asyncio.sleep(SECONDS)

            async def main():
                inside = asyncio.Event()
                task = asyncio.create_task(body(inside))
                await inside.wait()
                for _ in range(times):
                    task.cancel()
                    await asyncio.sleep(0)
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert set() == my_children()

            run(main)

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.heard

    def test_a_cancellation_at_the_start(self):
        """A start that takes for ever is ended, too."""

        def host_of(tell):
            async def main():
                life = make_life("a", init_child_f=lambda *_: signal.pause(), destroy_f=tell)
                async with asyncio.timeout(0.2), AsyncPrefork(Prefork(life, work_on, 2, stop_timeout=60)):
                    pytest.fail("it is entered")

            with pytest.raises(TimeoutError):
                run(main)

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.heard

    def test_children_that_do_not_end(self):
        """They are killed after `stop_timeout`: the loop looks at the clock for the server."""

        def host_of(tell):
            def worker(rank):
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                tell("ignores")
                work_on(rank)

            async def main():
                server = Prefork(make_life(), worker, 1, stop_timeout=0.2, on_event=tell)
                async with AsyncPrefork(server, handle_signals=True) as children:
                    await children.wait_stopped()

            run(main)

        with hosting(host_of) as host:
            host.all_of(str)
            host.send(signal.SIGTERM)
            host.value()
        assert 1 == len(host.told(ChildKilled))

    def test_destroy_f_fails(self):
        """What it raised comes out of the block."""

        def host_of(tell):
            def destroy_f(name):
                raise KeyError(name)

            async def main():
                async with AsyncPrefork(Prefork(make_life("a", destroy_f=destroy_f), work_on, 1)):
                    pass

            with pytest.raises(ExceptionGroup) as raised:
                run(main)
            assert [KeyError] == [type(error) for error in raised.value.exceptions]

        with hosting(host_of) as host:
            host.value()

    def test_on_event_fails(self):
        """It ends the server, as it does in `serve`; what else went wrong is in its notes."""

        def host_of(tell):
            def on_event(event):
                if type(event) in {ChildReady, Stopped}:
                    raise ValueError(type(event).__name__)

            async def main():
                async with AsyncPrefork(Prefork(make_life("a", destroy_f=tell), work_on, 1, on_event=on_event)):
                    pytest.fail("it is entered")

            with pytest.raises(ValueError, match="ChildReady") as raised:
                run(main)
            assert "ValueError: Stopped" in raised.value.__notes__[-1]

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.heard

    def test_on_event_stops_it(self):
        """The server of which all children have ended before they were all ready has started, and is over."""

        def host_of(tell):
            def on_event(event):
                tell(event)
                if isinstance(event, ChildStarted):
                    server.stop()

            async def main():
                async with AsyncPrefork(server) as children:
                    assert await children.wait_stopped() is None
                    children.stop()

            life = make_life(init_child_f=lambda *_: signal.pause())
            server = Prefork(life, work_on, 1, on_event=on_event)
            run(main)

        with hosting(host_of) as host:
            host.value()
        assert [ChildStarted, Stopping, ChildExited, Stopped] == [type(event) for event in host.heard]

    def test_it_runs_once(self):
        def host_of(tell):
            async def main():
                driven = AsyncPrefork(Prefork(make_life(), work_on, 1))
                async with driven:
                    pass
                with pytest.raises(LifecycleError, match="a server runs only once"):
                    async with driven:
                        pytest.fail("it is entered")

            run(main)

        with hosting(host_of) as host:
            host.value()

    def test_before_the_block(self):
        """There is no end to wait for, which is said, and nothing to stop."""

        async def main():
            children = AsyncPrefork(Prefork(make_life(), work_on, 1))
            children.stop()
            with pytest.raises(LifecycleError, match="enter the block first"):
                await children.wait_stopped()

        run(main)


class TestSignals:
    """With `handle_signals`, SIGTERM and SIGINT stop the server; afterwards they do what they did before."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_the_first_counts(self, number):
        """It is what `wait_stopped` returns, whatever comes after it."""

        def host_of(tell):
            def on_event(event):
                tell(event)
                if isinstance(event, Stopping):
                    os.kill(os.getpid(), signal.SIGTERM)

            async def main():
                server = Prefork(make_life("a", destroy_f=tell), work_on, 2, on_event=on_event)
                async with AsyncPrefork(server, handle_signals=True) as children:
                    return await children.wait_stopped()

            handler = signal.signal(number, lambda *_: pytest.fail("the handler is called"))
            try:
                return run(main)
            finally:
                signal.signal(number, handler)

        with hosting(host_of) as host:
            host.until(ChildReady, 2)
            host.send(number)
            assert number == host.value()
        assert ["a"] == host.told(str)

    def test_while_it_starts(self):
        """One that comes while an `init_f` runs is heeded once that has returned."""

        def host_of(tell):
            async def main():
                life = make_life("a", init_f=lambda _: os.kill(os.getpid(), signal.SIGTERM), destroy_f=tell)
                async with AsyncPrefork(Prefork(life, work_on, 2), handle_signals=True) as children:
                    return await children.wait_stopped()

            return run(main)

        with hosting(host_of) as host:
            assert signal.SIGTERM == host.value()
        assert ["a"] == host.heard

    def test_what_is_ignored_stays_ignored(self):
        def host_of(tell):
            async def main():
                async with AsyncPrefork(Prefork(make_life(), work_on, 1), handle_signals=True) as children:
                    assert signal.SIG_IGN == signal.getsignal(signal.SIGTERM)
                    os.kill(os.getpid(), signal.SIGTERM)
                    children.stop()
                    return await children.wait_stopped()

            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return run(main)

        with hosting(host_of) as host:
            assert host.value() is None

    def test_a_handler_of_the_loop(self):
        """It could not be put back, so that is refused before anything is started."""

        def host_of(tell):
            async def main():
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, tell, "SIGTERM")
                life = make_life("a", init_f=tell)
                with pytest.raises(
                    ValueError, match="cannot handle SIGTERM, for which this loop has a handler already"
                ):
                    async with AsyncPrefork(Prefork(life, work_on, 1), handle_signals=True):
                        pytest.fail("it is entered")

            asyncio.run(main())

        with hosting(host_of) as host:
            host.value()
        assert [] == host.heard

    def test_another_thread(self):
        """Signals belong to the main thread: asyncio says so, before anything is started."""

        def host_of(tell):
            async def main():
                async with AsyncPrefork(Prefork(make_life("a", init_f=tell), work_on, 1), handle_signals=True):
                    pytest.fail("it is entered")

            def work():
                with pytest.raises(RuntimeError, match="main thread"):
                    asyncio.run(main())
                tell(1)

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

        with hosting(host_of) as host:
            host.value()
        assert [1] == host.heard
