"""A system without pidfds: the end of a child shows at a pipe that only the child holds open."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from hosting import hosting, make_life, my_descriptors, work_on

from sermod import ChildDiedError, ChildExited, ChildReady, ChildStarted, Prefork, RestartPolicy, Stopped, serve

OFTEN = RestartPolicy(100, 60)


@pytest.fixture(autouse=True, params=["missing", "denied"])
def no_pidfds(monkeypatch, request):
    """The system has none, or a container may not use them."""

    def denied(pid):
        raise PermissionError(1, "Operation not permitted")

    if request.param == "missing":
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(os, "pidfd_open", denied)


def test_restarts_and_stop():
    def host_of(tell):
        return serve(make_life("a", destroy_f=tell), work_on, 4, restart=OFTEN, on_event=tell)

    with hosting(host_of) as host:
        for _ in range(3):
            for event in host.until(ChildReady, 4):
                os.kill(event.pid, signal.SIGKILL)
        host.until(ChildReady, 4)
        host.send(signal.SIGTERM)
        assert signal.SIGTERM == host.value()
    assert ["SIGKILL"] * 12 == [event.signal for event in host.told(ChildExited) if not event.asked]
    assert ["a"] == host.told(str)


def test_death():
    def host_of(tell):
        serve(make_life(), lambda rank: rank == 2 or work_on(rank), 3, on_event=tell)

    with hosting(host_of) as host:
        error = host.error(ChildDiedError)
    assert (2, 0) == (error.rank, error.exitcode)


def test_signal():
    """A child is killed by its process id where there is nothing better."""

    def host_of(tell):
        def worker(rank):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            tell(rank)
            while True:
                signal.pause()

        return serve(make_life(), worker, 2, stop_timeout=0.1, on_event=tell)

    with hosting(host_of) as host:
        host.until(int, 2)
        host.send(signal.SIGTERM)
        assert signal.SIGTERM == host.value()
    assert ["SIGKILL"] * 2 == [event.signal for event in host.told(ChildExited)]


def test_child_that_closes_everything():
    """A child that closes all descriptors has not ended by that; its end is noticed all the same."""

    def host_of(tell):
        def worker(rank):
            tell("working")
            if rank == 2:
                os.closerange(3, 1000)
            work_on(rank)

        return serve(make_life(), worker, 2, restart=OFTEN, on_event=tell)

    with hosting(host_of) as host:
        host.all_of(str, 2)
        pids = {event.rank: event.pid for event in host.all_of(ChildReady, 2)}
        while len([*Path(f"/proc/{pids[2]}/fd").iterdir()]) > 3:
            os.sched_yield()
        os.kill(pids[2], signal.SIGKILL)
        assert [2] == [event.rank for event in host.all_of(ChildExited)]
        host.all_of(ChildReady, 3)
        host.send(signal.SIGTERM)
        assert signal.SIGTERM == host.value()


def test_child_of_a_child():
    """What a worker forks or runs does not keep the end of the child from being noticed."""

    def host_of(tell):
        def worker(rank):
            pid = os.fork()
            if pid == 0:
                tell((os.getpid(), my_descriptors() - before))
                signal.pause()
            running = subprocess.Popen(["sleep", "60"])
            tell((running.pid, set()))
            work_on(rank)

        before = my_descriptors()
        with Prefork(make_life(), worker, 1, on_event=tell) as server:
            while not any(isinstance(event, Stopped) for event in server.poll(None)):
                pass

    with hosting(host_of) as host:
        told = host.until(tuple, 2)
        os.kill(host.all_of(ChildReady)[0].pid, signal.SIGKILL)
        host.until(Stopped)
        for pid, descriptors in told:
            assert set() == descriptors
            os.kill(pid, signal.SIGKILL)
        host.error(ChildDiedError)


def test_without_such_signals_either(monkeypatch):
    """Where the kernel sends no signal for a pipe, a child is not tied to the main process; all else is the same."""
    monkeypatch.setattr("sermod._prefork.child._F_SETSIG", None)

    def host_of(tell):
        return serve(make_life(), work_on, 2, restart=OFTEN, on_event=tell)

    with hosting(host_of) as host:
        host.until(ChildReady, 2)
        os.kill(host.told(ChildStarted)[1].pid, signal.SIGKILL)
        host.until(ChildReady)
        host.send(signal.SIGTERM)
        assert signal.SIGTERM == host.value()


def test_main_process_is_killed():
    def host_of(tell):
        def worker(rank):
            tell(rank)
            while True:
                pass

        serve(make_life(), worker, 2)

    with hosting(host_of) as host:
        host.until(int, 2)
        host.kill(seconds=2)
