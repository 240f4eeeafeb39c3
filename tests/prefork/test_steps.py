"""``Prefork`` in steps: what each call does, and what it refuses."""

import os
import select
import signal
import threading
import time

import pytest
from hosting import Clock, bytes_in, hosting, make_life, my_children, my_descriptors, work_on

from sermod import (
    ChildDiedError,
    ChildExited,
    ChildKilled,
    ChildReady,
    ChildStarted,
    LifecycleError,
    ModuleInitError,
    Prefork,
    RestartPolicy,
    Stopped,
    Stopping,
    serve,
)

OFTEN = RestartPolicy(100, 60)


def poll_until(server, kind, count=1):
    """Poll until so many events of a kind have come; return all that have."""
    events = []
    while sum(isinstance(event, kind) for event in events) < count:
        events += server.poll(None)
    return events


class TestPoll:
    """``poll`` tells what has happened since the last call."""

    def test_from_start_to_stop(self):
        def host_of(tell):
            server = Prefork(make_life("a", destroy_f=tell), work_on, 2)
            assert (False, {}, None) == (server.running, server.children, server.timeout())
            server.start()
            assert server.running
            assert my_children() == set(server.children.values())
            events = poll_until(server, ChildReady, 2)
            assert [ChildStarted, ChildStarted, ChildReady, ChildReady] == [type(event) for event in events]
            assert {event.rank: event.pid for event in events} == server.children
            assert [] == server.poll()
            assert server.timeout() is None
            server.stop(wait=False)
            events = poll_until(server, Stopped)
            assert [Stopping, ChildExited, ChildExited, Stopped] == [type(event) for event in events]
            assert server.running
            assert [] == server.poll(None)
            assert not server.running
            assert [] == server.poll(None)
            assert ({}, None) == (server.children, server.timeout())
            server.stop()

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.heard

    def test_it_waits_no_longer_than_it_is_told_to(self):
        """With a time-out it returns when that is over, with nothing to tell."""

        def host_of(tell):
            with Prefork(make_life(), work_on, 1) as server:
                poll_until(server, ChildReady)
                start = time.monotonic()
                assert [] == server.poll(0.2)
                return 0.2 <= time.monotonic() - start

        with hosting(host_of) as host:
            assert host.value()

    def test_it_goes_on_while_there_is_nothing_to_tell(self):
        """What wakes it without being anybody's business does not end the waiting."""

        def host_of(tell):
            go = os.pipe()
            with Prefork(make_life(init_child_f=lambda *_: os.read(go[0], 1)[:0] or 0), work_on, 1) as server:
                assert [ChildStarted] == [type(event) for event in server.poll(0)]
                children = server._supervisor.children
                wait = children.wait

                def wait_and_go(timeout):
                    woken = wait(timeout)
                    os.write(go[1], b".")
                    return woken

                children.wait = wait_and_go
                children.wake()
                assert [ChildReady] == [type(event) for event in server.poll(30)]
            for descriptor in go:
                os.close(descriptor)

        with hosting(host_of) as host:
            host.value()

    def test_failure_comes_after_the_events(self):
        """The error comes once, with the call after the one that told of the end; until then it is readable."""

        def host_of(tell):
            server = Prefork(make_life("a", destroy_f=tell), work_on, 2, on_event=tell)
            server.start()
            poll_until(server, ChildReady, 2)
            os.kill(server.children[1], signal.SIGKILL)
            assert isinstance(poll_until(server, Stopped)[-1], Stopped)
            assert [server.fileno()] == select.select([server.fileno()], [], [], 0)[0]
            with pytest.raises(ChildDiedError):
                server.poll()
            assert not server.running
            assert [] == server.poll()
            server.stop()

        with hosting(host_of) as host:
            host.value()
        assert ["a"] == host.told(str)

    def test_on_event_is_told_each_event_once(self):
        def host_of(tell):
            told = []
            server = Prefork(make_life(), work_on, 2, on_event=told.append)
            server.start()
            assert [ChildStarted, ChildStarted] == [type(event) for event in told]
            events = poll_until(server, ChildReady, 2)
            assert told == events
            server.stop()
            assert [Stopping, ChildExited, ChildExited, Stopped] == [type(event) for event in told[4:]]
            assert told[4:] == server.poll()
            assert [] == server.poll()

        with hosting(host_of) as host:
            host.value()


class TestDescriptor:
    """``fileno`` is readable when there is something to poll."""

    def test_readable(self):
        def host_of(tell):
            def readable(timeout):
                return [] != select.select([server], [], [], timeout)[0]

            with Prefork(make_life(), work_on, 2, restart=OFTEN) as server:
                ready = 0
                while ready < 2:
                    assert readable(30)
                    ready += sum(isinstance(event, ChildReady) for event in server.poll())
                assert not readable(0)
                os.kill(server.children[2], signal.SIGKILL)
                assert readable(30)
                poll_until(server, ChildReady)
                assert not readable(0)
                server.stop(wait=False)
                while server.running:
                    assert readable(30)
                    server.poll()

        with hosting(host_of) as host:
            host.value()

    def test_something_to_tell(self):
        """It is readable after ``start`` and ``stop``, whatever the children do: nobody would poll otherwise."""

        def host_of(tell):
            def init_child_f(name, rank):
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.write(stubborn[1], b".")
                work_on(rank)

            def told():
                kinds = []
                while select.select([server], [], [], 0)[0]:
                    kinds += [type(event) for event in server.poll()]
                return kinds

            stubborn = os.pipe()
            server = Prefork(make_life(init_child_f=init_child_f), work_on, 1, stop_timeout=0.1)
            server.start()
            assert [ChildStarted] == told()
            os.read(stubborn[0], 1)
            server.stop(wait=False)
            assert [Stopping] == told()
            server.stop()
            for descriptor in stubborn:
                os.close(descriptor)

        with hosting(host_of) as host:
            host.value()

    def test_deadlines(self):
        """``timeout`` says when to poll although nothing is to be read."""

        def host_of(tell):
            def init_child_f(name, rank):
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.read(go[0], 1)

            go = os.pipe()
            clock = Clock(stands=True)
            life = make_life(init_child_f=init_child_f)
            server = Prefork(life, work_on, 1, ready_timeout=3600, stop_timeout=7, on_event=tell)
            server.start()
            server.poll()
            assert 3600 == server.timeout()
            os.write(go[1], b".")
            poll_until(server, ChildReady)
            assert server.timeout() is None
            server.stop(wait=False)
            assert [Stopping] == [type(event) for event in server.poll()]
            slept = []
            while (seconds := server.timeout()) is not None:
                slept.append(seconds)
                clock.advance(seconds + 1e-9)  # seconds are binary fractions
                server.poll()
            # After each of these it is asked again, more and more rarely, and killed after the last.
            assert [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1, 1, 0.45] == pytest.approx(slept)
            poll_until(server, Stopped)
            server.stop()
            for descriptor in go:
                os.close(descriptor)

        with hosting(host_of) as host:
            host.value()
        assert 1 == len(host.told(ChildKilled))

    def test_not_running(self):
        server = Prefork(make_life(), work_on)
        with pytest.raises(LifecycleError, match="the server is not started; call it after start"):
            server.fileno()


class TestStop:
    """``stop`` returns when all is over, and raises what went wrong."""

    def test_within_on_event(self):
        """From within ``on_event`` it only begins; ``serve`` then returns no signal."""

        def host_of(tell):
            def on_event(event):
                tell(event)
                if isinstance(event, ChildReady):
                    server.stop()
                    assert server.running

            server = Prefork(make_life(), work_on, 2, on_event=on_event)
            return server.serve()

        with hosting(host_of) as host:
            assert host.value() is None
        assert [Stopping("stop() was called")] == host.told(Stopping)

    def test_raises_what_had_happened(self):
        """A death that nobody was told of yet comes out."""

        def host_of(tell):
            server = Prefork(make_life(), work_on, 2)
            server.start()
            poll_until(server, ChildReady, 2)
            os.kill(server.children[2], signal.SIGKILL)
            poll_until(server, Stopping)
            server.stop()

        with hosting(host_of) as host:
            assert 2 == host.error(ChildDiedError).rank

    def test_death_on_the_way(self):
        """How a child ends that was asked to is no error, though what it says of it is told."""

        def host_of(tell):
            readable, writable = os.pipe()

            def worker(rank):
                try:
                    os.write(writable, b".")
                    work_on(rank)
                finally:
                    raise OSError("cannot close")

            with Prefork(make_life(), worker, 1, on_event=tell) as server:
                poll_until(server, ChildReady)
                os.read(readable, 1)
            os.close(readable)
            os.close(writable)

        with hosting(host_of) as host:
            host.value()
        (event,) = host.told(ChildExited)
        assert "OSError: cannot close" in event.traceback
        assert (True, 30) == (event.asked, event.level)

    def test_while_a_child_has_much_to_tell(self):
        """It waits for no room in a pipe that is full, and nothing of what is told is lost."""

        def host_of(tell):
            def worker(rank):
                raise ValueError("x" * 150_000 + "end")

            server = Prefork(make_life(), worker, 1, on_event=tell)
            server.start()
            while bytes_in(server._supervisor.children._reports.fileno()) < 60_000:
                os.sched_yield()
            server.stop()

        with hosting(host_of) as host:
            host.value()
        (event,) = host.told(ChildExited)
        assert event.traceback.endswith("xend\n")

    def test_destroy_f_raises(self):
        def host_of(tell):
            def destroy(name):
                raise OSError(f"no clean-up of {name}")

            with Prefork(make_life("a", "b", destroy_f=destroy), work_on, 1):
                pass

        with hosting(host_of) as host:
            group = host.error(ExceptionGroup)
        assert ["no clean-up of b", "no clean-up of a"] == [str(error) for error in group.exceptions]

    def test_on_event_raises_on_the_way(self):
        """What ``on_event`` raises while the server stops comes out when it has stopped."""

        def host_of(tell):
            def on_event(event):
                if isinstance(event, (ChildExited, Stopped)):
                    raise OSError(type(event).__name__)

            server = Prefork(make_life("a", destroy_f=tell), work_on, 1, on_event=on_event)
            server.start()
            server.stop()

        with hosting(host_of) as host:
            error = host.error(OSError)
        assert "ChildExited" == str(error)
        assert "OSError: Stopped" in "".join(error.__notes__)
        assert ["a"] == host.heard

    def test_block_raises(self):
        """An exception passes out of a ``with`` block after the server has stopped."""

        def host_of(tell):
            with Prefork(make_life("a", destroy_f=tell), work_on, 1):
                raise ValueError("the host's")

        with hosting(host_of) as host:
            assert "the host's" == str(host.error(ValueError))
        assert ["a"] == host.heard

    def test_never_started(self):
        Prefork(make_life(), work_on).stop()


class TestOnEventRaises:
    """What ``on_event`` raises passes on, and nothing is left behind."""

    def raising(self, kind, tell):
        def on_event(event):
            tell(event)
            if isinstance(event, kind):
                raise OSError("the host's")

        return Prefork(make_life("a", destroy_f=tell), work_on, 2, on_event=on_event)

    @pytest.mark.parametrize("kind", [ChildStarted, ChildReady, Stopping])
    def test_in_serve(self, kind):
        """It ends the server in order."""
        with hosting(lambda tell: self.raising(kind, tell).serve()) as host:
            if kind is Stopping:
                host.until(ChildReady, 2)
                host.send(signal.SIGTERM)
            assert "the host's" == str(host.error(OSError))
        assert ["a"] == host.told(str)
        assert 2 == len(host.told(ChildExited))

    def test_in_start(self):
        def host_of(tell):
            self.raising(ChildStarted, tell).start()

        with hosting(host_of) as host:
            assert "the host's" == str(host.error(OSError))
        assert ["a"] == host.told(str)

    def test_in_poll(self):
        """The server goes on, and no event is lost."""

        def host_of(tell):
            server = self.raising(ChildReady, tell)
            server.start()
            events, raised = [], 0
            while raised < 2:
                try:
                    events += server.poll(None)
                except OSError:
                    raised += 1
            events += server.poll()
            assert [ChildStarted] * 2 + [ChildReady] * 2 == [type(event) for event in events]
            server.stop()

        with hosting(host_of) as host:
            host.value()


class TestWhoAndWhen:
    """What is called at a wrong time, or by somebody else, is a clear error, and changes nothing."""

    def test_poll_before_start(self):
        server = Prefork(make_life(), work_on)
        with pytest.raises(LifecycleError, match=r"call start\(\) first") as raised:
            server.poll()
        assert ("not started", "poll()") == (raised.value.state, raised.value.call)

    def test_start_twice(self):
        def host_of(tell):
            with Prefork(make_life(), work_on, 1) as server:
                for call in (server.start, server.serve):
                    with pytest.raises(LifecycleError, match="a server runs only once"):
                        call()
                assert 1 == len(my_children())
            with pytest.raises(LifecycleError, match="a server runs only once"):
                server.start()

        with hosting(host_of) as host:
            host.value()

    @pytest.mark.parametrize("call", ["start", "serve"])
    def test_life_that_is_initialised(self, call):
        """A lifecycle that is initialised already stays so, and is not cleaned up."""

        def host_of(tell):
            life = make_life("a", destroy_f=tell)
            with life:
                with pytest.raises(LifecycleError, match="this one is initialised; give it a new one"):
                    getattr(Prefork(life, work_on), call)()
                assert set() == my_children()
                tell("not yet")

        with hosting(host_of) as host:
            host.value()
        assert ["not yet", "a"] == host.heard

    @pytest.mark.parametrize("call", ["start", "poll", "stop", "serve"])
    def test_another_thread(self, call):
        """One thread makes it and calls it; another one is refused."""

        def host_of(tell):
            def other():
                with pytest.raises(LifecycleError, match="belongs to another thread") as raised:
                    getattr(server, call)()
                tell(raised.value.call)

            server = Prefork(make_life(), work_on, 1)
            if call in ("poll", "stop"):
                server.start()
            before = my_children()
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            assert before == my_children()
            server.stop()

        with hosting(host_of) as host:
            host.value()
        assert [f"{call}()"] == host.heard

    def test_another_process(self):
        """A child has no say in it."""

        def host_of(tell):
            def worker(rank):
                for call in (server.start, server.poll, server.stop, server.serve):
                    with pytest.raises(LifecycleError, match="the server belongs to process "):
                        call()
                tell("refused")
                work_on(rank)

            server = Prefork(make_life(), worker, 1)
            server.serve()

        with hosting(host_of) as host:
            host.until(str)
            host.send(signal.SIGTERM)

    def test_within_on_event(self):
        """``on_event`` may stop the server, and that is all."""

        def host_of(tell):
            def on_event(event):
                for call in (server.start, server.poll, server.serve):
                    with pytest.raises(LifecycleError):
                        call()
                tell(event)

            server = Prefork(make_life(), work_on, 1, on_event=on_event)
            server.serve()

        with hosting(host_of) as host:
            host.until(ChildReady)
            host.send(signal.SIGTERM)

    def test_start_again_after_it_failed(self):
        def host_of(tell):
            server = Prefork(make_life("a", init_f=lambda name: -1), work_on, 1)
            before = my_descriptors()
            with pytest.raises(ModuleInitError):
                server.start()
            assert before == my_descriptors()
            with pytest.raises(LifecycleError, match="a server runs only once"):
                server.start()
            assert not server.running

        with hosting(host_of) as host:
            host.value()

    def test_init_f_stops_it(self):
        """An ``init_f`` that gets hold of the server may stop it before anything is forked."""

        def host_of(tell):
            server = Prefork(make_life("a", init_f=lambda name: server.stop(), destroy_f=tell), work_on, on_event=tell)
            assert server.serve() is None

        with hosting(host_of) as host:
            host.value()
        assert [Stopping("stop() was called"), "a", Stopped()] == host.heard

    def test_no_fork(self, monkeypatch):
        """Where the system cannot fork, that is said before anything is done."""
        monkeypatch.delattr(os, "fork")
        with pytest.raises(NotImplementedError, match="this system has no fork"):
            serve(make_life("a", init_f=lambda name: pytest.fail("it is initialised")), work_on)
