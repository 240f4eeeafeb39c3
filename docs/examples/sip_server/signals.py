"""SIGINT and SIGTERM as something that a loop can wait for, beside its socket."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class StopSignals:
    """Notes the signals that are to end a process, from entering the context on.

    An exception would break off the message that is being handled when one comes; so it is handled to its end. The
    handlers stay when the context is left, since then the process ends anyway, and a second signal should not disturb.

    Args:
        sock: The socket that is waited for as well.

    Attributes:
        requested: Whether one has come.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.requested = False
        self._socket = sock

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # as a shell has it for what it runs in the background
                signal.signal(number, self._note)
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._selector.register(self._socket, selectors.EVENT_READ)
        # It is written to when a signal comes, so that none is missed which comes right before the waiting begins.
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for one in (self._selector, self._reader, self._writer):
            one.close()

    def wait(self) -> None:
        """Wait until the socket is readable, or any signal has come."""
        self._selector.select()
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
