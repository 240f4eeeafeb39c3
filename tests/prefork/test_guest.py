"""A polite guest: what is the host's stays the host's, and a child begins with nothing that is the main process's."""

import asyncio
import atexit
import concurrent.futures
import contextlib
import gc
import logging
import multiprocessing
import os
import random
import select
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hosting import Host, hosting, make_life, my_descriptors, work_on

from sermod import (
    ChildDiedError,
    ChildExited,
    ChildReady,
    ChildStarted,
    Prefork,
    Restarting,
    RestartPolicy,
    Stopped,
    serve,
)
from sermod._forking import flush_also

OFTEN = RestartPolicy(100, 60)


def run(code: str, **options) -> subprocess.CompletedProcess[str]:
    """Run a program, which can import what the tests share."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False, **options)


def stop_when_ready(host: Host, count: int = 1) -> None:
    host.until(ChildReady, count)
    host.send(signal.SIGTERM)


class TestChildrenOfTheHost:
    """The host has children of its own: their exit statuses stay theirs."""

    def test_statuses(self):
        """They end before, while and after those of the server do, and the host can wait for each."""

        def host_of(tell):
            def fork(code):
                pid = os.fork()
                if pid == 0:
                    os._exit(code)
                return pid

            def on_event(event):
                if isinstance(event, ChildExited):
                    pids.append(fork(40 + len(pids)))
                tell(event)

            pids = [fork(40)]
            serve(make_life(), work_on, 3, restart=OFTEN, on_event=on_event)
            return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]

        with hosting(host_of) as host:
            for event in host.until(ChildReady, 3):
                os.kill(event.pid, signal.SIGKILL)
            stop_when_ready(host, 3)
            assert list(range(40, 47)) == host.value()

    def test_subprocesses(self):
        """``subprocess`` works in ``init_f``, ``init_child_f``, the worker, and in the host while children run."""

        def host_of(tell):
            def say(where, *_):
                done = subprocess.run(["/bin/sh", "-c", "echo $PPID; exit 5"], capture_output=True, check=False)
                tell((where, int(done.stdout) == os.getpid(), done.returncode))

            def worker(rank):
                say("worker")
                tell([rank])
                work_on(rank)

            life = make_life(init_f=lambda _: say("init_f"), init_child_f=lambda *_: say("init_child_f"))
            with Prefork(life, worker, 1) as server:
                say("host")
                tell([0])
                signal.sigwait([signal.SIGUSR1])
                server.stop()

        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        try:
            with hosting(host_of) as host:
                host.until(list, 2)
                host.send(signal.SIGUSR1)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        assert {(where, True, 5) for where in ("init_f", "init_child_f", "worker", "host")} == set(host.told(tuple))

    @pytest.mark.parametrize("restart", [None, OFTEN], ids=["without a policy", "with one"])
    def test_status_that_another_took(self, restart):
        """Where the host lets nobody have the exit statuses, a death is noticed all the same."""

        def host_of(tell):
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            return serve(make_life(), work_on, 2, restart=restart, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady, 2)
            os.kill(host.told(ChildReady)[0].pid, signal.SIGKILL)
            if restart:
                stop_when_ready(host)
                assert signal.SIGTERM == host.value()
            else:
                assert "its exit status is unknown" in str(host.outcome().error)
        assert (None, None) == (host.told(ChildExited)[0].exitcode, host.told(ChildExited)[0].signal)

    def test_stop_of_a_child_that_is_gone(self):
        """Nor does it matter to who is to be asked to end that nothing is left of it."""

        def host_of(tell):
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            server = Prefork(make_life(), work_on, 2, on_event=tell)
            server.start()
            ended = os.pidfd_open(server.children[1])
            os.kill(server.children[1], signal.SIGKILL)
            select.select([ended], [], [])
            os.close(ended)
            server.stop()

        with hosting(host_of) as host:
            host.value()
        assert [1, 2] == sorted(event.rank for event in host.told(ChildExited))

    def test_wait_for_any_child(self):
        """A host that waits for any child, and so takes the statuses of ours, is survived as well."""

        def host_of(tell):
            def reap(*_):
                with contextlib.suppress(ChildProcessError):
                    while os.waitpid(-1, os.WNOHANG) != (0, 0):
                        pass

            signal.signal(signal.SIGCHLD, reap)
            return serve(make_life(), work_on, 2, restart=OFTEN, on_event=tell)

        with hosting(host_of) as host:
            host.until(ChildReady, 2)
            os.kill(host.told(ChildReady)[0].pid, signal.SIGKILL)
            stop_when_ready(host)
            assert signal.SIGTERM == host.value()

    def test_child_of_a_child(self):
        """What a worker forks holds nothing open that the server waits for."""

        def host_of(tell):
            def worker(rank):
                pid = os.fork()
                if pid == 0:
                    tell((os.getpid(), sorted(my_descriptors() - before)))
                    signal.pause()
                work_on(rank)

            before = my_descriptors()
            return serve(make_life(), worker, 1, restart=OFTEN, on_event=tell)

        with hosting(host_of) as host:
            ((grandchild, descriptors),) = host.until(tuple)
            try:
                assert [] == descriptors
                os.kill(host.all_of(ChildStarted)[0].pid, signal.SIGKILL)
                os.kill(host.all_of(tuple, 2)[1][0], signal.SIGKILL)
                host.all_of(Restarting)
                host.all_of(ChildReady, 2)
                host.send(signal.SIGTERM)
            finally:
                os.kill(grandchild, signal.SIGKILL)
            assert signal.SIGTERM == host.value()


class TestDescriptors:
    """A child has no descriptor of the main process, and none of another child."""

    def test_in_a_child(self):
        """However many there are: a pipe to tell through, and what ties it to the main process."""

        def host_of(tell):
            def worker(rank):
                tell((rank, len(my_descriptors() - before)))
                work_on(rank)

            before = my_descriptors()
            return serve(make_life(), worker, 20, restart=OFTEN, on_event=tell)

        with hosting(host_of) as host:
            assert {(rank, 2) for rank in range(1, 21)} == set(host.until(tuple, 20))
            os.kill(host.all_of(ChildStarted, 8)[7].pid, signal.SIGKILL)
            assert [(8, 2)] == host.until(tuple)
            host.send(signal.SIGTERM)

    def test_in_a_child_of_the_host(self):
        """What the host forks by itself has none but the pipe that all children tell through, and keeps its own."""

        def host_of(tell):
            before = my_descriptors()
            server = Prefork(make_life(), work_on, 3)
            server.start()
            pid = os.fork()
            if pid == 0:
                tell(len(my_descriptors() - before))
                own = {*os.pipe(), *os.pipe()}
                del server
                gc.collect()
                tell(own <= my_descriptors())
                os._exit(0)
            os.waitpid(pid, 0)
            server.stop()

        with hosting(host_of) as host:
            assert [1, True] == host.until(int, 2)  # a bool is one, too

    def test_after_the_end(self):
        """Once the server is over, what the host opens and then forks is nobody's business."""

        def host_of(tell):
            with Prefork(make_life(), work_on, 3):
                pass
            own = {end for _ in range(10) for end in os.pipe()}
            pid = os.fork()
            if pid == 0:
                tell(own <= my_descriptors())
                os._exit(0)
            os.waitpid(pid, 0)
            for end in own:
                os.close(end)

        with hosting(host_of) as host:
            assert [True] == host.until(bool)

    def test_none_leaks(self):
        """Restarts leave the main process with as many as before."""

        def host_of(tell):
            server = Prefork(make_life(), work_on, 2, restart=OFTEN)
            with server:
                counts, missing = [], 2
                for _ in range(20):
                    while missing:
                        missing -= sum(isinstance(event, ChildReady) for event in server.poll(None))
                    counts.append(len(my_descriptors()))
                    os.kill(server.children[1], signal.SIGKILL)
                    missing = 1
            return counts

        with hosting(host_of) as host:
            assert 1 == len(set(host.value()))


class TestWhatAChildHas:
    """Of what Python keeps for a process, a child has its own."""

    def test_buffered_output(self):
        """What was buffered before the forks is written once; what children print is written, too."""
        done = run("""
            import os, signal, sys
            from hosting import make_life
            from sermod import ChildExited, Prefork, RestartPolicy

            def worker(rank):
                sys.stdout.write(f"child {rank}\\n")
                sys.stderr.write(f"child {rank} as well\\n")

            def on_event(event):
                if isinstance(event, ChildExited):
                    ended.append(event)
                    if len(ended) == 5:
                        server.stop()

            ended = []
            sys.stdout.write("before\\n")
            server = Prefork(make_life(), worker, [1, 2], restart=RestartPolicy(100, 60), on_event=on_event)
            server.serve()
            sys.stdout.write("after\\n")
        """)
        lines = done.stdout.splitlines()
        assert 1 == lines.count("before") == lines.count("after")
        assert 5 <= sum(line.startswith("child") for line in lines)
        assert "child 1 as well" in done.stderr
        assert 0 == done.returncode

    def test_buffers_of_others(self):
        """Whoever else buffers output, such as libc, is asked to write it before a fork and at a child's end."""

        def host_of(tell):
            flush_also(lambda: tell(os.getpid()))
            server = Prefork(make_life(), work_on, 2, on_event=tell)
            with server:
                pass

        with hosting(host_of) as host:
            host.value()
        assert [host.pid, *sorted(event.pid for event in host.told(ChildStarted))] == [
            host.told(int)[0],
            *sorted(host.told(int)[1:]),
        ]

    @pytest.mark.parametrize("stream", ["None", "open(os.devnull, 'w')", "broken()"])
    def test_strange_standard_output(self, stream):
        """Standard output may be missing, closed, or lead nowhere."""
        done = run(f"""
            import os, signal, sys
            from hosting import make_life, work_on
            from sermod import ChildReady, serve

            def broken():
                readable, writable = os.pipe()
                os.close(readable)
                stream = open(writable, "w")
                stream.write("nobody will ever read that")
                return stream

            sys.stdout = {stream}
            if sys.stdout and sys.stdout.name == os.devnull:
                sys.stdout.close()
            serve(make_life(), work_on, 2, on_event=lambda event: isinstance(event, ChildReady)
                  and os.kill(os.getpid(), signal.SIGTERM))
            os._exit(0)
        """)
        assert (0, "") == (done.returncode, done.stderr)

    def test_atexit(self):
        """``atexit`` functions of the main process do not run in children; those that a child registers do."""

        def host_of(tell):
            def worker(rank):
                atexit.register(lambda: tell(("child", rank, os.getpid())))
                if rank == 1:
                    work_on(rank)

            atexit.register(lambda: tell(("main", os.getpid())))
            server = Prefork(make_life(), worker, 2, restart=RestartPolicy(1000, 60))
            with server:
                until = 0
                while until < 3:
                    until += sum(isinstance(event, ChildExited) for event in server.poll(None))

        with hosting(host_of) as host:
            host.value()
        assert {"child"} == {told[0] for told in host.told(tuple)}
        assert {1, 2} == {told[1] for told in host.told(tuple)}

    def test_signals_do_not_disturb_atexit(self):
        """What asks for the end comes too late to break it off, whatever the worker does about it."""

        def host_of(tell):
            def at_exit():
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
                    os.kill(os.getpid(), number)
                tell("over")

            def worker(rank):
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
                    signal.signal(number, lambda *_: tell("handled"))
                atexit.register(at_exit)

            with pytest.raises(ChildDiedError, match="exited with code 0"):
                serve(make_life(), worker, 1)

        with hosting(host_of) as host:
            host.value()
        assert ["over"] == host.told(str)

    def test_atexit_after_all_is_closed(self, tmp_path):
        """They run, and what is buffered is written, even in a child that cannot tell any more what went wrong."""
        output = tmp_path / "output"

        def host_of(tell):
            def worker(rank):
                os.closerange(3, 1000)
                sys.stdout = output.open("w")
                atexit.register(print, "at exit")
                raise ValueError("nobody hears of this")

            serve(make_life(), worker, 1)

        with hosting(host_of) as host:
            error = host.error(ChildDiedError)
        assert (1, None) == (error.exitcode, error.traceback)
        assert "at exit\n" == output.read_text()

    def test_random_numbers(self):
        """The standard ``random`` draws other numbers in each child."""

        def host_of(tell):
            def worker(rank):
                tell(random.random())  # noqa: S311 - it is what is tested
                work_on(rank)

            random.seed(1)
            return serve(make_life(), worker, 4)

        with hosting(host_of) as host:
            assert 4 == len(set(host.until(float, 4)))
            host.send(signal.SIGTERM)

    def test_threads(self):
        """The worker runs in the main thread of its process, and there is no other."""

        def host_of(tell):
            def worker(rank):
                tell((threading.current_thread() is threading.main_thread(), threading.active_count()))
                with concurrent.futures.ThreadPoolExecutor() as executor:
                    tell(executor.submit(os.getpid).result() == os.getpid())
                work_on(rank)

            done = threading.Event()
            other = threading.Thread(target=done.wait)
            other.start()
            try:
                serve(make_life(), worker, 2)
            finally:
                done.set()
                other.join()

        with hosting(host_of) as host:
            assert [True, True] == host.until(bool, 2)
            assert [(True, 1)] * 2 == host.told(tuple)
            host.send(signal.SIGTERM)

    def test_logging(self):
        """Logging works in children although another thread of the main process may be in the middle of it."""

        def host_of(tell):
            class Handler(logging.Handler):
                def emit(self, record):
                    tell(record.getMessage())

            def worker(rank):
                log.warning("from child %d", rank)
                work_on(rank)

            log = logging.getLogger("test_logging")
            log.propagate = False
            handler = Handler()
            log.addHandler(handler)
            handler.acquire()
            try:
                serve(make_life(), worker, 1)
            finally:
                handler.release()
                log.removeHandler(handler)

        with hosting(host_of) as host:
            assert ["from child 1"] == host.until(str)
            host.send(signal.SIGTERM)

    def test_multiprocessing(self):
        """A worker may use ``multiprocessing``."""

        def host_of(tell):
            def worker(rank):
                child = multiprocessing.get_context("fork").Process(target=tell, args=[os.getpid()])
                child.start()
                child.join()
                tell(("exit code", child.exitcode))
                work_on(rank)

            return serve(make_life(), worker, 1)

        with hosting(host_of) as host:
            assert [("exit code", 0)] == host.until(tuple)
            host.send(signal.SIGTERM)

    def test_server_within_a_child(self):
        """A worker may serve with children of its own."""

        def host_of(tell):
            def worker(rank):
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                serve(make_life("inner"), work_on, 2, on_event=lambda event: tell((rank, event)))

            return serve(make_life(), worker, 2, on_event=tell)

        with hosting(host_of) as host:
            ready = set()
            while len(ready) < 4:
                ((rank, event),) = host.until(tuple)
                if isinstance(event, ChildReady):
                    ready.add((rank, event.rank))
            host.send(signal.SIGTERM)
            host.value()
        assert {(1, 1), (1, 2), (2, 1), (2, 2)} == ready

    def test_two_servers_in_one_process(self):
        """Two servers side by side never meet, and a child of one does not keep what is the other's."""

        def host_of(tell):
            one = Prefork(make_life("one"), work_on, 2)
            life = make_life("two", init_child_f=lambda name, rank: tell(len(my_descriptors() - before)))
            two = Prefork(life, work_on, 1)
            before = my_descriptors()
            with one, two:
                while not any(isinstance(event, ChildReady) for event in two.poll(None)):
                    pass
                os.kill(two.children[1], signal.SIGKILL)
                while not any(isinstance(event, Stopped) for event in two.poll(None)):
                    pass
                with pytest.raises(ChildDiedError, match="SIGKILL ended it"):
                    two.poll()
                assert one.running
                assert 2 == len(one.children)

        with hosting(host_of) as host:
            host.value()
        # Two of its own, and the pipe that the children of the other server tell through.
        assert [3] == host.told(int)


class TestAsyncio:
    """A host with an event loop starts the server from within, and its children have loops of their own."""

    def test_host_and_workers(self):
        def host_of(tell):
            def worker(rank):
                with pytest.raises(RuntimeError):
                    asyncio.get_running_loop()
                asyncio.run(work(rank))

            async def work(rank):
                tell([rank])
                await asyncio.sleep(3600)

            async def main():
                loop = asyncio.get_running_loop()
                ended, stop = loop.create_future(), asyncio.Event()
                loop.add_signal_handler(signal.SIGTERM, stop.set)
                server = Prefork(make_life("a", destroy_f=tell), worker, 2, restart=OFTEN, on_event=tell)

                def poll():
                    server.poll()
                    if not server.running:
                        loop.remove_reader(descriptor)
                        ended.set_result(None)
                    elif (seconds := server.timeout()) is not None:
                        loop.call_later(seconds, poll)

                server.start()
                descriptor = server.fileno()
                loop.add_reader(descriptor, poll)
                await stop.wait()
                server.stop(wait=False)
                await ended

            asyncio.run(main())

        with hosting(host_of) as host:
            assert [[1], [2]] == sorted(host.until(list, 2))
            os.kill(host.all_of(ChildStarted)[0].pid, signal.SIGKILL)
            assert [[1]] == host.until(list)
            host.send(signal.SIGTERM)
            host.value()
        assert ["a"] == host.told(str)
        assert len(host.told(ChildStarted)) == len(host.told(ChildExited))


class TestIdle:
    """While nothing happens, the main process does nothing."""

    def test_no_context_switch(self):
        """It sleeps without waking up once: its count of voluntary context switches stands still."""
        with hosting(
            lambda tell: serve(make_life(), work_on, 3, restart=OFTEN, ready_timeout=60, on_event=tell)
        ) as host:
            host.until(ChildReady, 3)
            status = Path(f"/proc/{host.pid}/status")
            while "S (sleeping)" not in status.read_text():
                os.sched_yield()
            before = switches(status)
            # Something that happens, so that time passes in which nothing happens to the host.
            subprocess.run([sys.executable, "-c", "import time; time.sleep(1)"], check=True)
            assert before == switches(status)
            host.send(signal.SIGTERM)


def switches(status: Path) -> list[str]:
    return [line for line in status.read_text().splitlines() if "voluntary_ctxt_switches" in line]
