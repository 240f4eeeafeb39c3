"""SIGINT and SIGTERM as an event that a loop can wait for."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class StopSignals:
    """Notes the signals that are to end the server, from entering the context to leaving it.

    Attributes:
        requested: Whether one has come.
    """

    def __init__(self) -> None:
        self.requested = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {n: signal.signal(n, self._note) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def fileno(self) -> int:
        """Return a descriptor that is readable once any signal has come."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Make the descriptor unreadable again, since other signals wake it as well."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
