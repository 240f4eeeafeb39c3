"""Runs the recorded modules in a pool, as a program of its own: ``pool_program.py KIND METHOD TASKS CASE``.

KIND is `executor` or `pool`, METHOD a start method, TASKS the number of tasks after which a process is replaced (0:
never), and CASE what fails. The record is the file ``record`` in the directory in which the program runs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from recorded import bind_route, make_core

from sermod import REQUEST_ROUTE, CmdExport, Lifecycle, ModuleExports, null_terminated

sys.path.append(str(Path(__file__).parents[2] / "docs" / "examples" / "pools"))
from pooled import PooledLife

PROCESSES = 3
REQUESTS = 6
SECONDS = 60

kind, method, tasks, case = sys.argv[1:]

Map = Callable[[Callable[[int], object], Iterable[int]], list[Any]]


def mod_init() -> int:
    """Fail in the case ``init_f``."""
    return -7 if case == "init_f" else 0


def child_init(rank: int) -> int:
    """Fail in one process, in the case ``init_child_f``."""
    return -8 if case == "init_child_f" and rank == 2 else 0


def fail(msg: object) -> int:
    """Raise an exception."""
    raise ValueError(f"the command fails for {msg}")


faulty = ModuleExports[Any](
    "faulty", null_terminated(CmdExport("fail", fail, 0, 0, REQUEST_ROUTE)), None, mod_init, 0, 0, 0, child_init
)
core = make_core("record", faulty)
if case == "parameter":
    core.set_param("foobar", "foo_baz", 5)
route = bind_route(core)
failing = [core.bind("fail", route=REQUEST_ROUTE)]
life = Lifecycle(core)
process = PooledLife(life)
barriers: list[threading.Barrier] = []


def begin(ranks: str, barrier: threading.Barrier) -> None:
    """Initialise a process of the pool."""
    barriers.append(barrier)
    process.begin(ranks)


def meet(_number: int) -> int | None:
    """Wait until all processes are here, so that each of them lives and has a rank; return the rank."""
    barriers[0].wait(SECONDS)
    return life.rank


def handle(_number: int) -> int | None:
    """Handle one OPTIONS; return the rank."""

    def ignore(*_arguments: object) -> None:
        pass

    msg = SimpleNamespace(method="OPTIONS", max_forwards=70, append_to_reply=ignore, reply=ignore)
    assert process.run_route(route, msg) == 1
    return life.rank


def meet_and_handle(number: int) -> int | None:
    """Wait as in :func:`meet`, then handle one OPTIONS."""
    barriers[0].wait(SECONDS)
    return handle(number)


def fail_once(number: int) -> int:
    """Run the command that raises."""
    return process.run_route(failing, number)


def end(_number: int) -> None:
    """Kill the process in the middle of a task."""
    os.kill(os.getpid(), signal.SIGKILL)


def say(what: str, value: object) -> None:
    """Print a value for the test, in a line of its own."""
    os.write(sys.stdout.fileno(), f"\n{what}: {value!r}\n".encode())


def describe(error: Exception) -> str:
    """Describe an exception as Python does."""
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def running_pool(ranks: str) -> Generator[Map]:
    """Run the pool, and stop it when the block ends."""
    context = multiprocessing.get_context(method)
    arguments = (ranks, context.Barrier(PROCESSES))
    replaced = int(tasks) or None
    if kind == "executor":
        with ProcessPoolExecutor(PROCESSES, context, begin, arguments, max_tasks_per_child=replaced) as executor:
            yield lambda function, items: [*executor.map(function, items)]
        return
    pool = context.Pool(PROCESSES, begin, arguments, maxtasksperchild=replaced)
    if case == "killed":
        pool.apply_async(end, (0,))
    try:
        yield lambda function, items: pool.map(function, items, chunksize=1)
    finally:
        if case == "killed":  # the result never comes, and the pool would wait for it
            pool.terminate()
        pool.close()
        pool.join()


def main() -> None:
    """Run the case that the command line names."""
    Path("ranks").touch()
    with life if method == "fork" else contextlib.nullcontext(), running_pool("ranks") as run:
        if case == "command":
            try:
                run(fail_once, [1])
            except ValueError as error:
                say("task", describe(error))
        if case == "init_child_f":
            run(meet_and_handle, range(PROCESSES))
        if case == "killed" and kind == "executor":
            run(end, [1])
        if tasks == "0" and case != "init_f":
            say("met", sorted(run(meet, range(PROCESSES))))
        say("handled", run(handle, range(REQUESTS)))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001 - the test judges it
        say("failed", describe(error))
