"""What all harnesses have in common: construction, start and end, records, and the signatures of the calls."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import IntFlag
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES
from sermod.errors import LifecycleError
from sermod.testing.harness.pairs import ParamValues, Provided, pairs_of, stand_ins_of
from sermod.testing.harness.recorder import MissingExport, RecordedCall, Recorder, RecordingRegistry
from sermod.testing.harness.target import Target, target_name

CommandCall: TypeAlias = tuple[str, ...]
"""A call in a route: the name of a command, then its parameters."""
TIMEOUT: Final = 10.0
"""The default time limit of a call in a child process, in seconds."""
RunningT = TypeVar("RunningT")
"""What a harness has between its start and its end."""


class Calls(ABC):
    """The calls that a harness and each of its children have."""

    @abstractmethod
    def call(self, name: str, *params: str, msg: Any = None, route: int | None = None, where: str | None = None) -> int:
        """Call a command as a script does: check the call, run the fixup for each parameter, run the command.

        The command is the only one in its route: if it returns 0, each ``onbreak_f`` runs.

        Args:
            name: The name of the command.
            params: The parameters, as a script has them.
            msg: The message; a new :class:`FakeMessage` if none is given.
            route: The kinds of route in which the call stands; ``None``: one in which the command can be called.
            where: The place of the call in the script, for messages.

        Returns:
            The result of the command.

        Raises:
            UnknownCommandError: There is no such command.
            ParamCountError: The command does not take that many parameters.
            RouteError: The command may not be called in these routes.
            FixupError: The fixup refused a parameter.
            CommandResultError: The command returned no ``int``.
            Exception: The exception that the command raised.
        """

    @abstractmethod
    def call_fixed(self, name: str, *values: object, msg: Any = None, route: int | None = None) -> int:
        """Call a command with values that are fixed up already. No fixup runs.

        Args:
            name: The name of the command.
            values: The parameters, as the fixup would return them.
            msg: The message; a new :class:`FakeMessage` if none is given.
            route: The kinds of route in which the call stands, as for :meth:`call`; 0 for a command that is for other
                modules only.

        Returns:
            The result of the command.

        Raises:
            SermodError: As for :meth:`call`, but for the fixup.
            Exception: The exception that the command raised.
        """

    @abstractmethod
    def function(self, name: str, param_no: int) -> Callable[..., Any]:
        """Return the function of a command, as :func:`sermod.find_export` finds it for another module.

        Args:
            name: The name of the command.
            param_no: Its number of parameters.

        Raises:
            UnknownCommandError: There is no such command.
            ParamCountError: The command does not take that many parameters.
        """

    @abstractmethod
    def run_route(self, calls: Iterable[CommandCall], msg: Any = None, *, route: int | None = None) -> int:
        """Run a route: its calls one after the other, until one returns 0. Then each ``onbreak_f`` runs.

        All calls are checked and fixed up before the first one runs.

        Args:
            calls: The calls: for each the name of a command and its parameters, in a tuple.
            msg: The message; a new :class:`FakeMessage` if none is given.
            route: The kinds of route in which the calls stand; ``None``: for each call as for :meth:`call`.

        Returns:
            The result of the last command that ran; 1 for an empty route.

        Raises:
            SermodError: As for :meth:`call`.
            Exception: The exception that a command raised.
        """

    @abstractmethod
    def reply(self, msg: Any = None) -> bool:
        """Process a reply: call the module's ``response_f``.

        Args:
            msg: The reply; a new :class:`FakeMessage` if none is given.

        Returns:
            Whether the core would forward the reply; false means that it would drop it.
        """

    @abstractmethod
    def onbreak(self, msg: Any = None) -> None:
        """Call the module's ``onbreak_f``, if it has one, as a core does at the end of a route that returned 0.

        Args:
            msg: The message; a new :class:`FakeMessage` if none is given.
        """


class BaseHarness(Calls, Generic[RunningT]):
    """A harness, without the knowledge of the process in which the module runs."""

    def __init__(
        self,
        target: Target,
        params: ParamValues | None = None,
        *,
        provides: Provided | None = None,
        imports: Mapping[str, Any] | None = None,
        path: Iterable[str | os.PathLike[str]] = (),
        route_flags: int | type[IntFlag] = SPEC_ROUTES,
        script_param_no: Iterable[int] = SPEC_PARAM_NO,
        timeout: float = TIMEOUT,
    ) -> None:
        self._target = target
        self._params = pairs_of(params, "params")
        self._imports = dict(imports or {})
        self._path = path
        self._timeout = timeout
        self._stand_ins = stand_ins_of(provides)
        self._registry = RecordingRegistry(route_flags=route_flags, script_param_no=script_param_no)
        self._recorder = Recorder()
        self._running: RunningT | None = None
        self._state = "not started"
        self._owner = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {target_name(self._target)}, {self._state}>"

    @property
    def events(self) -> list[RecordedCall]:
        """Each function of the module that was called, in the order in which the calls began; in all processes."""
        return self._recorder.calls

    @property
    def missing(self) -> tuple[MissingExport, ...]:
        """The commands that the module looked up by :func:`sermod.find_export` and did not find, each once."""
        return self._registry.not_found

    @property
    def rank(self) -> int | None:
        """The rank for which :meth:`init_child` initialised the module; ``None`` before."""
        return self._recorder.rank

    def provide(self, name: str, param_no: int, function: Callable[..., Any]) -> Self:
        """Stand in for a command of another module, for :func:`sermod.find_export` to find.

        Args:
            name: The name of the command.
            param_no: Its number of parameters.
            function: Its function.

        Returns:
            The harness itself.

        Raises:
            LifecycleError: The harness has started, so that the module may have looked for the command already.
        """
        if self._state != "not started":
            raise self._misuse(f"provide({name!r}, {param_no})", remedy="call provide() before the harness starts")
        self._stand_ins[name, param_no] = function
        return self

    @abstractmethod
    def init_child(self, rank: int) -> None:
        """Initialise the module for a child, in the process in which it runs; that process then acts as the child.

        Args:
            rank: The rank of the child.

        Raises:
            ChildInitError: The ``init_child_f`` failed.
        """

    # Start and end --------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._started("__enter__()")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_running", None) is not None and self._owner == os.getpid():
            msg = f"{self!r} was never closed: use it as a context, call close(), or take the fixture module_harness"
            warnings.warn(msg, ResourceWarning, source=self, stacklevel=2)

    def close(self) -> None:
        """End the children, destroy the module, and restore the parameters and ``sys.modules``.

        It does nothing if the harness has not started or is closed already, and in a process that was forked meanwhile.

        Raises:
            ExceptionGroup: A ``destroy_f`` raised an exception, or the value of a parameter could not be restored.
            ChildDiedError: A child process did not end when asked to, or ended by itself.
        """
        running, self._running = self._running, None
        self._state = "closed"
        if running is not None and self._owner == os.getpid():
            self._end(running)

    @abstractmethod
    def _start(self) -> RunningT:
        """Load and initialise the module."""

    @abstractmethod
    def _end(self, running: RunningT) -> None:
        """Do what :meth:`close` promises."""

    def _started(self, call: str) -> RunningT:
        """Start the harness if it has not started.

        Args:
            call: The method that needs it started, for messages.

        Raises:
            LifecycleError: The harness is closed.
        """
        if self._running is None:
            if self._state != "not started":
                raise self._misuse(call)
            self._state = "closed"  # a harness that fails to start does not start again
            self._owner = os.getpid()
            self._running = self._start()
            self._state = "started"
        return self._running

    def _misuse(self, call: str, which: str | None = None, remedy: str = "make another harness") -> LifecycleError:
        msg = f"{call} on the harness of {target_name(self._target)}, {which or f'which is {self._state}'}; {remedy}"
        return LifecycleError(msg, state=self._state, call=call)
