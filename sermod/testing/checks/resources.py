"""The resources of a process: what a module may leave behind, or share with the wrong process."""

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

from sermod._forking import signal_name

Key: TypeAlias = tuple[int, int]
"""The device and inode number of a file, a socket or a pipe. They are the same in every process that has it open."""

_THREAD_ENDS_WITHIN: Final = 1.0
"""The number of seconds for which the checks wait for a thread to end."""


@attrs.frozen
class Resources:
    """The resources that this process has at one time.

    Attributes:
        descriptors: Each open file, socket and pipe, with its name for messages.
        unshareable: Those of them that two children cannot use without disturbing each other.
        threads: The running threads.
        handlers: The handler of each signal.
    """

    descriptors: dict[Key, str]
    unshareable: dict[Key, str]
    threads: tuple[threading.Thread, ...]
    handlers: dict[int, Any]

    @classmethod
    def now(cls) -> Resources:
        """Return the resources that this process has now."""
        gc.collect()  # an unreachable file or socket is not left behind
        found = [*_descriptors()]
        return cls(
            {key: name for key, name, _ in found},
            {key: name for key, name, unshareable in found if unshareable},
            tuple(threading.enumerate()),
            {number: signal.getsignal(number) for number in signal.valid_signals()},
        )

    def new_since(self, before: Resources) -> list[str]:
        """Return the names of the resources that were not there before."""
        new = [name for key, name in self.descriptors.items() if key not in before.descriptors]
        new += [f"the thread {thread.name!r}" for thread in self.threads if self._is_new(thread, before)]
        return new + [
            f"a handler of {signal_name(number)}"
            for number, handler in self.handlers.items()
            if handler != before.handlers[number]
        ]

    @staticmethod
    def _is_new(thread: threading.Thread, before: Resources) -> bool:
        if thread in before.threads:
            return False
        thread.join(_THREAD_ENDS_WITHIN)
        return thread.is_alive()


def _descriptors() -> Iterator[tuple[Key, str, bool]]:
    """Yield each open file, socket and pipe: its key, its name for messages, and whether children cannot share it."""
    for number in map(int, os.listdir("/dev/fd")):  # noqa: PTH208 - a Path would open each of them
        with contextlib.suppress(OSError):  # the descriptor that os.listdir() used is closed
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
            return f"the socket {sock.getsockname() or 'without an address'}", False
        connected = sock.type == socket.SOCK_STREAM
        return f"the {'connection' if connected else 'socket'} to {peer or 'a process'}", connected


def _file(number: int) -> tuple[str, bool]:
    import fcntl

    name = os.readlink(f"/dev/fd/{number}") if os.path.islink(f"/dev/fd/{number}") else "a file"  # noqa: PTH114, PTH115
    flags = fcntl.fcntl(number, fcntl.F_GETFL)
    writable = flags & os.O_ACCMODE != os.O_RDONLY
    # Appended lines stay whole. All other writing moves the position in the file, which the children share.
    return f"the open file {name}", writable and not flags & os.O_APPEND
