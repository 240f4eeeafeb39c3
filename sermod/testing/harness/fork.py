"""A real child process of a test: what it says to its parent, and what becomes of it."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import socket
import struct
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import attrs

from sermod._forking import flush
from sermod.errors import ChildDiedError, SermodError

T = TypeVar("T")

_LENGTH: Final = struct.Struct("!Q")
_INTERRUPTED: Final = 130


class RemoteError(SermodError, RuntimeError):
    """What went wrong in a child and cannot itself travel to its parent.

    Attributes:
        kind: The name of the exception's class.
        rank: The rank of the child.
        pid: Its process id.
    """

    def __init__(self, message: str, *, kind: str, rank: int, pid: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.rank = rank
        self.pid = pid


class Channel:
    """What two processes say to each other, one whole message at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def send(self, message: object, timeout: float | None = None) -> None:
        """Send a message.

        Args:
            message: Something that can be pickled.
            timeout: How long to wait until the other process has taken it, in seconds.

        Raises:
            ConnectionError: The other process is gone.
            TimeoutError: It took too long.
        """
        data = pickle.dumps(message)
        self._socket.settimeout(timeout)
        self._socket.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self, timeout: float | None = None) -> Any:
        """Wait for a message.

        Args:
            timeout: How long to wait for the whole of it, in seconds.

        Raises:
            EOFError: The other process is gone.
            TimeoutError: It took too long.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, deadline))
        return pickle.loads(self._read(length, deadline))  # noqa: S301 - it comes from our own child or parent

    def _read(self, count: int, deadline: float | None) -> bytes:
        data = io.BytesIO()
        while data.tell() < count:
            self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 1e-3))
            part = self._socket.recv(count - data.tell())
            if not part:
                raise EOFError
            data.write(part)
        return data.getvalue()

    def close(self) -> None:
        """Say nothing more."""
        self._socket.close()


# What travels -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Parcel:
    """A value on its way to another process.

    Attributes:
        data: The value, pickled; ``None`` where that is not possible.
        text: Its ``repr``.
    """

    data: bytes | None
    text: str

    @classmethod
    def of(cls, value: object) -> Parcel:
        """Pack a value, of whatever kind."""
        try:
            return cls(pickle.dumps(value), repr(value))
        except Exception:  # noqa: BLE001 - objects refuse to be pickled with exceptions of any kind
            return cls(None, _repr(value))

    def open(self, default: Callable[[str], T]) -> Any | T:
        """Return the value, or *default* of its ``repr`` where it could not travel."""
        if self.data is not None:
            with contextlib.suppress(Exception):  # its class may be one that only the other process has
                return pickle.loads(self.data)  # noqa: S301 - it comes from our own child or parent
        return default(self.text)


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - as above
        return f"<a {type(value).__name__}, whose repr raises {type(error).__name__}>"


@attrs.frozen
class Outcome:
    """How a call in a child ended.

    Attributes:
        result: What it returned.
        error: What it raised; ``None`` where it returned.
        traceback: The traceback of that, as text.
    """

    result: Parcel
    error: Parcel | None = None
    traceback: str = ""

    @classmethod
    def of(cls, function: Callable[..., object], *args: object, **options: object) -> Outcome:
        """Call a function, in the child."""
        try:
            return cls(Parcel.of(function(*args, **options)))
        except Exception as error:  # noqa: BLE001 - it is the parent's to hear of
            return cls(Parcel.of(None), Parcel.of(error), "".join(traceback.format_exception(error)))

    def take(self, rank: int, pid: int, what: str) -> Any:
        """Return the result or raise the error, in the parent, with the child's traceback as a note.

        Args:
            rank: The rank of the child.
            pid: Its process id.
            what: What was called, for messages.

        Raises:
            RemoteError: The result or the error cannot travel.
        """
        if self.error is not None:
            error = self.error.open(lambda text: text)
            if not isinstance(error, BaseException):
                kind = self.traceback.strip().rpartition("\n")[2]
                error = RemoteError(f"{what} raised what cannot be pickled: {kind}", kind=kind, rank=rank, pid=pid)
            error.add_note(f"in the child of rank {rank}, process {pid}:\n{self.traceback}")
            raise error

        def refuse(text: str) -> NoReturn:
            msg = f"{what} returned {text}, which cannot be pickled; return what can travel between processes"
            raise RemoteError(msg, kind="result", rank=rank, pid=pid)

        return self.result.open(refuse)


# Processes ----------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Fork:
    """A forked child, as its parent sees it.

    Attributes:
        rank: Its rank.
        pid: Its process id.
        channel: What it hears and says.
    """

    rank: int
    pid: int
    channel: Channel
    _ended: bool = attrs.field(default=False, init=False)

    @classmethod
    def start(cls, rank: int, serve: Callable[[Channel], object]) -> Fork:
        """Fork a child that runs *serve*, and ends when that does: it never returns into its parent's stack.

        Args:
            rank: Its rank, for messages.
            serve: What the child does.

        Raises:
            NotImplementedError: This system cannot fork.
        """
        if not hasattr(os, "fork"):
            raise NotImplementedError("this system has no fork(): run such a test on Linux, macOS or another Unix")
        ours, its = socket.socketpair()
        _flush()
        with warnings.catch_warnings():
            # That no thread outlives a fork is told by a check of its own, and what this child does needs none.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            status = 1
            try:
                ours.close()
                status = _status_of(serve, Channel(its))
            finally:
                os._exit(status)
        its.close()
        return cls(rank, pid, Channel(ours))

    def send(self, message: object, timeout: float, doing: Callable[[], str]) -> None:
        """Say something to the child. That it is gone already is for :meth:`receive` to find out.

        Args:
            message: Something that can be pickled.
            timeout: How long to wait until the child has heard it, in seconds.
            doing: Tells what the child is doing, for messages.

        Raises:
            ChildDiedError: It did not listen, and was killed.
        """
        try:
            self.channel.send(message, timeout)
        except ConnectionError:
            pass
        except TimeoutError:
            raise self._killed(timeout, doing()) from None

    def receive(self, timeout: float, doing: Callable[[], str]) -> Any:
        """Wait for what the child says.

        Args:
            timeout: How long, in seconds.
            doing: Tells what the child is doing, for messages.

        Raises:
            ChildDiedError: It ended instead, or took too long: then it was killed.
        """
        try:
            return self.channel.receive(timeout)
        except (EOFError, ConnectionError):
            exitcode, name = self.wait()
            unknown = exitcode is None and name is None
            how = f"was ended by {name}" if name else f"exited with code {exitcode}"
            how = "ended, and nobody knows how since SIGCHLD is ignored," if unknown else how
            raise self._died(f"{how} while it ran {doing()}", exitcode, name) from None
        except TimeoutError:
            raise self._killed(timeout, doing()) from None
        except BaseException:
            self.kill()
            raise

    def end(self, timeout: float) -> None:
        """Tell the child that there is nothing more to do, and wait until it has ended.

        Raises:
            ChildDiedError: It does not end, and was killed.
        """
        self.send(None, timeout, lambda: "its end")
        try:
            while True:
                self.channel.receive(timeout)
        except (EOFError, ConnectionError):
            self.wait()
        except TimeoutError:
            raise self._killed(timeout, "its end") from None

    def _killed(self, timeout: float, doing: str) -> ChildDiedError:
        self.kill()
        how = f"was still at {doing} after {timeout:g} s, and was killed"
        return self._died(f"{how}; see what it waits for, or give it a longer timeout=", None, "SIGKILL")

    def _died(self, how: str, exitcode: int | None, name: str | None) -> ChildDiedError:
        message = f"the child of rank {self.rank} (process {self.pid}) {how}"
        return ChildDiedError(message, rank=self.rank, pid=self.pid, exitcode=exitcode, signal=name)

    def wait(self) -> tuple[int | None, str | None]:
        """Wait for its end, and return its exit code, or the name of the signal that ended it."""
        self._ended = True
        self.channel.close()
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # whoever ignores SIGCHLD cannot know
            return None, None
        return (code, None) if code >= 0 else (None, _signal_name(-code))

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    @property
    def has_ended(self) -> bool:
        """Whether its end is known."""
        return self._ended


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _status_of(serve: Callable[[Channel], object], channel: Channel) -> int:
    """Run *serve* in the child, and return the exit code that its end stands for."""
    try:
        serve(channel)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1 if end.code else 0
    except (KeyboardInterrupt, ConnectionError, EOFError):  # the parent is gone, or is interrupted as well
        return _INTERRUPTED
    except BaseException:  # noqa: BLE001 - nobody else would tell
        traceback.print_exc()
        return 1
    finally:
        _flush()
    return 0


def _flush() -> None:
    # What is in a buffer at the fork would come out of both processes.
    with contextlib.suppress(Exception):  # closed, or none
        flush()


def run_in_child(function: Callable[[], T], *, timeout: float, what: str, rank: int = 0) -> T:
    """Run a function in a forked child, and return what it returns or raise what it raises.

    Args:
        function: The function.
        timeout: How long it may take, in seconds.
        what: What it does, for messages.
        rank: The rank of the child, for messages.

    Raises:
        ChildDiedError: The child ended without a word, or took too long.
        RemoteError: What it returned or raised cannot travel.
    """

    def serve(channel: Channel) -> None:
        channel.send(Outcome.of(function))

    fork = Fork.start(rank, serve)
    outcome: Outcome = fork.receive(timeout, lambda: what)
    fork.wait()
    result: T = outcome.take(rank, fork.pid, what)
    return result
