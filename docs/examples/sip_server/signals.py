"""Lets a loop wait for SIGINT and SIGTERM and for its socket at once."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class StopSignals:
    """Notes the signals that end a process, from the entry into the context on.

    The handler raises no exception, so the message that a signal interrupts is handled to its end. The handlers remain
    when the context is left: the process ends then, and a second signal must not interrupt that.

    Args:
        sock: The socket to wait for.

    Attributes:
        requested: Whether a signal has come.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.requested = False
        self._socket = sock

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # a shell has programs in the background ignore SIGINT
                signal.signal(number, self._note)
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._selector.register(self._socket, selectors.EVENT_READ)
        # Each signal is written to this socket. So wait() returns also for a signal that came right before it.
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for closing in (self._selector, self._reader, self._writer):
            closing.close()

    def wait(self) -> None:
        """Wait until the socket is readable or any signal has come."""
        self._selector.select()
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
