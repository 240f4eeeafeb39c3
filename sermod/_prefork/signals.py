"""SIGTERM and SIGINT, noted by the main process while it serves."""

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
    """Raised in the middle of a worker that is to end. Its code is the one that a shell gives for the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class StopSignals:
    """Notes the first signal that is to end the server, from entering the context to leaving it.

    Signal handlers belong to the main thread: in another, and where *active* is false, nothing is touched and nothing
    noted. What the host ignores stays ignored, and a handler that is not Python's stays in place.

    Args:
        active: Whether signals are to be noted at all.

    Attributes:
        noted: The first that came, or ``None``.
    """

    def __init__(self, *, active: bool = True) -> None:
        self.noted: signal.Signals | None = None
        self._active = active and threading.current_thread() is threading.main_thread()
        self._raising = False
        self._before: dict[signal.Signals, Handler] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        if self._active:
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)
            close_in_forks(self._close)
            # A handler of Python's runs some time after its signal: the descriptor wakes who is asleep by then.
            self._wakeup_before = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            for number in STOP_SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self._active:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wakeup_before, warn_on_full_buffer=False)
            keep_in_forks(self._close)
            self._close()

    def fileno(self) -> int | None:
        """Return the descriptor that is readable once a signal has come; ``None`` where none is noted."""
        return None if self._pipe is None else self._pipe[0]

    def clear(self) -> None:
        """Make the descriptor unreadable again: signals of other kinds wake it as well."""
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                os.read(self._pipe[0], 4096)

    @contextlib.contextmanager
    def raising(self) -> Generator[None]:
        """Raise :class:`Terminated` in the block as soon as a signal comes, or has come: nobody polls while it runs."""
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
