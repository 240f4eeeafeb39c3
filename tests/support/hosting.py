"""A host of children in a forked process, which reports to the test."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import socket
import sys
import termios
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest
from making import make_exports

from sermod import Lifecycle, Registry

SECONDS = 60
"""Seconds after which a test fails: nothing takes that long."""

Tell = Callable[[object], None]
"""Sends an object to the test, from the host or from one of its children."""
T = TypeVar("T")


@attrs.frozen
class Outcome:
    """The end of the function of a host.

    Attributes:
        value: The value that it returned.
        error: The exception that it raised instead.
        text: The traceback of the exception.
    """

    value: Any = None
    error: BaseException | None = None
    text: str = ""


class Host:
    """A host, as the test sees it.

    Attributes:
        pid: Its process id.
        heard: The objects that it and its children have sent so far, in this order.
        judged: Whether the test has asked for its outcome.
    """

    def __init__(self, pid: int, receiving: socket.socket) -> None:
        self.pid = pid
        self.heard: list[Any] = []
        self._receiving = receiving
        self.judged = False
        self._outcome: Outcome | None = None

    def hear(self) -> Any:
        """Wait for the next object, and return it."""
        data = self._receiving.recv(1 << 20)
        if not data:
            raise EOFError(f"all processes of the host have ended; it sent: {self.heard}")
        received = pickle.loads(data)  # noqa: S301 - made by our own child
        if isinstance(received, Outcome):
            self._outcome = received
        else:
            self.heard.append(received)
        return received

    def until(self, kind: type[T], count: int = 1) -> list[T]:
        """Wait for *count* further objects of a class, and return them."""
        found: list[T] = []
        while len(found) < count:
            received = self.hear()
            if isinstance(received, Outcome) and not isinstance(received, kind):
                pytest.fail(f"the host ended before that: {received.error!r}\n{received.text}")
            if isinstance(received, kind):
                found.append(received)
        return found

    def all_of(self, kind: type[T], count: int = 1) -> list[T]:
        """Wait until there are *count* objects of a class, earlier ones included, and return them."""
        missing = count - len(self.told(kind))
        if missing > 0:
            self.until(kind, missing)
        return self.told(kind)[:count]

    def told(self, kind: type[T]) -> list[T]:
        """Return the objects of a class that have come so far."""
        return [received for received in self.heard if isinstance(received, kind)]

    def send(self, number: int) -> None:
        """Send the host a signal."""
        os.kill(self.pid, number)

    def kill(self, seconds: float) -> None:
        """Kill the host, and wait at most so many seconds until no process that it has forked is left."""
        self.judged = True
        self._receiving.settimeout(seconds)
        self.send(signal.SIGKILL)
        with contextlib.suppress(EOFError):  # no process has the other end of the socket any more
            while True:
                self.hear()

    def outcome(self) -> Outcome:
        """Wait for the end of the host and of all processes that it has forked; return the end of its function."""
        self.judged = True
        with contextlib.suppress(EOFError):
            while True:
                self.hear()
        if self._outcome is None:
            pytest.fail(f"the host ended without an outcome; it sent: {self.heard}")
        return self._outcome

    def value(self) -> Any:
        """Wait for the end of the host, and return the value of its function."""
        outcome = self.outcome()
        if outcome.error is not None:
            pytest.fail(f"the host failed: {outcome.error!r}\n{outcome.text}")
        return outcome.value

    def error(self, kind: type[T]) -> T:
        """Wait for the end of the host, and return the exception of its function, which must be of that class."""
        outcome = self.outcome()
        if not isinstance(outcome.error, kind):
            pytest.fail(f"the host should have raised {kind.__name__}: {outcome}\n{outcome.text}")
        return outcome.error


@contextlib.contextmanager
def hosting(function: Callable[[Tell], object]) -> Generator[Host]:
    """Run *function* in a forked process, the host, and wait for the end of all its processes when the block is left.

    The function fails if it leaves a child, a zombie or a descriptor behind. The test fails with it, unless it has
    asked for the outcome.
    """
    receiving, sending = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:  # the host: whatever happens, it never returns into the caller's stack
        try:
            receiving.close()
            os.setpgid(0, 0)
            # A shell ignores the first in programs in the background, nohup the second; the host would inherit that.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            _run_host(function, sending)
        finally:
            os._exit(0)
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)  # by both, since either may be the first
    sending.close()
    receiving.settimeout(SECONDS)
    host = Host(pid, receiving)
    try:
        yield host
        if not host.judged:
            host.value()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        receiving.close()


def _run_host(function: Callable[[Tell], object], sending: socket.socket) -> None:
    def tell(value: object) -> None:
        sending.send(pickle.dumps(value))

    before = my_descriptors()
    try:
        outcome = Outcome(function(tell))
    except BaseException as error:  # noqa: BLE001 - the test judges it
        outcome = Outcome(None, error, traceback.format_exc())
    left = my_children(), my_descriptors() - before
    if any(left):
        text = f"the host left children and descriptors behind: {left}\n{outcome.text}"
        outcome = Outcome(outcome.value, AssertionError(text), outcome.text)
    tell(outcome)


class Clock:
    """Replaces the monotonic clock of a host by one that the test can set forward, so that no time-out is waited for.

    Args:
        stands: Whether the clock stands still otherwise, at a whole second.
    """

    def __init__(self, *, stands: bool = False) -> None:
        now = float(int(time.monotonic()))
        self._time: Callable[[], float] = (lambda: now) if stands else time.monotonic
        self._ahead = 0.0
        time.monotonic = lambda: self._time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Set the clock forward."""
        self._ahead += seconds


def make_life(*names: str, **hooks: Callable[..., object]) -> Lifecycle[Any]:
    """Return a lifecycle of modules that all have these hooks; each gets the name of its module as a first argument."""
    core: Registry[Any] = Registry()
    for name in names or ("m1",):
        core.register(make_exports(name, **{hook: _named(function, name) for hook, function in hooks.items()}))
    return Lifecycle(core)


def _named(function: Callable[..., object], name: str) -> Callable[..., object]:
    return lambda *arguments: function(name, *arguments)


def work_on(_rank: int) -> None:
    """Wait until a signal ends the process."""
    while True:
        signal.pause()


# Processes and descriptors --------------------------------------------------------------------------------------------


def children_of(parent: int) -> set[int]:
    """Return the process ids of the children of a process, zombies included."""
    # pathlib keeps every name that it has seen (Python 3.12), and a test counts what is kept.
    processes = [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    return {pid for pid in processes if _parent_of(pid) == parent}


def my_children() -> set[int]:
    """Return the process ids of the children of this process, zombies included."""
    return children_of(os.getpid())


def _parent_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - as above
            status = file.read()
    except (FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
        return None
    return int(status.rpartition(")")[2].split()[1])


def my_descriptors() -> set[int]:
    """Return the open descriptors of this process."""
    return {descriptor for path in Path("/proc/self/fd").iterdir() if _is_open(descriptor := int(path.name))}


def bytes_in(pipe: int) -> int:
    """Return the number of bytes in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:  # the descriptor that the listing itself had open
        return False
    return True
