"""Children that end unasked, once the server serves."""

import ctypes
import faulthandler
import os
import signal
from collections import Counter

import pytest
from hosting import Clock, Host, bytes_in, hosting, make_life, work_on

from sermod import (
    ChildDiedError,
    ChildExited,
    ChildInitError,
    ChildKilled,
    ChildReady,
    ChildStarted,
    GivingUp,
    Prefork,
    RestartDelayed,
    Restarting,
    RestartPolicy,
    Stopped,
    Stopping,
    serve,
)

OFTEN = RestartPolicy(100, 3600)


def wait_for(server, kind):
    """Poll until an event of that kind arrived."""
    while not any(isinstance(event, kind) for event in server.poll(None)):
        pass


def raise_it(error):
    raise error


WAYS = [
    pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), None, "SIGKILL", None, id="SIGKILL"),
    pytest.param(lambda: (faulthandler.disable(), ctypes.string_at(0)), None, "SIGSEGV", None, id="segmentation fault"),
    pytest.param(lambda: os.kill(os.getpid(), signal.SIGRTMIN + 1), None, "signal 35", None, id="nameless signal"),
    pytest.param(lambda: os.kill(os.getpid(), signal.SIGTERM), 143, None, None, id="SIGTERM of its own"),
    pytest.param(lambda: os._exit(7), 7, None, None, id="_exit(7)"),
    pytest.param(lambda: raise_it(ValueError("bad")), 1, None, "ValueError: bad", id="an exception"),
    pytest.param(
        lambda: raise_it(ChildInitError("of a server within", module="x", rank=7)),
        1,
        None,
        "ChildInitError: of a server within",
        id="ChildInitError",
    ),
    pytest.param(lambda: raise_it(KeyboardInterrupt()), 1, None, "KeyboardInterrupt", id="KeyboardInterrupt"),
    pytest.param(lambda: raise_it(SystemExit(3)), 3, None, None, id="SystemExit(3)"),
    pytest.param(lambda: raise_it(SystemExit(-1)), 255, None, None, id="SystemExit(-1)"),
    pytest.param(lambda: raise_it(SystemExit), 0, None, None, id="SystemExit"),
    pytest.param(lambda: raise_it(SystemExit("why")), 1, None, "SystemExit: why", id="SystemExit('why')"),
    pytest.param(lambda: None, 0, None, None, id="an early return"),
]


def one_dies(tell, die, *, times=1, restart=None, children=4, init_child_f=None):
    """Serve; the worker of rank 3 does *die*, in its first so many lives, after it was told to by ``SIGUSR1``."""
    readable, writable = os.pipe()

    def worker(rank):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        tell((rank, os.getpid()))
        if rank == 3 and bytes_in(readable) < times:  # no sigwait in the last life, which SIGTERM is to end
            signal.sigwait([signal.SIGUSR1])
            os.write(writable, b".")
            die()
            return
        work_on(rank)

    try:
        life = make_life("a", "b", destroy_f=tell, init_child_f=init_child_f or (lambda *_: 0))
        return serve(life, worker, children, restart=restart, on_event=tell)
    finally:
        os.close(readable)
        os.close(writable)


def working(host: Host, count: int = 4) -> dict[int, int]:
    """Wait until so many workers have begun; return their process ids by rank."""
    return dict(host.until(tuple, count))


class TestWithoutPolicy:
    """A child that ends unasked, in whatever way, ends the server in order."""

    @pytest.mark.parametrize(("die", "exitcode", "name", "text"), WAYS)
    def test_server_stops(self, die, exitcode, name, text):
        with hosting(lambda tell: one_dies(tell, die)) as host:
            pids = working(host)
            os.kill(pids[3], signal.SIGUSR1)
            error = host.error(ChildDiedError)
        assert (3, pids[3], exitcode, name) == (error.rank, error.pid, error.exitcode, error.signal)
        assert ["b", "a"] == host.told(str)
        (death,) = [event for event in host.told(ChildExited) if not event.asked]
        assert (3, pids[3], exitcode, name, error.traceback) == (
            death.rank,
            death.pid,
            death.exitcode,
            death.signal,
            death.traceback,
        )
        if text is None:
            assert error.traceback is None
        else:
            assert text in error.traceback
            assert error.traceback in "".join(error.__notes__)
        assert f"child 3 (pid {pids[3]}) ended although it was not asked to" in str(error)
        assert [1, 2, 4] == sorted(event.rank for event in host.told(ChildExited) if event.asked)

    def test_long_traceback(self):
        """What a child has to say may be longer than a pipe holds."""

        def host_of(tell):
            with pytest.raises(ChildDiedError) as raised:
                serve(make_life(), lambda rank: raise_it(ValueError("x" * 150_000 + "end")), 1)
            return len(raised.value.traceback), raised.value.traceback[-10:]

        with hosting(host_of) as host:
            length, end = host.value()
        assert 150_000 < length
        assert "xxxxxxend\n" == end

    def test_asked_to_end_while_it_tells(self):
        """A child that is asked to end while it tells what went wrong in it tells all of that nevertheless."""

        class AskedError(Exception):
            def __str__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                return "what went wrong"

        with hosting(lambda tell: serve(make_life(), lambda rank: raise_it(AskedError()), 1)) as host:
            error = host.error(ChildDiedError)
        assert error.traceback.endswith("AskedError: what went wrong\n")

    def test_clean_up_fails_as_well(self):
        """What ``destroy_f`` raises besides is in the notes of the error."""

        def host_of(tell):
            def destroy(name):
                raise OSError(f"no clean-up of {name}")

            serve(make_life("a", "b", destroy_f=destroy), lambda rank: None, 1)

        with hosting(host_of) as host:
            notes = "".join(host.error(ChildDiedError).__notes__)
        assert "OSError: no clean-up of a" in notes
        assert "OSError: no clean-up of b" in notes

    def test_coroutine_function(self):
        """A coroutine function as the worker is an error, since nobody would run it."""

        def host_of(tell):
            async def worker(rank):
                pass

            serve(make_life(), worker, 1)

        with hosting(host_of) as host:
            assert "call asyncio.run()" in host.error(ChildDiedError).traceback


class TestWithPolicy:
    """With a :class:`RestartPolicy` the same rank comes back, and nobody else notices."""

    @pytest.mark.parametrize(("die", "exitcode", "name", "text"), WAYS)
    def test_rank_comes_back(self, die, exitcode, name, text):
        def host_of(tell):
            return one_dies(
                tell, die, restart=OFTEN, init_child_f=lambda module, rank: tell([module, rank, os.getpid()])
            )

        with hosting(host_of) as host:
            pids = working(host)
            os.kill(pids[3], signal.SIGUSR1)
            ((rank, new),) = working(host, 1).items()
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        assert 3 == rank
        assert new not in pids.values()
        # Nobody else noticed: each of the others was forked once, and ended when asked to.
        assert {1: 1, 2: 1, 3: 2, 4: 1} == Counter(event.rank for event in host.told(ChildStarted))
        unasked = [event for event in host.told(ChildExited) if not event.asked]
        assert [(3, pids[3], exitcode, name)] == [(e.rank, e.pid, e.exitcode, e.signal) for e in unasked]
        assert [Restarting(3, 1)] == host.told(Restarting)
        assert [["a", 3, new], ["b", 3, new]] == [call for call in host.told(list) if call[2] == new]
        assert ["b", "a"] == host.told(str)

    def test_dies_again_and_again(self):
        """A child that dies at once is given up after ``max_restarts``, with the last traceback."""

        def host_of(tell):
            def worker(rank):
                raise ValueError(f"bad, in process {os.getpid()}")

            life = make_life("a", destroy_f=tell)
            serve(life, worker, 1, restart=RestartPolicy(5, 60), on_event=tell)

        with hosting(host_of) as host:
            error = host.error(ChildDiedError)
        pids = [event.pid for event in host.told(ChildStarted)]
        assert 6 == len(pids)
        assert f"ValueError: bad, in process {pids[-1]}" in error.traceback
        assert (1, pids[-1], 1) == (error.rank, error.pid, error.exitcode)
        assert "children die more often than the RestartPolicy allows" in str(error)
        assert [Restarting(1, count) for count in range(1, 6)] == host.told(Restarting)
        assert [GivingUp(1, 6, 60)] == host.told(GivingUp)
        assert ["a"] == host.told(str)

    def test_deaths_of_all_children_count(self):
        """The policy is about the children taken together."""

        def host_of(tell):
            def worker(rank):
                signal.signal(signal.SIGUSR1, lambda *_: os._exit(9))
                tell((rank, os.getpid()))
                work_on(rank)

            serve(make_life(), worker, 4, restart=RestartPolicy(2, 60), on_event=tell)

        with hosting(host_of) as host:
            pids = working(host)
            for rank in (2, 4):
                os.kill(pids[rank], signal.SIGUSR1)
                assert {rank} == working(host, 1).keys()
            os.kill(pids[1], signal.SIGUSR1)
            assert 1 == host.error(ChildDiedError).rank
        assert [GivingUp(1, 3, 60)] == host.told(GivingUp)

    def test_only_recent_deaths_count(self):
        """Deaths of longer ago than ``within`` count no more."""

        def host_of(tell):
            def worker(rank):
                tell((rank, os.getpid()))
                work_on(rank)

            return serve(make_life(), worker, 1, restart=RestartPolicy(1, 1e-6), on_event=tell)

        with hosting(host_of) as host:
            for _ in range(10):
                os.kill(working(host, 1)[1], signal.SIGKILL)
            working(host, 1)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        assert [Restarting(1, 1)] * 10 == host.told(Restarting)


class TestAfterRestart:
    """A child that fails before it is ready, in a rank that was ready before, is a death that the policy counts."""

    def failing_again(self, tell, fail, *, lives=(2, 3, 4), restart=OFTEN, on_event=None, **options):
        """Serve with one child; ``init_child_f`` of the second module does *fail* in some of its lives."""
        readable, writable = os.pipe()

        def init_child_f(name, rank):
            if name == "b":
                os.write(writable, b".")
                if bytes_in(readable) in lives:
                    return fail()
            return 0

        def worker(rank):
            tell((rank, os.getpid()))
            work_on(rank)

        try:
            life = make_life("a", "b", "c", init_child_f=init_child_f, destroy_f=tell)
            return serve(life, worker, 1, restart=restart, on_event=on_event or tell, **options)
        finally:
            os.close(readable)
            os.close(writable)

    @pytest.mark.parametrize(
        ("fail", "exitcode", "name"),
        [
            pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), None, "SIGKILL", id="SIGKILL"),
            pytest.param(lambda: os._exit(7), 7, None, id="_exit(7)"),
            pytest.param(lambda: -1, 1, None, id="a negative code"),
            pytest.param(lambda: raise_it(OSError("no")), 1, None, id="an exception"),
        ],
    )
    def test_it_is_restarted(self, fail, exitcode, name):
        with hosting(lambda tell: self.failing_again(tell, fail)) as host:
            os.kill(working(host, 1)[1], signal.SIGKILL)
            working(host, 1)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        deaths = [event for event in host.told(ChildExited) if not event.asked]
        assert [(exitcode, name)] * 3 == [(event.exitcode, event.signal) for event in deaths[1:]]
        assert [1, 2, 3, 4] == [event.deaths for event in host.told(Restarting)]
        assert 2 == len(host.told(ChildReady))

    def test_given_up(self):
        """If it is given up for that, the error is that of the initialization."""

        def host_of(tell):
            self.failing_again(tell, lambda: -1, restart=RestartPolicy(2, 60))

        with hosting(host_of) as host:
            os.kill(working(host, 1)[1], signal.SIGKILL)
            error = host.error(ChildInitError)
        assert ("b", 1, -1) == (error.module, error.rank, error.code)
        assert ["c", "b", "a"] == host.told(str)

    def late_again(self, tell, *, lives, restart):
        """Serve with one child that in some of its lives never leaves ``init_child_f`` of the second module."""

        def fail():
            os.write(in_module[1], b".")
            work_on(1)

        def on_event(event):
            tell(event)
            started.append(isinstance(event, ChildStarted))
            if isinstance(event, ChildStarted) and sum(started) in lives:
                os.read(in_module[0], 1)
                clock.advance(60)

        clock, in_module, started = Clock(stands=True), os.pipe(), []
        try:
            return self.failing_again(tell, fail, lives=lives, restart=restart, ready_timeout=60, on_event=on_event)
        finally:
            for descriptor in in_module:
                os.close(descriptor)

    def test_not_ready_in_time(self):
        """A child that is not ready in time is killed, and restarted."""
        with hosting(lambda tell: self.late_again(tell, lives=(2,), restart=OFTEN)) as host:
            os.kill(working(host, 1)[1], signal.SIGKILL)
            working(host, 1)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        (killed,) = host.told(ChildKilled)
        assert "is not ready after 60 seconds: it is in init_child_f of module 'b'" in killed.reason
        assert [Restarting(1, 1), Restarting(1, 2)] == host.told(Restarting)

    def test_given_up_for_being_late(self):
        with hosting(lambda tell: self.late_again(tell, lives=(2, 3), restart=RestartPolicy(2, 1000))) as host:
            os.kill(working(host, 1)[1], signal.SIGKILL)
            error = host.error(ChildInitError)
        assert ("b", 1) == (error.module, error.rank)
        assert "is not ready after 60 seconds" in str(error)
        assert [GivingUp(1, 3, 1000)] == host.told(GivingUp)


class TestNoForkAgain:
    """The system refuses to fork a child again: that is tried again, and counts as a death."""

    def refusing(self, tell, refusals, *, restart, children=2):
        fork, calls = os.fork, []

        def refuse():
            calls.append(1)
            if children < len(calls) <= children + refusals:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return fork()

        def worker(rank):
            tell((rank, os.getpid()))
            work_on(rank)

        os.fork = refuse
        return serve(make_life(), worker, children, restart=restart, on_event=tell)

    def test_until_it_succeeds(self):
        with hosting(lambda tell: self.refusing(tell, 2, restart=OFTEN)) as host:
            os.kill(working(host, 2)[1], signal.SIGKILL)
            assert {1} == working(host, 1).keys()
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        assert 2 == len(host.told(RestartDelayed))
        assert {1: 2, 2: 1} == Counter(event.rank for event in host.told(ChildStarted))

    def test_no_sooner_and_no_longer_than_that(self):
        """It is tried again once half a second is over, whatever happens meanwhile, and never once the server stops."""

        def host_of(tell):
            def refuse():
                raise BlockingIOError(11, "Resource temporarily unavailable")

            clock = Clock(stands=True)
            life = make_life(init_child_f=lambda name, rank: None if rank == 1 else work_on(rank))
            server = Prefork(life, work_on, 2, restart=OFTEN, ready_timeout=60, stop_timeout=600, on_event=tell)
            server.start()
            wait_for(server, ChildReady)
            os.fork = refuse
            os.kill(server.children[1], signal.SIGKILL)
            wait_for(server, RestartDelayed)
            assert 0.5 == server.timeout()
            server._supervisor.children.wake()
            assert [] == server.poll()
            clock.advance(0.5)
            assert [RestartDelayed] == [type(event) for event in server.poll()]
            server.stop(wait=False)
            assert [Stopping] == [type(event) for event in server.poll()]
            clock.advance(100)
            server.poll()
            assert 0 < server.timeout() < 1
            clock.advance(600)
            server.stop()

        with hosting(host_of) as host:
            host.value()
        assert 2 == len(host.told(RestartDelayed))

    def test_until_it_is_given_up(self):
        with hosting(lambda tell: self.refusing(tell, 10, restart=RestartPolicy(2, 60))) as host:
            os.kill(working(host, 2)[1], signal.SIGKILL)
            host.error(BlockingIOError)
        assert 1 == len(host.told(RestartDelayed))
        assert "child 1 cannot be forked" in host.told(Stopping)[0].reason
        assert isinstance(host.heard[-1], Stopped)

    def test_signal_meanwhile(self):
        """While it waits to try again, with no child at all, it can be stopped."""
        with hosting(lambda tell: self.refusing(tell, 10, restart=OFTEN, children=1)) as host:
            os.kill(working(host, 1)[1], signal.SIGKILL)
            host.until(RestartDelayed)
            host.send(signal.SIGINT)
            assert signal.SIGINT == host.value()
