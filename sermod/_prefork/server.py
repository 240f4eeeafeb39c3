"""A server of forked children: init, fork, per-child init, work, supervision, clean-up (spec, sections 1.4 and 1.5)."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from sermod._core.lifecycle import Lifecycle, State
from sermod._interface.ranks import PROC_MAIN
from sermod._prefork.events import Event
from sermod._prefork.settings import RestartPolicy, Settings, Worker, ranks_of
from sermod._prefork.signals import StopSignals
from sermod.errors import LifecycleError

if TYPE_CHECKING:  # what a server is made of is imported once there is one
    from sermod._prefork.failures import Failures
    from sermod._prefork.supervisor import Supervisor


class _Phase(StrEnum):
    NEW = "not started"
    ALONE = "serving without children"
    RUNNING = "running"
    OVER = "over"


def serve(
    life: Lifecycle[Any],
    worker: Worker,
    children: int | Iterable[int] = 4,
    *,
    restart: RestartPolicy | None = None,
    init_main: bool = False,
    ready_timeout: float | None = None,
    stop_timeout: float = 10.0,
    on_event: Callable[[Event], object] | None = None,
    handle_signals: bool = True,
) -> signal.Signals | None:
    """Run a server of children to its end: init, fork, per-child init, work, supervision, clean-up.

    It returns in the main process alone, once no child is left and every ``destroy_f`` has run. It is
    ``Prefork(...).serve()``; a host that wants to stop it by itself makes the :class:`Prefork`, and calls
    :meth:`~Prefork.stop` from *on_event*.

    Args:
        life: The lifecycle, which is not initialised yet.
        worker: The work: called in each child, with its rank, once that is initialised. A child whose worker returns
            has ended unasked.
        children: The number of children, which then have the ranks 1, 2, 3 and so on; or the ranks themselves; or 0: no
            fork, this one process acts as the child of rank 1, and the end of the worker is the end of the server.
        restart: How often children that died are restarted, in the same rank; ``None``: never, the server ends.
        init_main: Initialise the main process, too, as ``PROC_MAIN``, once all children are forked.
        ready_timeout: How many seconds a child may take until it is initialised; ``None``: as many as it wants.
        stop_timeout: How many seconds a child has to end after ``SIGTERM``, before it is sent ``SIGKILL``.
        on_event: Called in the main process with each event.
        handle_signals: End in order on ``SIGTERM`` and ``SIGINT``. Where this is not the main thread, they are left
            alone whatever is said here.

    Returns:
        The signal that ended it; ``None`` where :meth:`Prefork.stop` did, or, without children, the end of the worker.

    Raises:
        ModuleInitError: An ``init_f`` failed.
        FixupError: A fixup refused a parameter.
        ChildInitError: An ``init_child_f`` failed in a child, or it was not ready in time.
        ChildDiedError: A child ended unasked, and is not restarted.
        OSError: The system refused to fork.
        LifecycleError: The lifecycle is initialised already.
        TypeError: An argument is of a wrong type.
        ValueError: An argument has a wrong value.
    """
    server = Prefork(
        life,
        worker,
        children,
        restart=restart,
        init_main=init_main,
        ready_timeout=ready_timeout,
        stop_timeout=stop_timeout,
        on_event=on_event,
    )
    return server.serve(handle_signals=handle_signals)


class Prefork:
    """A server of children in steps, for a host that has a loop of its own.

    :meth:`start` it, :meth:`poll` it whenever its descriptor is readable, :meth:`stop` it; as a context manager it does
    the first on entry and the last on exit. All of that belongs to the process and the thread that made it. It leaves
    signals alone: the host calls :meth:`stop` when one comes.

    Args:
        life: As for :func:`serve`.
        worker: As for :func:`serve`.
        children: As for :func:`serve`; 0 is for :meth:`serve` alone.
        restart: As for :func:`serve`.
        init_main: As for :func:`serve`.
        ready_timeout: As for :func:`serve`.
        stop_timeout: As for :func:`serve`.
        on_event: As for :func:`serve`.

    Raises:
        TypeError: An argument is of a wrong type.
        ValueError: An argument has a wrong value.
    """

    def __init__(
        self,
        life: Lifecycle[Any],
        worker: Worker,
        children: int | Iterable[int] = 4,
        *,
        restart: RestartPolicy | None = None,
        init_main: bool = False,
        ready_timeout: float | None = None,
        stop_timeout: float = 10.0,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        if not isinstance(life, Lifecycle):
            raise TypeError(f"Prefork() takes a Lifecycle first (got {life!r}); write Lifecycle(registry)")
        if not callable(worker):
            raise TypeError(f"Prefork() takes the worker, a function of the rank, second (got {worker!r})")
        self._settings = Settings(ranks_of(children), restart, init_main, ready_timeout, stop_timeout, on_event)
        self._life = life
        self._worker = worker
        self._home = (os.getpid(), threading.get_ident())
        self._phase = _Phase.NEW
        self._busy = False
        self._signals = StopSignals(active=False)
        self._supervisor: Supervisor
        self._told: list[Event] = []

    # The steps ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Initialise the modules, fork the children, and return; they are ready when the events say so.

        Where it fails, no child is left, and the modules are cleaned up.

        Raises:
            ModuleInitError: An ``init_f`` failed.
            FixupError: A fixup refused a parameter.
            ChildInitError: With *init_main*, an ``init_child_f`` failed in the main process.
            OSError: The system refused to fork; the message says how far it came.
            LifecycleError: The lifecycle is initialised already, this was called before, or no children are wanted.
        """
        with self._at_work("start()"):
            self._check_new("start()")
            if not self._settings.ranks:
                raise self._error("start()", "there are to be no children: call serve(), which does without")
            from sermod._prefork.supervisor import Supervisor

            self._supervisor = Supervisor(self._life, self._worker, self._settings, self._signals)
            self._phase = _Phase.RUNNING
            try:
                self._life.init()
            except BaseException:
                self._end()
                raise
            try:
                self._supervisor.fork_first()
                self._tell()
                if self._settings.init_main and not self._supervisor.stopping:
                    self._life.init_child(PROC_MAIN)
            except BaseException as error:  # noqa: BLE001 - it is raised once no child is left
                self._fail(error)

    def poll(self, timeout: float | None = 0) -> list[Event]:
        """Do what there is to do, and tell what has happened since the last call.

        Args:
            timeout: For how many seconds to wait for something to happen; ``None``: for as long as it takes.

        Returns:
            The events, which ``on_event`` has been told already. :class:`~sermod.Stopped` is the last; the call after
            that raises what ended the server, where that was an error, and leaves it not :attr:`running`.

        Raises:
            ChildInitError: An ``init_child_f`` failed in a child, or it was not ready in time.
            ChildDiedError: A child ended unasked, and is not restarted.
            OSError: The system refused to fork a child again, too often.
            ExceptionGroup: The server was stopped, and a ``destroy_f`` raised.
            LifecycleError: It was not started.
        """
        with self._at_work("poll()"):
            if self._phase in (_Phase.NEW, _Phase.ALONE):
                raise self._error("poll()", "call start() first")
            supervisor, until = self._supervisor, None if timeout is None else time.monotonic() + timeout
            if self.running and supervisor.stopped and not supervisor.happened:
                self._end()
                supervisor.failures.reraise()
            while self.running and not (self._told or supervisor.happened):
                supervisor.step(until)
                if until is not None and time.monotonic() >= until:
                    break
            self._tell()
            told, self._told = self._told, []
            return told

    def stop(self, *, wait: bool = True) -> None:
        """Stop the server in order: ``SIGTERM``, after ``stop_timeout`` ``SIGKILL``, and the clean-up of the modules.

        Where the server is not running, there is nothing to do. Called from ``on_event``, it only begins to stop, and
        what calls ``on_event`` goes on with it.

        Args:
            wait: Return once all of that is done; otherwise :meth:`poll` goes on with it.

        Raises:
            ChildInitError: As for :meth:`poll`, where that happened before.
            ChildDiedError: Likewise.
            OSError: Likewise.
            ExceptionGroup: A ``destroy_f`` raised.
            LifecycleError: Nothing is forked: then the end of the worker is the end.
        """
        self._check_home("stop()")
        if self._phase is _Phase.ALONE:
            raise self._error("stop()", "nothing is forked, so let the worker return")
        if not self.running:
            return
        self._supervisor.begin_stop("stop() was called")
        if wait and not self._busy:
            with self._at_work("stop()"):
                self._run_out()
            self._supervisor.failures.reraise()

    def serve(self, *, handle_signals: bool = True) -> signal.Signals | None:
        """Run the server to its end, as :func:`serve` does.

        Args:
            handle_signals: As for :func:`serve`.

        Returns:
            As for :func:`serve`.

        Raises:
            SermodError: As for :func:`serve`.
            OSError: As for :func:`serve`.
        """
        self._check_home("serve()")
        self._check_new("serve()")
        with StopSignals(active=handle_signals) as self._signals:
            if not self._settings.ranks:
                self._phase = _Phase.ALONE
                from sermod._prefork.single_process import serve_alone

                return serve_alone(self._life, self._worker, self._signals, self._tell_of)
            try:
                self.start()
                while self.running:
                    self.poll(None)
            except BaseException as error:
                if self.running:
                    self._fail(error)
                raise
        return self._supervisor.ended_by

    # What to wait for -----------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether there is something to :meth:`poll`: from :meth:`start` on, until all is over and told."""
        return self._phase is _Phase.RUNNING

    @property
    def children(self) -> dict[int, int]:
        """The process id of each child, by rank."""
        return {child.rank: child.pid for child in self._supervisor.children} if self.running else {}

    def fileno(self) -> int:
        """Return the descriptor to wait on: it is readable when :meth:`poll` has something to tell.

        Raises:
            LifecycleError: The server is not running.
        """
        if not self.running:
            raise self._error("fileno()", "there is a descriptor from start() on, until the end")
        return self._supervisor.children.fileno()

    def timeout(self) -> float | None:
        """Return after how many seconds to call :meth:`poll` although the descriptor is silent; ``None``: never."""
        return self._supervisor.timeout() if self.running else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.stop()

    # Telling --------------------------------------------------------------------------------------------------------

    def _tell(self, *, keep: Failures | None = None) -> None:
        """Tell of everything that has happened; *keep* takes what ``on_event`` raises, where nothing may be raised."""
        while self._supervisor.happened:
            event = self._supervisor.happened.popleft()
            self._told.append(event)
            try:
                self._tell_of(event)
            except BaseException as error:
                if keep is None:
                    raise
                keep.add(error)

    def _tell_of(self, event: Event) -> None:
        import logging  # slow to import, and nothing of it is needed before

        logging.getLogger("sermod").log(event.level, "%s", event)
        if self._settings.on_event is not None:
            self._settings.on_event(event)

    # The end --------------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> NoReturn:
        """Stop because of an error, and raise it."""
        self._supervisor.begin_stop(f"{type(error).__name__} was raised: {error}", failure=error)
        self._run_out()
        raise self._supervisor.failures.first or error

    def _run_out(self) -> None:
        """Go on until no child is left and the modules are cleaned up."""
        supervisor = self._supervisor
        while not supervisor.stopped:
            supervisor.step(None)
            self._tell(keep=supervisor.failures)
        self._end()

    def _end(self) -> None:
        self._supervisor.children.close()
        self._phase = _Phase.OVER

    # Whose it is ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _at_work(self, call: str) -> Generator[None]:
        self._check_home(call)
        if self._busy:
            raise self._error(
                call, "on_event is called from within start(), poll() or stop(); stop() is all it may call"
            )
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _check_home(self, call: str) -> None:
        pid, thread = self._home
        if os.getpid() != pid:
            raise self._error(call, f"it belongs to the main process, {pid}, and this is process {os.getpid()}")
        if threading.get_ident() != thread:
            raise self._error(call, "it belongs to the thread that made it, and this is another")

    def _check_new(self, call: str) -> None:
        if self._phase is not _Phase.NEW:
            raise self._error(call, "it runs once; make a new registry, a new lifecycle and a new Prefork")
        if self._life.state is not State.CONFIGURING:
            raise self._error(
                call, f"it initialises the lifecycle itself, and this one is {self._life.state}: give it a new one"
            )
        if self._settings.ranks and not hasattr(os, "fork"):
            raise NotImplementedError(f"{call}: this system has no fork; children=0 does without")

    def _error(self, call: str, advice: str) -> LifecycleError:
        message = f"{call} has no place here, with this server {self._phase}: {advice}"
        return LifecycleError(message, state=self._phase, call=call)
