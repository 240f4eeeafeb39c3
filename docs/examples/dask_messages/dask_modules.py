"""The life of modules on the workers of a Dask cluster: Dask starts, restarts and ends these processes."""

# distributed has annotations for a part of what it offers.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
import contextlib
import os
import traceback
from collections.abc import Callable, Generator
from typing import Any, TypeAlias, cast

from distributed import Client, Scheduler, SchedulerPlugin, Worker, WorkerPlugin, get_worker
from distributed.utils import sync

from sermod import Lifecycle, LifecycleError, Registry, Route, SermodError, State, lowest_free_rank

Configure: TypeAlias = Callable[[], tuple[Registry[Any], Route[Any]]]
"""Loads modules, sets their parameters and binds the calls of a route; is called once in each worker."""


@contextlib.contextmanager
def modules_on(client: Client, configure: Configure) -> Generator[None]:
    """Have modules on every worker of a cluster while the block runs, also on workers that join it later.

    Every worker is initialised when the block begins, and cleaned up when it has ended. A start-up that fails in one of
    them is a failed start: the others are cleaned up, and the block does not run.

    Args:
        client: A client of the cluster, whose workers have one thread each.
        configure: What each worker calls; it travels there by pickle.

    Raises:
        SermodError: The start-up of a worker failed, at the beginning or, of one that has joined later and that no task
            has told of, at the end. Its notes say in which worker, and have the traceback.
        RuntimeError: The clean-up of the modules of a worker failed, or its start-up with an error that is not
            sermod's; the message has the traceback.
    """
    client.register_plugin(Ranks())
    try:
        client.register_plugin(Modules(configure))
        yield
    except BaseException as error:
        try:
            client.unregister_worker_plugin(Modules.name)
        except Exception as failure:  # noqa: BLE001 - it is told together with what came before it
            if str(failure) != str(error):
                error.add_note(f"and while cleaning up: {failure!r}")
        raise
    client.unregister_worker_plugin(Modules.name)


def modules_here() -> Modules:
    """Return the modules of the worker that runs this task.

    Raises:
        SermodError: Their start-up failed in this worker.
        LifecycleError: There are none.
    """
    plugins = cast("dict[str, Modules]", get_worker().plugins)
    if Modules.name not in plugins:
        message = "modules_here(): this worker has no modules; submit tasks, and wait for them, inside of modules_on()"
        raise LifecycleError(message, state="absent", call="modules_here()")
    modules = plugins[Modules.name]
    if modules.failure is not None:
        raise modules.failure.with_traceback(None)
    return modules


class Ranks(SchedulerPlugin):
    """Gives each worker that asks for it a rank that no other living worker has, from 1 on.

    It lives in the scheduler, which knows the workers and answers one question after the other.
    """

    name = "sermod-ranks"
    idempotent = True  # those who have a rank keep it, however often modules come and go

    def __init__(self) -> None:
        self._ranks: dict[str, int] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Begin to answer."""
        self._scheduler = scheduler
        scheduler.handlers["sermod_rank"] = self.rank_of

    def rank_of(self, worker: str) -> int:
        """Return the rank of the worker at that address."""
        address = self._scheduler.coerce_address(worker)
        if address not in self._scheduler.workers:
            raise LookupError(f"{address} asks for a rank, and is no worker of this scheduler any more; start it again")
        if address not in self._ranks:
            self._ranks[address] = lowest_free_rank(self._ranks.values())
        return self._ranks[address]

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **kwargs: Any) -> None:
        """Take back the rank of a worker that has ended."""
        self._ranks.pop(worker, None)


class Modules(WorkerPlugin):
    """Runs the modules of one worker through their life.

    All of it happens in the one thread that also runs the tasks, so that no two functions of a module ever run at the
    same time, and what one thread has opened is not used by another.

    Args:
        configure: Loads the modules.

    Attributes:
        life: The modules.
        route: What is run for each message.
        failure: What has kept the modules from starting, or ``None``.
    """

    name = "sermod"

    def __init__(self, configure: Configure) -> None:
        self._configure = configure
        self.life: Lifecycle[Any]
        self.route: Route[Any]
        self.failure: Exception | None = None

    async def setup(self, worker: Worker) -> None:
        """Begin the life, when the worker has joined the cluster or the modules come to it."""
        await asyncio.get_running_loop().run_in_executor(worker.executor, self._begin, worker)

    async def teardown(self, worker: Worker) -> None:
        """End the life, when the worker ends in order or the modules leave it."""
        await asyncio.get_running_loop().run_in_executor(worker.executor, self._end, worker)

    def _begin(self, worker: Worker) -> None:
        # Dask tells nobody of a failure in a worker that joins later: it is kept for whoever asks for the modules.
        self.failure = _attempt(lambda: self._start(worker), worker)
        if self.failure is not None:
            raise self.failure

    def _end(self, worker: Worker) -> None:
        failure = self.failure or _attempt(self.life.close, worker)
        if failure is not None:
            raise failure.with_traceback(None)

    def _start(self, worker: Worker) -> None:
        _check_threads(worker.state.nthreads)
        core, self.route = self._configure()
        self.life = Lifecycle(core)
        self.life.init()
        self._init_child(worker)

    def _init_child(self, worker: Worker) -> None:
        try:
            answer = sync(worker.loop, worker.scheduler.sermod_rank, worker=worker.contact_address)
            self.life.init_child(cast("int", answer))
        except Exception as error:
            try:
                self.life.close()
            except Exception as failure:  # noqa: BLE001 - it is told together with what came before it
                error.add_note(f"and while cleaning up: {failure!r}")
            raise


def _check_threads(threads: int) -> None:
    if threads != 1:
        message = (
            f"a process of modules handles one message at a time, and this worker has {threads} threads; start workers "
            f"with threads_per_worker=1, or with dask worker --nthreads 1"
        )
        raise LifecycleError(message, state=State.CONFIGURING, call="setup()")


def _attempt(function: Callable[[], None], worker: Worker) -> Exception | None:
    """Call a function, and return its error as one that can travel to where the modules are not.

    An error of sermod's can, without what caused it, which it has as text; of any other, the text has to do.
    """
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        where = f"in worker {worker.name} at {worker.contact_address}, process {os.getpid()}"
        if not isinstance(error, SermodError):
            return RuntimeError(f"{where}:\n{''.join(traceback.format_exception(error)).rstrip()}")
        error.add_note(where)
        if text := getattr(error, "traceback", None):
            error.add_note(text.rstrip())
        error.__cause__ = error.__context__ = None
        return error
    return None
