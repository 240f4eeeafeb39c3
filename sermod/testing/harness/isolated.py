"""One module alone in a child process: a crash of C code there ends a call of the test, and not the test run."""

from __future__ import annotations

import faulthandler
import io
from typing import TYPE_CHECKING, Any, cast

from sermod._interface.ranks import PROC_MAIN
from sermod.testing.harness.base import BaseHarness
from sermod.testing.harness.child_process import Channel
from sermod.testing.harness.forked_child import ForkedChild, RemoteCalls, serve_requests, start_child
from sermod.testing.harness.in_process import InProcessHarness
from sermod.testing.harness.messages import FakeMessage


class IsolatedHarness(RemoteCalls, BaseHarness[ForkedChild]):
    """Runs one module alone, in a child process: its life and its calls.

    It has the life of :class:`ModuleHarness` and takes the same arguments, without *isolate*. A crash, an ``exit()``,
    or a call that takes longer than *timeout* seconds raises a :class:`~sermod.ChildDiedError` that names the signal
    and the command; then this harness has ended, and the test run goes on.

    Arguments, messages and results are sent to the process and back, so they must be picklable. After a call, the
    caller's message has the changes that the call made to it, if it is a :class:`FakeMessage` or a writable buffer,
    such as a ctypes structure or a ``bytearray``.

    What cannot be sent is missing: ``exports``, ``module``, ``instance``, ``bind``, ``run_route_async``, ``forked``,
    and a function as a route.
    """

    # Start and end --------------------------------------------------------------------------------------------------

    def _start(self) -> ForkedChild:
        return start_child(self, PROC_MAIN, self._timeout, self._serve, "start")

    def _serve(self, channel: Channel) -> None:
        faulthandler.disable()  # it would report a crash of this process as one of the test run
        inside = InProcessHarness(
            self._target,
            self._params,
            provides=self._stand_ins,
            imports=self._imports,
            path=self._path,
            route_flags=self._registry.route_flags,
            script_param_no=self._registry.script_param_no,
        )
        serve_requests(inside, channel)

    def _end(self, running: ForkedChild) -> None:
        if running.has_ended:
            return
        try:
            running._request("close")
        finally:
            running.close()

    def _started(self, call: str) -> ForkedChild:
        child = super()._started(call)
        if child.has_ended:
            raise self._misuse(call, "whose process has ended")
        return child

    # Calls ----------------------------------------------------------------------------------------------------------

    def init_child(self, rank: int) -> None:
        self._request("init_child", rank)
        self._recorder.rank = rank

    def _request(self, method: str, *args: object, **options: object) -> Any:
        child = self._started(f"{method}()")
        try:
            return child._request(method, *args, **options)
        finally:
            if not child.has_ended:
                _update(options.get("msg"), child.message)

    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> object:
            """Say why the harness lacks what :class:`ModuleHarness` has."""
            if hasattr(InProcessHarness, name):
                why = "the module is in another process; make a ModuleHarness without isolate=True"
            else:
                why = "there is no such attribute"
            msg = f"{type(self).__name__}.{name}: {why}"
            raise AttributeError(msg, name=name, obj=self)


def _update(msg: Any, changed: object) -> None:
    """Make the caller's message equal to the one that the call has changed, if it is of a kind that can be changed."""
    if isinstance(msg, FakeMessage) and isinstance(changed, FakeMessage):
        vars(msg).clear()
        vars(msg).update(vars(changed))
        return
    try:
        io.BytesIO(memoryview(cast("Any", changed)).tobytes()).readinto(cast("Any", msg))
    except TypeError:  # not a buffer, or a read-only one, which the call cannot have changed
        return
