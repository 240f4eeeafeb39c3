"""The signals that end a server: noted by the main process while it serves."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType, TracebackType
from typing import Any, Final, Self, TypeAlias

from sermod._forking import close_in_forks, keep_in_forks

Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Terminated(SystemExit):
    """Raised in a worker by the signal that ends it. Its code is the one that a shell gives for the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class StopSignals:
    """Notes the first signal that is to end the server, while the context is entered.

    Signal handlers belong to the main thread: in another thread, and if *active* is false, no signal is touched or
    noted. A signal that the host ignores stays ignored, and a handler that is not Python's stays in place.

    Args:
        active: Whether to note signals at all.

    Attributes:
        noted: The first signal that arrived, or ``None``.
    """

    def __init__(self, *, active: bool = True) -> None:
        self.noted: signal.Signals | None = None
        self._active = active and threading.current_thread() is threading.main_thread()
        self._raising = False
        self._handlers_before: dict[signal.Signals, Handler] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        if self._active:
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)
            close_in_forks(self._close)
            # Python's handlers run some time after the signal: the descriptor wakes a wait that has begun in between.
            self._wakeup_before = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            for number in STOP_SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._handlers_before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self._active:
            for number, handler in self._handlers_before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wakeup_before, warn_on_full_buffer=False)
            keep_in_forks(self._close)
            self._close()

    def fileno(self) -> int | None:
        """Return the descriptor that is readable once a signal has arrived; ``None`` if signals are not noted."""
        return None if self._pipe is None else self._pipe[0]

    def clear(self) -> None:
        """Empty the descriptor's pipe; signals of other kinds write to it as well."""
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                os.read(self._pipe[0], 4096)

    @contextlib.contextmanager
    def raising(self) -> Generator[None]:
        """Raise :class:`Terminated` in the block as soon as a signal arrives, or if one has."""
        self._raising = True
        try:
            if self.noted is not None:
                raise Terminated(self.noted)
            yield
        finally:
            self._raising = False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.noted is None:
            self.noted = signal.Signals(number)
            if self._raising:
                raise Terminated(number)

    def _close(self) -> None:
        for end in self._pipe or ():
            os.close(end)
        self._pipe = None
