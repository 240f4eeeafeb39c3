"""A child of a harness: its calls, on both sides of the fork."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pickle import PicklingError
from types import TracebackType
from typing import Any, Final, Self, cast

from sermod._interface.exports import REQUEST_ROUTE
from sermod.errors import LifecycleError
from sermod.testing.harness.fork import Channel, Fork, Outcome, Parcel
from sermod.testing.harness.messages import message
from sermod.testing.harness.recorder import MissingExport, RecordedCall, Recorder


class ForkedChild:
    """A child of a harness: a real process, with the calls of the harness.

    What a call returns comes back, and so does what it raises, with the traceback as a note. A child that crashes in a
    call, or takes too long, is a :class:`~sermod.ChildDiedError` that names the signal and the command. As a context
    manager it ends on leaving.

    Messages and values travel to the child and back, so they must be such as can be pickled.

    Attributes:
        rank: Its rank.
        pid: Its process id.
        message: The message of the last call, as the call left it in the child; ``None`` before the first.
    """

    def __init__(self, fork: Fork, timeout: float, recorder: Recorder, missing: list[MissingExport]) -> None:
        self.rank: Final = fork.rank
        self.pid: Final = fork.pid
        self.message: Any = None
        self._fork = fork
        self._timeout = timeout
        self._recorder = recorder
        self._missing = missing
        self._calls: dict[int, RecordedCall] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ForkedChild of rank {self.rank}, process {self.pid}{', ended' if self._fork.has_ended else ''}>"

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, and that is known."""
        return self._fork.has_ended

    def call(
        self, name: str, *params: str, msg: Any = None, route: int = REQUEST_ROUTE, where: str | None = None
    ) -> int:
        """Call a command in the child, as :meth:`ModuleHarness.call` does."""
        return cast("int", self.request("call", name, *params, msg=message(msg), route=route, where=where))

    def call_fixed(self, name: str, *values: object, msg: Any = None, route: int = REQUEST_ROUTE) -> int:
        """Call a command in the child, as :meth:`ModuleHarness.call_fixed` does."""
        return cast("int", self.request("call_fixed", name, *values, msg=message(msg), route=route))

    def function(self, name: str, param_no: int) -> Callable[..., Any]:
        """Return what runs, in the child, the function that another module would get there."""
        self.request("has_function", name, param_no)
        return lambda *args: self.request("call_function", name, param_no, args)

    def run_route(self, calls: Iterable[tuple[str, ...]], msg: Any = None, *, route: int = REQUEST_ROUTE) -> int:
        """Run a route in the child, as :meth:`ModuleHarness.run_route` does."""
        return cast("int", self.request("run_route", [*calls], msg=message(msg), route=route))

    def reply(self, msg: Any = None) -> bool:
        """Ask the module, in the child, about a reply."""
        return cast("bool", self.request("reply", msg=message(msg)))

    def onbreak(self, msg: Any = None) -> None:
        """Tell the module, in the child, that a route was ended by a 0."""
        self.request("onbreak", msg=message(msg))

    def close(self) -> None:
        """End the child, as a server ends its children: without ``destroy_f``, which is the main process's.

        Raises:
            ChildDiedError: It does not end.
        """
        if not self._fork.has_ended:
            self._fork.end(self._timeout)

    def request(self, method: str, *args: object, **options: object) -> Any:
        """Have a method of the harness run in the child, and wait for its outcome."""
        if self._fork.has_ended:
            msg = f"{method}() has no place here: {self!r}; fork another one"
            raise LifecycleError(msg, state="ended", call=method)

        def doing() -> str:
            running = (each for each in reversed(self._calls.values()) if not each.ended or _ends_process(each.error))
            return next((each.what for each in running), f"{method}()")

        try:
            self._fork.send((method, args, options), self._timeout, doing)
        except (PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:  # as pickle has it
            error.add_note("what is passed to a child, the message for example, must be such as can be pickled")
            raise
        while True:
            kind, *told = self._fork.receive(self._timeout, doing)
            if kind != "outcome":
                self._hear(*told)
                continue
            outcome, left, missing = cast("tuple[Outcome, Parcel, list[MissingExport]]", told)
            self.message = left.open(lambda _text: None)
            self._missing.extend(missing)
            return outcome.take(self.rank, self.pid, f"{method}({', '.join(map(repr, args))})")

    def _hear(self, number: int, call: RecordedCall, args: list[Parcel], result: Parcel, error: Parcel) -> None:
        """Hear of a call that has begun, or ended, in the child."""
        mine = self._calls.get(number)
        if mine is None:
            mine = self._calls[number] = call
            self._recorder.calls.append(mine)
            mine.args = tuple(each.open(str) for each in args)
        mine.result, mine.error, mine.ended = result.open(str), error.open(_Unknown), call.ended


def _ends_process(error: BaseException | None) -> bool:
    return isinstance(error, (SystemExit, KeyboardInterrupt))


class _Unknown(Exception):  # noqa: N818 - nobody raises it
    """Stands for an exception that could not travel; its text is what that exception showed of itself."""

    def __repr__(self) -> str:
        return str(self)


def serve(harness: Any, recorder: Recorder, missing: list[MissingExport], channel: Channel) -> None:
    """Do in the child what the harness in the parent asks for, until that has no more requests.

    Args:
        harness: The harness, as the child has it.
        recorder: Its recorder.
        missing: Its list of what was asked for and not found.
        channel: The way to the parent.
    """
    lock = threading.RLock()  # the module may have threads

    def tell(call: RecordedCall) -> None:
        bare = RecordedCall(call.function, call.module, call.command, (), call.rank, call.pid, ended=call.ended)
        args = [Parcel.of(each) for each in call.args]
        with lock:
            channel.send(("call", id(call), bare, args, Parcel.of(call.result), Parcel.of(call.error)))

    def has_function(name: str, param_no: int) -> None:
        harness.function(name, param_no)

    def call_function(name: str, param_no: int, args: tuple[object, ...]) -> object:
        return harness.function(name, param_no)(*args)

    own: dict[str, Callable[..., object]] = {"has_function": has_function, "call_function": call_function}
    recorder.listener = tell
    while (request := channel.receive()) is not None:
        method, args, options = request
        missing.clear()
        outcome = Outcome.of(own.get(method) or getattr(harness, method), *args, **options)
        with lock:
            channel.send(("outcome", outcome, Parcel.of(options.get("msg")), [*missing]))
