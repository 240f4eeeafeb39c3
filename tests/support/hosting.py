"""A host of children: a forked process that serves, while the test watches it from outside."""

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
"""Longer than anything takes; what takes longer hangs."""

Tell = Callable[[object], None]
"""Tells the test something, from the host or from any of its children."""
T = TypeVar("T")


@attrs.frozen
class Outcome:
    """How the function of a host ended.

    Attributes:
        value: What it returned.
        error: What it raised instead.
        text: The traceback of that.
    """

    value: Any = None
    error: BaseException | None = None
    text: str = ""


class Host:
    """A host, as the test sees it.

    Attributes:
        pid: Its process id.
        heard: What it and its children have told so far, in this order.
        judged: Whether the test has looked at how it ended.
    """

    def __init__(self, pid: int, ear: socket.socket) -> None:
        self.pid = pid
        self.heard: list[Any] = []
        self._ear = ear
        self.judged = False
        self._outcome: Outcome | None = None

    def hear(self) -> Any:
        """Wait for the next thing that is told, and return it."""
        data = self._ear.recv(1 << 20)
        if not data:
            raise EOFError(f"nobody is left to tell anything; before: {self.heard}")
        told = pickle.loads(data)  # noqa: S301 - made by our own child
        if isinstance(told, Outcome):
            self._outcome = told
        else:
            self.heard.append(told)
        return told

    def until(self, kind: type[T], count: int = 1) -> list[T]:
        """Wait until so many things of a kind are told, and return these."""
        found: list[T] = []
        while len(found) < count:
            told = self.hear()
            if isinstance(told, Outcome) and not isinstance(told, kind):
                pytest.fail(f"it ended before that: {told.error!r}\n{told.text}")
            if isinstance(told, kind):
                found.append(told)
        return found

    def all_of(self, kind: type[T], count: int = 1) -> list[T]:
        """Wait until so many things of a kind are told in all, and return these."""
        missing = count - len(self.told(kind))
        if missing > 0:
            self.until(kind, missing)
        return self.told(kind)[:count]

    def told(self, kind: type[T]) -> list[T]:
        """Return the things of a kind that were told so far."""
        return [told for told in self.heard if isinstance(told, kind)]

    def send(self, number: int) -> None:
        """Send the host a signal."""
        os.kill(self.pid, number)

    def kill(self, seconds: float) -> None:
        """Kill the host; within so many seconds nobody of what it has forked is left."""
        self.judged = True
        self._ear.settimeout(seconds)
        self.send(signal.SIGKILL)
        with contextlib.suppress(EOFError):  # nobody has the other end of the socket any more
            while True:
                self.hear()

    def outcome(self) -> Outcome:
        """Wait for the end of the host, and of all that it has forked; return how its function ended."""
        self.judged = True
        with contextlib.suppress(EOFError):
            while True:
                self.hear()
        if self._outcome is None:
            pytest.fail(f"it ended without a word; before: {self.heard}")
        return self._outcome

    def value(self) -> Any:
        """Return what the function of the host returned, at its end."""
        outcome = self.outcome()
        if outcome.error is not None:
            pytest.fail(f"the host failed: {outcome.error!r}\n{outcome.text}")
        return outcome.value

    def error(self, kind: type[T]) -> T:
        """Return what the function of the host raised, which must be of that kind."""
        outcome = self.outcome()
        if not isinstance(outcome.error, kind):
            pytest.fail(f"it should have raised {kind.__name__}: {outcome}\n{outcome.text}")
        return outcome.error


@contextlib.contextmanager
def hosting(function: Callable[[Tell], object]) -> Generator[Host]:
    """Run *function* in a forked process, the host; leaving the block waits until nobody of it is left.

    It counts as a failure of the function if it leaves a child, a zombie or a descriptor behind. Unless the test has
    asked how it ended, a failure is the test's.
    """
    ear, mouth = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:  # the host: whatever happens, it never returns into the caller's stack
        try:
            ear.close()
            os.setpgid(0, 0)
            # What a shell runs in the background ignores the one, what nohup runs the other, and so would the host.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            _be_host(function, mouth)
        finally:
            os._exit(0)
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)  # by both, since either may be the first
    mouth.close()
    ear.settimeout(SECONDS)
    host = Host(pid, ear)
    try:
        yield host
        if not host.judged:
            host.value()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        ear.close()


def _be_host(function: Callable[[Tell], object], mouth: socket.socket) -> None:
    def tell(told: object) -> None:
        mouth.send(pickle.dumps(told))

    before = my_descriptors()
    try:
        outcome = Outcome(function(tell))
    except BaseException as error:  # noqa: BLE001 - it is the test's to judge
        outcome = Outcome(None, error, traceback.format_exc())
    left = my_children(), my_descriptors() - before
    if any(left):
        text = f"it left children and descriptors behind: {left}\n{outcome.text}"
        outcome = Outcome(outcome.value, AssertionError(text), outcome.text)
    tell(outcome)


class Clock:
    """The monotonic clock of a host from here on, which a test can set forward: what takes long is not waited for.

    Args:
        stands: Whether it stands still otherwise, at a whole second.
    """

    def __init__(self, *, stands: bool = False) -> None:
        now = float(int(time.monotonic()))
        self._time: Callable[[], float] = (lambda: now) if stands else time.monotonic
        self._ahead = 0.0
        time.monotonic = lambda: self._time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Set it forward."""
        self._ahead += seconds


def make_life(*names: str, **hooks: Callable[..., object]) -> Lifecycle[Any]:
    """Return a lifecycle of modules that all have these functions; each is told the name of its module first."""
    core: Registry[Any] = Registry()
    for name in names or ("m1",):
        core.register(make_exports(name, **{hook: _named(function, name) for hook, function in hooks.items()}))
    return Lifecycle(core)


def _named(function: Callable[..., object], name: str) -> Callable[..., object]:
    return lambda *arguments: function(name, *arguments)


def work_on(_rank: int) -> None:
    """Work as a child does that has nothing to do, for ever."""
    while True:
        signal.pause()


# What the system says of processes ------------------------------------------------------------------------------------


def children_of(parent: int) -> set[int]:
    """Return the process ids of the children of a process, zombies included."""
    # pathlib keeps the name of each process for ever (Python 3.12), and a test counts what is kept.
    processes = [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    return {pid for pid in processes if _parent_of(pid) == parent}


def my_children() -> set[int]:
    """Return the process ids of the children of this process, zombies included."""
    return children_of(os.getpid())


def _parent_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - likewise
            status = file.read()
    except (FileNotFoundError, ProcessLookupError):  # it is gone meanwhile
        return None
    return int(status.rpartition(")")[2].split()[1])


def my_descriptors() -> set[int]:
    """Return the open descriptors of this process."""
    return {descriptor for path in Path("/proc/self/fd").iterdir() if _is_open(descriptor := int(path.name))}


def bytes_in(pipe: int) -> int:
    """Return how many bytes wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:  # the one that the listing itself had open
        return False
    return True
