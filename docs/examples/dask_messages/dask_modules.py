"""The lifecycle of modules on the workers of a Dask cluster. Dask starts, restarts and ends these processes."""

# Only a part of distributed has annotations.
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
"""Loads modules, sets their parameters and binds the calls of a route; called once in each worker."""


@contextlib.contextmanager
def modules_on(client: Client, configure: Configure) -> Generator[None]:
    """Run modules on every worker of a cluster while the block runs, also on workers that join it later.

    The modules are initialised on every worker when the block begins, and cleaned up when it ends. If that fails on one
    worker at the beginning, the modules of the others are cleaned up, and the block does not run.

    Args:
        client: A client of the cluster, whose workers have one thread each.
        configure: The function that each worker calls; it is sent there by pickle.

    Raises:
        SermodError: The modules of a worker could not be initialised. It is raised at the beginning, or at the end for
            a worker that joined later and got no task. Its notes name the worker and have the traceback.
        RuntimeError: The clean-up on a worker failed, or the initialisation failed with an error that is not sermod's
            own; the message has the traceback.
    """
    client.register_plugin(Ranks())
    try:
        client.register_plugin(Modules(configure))
        yield
    except BaseException as error:
        try:
            client.unregister_worker_plugin(Modules.name)
        except Exception as failure:  # noqa: BLE001 - it becomes a note on the first error
            if str(failure) != str(error):
                error.add_note(f"and while cleaning up: {failure!r}")
        raise
    client.unregister_worker_plugin(Modules.name)


def modules_here() -> Modules:
    """Return the modules of the worker that runs this task.

    Raises:
        SermodError: The modules of this worker could not be initialised.
        LifecycleError: This worker has no modules.
    """
    plugins = cast("dict[str, Modules]", get_worker().plugins)
    if Modules.name not in plugins:
        message = "modules_here(): this worker has no modules; submit tasks, and wait for them, inside modules_on()"
        raise LifecycleError(message, state="absent", call="modules_here()")
    modules = plugins[Modules.name]
    if modules.failure is not None:
        raise modules.failure.with_traceback(None)
    return modules


class Ranks(SchedulerPlugin):
    """Gives each worker that asks for a rank the lowest that no other living worker has, from 1 on.

    It runs in the scheduler, which knows the workers and handles one request at a time.
    """

    name = "sermod-ranks"
    idempotent = True  # a worker keeps its rank from one modules_on() to the next

    def __init__(self) -> None:
        self._ranks: dict[str, int] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Let workers call :meth:`rank_of`."""
        self._scheduler = scheduler
        scheduler.handlers["sermod_rank"] = self.rank_of

    def rank_of(self, worker: str) -> int:
        """Return the rank of the worker at that address."""
        address = self._scheduler.coerce_address(worker)
        if address not in self._scheduler.workers:
            raise LookupError(f"{address} asks for a rank, and is no longer a worker of this scheduler; start it again")
        if address not in self._ranks:
            self._ranks[address] = lowest_free_rank(self._ranks.values())
        return self._ranks[address]

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **kwargs: Any) -> None:
        """Free the rank of a worker that has ended."""
        self._ranks.pop(worker, None)


class Modules(WorkerPlugin):
    """Runs the lifecycle of the modules in one worker.

    All functions of the modules run in the thread that also runs the tasks. So two of them never run at the same time,
    and no thread uses what another has opened.

    Args:
        configure: The function that loads the modules.

    Attributes:
        life: The lifecycle of the modules.
        route: The route for each message.
        failure: The error that kept the modules from being initialised, or ``None``.
    """

    name = "sermod"

    def __init__(self, configure: Configure) -> None:
        self._configure = configure
        self.life: Lifecycle[Any]
        self.route: Route[Any]
        self.failure: Exception | None = None

    async def setup(self, worker: Worker) -> None:
        """Initialise the modules, when the block begins or the worker joins the cluster."""
        await asyncio.get_running_loop().run_in_executor(worker.executor, self._begin, worker)

    async def teardown(self, worker: Worker) -> None:
        """Clean up the modules, when the block ends or the worker ends in order."""
        await asyncio.get_running_loop().run_in_executor(worker.executor, self._end, worker)

    def _begin(self, worker: Worker) -> None:
        # Dask does not report an error in a worker that joins later, so modules_here() raises it.
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
            except Exception as failure:  # noqa: BLE001 - it becomes a note on the first error
                error.add_note(f"and while cleaning up: {failure!r}")
            raise


def _check_threads(threads: int) -> None:
    if threads != 1:
        message = (
            f"modules handle one message at a time in a process, and this worker has {threads} threads; start workers "
            f"with threads_per_worker=1, or with dask worker --nthreads 1"
        )
        raise LifecycleError(message, state=State.CONFIGURING, call="setup()")


def _attempt(function: Callable[[], None], worker: Worker) -> Exception | None:
    """Call a function, and return its error in a form that can be sent to a process without the modules.

    An error of sermod's own is sent without its cause, whose traceback becomes a note; of any other, only the text.
    """
    try:
        function()
    except Exception as error:  # noqa: BLE001 - any error is sent to the client
        where = f"in worker {worker.name} at {worker.contact_address}, process {os.getpid()}"
        if not isinstance(error, SermodError):
            return RuntimeError(f"{where}:\n{''.join(traceback.format_exception(error)).rstrip()}")
        error.add_note(where)
        if text := getattr(error, "traceback", None):
            error.add_note(text.rstrip())
        error.__cause__ = error.__context__ = None
        return error
    return None
