"""A child of a harness: its calls, on the parent's side and on the child's."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self, cast

from sermod._problems import Parcel
from sermod.errors import ChildDiedError, LifecycleError
from sermod.testing.harness.base import BaseHarness, Calls, CommandCall
from sermod.testing.harness.child_process import Channel, ChildProcess, Outcome
from sermod.testing.harness.messages import message_or_new
from sermod.testing.harness.recorder import MissingExport, RecordedCall


class RemoteCalls(Calls):
    """The calls, made in a child process."""

    @abstractmethod
    def _request(self, method: str, *args: object, **options: object) -> Any:
        """Call a method of the harness in the child process, and return its result or raise its exception."""

    def call(self, name: str, *params: str, msg: Any = None, route: int | None = None, where: str | None = None) -> int:
        return cast("int", self._request("call", name, *params, msg=message_or_new(msg), route=route, where=where))

    def call_fixed(self, name: str, *values: object, msg: Any = None, route: int | None = None) -> int:
        return cast("int", self._request("call_fixed", name, *values, msg=message_or_new(msg), route=route))

    def function(self, name: str, param_no: int) -> Callable[..., Any]:
        self._request("has_function", name, param_no)
        return lambda *args: self._request("call_function", name, param_no, args)

    def run_route(self, calls: Iterable[CommandCall], msg: Any = None, *, route: int | None = None) -> int:
        if callable(calls):
            raise TypeError(
                "run_route() in a child process takes the calls as tuples (got a function): a function of the test "
                "would run in the process of the test"
            )
        return cast("int", self._request("run_route", [*calls], msg=message_or_new(msg), route=route))

    def reply(self, msg: Any = None) -> bool:
        return cast("bool", self._request("reply", msg=message_or_new(msg)))

    def onbreak(self, msg: Any = None) -> None:
        self._request("onbreak", msg=message_or_new(msg))


class ForkedChild(RemoteCalls):
    """A child of a harness: a real process, with the calls of an :class:`IsolatedHarness`.

    These are ``call``, ``call_fixed``, ``function``, ``run_route``, ``reply`` and ``onbreak``. A call returns what it
    returned in the child, and raises what it raised there, with the child's traceback as a note. If the child ends
    during a call, or the call takes too long, the call raises a :class:`~sermod.ChildDiedError` that names the signal
    and the command. At the end of a ``with`` block, the child ends.

    Messages and arguments are sent to the child, so they must be picklable. The caller's message stays as it is.

    Attributes:
        rank: Its rank.
        pid: The process id of the child.
        message: The message of the last call, as the call left it in the child; ``None`` before the first call, and if
            the message could not be pickled there.
    """

    def __init__(self, harness: BaseHarness[Any], process: ChildProcess, timeout: float) -> None:
        self.rank: Final = process.rank
        self.pid: Final = process.pid
        self.message: Any = None
        self._process = process
        self._timeout = timeout
        self._recorder = harness._recorder
        self._missing = harness._registry.missing
        self._calls: dict[int, RecordedCall] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ForkedChild of rank {self.rank}, process {self.pid}{', ended' if self.has_ended else ''}>"

    @property
    def has_ended(self) -> bool:
        """Whether the child has ended, as far as a call or :meth:`close` has found out."""
        return self._process.has_ended

    def close(self) -> None:
        """End the child, as a server ends its children: ``destroy_f`` does not run, since the main process runs it.

        Raises:
            ChildDiedError: The child did not end in time, and was killed.
        """
        if not self.has_ended:
            self._process.end(self._timeout)

    def _request(self, method: str, *args: object, **options: object) -> Any:
        if self.has_ended:
            msg = f"{method}() on {self!r}; fork another child"
            raise LifecycleError(msg, state="ended", call=f"{method}()")

        def running() -> str:
            calls = (each for each in reversed(self._calls.values()) if not each.ended or _ends_process(each.error))
            return next((each.what for each in calls), f"{method}()")

        try:
            self._process.send((method, args, options), self._timeout, running)
        except ChildDiedError:
            raise
        except Exception as error:
            error.add_note("messages and arguments for a child process must be picklable")
            raise
        while True:
            kind, *content = self._process.receive(self._timeout, running)
            if kind == "call":
                self._record(*content)
                continue
            outcome, message, missing = cast("tuple[Outcome, Parcel, list[MissingExport]]", content)
            self.message = message.open(lambda _text: None)
            self._missing.extend(missing)
            return outcome.get(self.rank, self.pid, f"{method}({', '.join(map(repr, args))})")

    def _record(self, number: int, call: RecordedCall, args: list[Parcel], result: Parcel, error: Parcel) -> None:
        """Record a call that has begun or ended in the child.

        Args:
            number: A number that identifies the call.
            call: The call without its arguments, result and exception.
            args: Its arguments.
            result: Its result.
            error: Its exception.
        """
        recorded = self._calls.get(number)
        if recorded is None:
            recorded = self._calls[number] = call
            recorded.args = tuple(each.open() for each in args)
            self._recorder.calls.append(recorded)
        recorded.result, recorded.error, recorded.ended = result.open(), error.open(_UnpicklableError), call.ended


def _ends_process(error: BaseException | None) -> bool:
    return isinstance(error, (SystemExit, KeyboardInterrupt))


class _UnpicklableError(Exception):
    """Stands for an exception that cannot be pickled. Its ``repr`` is that of the exception."""

    def __repr__(self) -> str:
        return str(self)


def start_child(
    harness: BaseHarness[Any], rank: int, timeout: float, serve: Callable[[Channel], object], *request: Any
) -> ForkedChild:
    """Fork a child and make the first request. Runs in the parent.

    Args:
        harness: The harness, which records the calls.
        rank: The rank of the child.
        timeout: The time limit of each call in it, in seconds.
        serve: The function that the child calls, with the connection to the parent; it calls :func:`serve_requests`.
        request: The name of a method, and its arguments. If the call fails, the child is ended.

    Raises:
        ChildDiedError: The child ended, or took too long.
        Exception: The exception that the request raised.
    """
    child = ForkedChild(harness, ChildProcess.start(rank, serve), timeout)
    try:
        child._request(*request)
    except BaseException:
        child.close()
        raise
    return child


def serve_requests(harness: BaseHarness[Any], channel: Channel) -> None:
    """Call the methods that the parent requests, until it asks the child to end. Runs in the child.

    Args:
        harness: The child's copy of the harness.
        channel: The connection to the parent.
    """
    missing = harness._registry.missing
    lock = threading.RLock()  # the module may have threads that call recorded functions

    def send_call(call: RecordedCall) -> None:
        bare = RecordedCall(call.function, call.module, call.command, (), call.rank, call.pid, ended=call.ended)
        args = [Parcel(each) for each in call.args]
        with lock:
            channel.send(("call", id(call), bare, args, Parcel(call.result), Parcel(call.error)))

    def start() -> None:
        harness._started("start()")

    def has_function(name: str, param_no: int) -> None:
        harness.function(name, param_no)

    def call_function(name: str, param_no: int, args: tuple[object, ...]) -> object:
        return harness.function(name, param_no)(*args)

    own_methods: dict[str, Callable[..., object]] = {
        "start": start,
        "has_function": has_function,
        "call_function": call_function,
    }
    harness._recorder.listener = send_call
    while (request := channel.receive()) is not None:
        method, args, options = request
        missing.clear()
        outcome = Outcome.of(own_methods.get(method) or getattr(harness, method), *args, **options)
        with lock:
            channel.send(("outcome", outcome, Parcel(options.get("msg")), [*missing]))
