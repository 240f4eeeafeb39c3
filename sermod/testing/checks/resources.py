"""What a process has that a module may leave behind, or share with the wrong process."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import attrs

Key: TypeAlias = tuple[int, int]
"""The device and the number of a file, a socket or a pipe: it is the same in every process that has it."""

_ENDING: Final = 1.0
"""How many seconds a thread that is about to end is given for that."""


@attrs.frozen
class Resources:
    """What this process has.

    Attributes:
        descriptors: Each open file, socket and pipe, with a text that says what it is.
        shareable: Those of them that no two children can use without getting into each other's way.
        threads: The running threads.
        handlers: The handler of each signal.
    """

    descriptors: dict[Key, str]
    shareable: dict[Key, str]
    threads: tuple[threading.Thread, ...]
    handlers: dict[int, Any]

    @classmethod
    def now(cls) -> Resources:
        """Return what this process has now."""
        gc.collect()  # what nobody can reach any more is not left behind
        found = [*_descriptors()]
        return cls(
            {key: text for key, text, _ in found},
            {key: text for key, text, shareable in found if shareable},
            tuple(threading.enumerate()),
            {number: signal.getsignal(number) for number in signal.valid_signals()},
        )

    def new_since(self, before: Resources) -> list[str]:
        """Return what there is that was not there before, in words."""
        new = [text for key, text in self.descriptors.items() if key not in before.descriptors]
        new += [f"the thread {thread.name!r}" for thread in self.threads if self._is_new(thread, before)]
        return new + [
            f"a handler of {signal.Signals(number).name}"
            for number, handler in self.handlers.items()
            if handler != before.handlers[number]
        ]

    @staticmethod
    def _is_new(thread: threading.Thread, before: Resources) -> bool:
        if thread in before.threads:
            return False
        thread.join(_ENDING)
        return thread.is_alive()


def _descriptors() -> Iterator[tuple[Key, str, bool]]:
    """Yield each open file, socket and pipe: its key, what it is, and whether children cannot share it."""
    for number in map(int, os.listdir("/dev/fd")):  # noqa: PTH208 - a Path would open each of them
        with contextlib.suppress(OSError):  # the one by which the directory was listed is closed again
            status = os.fstat(number)
            key = (status.st_dev, status.st_ino)
            if stat.S_ISSOCK(status.st_mode):
                yield key, *_socket(number)
            elif stat.S_ISREG(status.st_mode):
                yield key, *_file(number)
            elif stat.S_ISFIFO(status.st_mode):
                yield key, "a pipe", False


def _socket(number: int) -> tuple[str, bool]:
    with socket.socket(fileno=os.dup(number)) as sock:
        try:
            peer = sock.getpeername()
        except OSError:
            return f"the socket {sock.getsockname()}", False
        connected = sock.type == socket.SOCK_STREAM
        return f"the {'connection' if connected else 'socket'} to {peer or 'a process'}", connected


def _file(number: int) -> tuple[str, bool]:
    import fcntl

    name = os.readlink(f"/dev/fd/{number}") if os.path.islink(f"/dev/fd/{number}") else "a file"  # noqa: PTH114, PTH115
    flags = fcntl.fcntl(number, fcntl.F_GETFL)
    writable = flags & os.O_ACCMODE != os.O_RDONLY
    # Lines that are appended stay whole; anything else moves the position that all children share.
    return f"the open file {name}", writable and not flags & os.O_APPEND
