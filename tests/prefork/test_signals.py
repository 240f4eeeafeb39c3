"""Signals to the main process: they end the server in order, whenever they come, and the handlers stay the host's."""

import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hosting import Clock, hosting, make_life, work_on

from sermod import (
    ChildExited,
    ChildKilled,
    ChildReady,
    ChildStarted,
    Event,
    Prefork,
    Restarting,
    RestartPolicy,
    Stopped,
    Stopping,
    serve,
)

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
OFTEN = RestartPolicy(100, 60)


def journal(tell, **hooks):
    """Return a life of two modules that tells of each clean-up."""
    return make_life("a", "b", destroy_f=lambda name: tell((name, os.getpid())), **hooks)


def cleaned_up_once(host):
    return [("b", host.pid), ("a", host.pid)] == host.told(tuple) and 1 == len(host.told(Stopped))


@BOTH
class TestWhenever:
    """Clean-up runs once, in the main process, and ``serve`` returns the signal."""

    def test_during_init(self, number):
        """While an ``init_f`` runs, the signal is noted: that and the others run, and nothing is forked."""

        def host_of(tell):
            def init_f(name):
                if name == "a":
                    os.kill(os.getpid(), number)
                tell(name)

            return serve(journal(tell, init_f=init_f), work_on, 3, on_event=tell)

        with hosting(host_of) as host:
            assert number == host.value()
        assert ["a", "b"] == host.told(str)
        assert [] == host.told(ChildStarted)
        assert cleaned_up_once(host)

    def test_during_the_first_forks(self, number):
        """In the middle of the forks, the signal waits until all are done."""

        def host_of(tell):
            forks = []

            def in_main():
                forks.append(1)
                if len(forks) == 2:
                    os.kill(os.getpid(), number)

            os.register_at_fork(after_in_parent=in_main)
            return serve(journal(tell), work_on, 4, on_event=tell)

        with hosting(host_of) as host:
            assert number == host.value()
        assert 4 == len(host.told(ChildStarted)) == len(host.told(ChildExited))
        assert cleaned_up_once(host)

    def test_during_init_child(self, number):
        """Children that are not ready yet are stopped as well, in the middle of their ``init_child_f``."""

        def host_of(tell):
            def init_child_f(name, rank):
                tell([name, rank])
                work_on(rank)

            return serve(journal(tell, init_child_f=init_child_f), work_on, 3, on_event=tell)

        with hosting(host_of) as host:
            host.until(list, 3)
            host.send(number)
            assert number == host.value()
        assert [] == host.told(ChildReady)
        assert cleaned_up_once(host)

    def test_in_service_and_twice(self, number):
        def host_of(tell):
            def worker(rank):
                try:
                    work_on(rank)
                finally:
                    os.kill(os.getppid(), number)
                    os.kill(os.getppid(), signal.SIGTERM)

            return serve(journal(tell), worker, 3, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady, 3)
            host.send(number)
            host.send(number)
            assert number == host.value()
        assert 1 == len(host.told(Stopping))
        assert cleaned_up_once(host)

    def test_during_a_restart(self, number):
        """The child that is being restarted is stopped like the others."""

        def host_of(tell):
            def on_event(event):
                tell(event)
                if isinstance(event, Restarting):
                    os.kill(os.getpid(), number)

            return serve(journal(tell), work_on, 3, restart=OFTEN, on_event=on_event)

        with hosting(host_of) as host:
            host.until(ChildReady, 3)
            os.kill(host.told(ChildReady)[0].pid, signal.SIGKILL)
            assert number == host.value()
        assert len(host.told(ChildStarted)) == len(host.told(ChildExited))
        assert cleaned_up_once(host)

    def test_during_the_clean_up(self, number):
        """A second signal does not interrupt a ``destroy_f``."""

        def host_of(tell):
            def destroy_f(name):
                os.kill(os.getpid(), number)
                tell((name, os.getpid()))

            return serve(make_life("a", "b", destroy_f=destroy_f), work_on, 1, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady)
            host.send(number)
            assert number == host.value()
        assert cleaned_up_once(host)

    def test_to_the_whole_group(self, number):
        """A signal to every process of a group, as systemd or a terminal sends it, means the server."""

        def host_of(tell):
            return serve(journal(tell), work_on, 6, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady, 6)
            os.killpg(host.pid, number)
            assert number == host.value()
        assert all(event.asked for event in host.told(ChildExited))
        assert cleaned_up_once(host)


class TestStubbornChildren:
    """A child that ignores ``SIGTERM`` is killed after ``stop_timeout``."""

    def test_killed(self):
        def host_of(tell):
            def worker(rank):
                if rank == 2:
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                tell([rank])
                while True:
                    time.sleep(60)

            def on_event(event):
                tell(event)
                ended.append(isinstance(event, ChildExited))
                if 2 == sum(ended):
                    clock.advance(60)

            clock, ended = Clock(), []
            return serve(journal(tell), worker, 3, stop_timeout=60, on_event=on_event)

        with hosting(host_of) as host:
            host.until(list, 3)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        assert [2] == [event.rank for event in host.told(ChildKilled)]
        assert "it has not ended within 60 seconds" == host.told(ChildKilled)[0].reason
        assert {1: None, 2: "SIGKILL", 3: None} == {event.rank: event.signal for event in host.told(ChildExited)}
        assert cleaned_up_once(host)

    def test_at_once(self):
        """``stop_timeout=0`` gives no time at all, even to a child that is stopped."""

        def host_of(tell):
            def worker(rank):
                tell([rank])
                os.kill(os.getpid(), signal.SIGSTOP)

            return serve(journal(tell), worker, 1, stop_timeout=0, on_event=tell)

        with hosting(host_of) as host:
            host.until(list)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        assert 1 == len(host.told(ChildKilled))

    def test_stopped_child(self):
        """A child that was stopped, as by a debugger, is continued, so that it can end in order."""

        def host_of(tell):
            def worker(rank):
                try:
                    tell([rank])
                    os.kill(os.getpid(), signal.SIGSTOP)
                    work_on(rank)
                finally:
                    tell("cleaned up")

            return serve(journal(tell), worker, 1, on_event=tell)

        with hosting(host_of) as host:
            host.until(list)
            host.send(signal.SIGTERM)
            host.value()
        assert [] == host.told(ChildKilled)
        assert ["cleaned up"] == host.told(str)

    def test_child_that_begins_to_wait(self):
        """A child that has noted its end, but waits for something nevertheless, is woken time and again."""

        def host_of(tell):
            def worker(rank):
                signal.signal(signal.SIGTERM, lambda *_: tell("asked"))
                tell([rank])
                for _ in range(3):
                    signal.pause()

            return serve(journal(tell), worker, 1, on_event=tell)

        with hosting(host_of) as host:
            host.until(list)
            host.send(signal.SIGTERM)
            host.value()
        assert ["asked"] == host.told(str)
        assert [0] == [event.exitcode for event in host.told(ChildExited)]

    def test_busy_loop(self):
        """A child in a loop that does nothing else ends when asked to."""

        def host_of(tell):
            def worker(rank):
                tell([rank])
                while True:
                    pass

            return serve(journal(tell), worker, 1, on_event=tell)

        with hosting(host_of) as host:
            host.until(list)
            host.send(signal.SIGTERM)
            host.value()
        assert [] == host.told(ChildKilled)


class TestOrphans:
    """No child outlives the main process (Linux)."""

    def test_main_process_is_killed(self):
        """Whatever the children are at: waiting, in a tight loop with every signal ignored, or not even ready."""

        def host_of(tell):
            def init_child_f(name, rank):
                if rank == 4:
                    tell([rank])
                    work_on(rank)

            def worker(rank):
                if rank > 1:
                    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                        signal.signal(number, signal.SIG_IGN)
                tell([rank])
                while rank > 2:
                    pass
                work_on(rank)

            serve(make_life(init_child_f=init_child_f), worker, 4, on_event=tell)

        with hosting(host_of) as host:
            host.until(list, 4)
            host.kill(seconds=2)

    def test_before_the_child_could_see_to_it(self):
        """The main process may be gone before a child has done anything."""

        def host_of(tell):
            main = os.getpid()

            def at_fork():
                ended = os.pidfd_open(main)
                tell(["forked"])
                select.select([ended], [], [])
                os.close(ended)

            os.register_at_fork(after_in_child=at_fork)
            serve(make_life(init_child_f=lambda name, rank: tell("still there")), work_on, 2)

        with hosting(host_of) as host:
            host.until(list, 2)
            host.kill(seconds=2)
        assert [] == host.told(str)

    def test_siblings_do_not_keep_each_other(self):
        """What a restarted child inherits does not keep the others alive, nor do children of the host's own."""

        def host_of(tell):
            def on_event(event):
                tell(event)
                if isinstance(event, Restarting):
                    pid = os.fork()
                    if pid == 0:
                        tell({"other": os.getpid()})
                        time.sleep(60)
                        os._exit(0)

            serve(make_life(), work_on, 3, restart=OFTEN, on_event=on_event)

        with hosting(host_of) as host:
            host.until(ChildReady, 3)
            os.kill(host.told(ChildReady)[0].pid, signal.SIGKILL)
            host.until(ChildReady)
            (other,) = host.told(dict) or host.until(dict)
            pids = {event.pid for event in host.told(ChildStarted)} - {event.pid for event in host.told(ChildExited)}
            assert 3 == len(pids)
            left = {os.pidfd_open(pid) for pid in pids}
            host.send(signal.SIGKILL)
            until = time.monotonic() + 2
            while left and (ended := select.select(left, [], [], max(0, until - time.monotonic()))[0]):
                for descriptor in ended:
                    os.close(descriptor)
                    left.remove(descriptor)
            assert not left
            os.kill(other["other"], signal.SIGKILL)
            host.judged = True


class TestTerminal:
    """Ctrl-C in a terminal reaches every process of it."""

    def test_no_traceback(self):
        """The server ends in order, and nothing is printed, neither by it nor by the children."""
        code = """
            import sys
            from hosting import make_life, work_on
            from sermod import ChildReady, serve

            def init_child_f(name, rank):
                if rank == 2:
                    work_on(rank)

            ready = lambda event: isinstance(event, ChildReady) and print("ready", flush=True)
            life = make_life(init_child_f=init_child_f)
            print("ended by", serve(life, work_on, 2, on_event=ready).name)
        """
        pid, terminal = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # whatever the tests were started with
            path = os.pathsep.join(sys.path)
            program = [sys.executable, "-c", textwrap.dedent(code)]
            os.execve(sys.executable, program, {**os.environ, "PYTHONPATH": path})  # noqa: S606 - no shell is wanted
        try:
            printed = b""
            while b"ready" not in printed:
                printed += os.read(terminal, 1000)
            os.write(terminal, b"\x03")
            while True:
                try:
                    printed += os.read(terminal, 1000)
                except OSError:  # nobody has the terminal open any more
                    break
        finally:
            os.close(terminal)
            status = os.waitpid(pid, 0)[1]
        assert "ready\r\nended by SIGINT\r\n" == printed.decode().replace("^C", "")  # the terminal's own echo
        assert 0 == os.waitstatus_to_exitcode(status)


class TestHandlers:
    """The handlers of the host are afterwards what they were."""

    def test_put_back(self):
        def host_of(tell):
            def handler(number, frame):
                tell(number)

            readable, writable = os.pipe()
            os.set_blocking(writable, False)
            try:
                signal.signal(signal.SIGTERM, handler)
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                signal.set_wakeup_fd(writable)
                ended_by = serve(make_life(), work_on, 1, on_event=tell)
                found = signal.set_wakeup_fd(-1)
            finally:
                os.close(readable)
                os.close(writable)
            assert writable == found
            assert handler is signal.getsignal(signal.SIGTERM)
            assert signal.SIG_DFL is signal.getsignal(signal.SIGINT)
            return ended_by

        with hosting(host_of) as host:
            host.until(ChildReady)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()
        assert [] == host.told(int)

    def test_put_back_after_a_failure(self):
        def host_of(tell):
            before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
            with pytest.raises(Exception, match="not by us"):
                serve(make_life(init_f=lambda name: _raise()), work_on, 1)
            return before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))

        with hosting(host_of) as host:
            assert host.value()

    def test_what_the_host_ignores_stays_ignored(self):
        """As a shell has it for ``SIGINT`` of what it runs in the background."""

        def host_of(tell):
            signal.signal(signal.SIGINT, signal.SIG_IGN)

            def worker(rank):
                tell([rank, signal.getsignal(signal.SIGINT)])
                work_on(rank)

            return serve(make_life(), worker, 1, on_event=tell)

        with hosting(host_of) as host:
            assert [[1, signal.SIG_IGN]] == host.until(list)
            host.send(signal.SIGINT)
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()

    def test_left_alone(self):
        """With ``handle_signals=False`` they are the host's business."""

        def host_of(tell):
            asked = []
            signal.signal(signal.SIGTERM, lambda number, _: (asked.append(number), server.stop(wait=False)))
            server = Prefork(make_life(), work_on, 2, on_event=tell)
            assert server.serve(handle_signals=False) is None
            return asked

        with hosting(host_of) as host:
            host.until(ChildReady, 2)
            host.send(signal.SIGTERM)
            assert [signal.SIGTERM] == host.value()
        assert Stopping("stop() was called") in host.heard

    def test_keyboard_interrupt(self):
        """Where ``SIGINT`` raises in the main process, the server stops in order, and that comes out."""

        def host_of(tell):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            serve(journal(tell), work_on, 2, handle_signals=False, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady, 2)
            host.send(signal.SIGINT)
            host.error(KeyboardInterrupt)
        assert cleaned_up_once(host)

    @pytest.mark.parametrize("where", ["start", "serve", "restart"])
    def test_keyboard_interrupt_in_the_middle_of_forks(self, where):
        """Children that are being forked when it comes are stopped as well, before the modules are cleaned up."""

        def host_of(tell):
            def in_main():
                forks.append(1)
                if len(forks) == (5 if where == "restart" else 2):
                    os.kill(os.getpid(), signal.SIGINT)

            forks = []
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.register_at_fork(after_in_parent=in_main)
            server = Prefork(journal(tell), work_on, 4, restart=OFTEN, on_event=tell)
            server.start() if where == "start" else server.serve(handle_signals=False)

        with hosting(host_of) as host:
            if where == "restart":
                host.until(ChildReady, 4)
                os.kill(host.told(ChildReady)[0].pid, signal.SIGKILL)
            host.error(KeyboardInterrupt)
        started, ended = ([event.pid for event in host.told(kind)] for kind in (ChildStarted, ChildExited))
        assert (5 if where == "restart" else 4) == len(started)
        assert sorted(started) == sorted(ended)
        assert cleaned_up_once(host)

    def test_another_thread(self):
        """Outside of the main thread no handler is touched; all else works, stopping included."""

        def host_of(tell):
            before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
            found = []

            def run():
                def init_child_f(name, rank):
                    assert threading.current_thread() is threading.main_thread()
                    tell([rank, signal.getsignal(signal.SIGTERM) == before[0]])

                def on_event(event):
                    tell(event)
                    found.append((signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)))
                    ready.append(isinstance(event, ChildReady))
                    if ready.count(True) == 2:
                        server.stop()

                ready = []
                life = make_life("a", init_child_f=init_child_f, destroy_f=lambda name: tell((name, os.getpid())))
                server = Prefork(life, work_on, 2, on_event=on_event)
                found.append(server.serve())

            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            assert {before, None} == set(found)

        with hosting(host_of) as host:
            host.value()
        assert [("a", host.pid)] == host.told(tuple)
        assert [False, False] == [found for _, found in host.told(list)]

    def test_children_have_none_of_them(self):
        """A child has no handler and no wake-up descriptor of the main process, and its signals reach it."""

        def host_of(tell):
            def handler(number, frame):
                tell("the host's handler")

            def worker(rank):
                for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
                    tell([number, signal.getsignal(number), number in signal.pthread_sigmask(signal.SIG_BLOCK, [])])
                tell([signal.SIGTERM, signal.pthread_sigmask(signal.SIG_BLOCK, [])])
                tell({"wakeup": signal.set_wakeup_fd(-1)})
                work_on(rank)

            for number in (signal.SIGHUP, signal.SIGUSR1):
                signal.signal(number, handler)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGTERM])
            server = Prefork(make_life(), worker, 1)
            server.start()
            signal.sigwait([signal.SIGTERM])
            server.stop()

        with hosting(host_of) as host:
            assert [{"wakeup": -1}] == host.until(dict)
            host.send(signal.SIGTERM)
            host.value()
        assert [
            [signal.SIGHUP, signal.SIG_DFL, True],
            [signal.SIGUSR1, signal.SIG_DFL, False],
            [signal.SIGCHLD, signal.SIG_DFL, False],
            [signal.SIGTERM, {signal.SIGHUP}],
        ] == host.told(list)
        assert [] == host.told(str)

    def test_other_signals_change_nothing(self):
        """A signal that the host handles wakes the main process, and that is all."""

        def host_of(tell):
            signal.signal(signal.SIGUSR1, lambda *_: tell("noted"))
            return serve(make_life(), work_on, 1, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady)
            host.send(signal.SIGUSR1)
            host.until(str)
            assert [ChildStarted, ChildReady] == [type(event) for event in host.told(Event)]
            host.send(signal.SIGTERM)
            assert signal.SIGTERM == host.value()


def _raise():
    raise OSError("not by us")


def test_exit_status_of_a_program():
    """A program whose server a signal has ended goes on after that, and ends as it likes."""
    code = "from hosting import *\nfrom sermod import *\nimport os, sys, signal\n"
    code += "stop = lambda event: isinstance(event, ChildReady) and os.kill(os.getpid(), signal.SIGTERM)\n"
    code += "sys.exit(40 + serve(make_life(), work_on, 1, on_event=stop))"
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False
    )
    assert (55, b"", b"") == (done.returncode, done.stdout, done.stderr)
