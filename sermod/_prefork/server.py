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

from sermod._core.lifecycle import Lifecycle
from sermod._core.state import State
from sermod._interface.ranks import PROC_MAIN
from sermod._prefork.events import Event
from sermod._prefork.settings import RestartPolicy, Settings, Worker, ranks_of
from sermod._prefork.signals import StopSignals
from sermod._problems import repr_of, text_of
from sermod.errors import LifecycleError

if TYPE_CHECKING:  # what a server is made of is imported once there is one
    from sermod._prefork.failures import Failures
    from sermod._prefork.supervisor import Supervisor


class _Phase(StrEnum):
    NEW = "not started"
    SINGLE_PROCESS = "serving without children"
    RUNNING = "running"
    ENDED = "ended"


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

    It returns only in the main process, once no child is left and every ``destroy_f`` has run. It is the same as
    ``Prefork(...).serve()``: a host that stops the server itself makes the :class:`Prefork`, and calls
    :meth:`~Prefork.stop` from *on_event*.

    Args:
        life: The lifecycle, which is not initialised yet.
        worker: The work: a function, called in each initialised child with its rank. It must run until the child is
            asked to end; a child whose worker returns has died.
        children: The number of children, with the ranks 1, 2, 3 and so on; or the ranks themselves; or 0: nothing is
            forked, this process acts as the child of rank 1, and the server ends when the worker returns.
        restart: How often children that died are restarted, in the same rank; ``None``: the server ends instead.
        init_main: Initialise the main process as well, as ``PROC_MAIN``, once all children are forked.
        ready_timeout: How many seconds a child may take to become ready; ``None``: no limit.
        stop_timeout: How many seconds a child may take to end after ``SIGTERM``, before it is sent ``SIGKILL``.
        on_event: Called in the main process with each event.
        handle_signals: End in order on ``SIGTERM`` and ``SIGINT``. In another thread than the main thread, signals are
            never handled.

    Returns:
        The signal that ended the server; ``None`` if :meth:`Prefork.stop` ended it, or, without children, the worker
        returned.

    Raises:
        ModuleInitError: An ``init_f`` failed.
        FixupError: A fixup refused a parameter.
        ChildInitError: An ``init_child_f`` failed in a child, or it was not ready in time.
        ChildDiedError: A child ended although it was not asked to, and is not restarted.
        OSError: The system refused to fork.
        LifecycleError: The lifecycle is already initialised.
        TypeError: An argument is of the wrong type.
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
    """A server of children in steps, for a host with its own loop.

    Call :meth:`start`, then :meth:`poll` whenever the descriptor is readable, then :meth:`stop`. As a context manager
    it starts on entry and stops on exit. Only the process and the thread that made it may call it. It does not handle
    signals: the host calls :meth:`stop` when one arrives.

    Args:
        life: As for :func:`serve`.
        worker: As for :func:`serve`.
        children: As for :func:`serve`; 0 works with :meth:`serve` only.
        restart: As for :func:`serve`.
        init_main: As for :func:`serve`.
        ready_timeout: As for :func:`serve`.
        stop_timeout: As for :func:`serve`.
        on_event: As for :func:`serve`.

    Raises:
        TypeError: An argument is of the wrong type.
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
            raise TypeError(f"Prefork() takes a Lifecycle first (got {repr_of(life)}); write Lifecycle(registry)")
        if not callable(worker):
            raise TypeError(f"Prefork() takes the worker, a function of the rank, second (got {repr_of(worker)})")
        self._settings = Settings(ranks_of(children), restart, init_main, ready_timeout, stop_timeout, on_event)
        self._life = life
        self._worker = worker
        self._owner = (os.getpid(), threading.get_ident())
        self._phase = _Phase.NEW
        self._busy = False
        self._signals = StopSignals(active=False)
        self._supervisor: Supervisor
        self._emitted: list[Event] = []

    # The steps ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Initialise the modules, fork the children, and return; :class:`~sermod.ChildReady` tells when one is ready.

        If it fails, no child is left, and the modules are cleaned up.

        Raises:
            ModuleInitError: An ``init_f`` failed.
            FixupError: A fixup refused a parameter.
            ChildInitError: With *init_main*, an ``init_child_f`` failed in the main process.
            OSError: The system refused to fork; the message says how many children were forked.
            LifecycleError: The lifecycle is already initialised, start() was called before, or ``children`` is 0.
        """
        with self._at_work("start()"):
            self._check_new("start()")
            if not self._settings.ranks:
                raise self._error("start()", "with children=0 there is nothing to start", "call serve()")
            from sermod._prefork.supervisor import Supervisor

            self._supervisor = Supervisor(self._life, self._worker, self._settings, self._signals)
            self._phase = _Phase.RUNNING
            try:
                self._life.init()
            except BaseException:
                self._close()
                raise
            try:
                self._supervisor.fork_first()
                self._emit_pending()
                if self._settings.init_main and not self._supervisor.stopping:
                    self._life.init_child(PROC_MAIN)
            except BaseException as error:  # noqa: BLE001 - it is raised once no child is left
                self._fail(error)

    def poll(self, timeout: float | None = 0) -> list[Event]:
        """React to what has happened to the children, and return the events since the last call.

        Args:
            timeout: How many seconds to wait for an event; ``None``: no limit.

        Returns:
            The events; ``on_event`` was already called with them. :class:`~sermod.Stopped` is the last event; the call
            after that raises the error that ended the server, if any, and then the server is not :attr:`running`.

        Raises:
            ChildInitError: An ``init_child_f`` failed in a child, or it was not ready in time.
            ChildDiedError: A child ended although it was not asked to, and is not restarted.
            OSError: The system refused to fork a child again, too often.
            ExceptionGroup: The server was stopped, and a ``destroy_f`` raised.
            LifecycleError: The server was not started.
        """
        with self._at_work("poll()"):
            if self._phase in (_Phase.NEW, _Phase.SINGLE_PROCESS):
                raise self._error("poll()", f"the server is {self._phase}", "call start() first")
            supervisor, until = self._supervisor, None if timeout is None else time.monotonic() + timeout
            if self.running and supervisor.stopped and not supervisor.pending:
                self._close()
                supervisor.failures.reraise()
            while self.running and not (self._emitted or supervisor.pending):
                supervisor.step(until)
                if until is not None and time.monotonic() >= until:
                    break
            self._emit_pending()
            events, self._emitted = self._emitted, []
            return events

    def stop(self, *, wait: bool = True) -> None:
        """Stop the server in order: ``SIGTERM``, after ``stop_timeout`` ``SIGKILL``, and the clean-up of the modules.

        If the server is not running, it does nothing. Called from ``on_event``, it only begins to stop; the method that
        called ``on_event`` goes on with it.

        Args:
            wait: Return once the server has stopped; otherwise :meth:`poll` goes on with it.

        Raises:
            ChildInitError: As for :meth:`poll`, if it happened before.
            ChildDiedError: As for :meth:`poll`.
            OSError: As for :meth:`poll`.
            ExceptionGroup: A ``destroy_f`` raised.
            LifecycleError: ``children`` is 0: then the server ends when the worker returns.
        """
        self._check_owner("stop()")
        if self._phase is _Phase.SINGLE_PROCESS:
            raise self._error("stop()", "with children=0 nothing is forked", "let the worker return")
        if not self.running:
            return
        self._supervisor.begin_stop("stop() was called")
        if wait and not self._busy:
            with self._at_work("stop()"):
                self._finish()
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
        self._check_owner("serve()")
        self._check_new("serve()")
        with StopSignals(active=handle_signals) as self._signals:
            if not self._settings.ranks:
                self._phase = _Phase.SINGLE_PROCESS
                from sermod._prefork.single_process import serve_in_this_process

                return serve_in_this_process(self._life, self._worker, self._signals, self._emit)
            try:
                self.start()
                while self.running:
                    self.poll(None)
            except BaseException as error:
                if self.running:
                    self._fail(error)
                raise
        return self._supervisor.ended_by

    # The host's loop -----------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether to call :meth:`poll`: from :meth:`start` on, until the server has ended and its events are read."""
        return self._phase is _Phase.RUNNING

    @property
    def children(self) -> dict[int, int]:
        """The process id of each child, by rank."""
        return {child.rank: child.pid for child in self._supervisor.children} if self.running else {}

    def fileno(self) -> int:
        """Return the descriptor to wait on: it is readable when :meth:`poll` has something to do or to return.

        Raises:
            LifecycleError: The server is not running.
        """
        if not self.running:
            raise self._error("fileno()", f"the server is {self._phase}", "call it after start(), until the end")
        return self._supervisor.children.fileno()

    def timeout(self) -> float | None:
        """Return after how many seconds to call :meth:`poll` without a readable descriptor; ``None``: never."""
        return self._supervisor.timeout() if self.running else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.stop()

    # Events --------------------------------------------------------------------------------------------------------

    def _emit_pending(self, *, failures: Failures | None = None) -> None:
        """Emit all events; if *failures* is given, it takes what ``on_event`` raises."""
        while self._supervisor.pending:
            event = self._supervisor.pending.popleft()
            self._emitted.append(event)
            try:
                self._emit(event)
            except BaseException as error:
                if failures is None:
                    raise
                failures.add(error)

    def _emit(self, event: Event) -> None:
        import logging  # slow to import, and not needed before

        logging.getLogger("sermod").log(event.level, "%s", event)
        if self._settings.on_event is not None:
            self._settings.on_event(event)

    # The end --------------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> NoReturn:
        """Stop because of an error, and raise it."""
        self._supervisor.begin_stop(f"{type(error).__name__} was raised: {text_of(error)}", failure=error)
        self._finish()
        raise self._supervisor.failures.first or error

    def _finish(self) -> None:
        """Go on until no child is left and the modules are cleaned up."""
        supervisor = self._supervisor
        while not supervisor.stopped:
            supervisor.step(None)
            self._emit_pending(failures=supervisor.failures)
        self._close()

    def _close(self) -> None:
        self._supervisor.children.close()
        self._phase = _Phase.ENDED

    # Process and thread ----------------------------------------------------------------------------------------------

    @contextmanager
    def _at_work(self, call: str) -> Generator[None]:
        self._check_owner(call)
        if self._busy:
            raise self._error(call, "on_event may only call stop()", "call it after on_event has returned")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _check_owner(self, call: str) -> None:
        pid, thread = self._owner
        if os.getpid() != pid:
            wrong = f"the server belongs to process {pid}, and this is process {os.getpid()}"
            raise self._error(call, wrong, "call it in the main process")
        if threading.get_ident() != thread:
            raise self._error(call, "the server belongs to another thread", "call it in the thread that made it")

    def _check_new(self, call: str) -> None:
        if self._phase is not _Phase.NEW:
            remedy = "make a new registry, a new lifecycle and a new Prefork"
            raise self._error(call, "a server runs only once", remedy)
        if self._life.state is not State.CONFIGURING:
            wrong = f"the server initialises the lifecycle itself, and this one is {self._life.state}"
            raise self._error(call, wrong, "give it a new one")
        if self._settings.ranks and not hasattr(os, "fork"):
            raise NotImplementedError(f"{call}: this system has no fork(); give children=0")

    def _error(self, call: str, wrong: str, remedy: str) -> LifecycleError:
        return LifecycleError(f"{call}: {wrong}; {remedy}", state=self._phase, call=call)
