"""A child process of a test: its messages to and from the parent, its time limits, and how it ends.

multiprocessing does not do here: a ``Connection`` has no time limit for sending, so that a child which has stopped
reading would stop the test as well, and a ``Process`` replaces standard input, waits for the threads of the module, and
is waited for when the test run ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import traceback
import warnings
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import attrs

from sermod._core.results import traceback_of
from sermod._forking import exit_status, flush, how_it_ended
from sermod._problems import Parcel, text_of
from sermod.errors import ChildDiedError, SermodError

T = TypeVar("T")

_INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit code of a child that was interrupted, or whose parent has ended."""


class RemoteError(SermodError, RuntimeError):
    """A child process returned or raised an object that cannot be pickled.

    Attributes:
        kind: For an exception its class and its text, as in the last line of a traceback; for a result ``"result"``.
        rank: The rank of the child.
        pid: The process id of the child.
    """

    __module__ = "sermod.testing"

    def __init__(self, message: str, *, kind: str, rank: int, pid: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.rank = rank
        self.pid = pid


class Channel:
    """One end of a connection between two processes, which send each other objects."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._received = sock.makefile("rb")

    def send(self, message: object, timeout: float | None = None) -> None:
        """Send an object.

        Args:
            message: The object; it must be picklable.
            timeout: The time limit until the other process has read it, in seconds.

        Raises:
            ConnectionError: The other process has ended.
            TimeoutError: The other process did not read it in time.
        """
        data = pickle.dumps(message)
        self._socket.settimeout(timeout)
        self._socket.sendall(data)

    def receive(self, timeout: float | None = None) -> Any:
        """Wait for an object and return it.

        Args:
            timeout: The time limit, in seconds, until it begins to arrive, and for each pause while it does.

        Raises:
            ConnectionError: The other process has ended.
            EOFError: The other process has ended.
            TimeoutError: The object did not arrive in time.
        """
        self._socket.settimeout(timeout)
        try:
            return pickle.load(self._received)  # noqa: S301 - sent by our own child or parent
        except pickle.UnpicklingError as error:  # the object breaks off
            raise EOFError from error

    def close(self) -> None:
        """Close this end."""
        self._received.close()
        self._socket.close()


@attrs.frozen
class Outcome:
    """The result of a function call in a child, or the exception that it raised.

    Attributes:
        result: The result.
        error: The exception; ``None`` if it raised none.
        traceback: The traceback of the exception, as text.
        kind: The class and the text of the exception.
    """

    result: Parcel
    error: Parcel | None = None
    traceback: str = ""
    kind: str = ""

    @classmethod
    def of(cls, function: Callable[..., object], *args: object, **options: object) -> Outcome:
        """Call a function. Runs in the child."""
        try:
            return cls(Parcel(function(*args, **options)))
        except Exception as error:  # noqa: BLE001 - the parent raises it
            cls_of_error = type(error)
            kind = f"{cls_of_error.__module__}.{cls_of_error.__qualname__}: {text_of(error)}"
            return cls(Parcel(None), Parcel(error), traceback_of(error), kind)

    def get(self, rank: int, pid: int, call: str) -> Any:
        """Return the result, or raise the exception with the child's traceback as a note. Runs in the parent.

        Args:
            rank: The rank of the child.
            pid: The process id of the child.
            call: The call, for messages.

        Raises:
            RemoteError: The result or the exception could not be pickled.
        """
        if self.error is not None:
            error = self.error.open()
            if not isinstance(error, BaseException):
                msg = f"{call} raised an exception that cannot be pickled: {self.kind}"
                error = RemoteError(msg, kind=self.kind, rank=rank, pid=pid)
            error.add_note(f"in the child of rank {rank}, process {pid}:\n{self.traceback}")
            raise error

        def refuse(text: str) -> NoReturn:
            msg = f"{call} returned {text}, which cannot be pickled; return a value that can"
            raise RemoteError(msg, kind="result", rank=rank, pid=pid)

        return self.result.open(refuse)


# Processes ----------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class ChildProcess:
    """A forked child. All methods run in the parent.

    Attributes:
        rank: Its rank, for messages.
        pid: Its process id.
        channel: The connection to it.
        has_ended: Whether the parent has found that it has ended.
    """

    rank: int
    pid: int
    channel: Channel
    has_ended: bool = attrs.field(default=False, init=False)

    @classmethod
    def start(cls, rank: int, serve: Callable[[Channel], object]) -> ChildProcess:
        """Fork a child that calls *serve* and then exits. The child never returns into the caller's code.

        Args:
            rank: Its rank, for messages.
            serve: The function, which takes the connection to the parent.

        Raises:
            NotImplementedError: The system has no ``fork()``.
        """
        if not hasattr(os, "fork"):
            raise NotImplementedError("this system has no fork(): run this test on Linux, macOS or another Unix")
        parents_end, childs_end = socket.socketpair()
        flush()
        with warnings.catch_warnings():
            # The child uses no thread of its parent, and threads of the module have a check of their own.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            status = 1
            try:
                parents_end.close()
                status = _run(serve, Channel(childs_end))
            finally:
                os._exit(status)
        childs_end.close()
        return cls(rank, pid, Channel(parents_end))

    def send(self, message: object, timeout: float, running: Callable[[], str]) -> None:
        """Send an object to the child. If the child has ended, :meth:`receive` reports that.

        Args:
            message: The object; it must be picklable.
            timeout: The time limit until the child has read it, in seconds.
            running: Returns what the child is running, for messages.

        Raises:
            ChildDiedError: The child did not read it in time, and was killed.
        """
        try:
            self.channel.send(message, timeout)
        except ConnectionError:
            pass
        except TimeoutError:
            raise self._kill(f"did not finish {running()}", timeout) from None

    def receive(self, timeout: float, running: Callable[[], str]) -> Any:
        """Wait for an object from the child and return it.

        Args:
            timeout: The time limit, in seconds.
            running: Returns what the child is running, for messages.

        Raises:
            ChildDiedError: The child has ended, or the object did not arrive in time and the child was killed.
        """
        try:
            return self.channel.receive(timeout)
        except (EOFError, ConnectionError):
            exitcode, name = self.wait()
            how = f"ended while it ran {running()}: {how_it_ended(exitcode, name)}"
            raise self._died(how, exitcode, name) from None
        except TimeoutError:
            raise self._kill(f"did not finish {running()}", timeout) from None
        except BaseException:
            self.kill()
            raise

    def end(self, timeout: float) -> None:
        """Ask the child to end, and wait until it has.

        Args:
            timeout: The time limit, in seconds.

        Raises:
            ChildDiedError: The child did not end in time, and was killed.
        """
        try:
            self.channel.send(None, timeout)
            while True:
                self.channel.receive(timeout)
        except (EOFError, ConnectionError):
            self.wait()
        except TimeoutError:
            raise self._kill("did not end", timeout) from None

    def wait(self) -> tuple[int | None, str | None]:
        """Wait until the child has ended.

        Returns:
            Its exit code and the name of the signal that ended it, of which one is ``None``; both are ``None`` if the
            process ignores ``SIGCHLD``.
        """
        self.has_ended = True
        self.channel.close()
        try:
            return exit_status(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            return None, None

    def kill(self) -> None:
        """End the child by ``SIGKILL``."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def _kill(self, failure: str, timeout: float) -> ChildDiedError:
        self.kill()
        how = f"{failure} within {timeout:g} s and was killed; find out what it waits for, or give a longer timeout="
        return self._died(how, None, "SIGKILL")

    def _died(self, how: str, exitcode: int | None, name: str | None) -> ChildDiedError:
        message = f"the child of rank {self.rank} (process {self.pid}) {how}"
        return ChildDiedError(message, rank=self.rank, pid=self.pid, exitcode=exitcode, signal=name)


def _run(serve: Callable[[Channel], object], channel: Channel) -> int:
    """Call *serve* in the child, and return the child's exit code."""
    try:
        serve(channel)
    except SystemExit as end:
        return 0 if end.code is None else end.code if isinstance(end.code, int) else 1
    except (KeyboardInterrupt, ConnectionError, EOFError):
        return _INTERRUPTED
    except BaseException:  # noqa: BLE001 - after this, the process exits
        traceback.print_exc()
        return 1
    finally:
        flush()
    return 0


def run_in_child(function: Callable[[], T], *, timeout: float, call: str, rank: int = 0) -> T:
    """Call a function in a forked child, and return its result or raise its exception.

    Args:
        function: The function.
        timeout: The time limit, in seconds.
        call: The call, for messages.
        rank: The rank of the child, for messages.

    Raises:
        ChildDiedError: The child ended without a result, or the function did not return in time.
        RemoteError: The result or the exception could not be pickled.
    """
    child = ChildProcess.start(rank, lambda channel: channel.send(Outcome.of(function)))
    outcome: Outcome = child.receive(timeout, lambda: call)
    child.wait()
    result: T = outcome.get(rank, child.pid, call)
    return result
