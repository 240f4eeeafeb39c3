"""What is called, in which order, and in which process."""

import gc
import os
import signal
import warnings

import pytest
from hosting import Host, hosting, make_life, work_on

from sermod import (
    PROC_MAIN,
    ChildExited,
    ChildInitError,
    ChildReady,
    ChildStarted,
    Lifecycle,
    LifecycleError,
    ModuleInitError,
    Prefork,
    Stopped,
    Stopping,
    serve,
)


def journal(tell, *, names=("a", "b")):
    """Return a life that tells of each call: which function, of which module, the rank if any, in which process."""

    def hook(entry):
        return lambda name, *rank: tell((entry, name, *rank, os.getpid()))

    return make_life(*names, init_f=hook("init_f"), init_child_f=hook("init_child_f"), destroy_f=hook("destroy_f"))


def stop_when_ready(host: Host, count: int) -> None:
    host.all_of(ChildReady, count)
    host.send(signal.SIGTERM)


class TestServe:
    """``serve`` runs every function of every module where and when the core does."""

    def test_order_and_processes(self):
        """``init_f`` and ``destroy_f`` run in the main process, ``init_child_f`` in each child, then the worker."""

        def host_of(tell):
            def worker(rank):
                tell(("worker", rank, os.getpid()))
                work_on(rank)

            return serve(journal(tell), worker, 3, on_event=tell)

        with hosting(host_of) as host:
            host.until(tuple, 2 + 3 * 3)
            stop_when_ready(host, 3)
            assert signal.SIGTERM == host.value()
        calls = host.told(tuple)
        pids = {event.rank: event.pid for event in host.told(ChildReady)}
        assert [("init_f", "a", host.pid), ("init_f", "b", host.pid)] == calls[:2]
        assert [("destroy_f", "b", host.pid), ("destroy_f", "a", host.pid)] == calls[-2:]
        for rank, pid in pids.items():
            expected = [("init_child_f", "a", rank, pid), ("init_child_f", "b", rank, pid), ("worker", rank, pid)]
            assert expected == [call for call in calls if call[-1] == pid]
        assert 3 * 3 + 4 == len(calls)
        assert 4 == len({host.pid, *pids.values()})

    def test_events(self):
        """Every event comes once, in an order that makes sense."""

        def host_of(tell):
            serve(make_life(), work_on, 2, on_event=tell)

        with hosting(host_of) as host:
            stop_when_ready(host, 2)
        kinds = [type(event) for event in host.heard]
        assert [ChildStarted, ChildStarted, ChildReady, ChildReady] == kinds[:4]
        assert [Stopping, ChildExited, ChildExited, Stopped] == kinds[4:]
        assert "SIGTERM arrived" == host.heard[4].reason
        assert all(event.asked and event.exitcode == 143 for event in host.told(ChildExited))

    @pytest.mark.parametrize(
        ("children", "ranks"),
        [
            pytest.param(1, [1], id="one"),
            pytest.param(4, [1, 2, 3, 4], id="a number"),
            pytest.param([7, -1, 3], [7, -1, 3], id="ranks"),
            pytest.param(range(5, 7), [5, 6], id="a range"),
        ],
    )
    def test_ranks(self, children, ranks):
        """The children have the ranks 1 to N, or those that are given, in this order."""
        with hosting(lambda tell: serve(make_life(), work_on, children, on_event=tell)) as host:
            stop_when_ready(host, len(ranks))
        assert ranks == [event.rank for event in host.told(ChildStarted)]
        assert sorted(ranks) == sorted(event.rank for event in host.told(ChildReady))

    def test_children_default_to_four(self):
        with hosting(lambda tell: serve(make_life(), work_on, on_event=tell)) as host:
            stop_when_ready(host, 4)
        assert [1, 2, 3, 4] == [event.rank for event in host.told(ChildStarted)]

    def test_worker_that_handles_sigterm(self):
        """A worker may handle ``SIGTERM`` itself, and end in its own way."""

        def host_of(tell):
            def worker(rank):
                asked = []
                signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
                tell("working")
                while not asked:
                    signal.pause()
                tell("done")

            serve(make_life(), worker, 1, on_event=tell)

        with hosting(host_of) as host:
            host.until(str)
            host.send(signal.SIGTERM)
        assert ["working", "done"] == host.told(str)
        assert [0] == [event.exitcode for event in host.told(ChildExited)]

    def test_worker_is_ended_with_its_clean_up(self):
        """``SIGTERM`` ends a worker by an exception, so that its ``finally`` blocks run, whoever sends another."""

        def host_of(tell):
            def worker(rank):
                try:
                    tell("working")
                    work_on(rank)
                finally:
                    os.kill(os.getpid(), signal.SIGTERM)
                    tell("cleaned up")

            serve(make_life(), worker, 1)

        with hosting(host_of) as host:
            host.until(str)
            host.send(signal.SIGTERM)
        assert ["working", "cleaned up"] == host.told(str)

    def test_no_modules(self):
        with hosting(lambda tell: serve(make_life(), work_on, 2, on_event=tell)) as host:
            stop_when_ready(host, 2)
            assert signal.SIGTERM == host.value()

    def test_life_ends_destroyed(self):
        """Afterwards the lifecycle is destroyed, and cannot be used again."""

        def host_of(tell):
            life = make_life()
            serve(life, work_on, 1, on_event=tell)
            with pytest.raises(LifecycleError, match="initialises the lifecycle itself, and this one is destroyed"):
                serve(life, work_on, 1)
            return str(life.state)

        with hosting(host_of) as host:
            stop_when_ready(host, 1)
            assert "destroyed" == host.value()

    def test_child_may_not_destroy(self):
        """In a child, ``destroy`` is an error, and leaving a ``with`` block of the lifecycle does nothing."""

        def host_of(tell):
            life = journal(tell)

            def worker(rank):
                with pytest.raises(LifecycleError, match="belongs to the main process"):
                    life.destroy()
                Lifecycle.__exit__(life, None, None, None)
                tell("done")
                work_on(rank)

            serve(life, worker, 1)

        with hosting(host_of) as host:
            host.until(str)
            host.send(signal.SIGTERM)
        assert [("destroy_f", "b", host.pid), ("destroy_f", "a", host.pid)] == [
            call for call in host.told(tuple) if call[0] == "destroy_f"
        ]

    def test_init_f_fails(self):
        """A failed ``init_f`` ends it before anything is forked."""

        def host_of(tell):
            serve(make_life("a", init_f=lambda name: -3), work_on, 2, on_event=tell)

        with hosting(host_of) as host:
            error = host.error(ModuleInitError)
        assert ("a", -3) == (error.module, error.code)
        assert [] == host.told(ChildStarted)


class TestInitMain:
    """``init_main`` initialises the main process as well, once all first children are forked."""

    def test_after_the_forks(self):
        def host_of(tell):
            serve(journal(tell, names=("a",)), work_on, 2, init_main=True, on_event=tell)

        with hosting(host_of) as host:
            stop_when_ready(host, 2)
        main = host.heard.index(("init_child_f", "a", PROC_MAIN, host.pid))
        assert all(host.heard.index(event) < main for event in host.told(ChildStarted))
        assert 1 == sum(call[0] == "init_child_f" and call[-1] == host.pid for call in host.told(tuple))

    def test_it_fails(self):
        """If that fails, the children are stopped, the modules are cleaned up, and the error comes out."""

        def host_of(tell):
            life = make_life(
                "a", init_child_f=lambda name, rank: -7 if rank == PROC_MAIN else 0, destroy_f=lambda name: tell("over")
            )
            serve(life, work_on, 2, init_main=True, on_event=tell)

        with hosting(host_of) as host:
            error = host.error(ChildInitError)
        assert ("a", -7, PROC_MAIN) == (error.module, error.code, error.rank)
        assert ["over"] == host.told(str)
        assert [1, 2] == sorted(event.rank for event in host.told(ChildExited))

    def test_not_once_it_stops(self):
        """If the server is to stop by then, the main process is not initialised any more."""

        def host_of(tell):
            server = Prefork(journal(tell), work_on, 1, init_main=True, on_event=lambda event: server.stop())
            server.serve()

        with hosting(host_of) as host:
            host.value()
        assert [] == [call for call in host.told(tuple) if call[0] == "init_child_f" and call[2] == PROC_MAIN]


class TestNoChildren:
    """With ``children=0`` nothing is forked: the one process does what the main process and the child of rank 1 do."""

    def test_order(self):
        def host_of(tell):
            return serve(
                journal(tell), lambda rank: tell(("worker", rank, os.getpid())), 0, init_main=True, on_event=tell
            )

        with hosting(host_of) as host:
            assert host.value() is None
        pid = host.pid
        assert [
            ("init_f", "a", pid),
            ("init_f", "b", pid),
            ("init_child_f", "a", 1, pid),
            ("init_child_f", "b", 1, pid),
            ChildReady(1, pid),
            ("worker", 1, pid),
            Stopping("the worker returned"),
            ("destroy_f", "b", pid),
            ("destroy_f", "a", pid),
            Stopped(),
        ] == host.heard

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
    def test_signal_ends_the_worker(self, number):
        """A signal ends the worker by an exception; the clean-up runs once, and the signal is returned."""

        def host_of(tell):
            def worker(rank):
                try:
                    tell("working")
                    work_on(rank)
                finally:
                    os.kill(os.getpid(), signal.SIGTERM)  # one more makes no difference
                    tell("cleaned up")

            return serve(journal(tell, names=("a",)), worker, 0, on_event=tell)

        with hosting(host_of) as host:
            host.until(str)
            host.send(number)
            assert number == host.value()
        assert Stopping(f"{number.name} arrived", number) in host.heard
        assert [("destroy_f", "a", host.pid), Stopped()] == host.heard[-2:]

    def test_signal_during_init(self):
        """A signal that comes during ``init_f`` lets that end, and the worker does not begin."""

        def host_of(tell):
            life = make_life("a", init_f=lambda name: os.kill(os.getpid(), signal.SIGTERM), destroy_f=tell)
            return serve(life, lambda rank: tell("worker"), 0)

        with hosting(host_of) as host:
            assert signal.SIGTERM == host.value()
        assert ["a"] == host.heard

    def test_init_child_f_fails(self):
        def host_of(tell):
            serve(make_life("a", init_child_f=lambda name, rank: -1, destroy_f=tell), work_on, 0)

        with hosting(host_of) as host:
            error = host.error(ChildInitError)
        assert ("a", -1, 1) == (error.module, error.code, error.rank)
        assert ["a"] == host.heard

    def test_init_f_fails(self):
        with hosting(lambda tell: serve(make_life("a", init_f=lambda name: 1), work_on, 0)) as host:
            assert "a" == host.error(ModuleInitError).module

    @pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt()], ids=repr)
    def test_worker_raises(self, error):
        """What the worker raises comes out after the clean-up, and what that raises is in its notes."""

        def host_of(tell):
            def worker(rank):
                raise error

            def destroy(name):
                raise OSError("no clean-up")

            serve(make_life("a", destroy_f=destroy), worker, 0, on_event=tell)

        with hosting(host_of) as host:
            raised = host.error(type(error))
        assert str(error) == str(raised)
        assert "OSError: no clean-up" in "".join(raised.__notes__)
        assert Stopping(f"{type(error).__name__} was raised") in host.heard

    def test_destroy_f_raises(self):
        """If nothing but the clean-up fails, that is what comes out."""

        def host_of(tell):
            def destroy(name):
                raise OSError("no clean-up")

            serve(make_life("a", destroy_f=destroy), lambda rank: None, 0)

        with hosting(host_of) as host:
            assert ["no clean-up"] == [str(error) for error in host.error(ExceptionGroup).exceptions]

    def test_coroutine_function(self):
        """A coroutine function as the worker is an error, since nobody would run it, and that is all that is said."""

        def host_of(tell):
            async def worker(rank):
                pass

            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                with pytest.raises(TypeError, match=r"call asyncio\.run\(\)"):
                    serve(make_life(), worker, 0)
                gc.collect()
            return len(caught)

        with hosting(host_of) as host:
            assert 0 == host.value()

    def test_steps_are_refused(self):
        """There is nothing to do in steps: ``start`` says so, and so does ``stop`` while the worker runs."""

        def host_of(tell):
            server = Prefork(make_life(), lambda rank: server.stop(), 0)
            with pytest.raises(LifecycleError, match=r"with children=0 there is nothing to start; call serve\(\)"):
                server.start()
            server.serve()

        with hosting(host_of) as host:
            assert "let the worker return" in str(host.error(LifecycleError))
