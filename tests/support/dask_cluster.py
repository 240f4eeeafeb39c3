"""A Dask cluster of this machine, and what the tests have its workers do.

The workers import this file as well, so it needs nothing of pytest.
"""

# distributed has annotations for a part of what it offers.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dask.config
import sip_route
from dask_modules import modules_here
from distributed import Client, LocalCluster, Scheduler, SchedulerPlugin
from distributed.core import Status
from recorded import bind_route, make_core

from sermod import ModuleExports, Registry, Route, load

WITHIN = 60
"""Seconds that nothing takes, so that what takes longer hangs."""


class Joined(SchedulerPlugin):
    """Hears of each worker that joins, in the scheduler, which runs in a thread of this process."""

    name = "joined"

    def __init__(self) -> None:
        self.addresses: queue.SimpleQueue[str] = queue.SimpleQueue()

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Hand the address on."""
        self.addresses.put(worker)


class Cluster:
    """A cluster of this machine, as a test sees it.

    Attributes:
        client: A client of it.
        addresses: The workers that have joined, in this order.
        pids: The processes of the workers that a test has asked for theirs.
    """

    def __init__(self, directory: Path, **options: Any) -> None:
        settings: dict[str, Any] = {
            "n_workers": 0,
            "threads_per_worker": 1,
            "host": "127.0.0.1",
            "dashboard_address": "127.0.0.1:0",
            "scheduler_kwargs": {"dashboard": False},
            "local_directory": str(directory),
            **options,
        }
        self.local = cast("Any", LocalCluster(**settings))
        self.client = Client(self.local)
        self.addresses: list[str] = []
        self.pids: set[int] = set()
        self._joined = Joined()
        self.local.scheduler.add_plugin(self._joined)

    def scale(self, workers: int) -> None:
        """Have so many workers; wait until the new ones have joined, and those that are too many have ended."""
        more = workers - len(self.local.workers)
        self.local.scale(workers)
        for _ in range(more):
            self.join()
        if more < 0:
            self.local.sync(self._settle, callback_timeout=WITHIN)

    def join(self) -> str:
        """Wait for the next worker that joins, and return its address."""
        self.addresses.append(self._joined.addresses.get(timeout=WITHIN))
        self.local.sync(self._settle, callback_timeout=WITHIN)
        return self.addresses[-1]

    async def _settle(self) -> None:
        """Wait until the nannies know, too, that their workers are up: one that dies before that is not replaced."""
        await self.local
        for nanny in self.local.workers.values():
            while nanny.process.status != Status.running:
                # A nanny that starts its worker again has another event.
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(nanny.process.running.wait(), 0.1)

    def ask(self, address: str, function: Any, *arguments: Any) -> Any:
        """Have a worker run a function as a task, and return its result."""
        future = self.client.submit(function, *arguments, workers=[address], pure=False)
        return future.result(timeout=WITHIN)

    def pid(self, address: str) -> int:
        """Return the process id of a worker."""
        pid = cast("int", self.ask(address, os.getpid))
        self.pids.add(pid)
        return pid

    def close(self) -> None:
        """End all of it, in order."""
        self.client.close()
        self.local.close(timeout=WITHIN)


@contextmanager
def cluster_of(workers: int, directory: Path, **options: Any) -> Generator[Cluster]:
    """Have a cluster of so many workers."""
    # Dask's default, a new program for each worker, doubles the time of the tests. The example has it, and is tested.
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        cluster = Cluster(directory, **options)
        try:
            cluster.scale(workers)
            yield cluster
        finally:
            cluster.close()


# What workers do ------------------------------------------------------------------------------------------------------


def configure_recorded(record: str, *others: str) -> tuple[Registry[Any], Route[Any]]:
    """Load the modules that write a record, and after them those of other files."""
    core = make_core(record, *(load(file) for file in others))
    return core, bind_route(core)


def configure_wrong(module: str, param: str) -> tuple[Registry[Any], Route[Any]]:
    """Set a parameter that is not there."""
    core, route = sip_route.configure()
    core.set_param(module, param, 1)
    return core, route


def configure_in_one_thread() -> tuple[Registry[Any], Route[Any]]:
    """Load a module that is content as long as all of it runs in one thread."""
    threads: set[int] = set()

    def note(*_arguments: object) -> int:
        threads.add(threading.get_ident())
        return len(threads) - 1

    core: Registry[Any] = Registry()
    core.register(ModuleExports("thread", init_f=note, init_child_f=note))
    return core, lambda msg: 1 - note(msg)


def configure_killing(call_id: str, once: str | None) -> tuple[Registry[Any], Route[Any]]:
    """Load the modules of the example; a message with that Call-ID kills the process.

    Args:
        call_id: What the header says.
        once: A file that is made then; the message does no harm where there is one.
    """
    core, route = sip_route.configure()
    assert callable(route)

    def killing(msg: Any) -> int:
        if msg.headers["Call-ID"] == call_id and (once is None or _is_first(once)):
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()
        return route(msg)

    return core, killing


def configure_nothing() -> tuple[Registry[Any], Route[Any]]:
    """Fail with an error of which nobody else has the class."""
    raise type("OwnError", (Exception,), {"__module__": "nowhere"})("no file")


def answer(requests: int) -> tuple[int | None, int]:
    """Run the route for so many OPTIONS; return the rank of the worker, and its process id."""
    modules = modules_here()
    for _ in range(requests):
        msg = SimpleNamespace(method="OPTIONS", max_forwards=70, append_to_reply=_ignore, reply=_ignore)
        assert modules.life.run_route(modules.route, msg) == 1
    return modules.life.rank, os.getpid()


def _ignore(*_arguments: object) -> None:
    pass


def _is_first(file: str) -> bool:
    try:
        Path(file).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
