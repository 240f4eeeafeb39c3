"""asyncio: a life in the one process that has the loop, or children that the loop looks after."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self

from sermod._core.lifecycle import Lifecycle
from sermod._interface.exports import MsgT
from sermod._prefork.events import ChildReady
from sermod._prefork.failures import Failures
from sermod._prefork.server import Prefork
from sermod._prefork.signals import STOP_SIGNALS, Handler
from sermod.errors import LifecycleError


@asynccontextmanager
async def initialised(life: Lifecycle[MsgT]) -> AsyncGenerator[Lifecycle[MsgT]]:
    """Run a life in this one process: it initialises the modules, acts as the child of rank 1, and cleans up.

    It is the core's ``fork=no`` (spec, sections 1.4 and 1.5). The functions that run at the start and at the end are no
    coroutine functions, and the loop waits for them. The block runs routes by ``life.run_route_async``; whatever does
    so has to end with it, since each ``destroy_f`` runs when it is left, for whatever reason that is.

    Args:
        life: The lifecycle, which is not initialised yet.

    Yields:
        The same lifecycle.

    Raises:
        ModuleInitError: An ``init_f`` failed.
        FixupError: A fixup refused a parameter.
        MissingParamError: Parameters that are required are not set.
        ChildInitError: An ``init_child_f`` failed; the modules are cleaned up.
        ExceptionGroup: What each ``destroy_f`` raised.
        LifecycleError: The lifecycle was initialised before.
    """
    with life:
        life.init_child(1)
        yield life


class AsyncPrefork:
    """Runs a :class:`~sermod.Prefork` from an event loop, which goes on meanwhile.

    As an asynchronous context manager it starts the server on entry, and returns when every child is ready; on exit it
    stops the server, and returns when no child is left and the modules are cleaned up. A cancellation stops it as well,
    and waits for that, no longer than ``stop_timeout``. Then all is as it was before: descriptors, signals, loop.

    What the main process does itself, the loop waits for: each ``init_f`` and ``destroy_f``, ``on_event``, and forking.
    It belongs to the process and the thread that made the server, and whose loop it is.

    Args:
        server: The server, which is not started yet. No other code polls it.
        handle_signals: Stop it on ``SIGTERM`` and ``SIGINT``. What is ignored stays ignored.

    Raises:
        ModuleInitError: An ``init_f`` failed; raised on entry, as are the next three.
        FixupError: A fixup refused a parameter.
        ChildInitError: An ``init_child_f`` failed in a child, or it was not ready in time.
        OSError: The system refused to fork.
        ChildDiedError: A child ended by itself, and is not restarted. Raised on entry where it was not ready, otherwise
            by :meth:`wait_stopped`, and on exit.
        ExceptionGroup: A ``destroy_f`` raised; raised like the last.
        LifecycleError: The server was started before, or is another thread's.
        ValueError: The loop has a handler of its own for one of the signals.
        RuntimeError: Signals are to be handled, and this is not the main thread.
    """

    def __init__(self, server: Prefork, *, handle_signals: bool = False) -> None:
        self._server = server
        self._handle_signals = handle_signals
        self._loop: asyncio.AbstractEventLoop
        self._started: asyncio.Future[None]
        self._ended: asyncio.Future[signal.Signals | None]
        self._put_back: ExitStack
        self._awaited: set[int]
        self._descriptor: int
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._ended_by: signal.Signals | None = None
        self._failures = Failures()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._started, self._ended = self._loop.create_future(), self._loop.create_future()
        with ExitStack() as stack:
            if self._handle_signals:
                stack.enter_context(_handling(self._loop, self._stop))
            self._server.start()
            self._awaited = {*self._server.children}
            self._descriptor = self._server.fileno()
            self._loop.add_reader(self._descriptor, self._poll)
            self._poll()
            try:
                await asyncio.wait((self._started, self._ended), return_when=asyncio.FIRST_COMPLETED)
                if self._ended.done():
                    self._ended.result()
            except BaseException:
                await self._finish()
                raise
            self._put_back = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        with self._put_back:
            await self._finish()

    def stop(self) -> None:
        """Begin to stop the server, in order, and return at once. Called in the thread of the loop."""
        self._stop(None)

    async def wait_stopped(self) -> signal.Signals | None:
        """Wait until no child is left and the modules are cleaned up. It may be called by several tasks.

        Returns:
            The signal that ended the server; ``None`` where :meth:`stop` did, or ``Prefork.stop``.

        Raises:
            ChildDiedError: A child ended by itself, and is not restarted.
            OSError: The system refused to fork a child again, too often.
            ExceptionGroup: The server was stopped, and a ``destroy_f`` raised.
            Exception: What ``on_event`` raised.
            LifecycleError: The block is not entered.
        """
        if not hasattr(self, "_ended"):
            raise LifecycleError(
                "wait_stopped() waits for the end of a server that is started: enter the block first, async with "
                "AsyncPrefork(...) as children",
                state="not started",
                call="wait_stopped()",
            )
        return await asyncio.shield(self._ended)

    async def _finish(self) -> None:
        self.stop()
        cancelled: asyncio.CancelledError | None = None
        while not self._ended.done():
            try:
                await asyncio.wait((self._ended,))
            except asyncio.CancelledError as error:  # the children must not be left running
                cancelled = error
        self._ended.result()
        if cancelled is not None:
            raise cancelled

    def _stop(self, by_signal: signal.Signals | None) -> None:
        if self._server.running:
            if not self._stopping:
                self._ended_by = by_signal
            self._stopping = True
            self._server.stop(wait=False)
            self._loop.call_soon(self._poll)  # it has other time-outs now

    def _poll(self) -> None:
        if self._ended.done():
            return
        if self._timer is not None:
            self._timer.cancel()
        try:
            for event in self._server.poll():
                if isinstance(event, ChildReady):
                    self._awaited.discard(event.rank)
        except BaseException as error:  # noqa: BLE001 - it is raised once no child is left
            self._failures.add(error)
            self.stop()
        if self._server.running:
            seconds = self._server.timeout()
            self._timer = None if seconds is None else self._loop.call_later(seconds, self._poll)
        else:
            self._loop.remove_reader(self._descriptor)
            if self._failures.first is not None:
                self._ended.set_exception(self._failures.first)
            else:
                self._ended.set_result(self._ended_by)
        if not self._awaited and not self._started.done():
            self._started.set_result(None)


@contextmanager
def _handling(loop: asyncio.AbstractEventLoop, stop: Callable[[signal.Signals], object]) -> Generator[None]:
    """Have the loop call *stop* with each of the signals that end a server."""
    before: dict[signal.Signals, Handler] = {}
    try:
        for number in STOP_SIGNALS:
            handler = signal.getsignal(number)
            if handler in (signal.SIG_IGN, None):
                continue
            loop.add_signal_handler(number, stop, number)
            # A loop has one function for all signals that it handles, and does not tell what it calls then.
            if handler == signal.getsignal(number):
                loop.remove_signal_handler(number)
                raise ValueError(
                    f"AsyncPrefork(handle_signals=True) cannot handle {number.name}, for which this loop has a handler "
                    f"already; let that one call stop(), and leave handle_signals out"
                )
            before[number] = handler
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
