"""The resources of a process: what a module may leave behind, or share with the wrong process."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from sermod._forking import signal_name
from sermod._problems import listed

Key: TypeAlias = tuple[int, int]
"""The device and inode number of a file, a socket or a pipe. They are the same in every process that has it open."""

_ENDS_WITHIN: Final = 1.0
"""The number of seconds for which the checks wait for a thread or a process to end."""
_PAUSE: Final = 0.01
"""The number of seconds between two looks at a process that is to end."""
_PROC: Final = Path("/proc")
"""Where Linux shows processes. Elsewhere there is nothing, and the checks see no process that a module leaves."""
_ZOMBIE: Final = "Z"
"""The state of a process that has ended and for which its parent has not waited."""


@attrs.frozen
class Resources:
    """The resources that this process has at one time.

    Attributes:
        descriptors: Each open file, socket and pipe, with its name for messages.
        unshareable: Those of them that two children cannot use without disturbing each other.
        threads: The running threads.
        handlers: The handler of each signal.
        processes: The name of each child process that runs, by its id.
        directory: The working directory; ``None`` if it is no more.
        umask: The mask of the permissions of new files.
        environment: The environment variables.
    """

    descriptors: dict[Key, str]
    unshareable: dict[Key, str]
    threads: tuple[threading.Thread, ...]
    handlers: dict[int, Any]
    processes: dict[int, str]
    directory: str | None
    umask: int
    environment: dict[str, str]

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
            dict(_child_processes()),
            _directory(),
            _umask(),
            dict(os.environ),
        )

    def new_since(self, before: Resources) -> list[str]:
        """Return the names of the resources that were not there before, and of what has changed."""
        new = [name for key, name in self.descriptors.items() if key not in before.descriptors]
        new += [f"the thread {thread.name!r}" for thread in self.threads if self._is_new(thread, before)]
        new += [
            f"the process {pid} ({name})"
            for pid, name in self.processes.items()
            if pid not in before.processes and _goes_on(pid)
        ]
        new += [
            f"a handler of {signal_name(number)}"
            for number, handler in self.handlers.items()
            if handler != before.handlers[number]
        ]
        return [*new, *self._changes_since(before)]

    def _changes_since(self, before: Resources) -> Iterator[str]:
        if self.directory != before.directory:
            yield f"a changed working directory ({self.directory!r}, it was {before.directory!r})"
        if self.umask != before.umask:
            yield f"a changed umask ({self.umask:#05o}, it was {before.umask:#05o})"
        changed = {name for name, _ in self.environment.items() ^ before.environment.items()}
        if changed:  # the values may be secret
            yield f"a changed environment ({listed(changed)})"

    @staticmethod
    def _is_new(thread: threading.Thread, before: Resources) -> bool:
        if thread in before.threads:
            return False
        thread.join(_ENDS_WITHIN)
        return thread.is_alive()


def _child_processes() -> Iterator[tuple[int, str]]:
    """Yield the id and the name of each child process that runs."""
    for file in (_PROC / "self" / "task").glob("*/children"):
        for pid in map(int, file.read_text().split()):
            name = _running(pid)
            if name is not None:
                yield pid, name


def _running(pid: int) -> str | None:
    """Return the name of a process, or ``None`` if it has ended."""
    try:
        name, _, rest = (_PROC / str(pid) / "stat").read_text(errors="replace").partition("(")[2].rpartition(") ")
    except OSError:
        return None
    return None if rest.startswith(_ZOMBIE) else name


def _goes_on(pid: int) -> bool:
    """Return whether a process has not ended after the time in which it may."""
    latest = time.monotonic() + _ENDS_WITHIN
    while _running(pid) is not None:
        if time.monotonic() > latest:
            return True
        time.sleep(_PAUSE)
    return False


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as the module would see it
    except FileNotFoundError:
        return None


def _umask() -> int:
    umask = os.umask(0o077)  # the only way to read it is to set it
    os.umask(umask)
    return umask


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
