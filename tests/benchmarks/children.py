"""What forked children cost, as processes: ``python tests/benchmarks/children.py`` prints this table alone."""

from __future__ import annotations

import logging
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from measure import Row, table

from sermod import ChildReady, Lifecycle, ModuleExports, Prefork, Registry, RestartPolicy

CHILDREN = 64
IDLE_SECONDS = 2.0
NEARLY_NOTHING = """
def app(environ, respond):
    respond("200 OK", [])
    return []
"""

multiprocessing = get_context("fork")
logging.getLogger("sermod").setLevel(logging.CRITICAL)  # every death is a warning


def compare(
    what: str, ours: Callable[[], float], beside: str, other: Callable[[], float], goal: str, *, repeats: int = 15
) -> Row:
    """Measure two things in turn, each of which says how many seconds it took, after one warm-up of each."""
    ours()
    other()
    pairs = [(ours(), other()) for _ in range(repeats)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    inverse = goal.endswith("as fast")
    ratio = statistics.median(b / a if inverse else a / b for a, b in pairs)
    return Row(what, beside, mine, theirs, ratio, goal)


# Ours -----------------------------------------------------------------------------------------------------------------


def life(modules: int) -> Lifecycle[object]:
    """Return a life of modules that have something to do in every child."""
    core: Registry[object] = Registry()
    for number in range(modules):
        core.register(ModuleExports(f"m{number}", init_f=lambda: 0, init_child_f=lambda rank: rank))
    return Lifecycle(core)


def worker(_rank: int) -> None:
    while True:
        signal.pause()


def await_ready(server: Prefork, count: int) -> None:
    while count:
        count -= sum(isinstance(event, ChildReady) for event in server.poll(None))


def ours(modules: int) -> Callable[[], float]:
    def measure() -> float:
        server = Prefork(life(modules), worker, CHILDREN)
        start = time.perf_counter()
        server.start()
        await_ready(server, CHILDREN)
        taken = time.perf_counter() - start
        server.stop()
        return taken

    return measure


@contextmanager
def restarting() -> Generator[Callable[[], float]]:
    """Give a function that kills a child, and says how long it takes until its rank is ready again."""
    server = Prefork(life(3), worker, 4, restart=RestartPolicy(10**6, 1e-9))
    server.start()
    await_ready(server, 4)

    def measure() -> float:
        start = time.perf_counter()
        os.kill(server.children[3], signal.SIGKILL)
        await_ready(server, 1)
        return time.perf_counter() - start

    yield measure
    server.stop()


def idle() -> str:
    """Say what the main process does while nothing happens."""
    pid = os.fork()
    if pid == 0:
        server = Prefork(life(3), worker, 4, restart=RestartPolicy(1, 1))
        try:
            server.serve()
        finally:
            os._exit(0)
    settled(pid)
    before = status_of(pid)
    time.sleep(IDLE_SECONDS)
    after = status_of(pid)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    return (
        f"The main process of 4 idle children, in {IDLE_SECONDS:g} seconds: {after[0] - before[0]} voluntary and "
        f"{after[1] - before[1]} other context switches, {after[2] - before[2]} clock ticks of CPU time (goal: none)."
    )


def status_of(pid: int) -> tuple[int, int, int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    voluntary, other = (int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return voluntary, other, int(times[11]) + int(times[12])


def settled(pid: int) -> None:
    """Wait until a process has switched no context for a while: it has started."""
    last = None
    while last != (last := status_of(pid)):
        time.sleep(0.3)


# What others do -------------------------------------------------------------------------------------------------------


def bare(count: int) -> Callable[[], float]:
    """Fork in a loop; each child writes a byte to a pipe."""

    def measure() -> float:
        stop = os.pipe()
        start = time.perf_counter()
        readable, writable = os.pipe()
        pids = []
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                try:
                    os.write(writable, b".")
                    os.close(stop[1])
                    os.read(stop[0], 1)
                finally:
                    os._exit(0)
            pids.append(pid)
        read_exactly(readable, count)
        taken = time.perf_counter() - start
        os.close(stop[1])
        for pid in pids:
            os.waitpid(pid, 0)
        for descriptor in (readable, writable, stop[0]):
            os.close(descriptor)
        return taken

    return measure


def with_multiprocessing() -> float:
    start = time.perf_counter()
    readable, writable = os.pipe()
    children = [multiprocessing.Process(target=tell_and_wait, args=(writable,)) for _ in range(CHILDREN)]
    for child in children:
        child.start()
    read_exactly(readable, CHILDREN)
    taken = time.perf_counter() - start
    for child in children:
        child.kill()
    for child in children:
        child.join()
        child.close()
    os.close(readable)
    os.close(writable)
    return taken


def tell_and_wait(writable: int) -> None:
    os.write(writable, b".")
    signal.pause()


def with_gunicorn(directory: str) -> float:
    """Start gunicorn on an application that is next to nothing, from where it has set up all but its workers."""
    from gunicorn import arbiter
    from gunicorn.app.wsgiapp import WSGIApplication

    times, ready = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        arbiter.random = SimpleNamespace(random=lambda: 0.0)  # it sleeps for a random time after each fork
        options = ["-w", str(CHILDREN), "-b", "127.0.0.1:0", "--log-level", "critical", "--graceful-timeout", "1"]
        sys.argv = ["gunicorn", *options, "--no-control-socket", "--chdir", directory, "nearly_nothing:app"]
        try:
            server = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]")
            server.cfg.set("when_ready", lambda _: os.write(times[1], f"{time.perf_counter()}\n".encode()))
            server.cfg.set("post_worker_init", lambda _: os.write(ready[1], b"."))
            server.run()
        finally:
            os._exit(0)
    read_exactly(ready[0], CHILDREN)
    end = time.perf_counter()
    start = float(os.read(times[0], 100))
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    for descriptor in (*times, *ready):
        os.close(descriptor)
    return end - start


def read_exactly(readable: int, count: int) -> None:
    while count:
        count -= len(os.read(readable, count))


# ----------------------------------------------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Measure."""
    what = f"{CHILDREN} children ready"
    result = [
        compare(f"{what}, 3 modules", ours(3), "os.fork in a loop", bare(CHILDREN), "at most 1.5"),
        compare(f"{what}, 3 modules", ours(3), "multiprocessing, by fork", with_multiprocessing, "less than 1"),
    ]
    if find_spec("gunicorn"):
        with TemporaryDirectory() as directory:
            (Path(directory) / "nearly_nothing.py").write_text(NEARLY_NOTHING)
            gunicorn = partial(with_gunicorn, directory)
            goal = "at least 4 times as fast"
            result.append(compare(f"{what}, no modules", ours(0), "gunicorn, sync", gunicorn, goal, repeats=7))
            limit = "no goal: the limit of the row above, as fast"
            result.append(compare("os.fork in a loop", bare(CHILDREN), "gunicorn, sync", gunicorn, limit, repeats=7))
    with restarting() as restart:
        result.append(compare("a killed child ready again", restart, "one fork", bare(1), "at most 3", repeats=101))
    return result


if __name__ == "__main__":
    print(table(rows()))
    print()
    print(idle())
