"""One module alone, in a process of its own: what C does there ends a call of the test, and not the test run."""

from __future__ import annotations

import faulthandler
import io
import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, cast

from sermod._interface.exports import REQUEST_ROUTE
from sermod._interface.ranks import PROC_MAIN
from sermod.testing.harness.child import ForkedChild, serve
from sermod.testing.harness.fork import Channel, Fork
from sermod.testing.harness.harness import Calls
from sermod.testing.harness.harness import ModuleHarness as ModuleHarness  # noqa: PLC0414 - handed on from here
from sermod.testing.harness.messages import FakeMessage, message


class IsolatedHarness(ModuleHarness):
    """What ``ModuleHarness(..., isolate=True)`` makes: the same calls, all of them in one child process."""

    _child: ForkedChild | None = None
    _owner: int | None = None

    # Its life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> ModuleHarness:  # type: ignore[override]  # ty: ignore[incompatible-method-override]
        self._process()
        return self

    def __del__(self) -> None:
        if self._child is not None and self._owner == os.getpid():
            msg = f"{self!r} was never closed: use it as a context, call close(), or take the fixture module_harness"
            warnings.warn(msg, ResourceWarning, source=self, stacklevel=2)

    def close(self) -> None:
        """End it, once, and its process.

        Raises:
            ExceptionGroup: A ``destroy_f`` raised, or a parameter's value could not be put back.
            ChildDiedError: The process did not outlive ``destroy_f``, or did not end.
        """
        child, self._child = self._child, None
        self._state = "closed"
        if child is None or child.has_ended or self._owner != os.getpid():
            return
        try:
            child.request("close")
        finally:
            child.close()

    def _process(self) -> ForkedChild:
        if self._child is None:
            if self._state != "not started":
                raise self._out_of_turn("this", "make another harness for another life")
            self._state = "closed"  # whatever happens, there is no second try
            self._child = self._start_process()
            self._state = "started"
        if self._child.has_ended:
            raise self._out_of_turn("this", "its process has ended; make another harness")
        return self._child

    def _start_process(self) -> ForkedChild:
        self._owner = os.getpid()
        child = ForkedChild(Fork.start(PROC_MAIN, self._serve), self._timeout, self._recorder, self._registry.missing)
        try:
            child.request("begin")
        except BaseException:
            child.close()
            raise
        return child

    def _serve(self, channel: Channel) -> None:
        """Be the process: hold a harness that is not isolated, and do what is asked for."""
        faulthandler.disable()  # in a crash it would show the stack of the test run, as if that had ended
        inside = _Inside(
            self._target,
            self._params,
            provides=self._stand_ins,
            imports=self._imports,
            path=self._path,
            route_flags=self._registry.route_flags,
            script_param_no=self._registry.script_param_no,
        )
        serve(inside, inside.recorder, inside.not_found_yet, channel)

    # Calls ----------------------------------------------------------------------------------------------------------

    def call(
        self, name: str, *params: str, msg: Any = None, route: int = REQUEST_ROUTE, where: str | None = None
    ) -> int:
        """Call a command the way a script does."""
        return cast("int", self._request("call", name, *params, msg=msg, route=route, where=where))

    def call_fixed(self, name: str, *values: object, msg: Any = None, route: int = REQUEST_ROUTE) -> int:
        """Call a command with values that are fixed up already."""
        return cast("int", self._request("call_fixed", name, *values, msg=msg, route=route))

    def function(self, name: str, param_no: int) -> Callable[..., Any]:
        """Return what runs, in the process, the function that another module would get."""
        return self._process().function(name, param_no)

    def run_route(self, calls: Calls, msg: Any = None, *, route: int = REQUEST_ROUTE) -> int:
        """Run a route of tuples of a name and the parameters."""
        if callable(calls):
            self._started()
        return cast("int", self._request("run_route", [*cast("Iterable[Any]", calls)], msg=msg, route=route))

    def reply(self, msg: Any = None) -> bool:
        """Ask the module about a reply."""
        return cast("bool", self._request("reply", msg=msg))

    def onbreak(self, msg: Any = None) -> None:
        """Tell the module that a route was ended by a 0."""
        self._request("onbreak", msg=msg)

    def init_child(self, rank: int) -> None:
        """Initialise the module for a child, in its process."""
        self._process().request("init_child", rank)
        self._recorder.rank = rank

    def _request(self, method: str, *arguments: object, msg: Any, **options: object) -> Any:
        child = self._process()
        given = message(msg)
        try:
            return child.request(method, *arguments, msg=given, **options)
        finally:
            if not child.has_ended:
                _make_like(given, child.message)

    # What is in another process -------------------------------------------------------------------------------------

    def _started(self) -> NoReturn:
        raise self._out_of_turn(
            "this", "with isolate=True the module is in another process, and what cannot travel stays there"
        )


ModuleHarness.isolated_class = IsolatedHarness  # the package hands that class on from here


class _Inside(ModuleHarness):
    """The harness in the process."""

    @property
    def recorder(self) -> Any:
        return self._recorder

    @property
    def not_found_yet(self) -> Any:
        return self._registry.missing

    def begin(self) -> None:
        """Start it."""
        self._started()


def _make_like(msg: Any, left: object) -> None:
    """Make a message what it has become in the process, where it is of a kind that can be changed."""
    if isinstance(msg, FakeMessage) and isinstance(left, FakeMessage):
        vars(msg).clear()
        vars(msg).update(vars(left))
        return
    try:
        io.BytesIO(memoryview(cast("Any", left)).tobytes()).readinto(cast("Any", msg))
    except TypeError:  # no buffer, or a read-only one: nothing can have been written to it
        return
