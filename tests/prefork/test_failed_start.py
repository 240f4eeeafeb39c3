"""A server that does not come to be: every child is stopped, the clean-up runs once, and the error says why."""

import errno
import os
import resource
import signal
import time
import warnings

import pytest
from hosting import Clock, Host, hosting, make_life, work_on

from sermod import (
    ChildDiedError,
    ChildExited,
    ChildInitError,
    ChildReady,
    ChildStarted,
    InterfaceWarning,
    Restarting,
    RestartPolicy,
    Stopped,
    serve,
)

NAMES = ("a", "b", "c")
OFTEN = RestartPolicy(100, 60)


def failing_life(tell, fail, *, in_module="c", in_rank=5):
    """Return a life of three modules; *fail* is what ``init_child_f`` of one does in one rank."""

    def init_child_f(name, rank):
        return fail() if (name, rank) == (in_module, in_rank) else 0

    return make_life(*NAMES, init_child_f=init_child_f, destroy_f=lambda name: tell((name, os.getpid())))


def raising(error):
    def fail():
        raise error

    return fail


def assert_cleaned_up(host: Host) -> None:
    """Nobody is left, which the host has checked, or was restarted, and each ``destroy_f`` ran once, in the host."""
    assert [] == host.told(Restarting)
    assert [(name, host.pid) for name in reversed(NAMES)] == host.told(tuple)
    assert {event.pid for event in host.told(ChildStarted)} == {event.pid for event in host.told(ChildExited)}
    assert isinstance(host.heard[-1], Stopped)


@pytest.mark.parametrize("restart", [None, OFTEN], ids=["without a policy", "with one"])
class TestInitChildFails:
    """``init_child_f`` of the third module fails in rank 5 of 8."""

    def test_by_a_code(self, restart):
        with hosting(
            lambda tell: serve(failing_life(tell, lambda: -42), work_on, 8, restart=restart, on_event=tell)
        ) as host:
            error = host.error(ChildInitError)
        assert ("c", 5, -42, None) == (error.module, error.rank, error.code, error.traceback)
        assert "init_child_f of module 'c' in rank 5 returned -42" in str(error)
        assert_cleaned_up(host)

    def test_by_an_exception(self, restart):
        fail = raising(OSError("no database"))
        with hosting(lambda tell: serve(failing_life(tell, fail), work_on, 8, restart=restart, on_event=tell)) as host:
            error = host.error(ChildInitError)
        assert ("c", 5, None) == (error.module, error.rank, error.code)
        assert error.traceback.startswith("Traceback")
        assert error.traceback.endswith("OSError: no database\n")
        assert error.traceback in "".join(error.__notes__)
        assert_cleaned_up(host)
        assert error.traceback in [event.traceback for event in host.told(ChildExited)]

    @pytest.mark.parametrize(
        ("fail", "exitcode", "name"),
        [
            pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), None, "SIGKILL", id="SIGKILL"),
            pytest.param(lambda: os._exit(7), 7, None, id="_exit(7)"),
            pytest.param(raising(SystemExit(3)), 3, None, id="SystemExit(3)"),
            pytest.param(raising(KeyboardInterrupt()), 1, None, id="KeyboardInterrupt"),
        ],
    )
    def test_by_its_death(self, restart, fail, exitcode, name):
        """A child that dies before it was ready is a failed start, whatever the policy; the module is named."""
        with hosting(lambda tell: serve(failing_life(tell, fail), work_on, 8, restart=restart, on_event=tell)) as host:
            error = host.error(ChildDiedError)
        assert (5, exitcode, name) == (error.rank, error.exitcode, error.signal)
        assert {5: error.pid}.items() <= {event.rank: event.pid for event in host.told(ChildStarted)}.items()
        assert "ended before it was ready, in init_child_f of module 'c'" in str(error)
        assert_cleaned_up(host)


class TestSlowStart:
    """``ready_timeout`` is for modules that are slow in ``init_child_f``."""

    def test_without_it(self):
        """A slow module may take its time."""

        def host_of(tell):
            serve(failing_life(tell, lambda: time.sleep(0.5)), work_on, 8, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady, 8)
            host.send(signal.SIGTERM)
        assert_cleaned_up(host)

    def test_module_and_rank_are_named(self):
        def host_of(tell):
            def on_event(event):
                tell(event)
                ready.append(isinstance(event, ChildReady))
                if isinstance(event, ChildReady) and 7 == sum(ready):
                    os.read(in_module[0], 1)
                    clock.advance(60)

            def fail():
                os.write(in_module[1], b".")
                work_on(5)

            clock, in_module, ready = Clock(stands=True), os.pipe(), []
            try:
                serve(failing_life(tell, fail, in_module="b"), work_on, 8, ready_timeout=60, on_event=on_event)
            finally:
                for descriptor in in_module:
                    os.close(descriptor)

        with hosting(host_of) as host:
            error = host.error(ChildInitError)
        assert ("b", 5, None) == (error.module, error.rank, error.code)
        assert "is not ready after 60 seconds: it is in init_child_f of module 'b'" in str(error)
        assert_cleaned_up(host)
        assert 7 == len(host.told(ChildReady))

    def test_outside_of_a_module(self):
        """What keeps a child may also be a function that runs at every fork."""

        def host_of(tell):
            os.register_at_fork(after_in_child=lambda: time.sleep(60))
            serve(
                make_life(*NAMES, destroy_f=lambda name: tell((name, os.getpid()))),
                work_on,
                1,
                ready_timeout=0.3,
                stop_timeout=0.1,
                on_event=tell,
            )

        with hosting(host_of) as host:
            error = host.error(ChildDiedError)
        assert "is not ready after 0.3 seconds, and is in no init_child_f" in str(error)
        assert (1, None, None) == (error.rank, error.exitcode, error.signal)
        assert_cleaned_up(host)

    def test_ready_in_time(self):
        """Nothing comes of it in children that are ready in time."""
        with hosting(lambda tell: serve(make_life(), work_on, 2, ready_timeout=30, on_event=tell)) as host:
            host.until(ChildReady, 2)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()


class TestNoFork:
    """The system refuses to fork half way: what was forked is stopped, and the error says how far it came."""

    def test_limit_on_processes(self):
        """``RLIMIT_NPROC`` counts the processes of a user, and lets root through."""

        def host_of(tell):
            life = failing_life(tell, lambda: 0)
            import sermod._prefork.supervisor  # noqa: F401 - another user may not be able to read it

            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(54321)
                os.setuid(54321)
                used = 1
            else:
                used = sum(path.stat().st_uid == os.getuid() for path in os.scandir("/proc") if path.name.isdecimal())
            resource.setrlimit(resource.RLIMIT_NPROC, (used + 5, used + 5))
            serve(life, work_on, 8, on_event=tell)

        with hosting(host_of) as host:
            error = host.error(BlockingIOError)
        forked = len(host.told(ChildStarted))
        assert 0 < forked < 8
        assert f"{forked} of 8 children could be forked" in str(error)
        assert errno.EAGAIN == error.errno
        assert_cleaned_up(host)

    def test_limit_on_descriptors(self):
        def host_of(tell):
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
            serve(failing_life(tell, lambda: 0), work_on, 64, on_event=tell)

        with hosting(host_of) as host:
            error = host.error(OSError)
        assert errno.EMFILE == error.errno
        assert "0 of 64 children could be forked" in str(error)
        assert_cleaned_up(host)

    def test_child_that_cannot_be_watched(self):
        """A child whose end nobody could notice is ended at once, as if it had not been forked."""

        def host_of(tell):
            open_pidfd, calls = os.pidfd_open, []

            def refuse_the_fourth(pid):
                calls.append(pid)
                if len(calls) == 1 + 4:  # the first is of a look whether there are any
                    raise OSError(errno.EMFILE, "Too many open files")
                return open_pidfd(pid)

            os.pidfd_open = refuse_the_fourth
            serve(failing_life(tell, lambda: 0), work_on, 8, on_event=tell)

        with hosting(host_of) as host:
            error = host.error(OSError)
        assert errno.EMFILE == error.errno
        assert "7 of 8 children could be forked" in str(error)
        assert_cleaned_up(host)


class TestThreads:
    """A module that starts a thread in ``init_f`` is warned of before the fork: no child will have the thread."""

    def start_thread(self, *, seconds=60.0):
        import threading

        ended = threading.Event()
        thread = threading.Thread(target=ended.wait, args=[seconds], name="ticker", daemon=True)
        thread.start()
        return thread, ended

    def test_module_is_named(self):
        def host_of(tell):
            def init_f(name):
                if name == "b":
                    self.start_thread()

            life = make_life(*NAMES, init_f=init_f)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                serve(life, work_on, 1, on_event=lambda event: (tell(event), tell(len(caught))))
            return [warning.message for warning in caught if warning.category is InterfaceWarning]

        with hosting(host_of) as host:
            host.until(ChildReady)
            host.send(signal.SIGTERM)
            (warning,) = host.value()
        assert ("b", "thread-before-fork", "init_f") == (
            warning.module,
            warning.problem.code,
            warning.problem.field,
        )
        assert "it started the thread 'ticker', which still runs" in str(warning)
        assert 1 <= host.told(int)[0]  # later Pythons have something to say as well

    def test_as_an_error(self):
        """Where warnings are errors, nothing is forked, and the clean-up runs."""

        def host_of(tell):
            life = make_life(
                *NAMES,
                init_f=lambda name: self.start_thread() and None,
                destroy_f=lambda name: tell((name, os.getpid())),
            )
            serve(life, work_on, 1, on_event=tell)

        with hosting(host_of) as host:
            assert "a" == host.error(InterfaceWarning).module
        assert [] == host.told(ChildStarted)
        assert_cleaned_up(host)

    def test_thread_that_has_ended(self):
        """A thread that has ended by the fork is nobody's business."""

        def host_of(tell):
            def init_f(name):
                thread, ended = self.start_thread()
                ended.set()
                threads.append(thread)

            def last(name):
                for thread in threads:
                    thread.join()

            threads = []
            life = make_life("a", "b", init_f=lambda name: init_f(name) if name == "a" else last(name))
            return serve(life, work_on, 1, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
