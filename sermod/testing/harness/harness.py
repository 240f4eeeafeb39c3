"""One module alone: its whole life, its calls, its children, without a server."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeAlias, cast

import attrs

from sermod._classes.module import Module
from sermod._core.action import Action
from sermod._core.lifecycle import Lifecycle
from sermod._core.loaded import LoadedModule
from sermod._interface.exports import REQUEST_ROUTE, ModuleExports, RouteFlag
from sermod._interface.lookup import looking_up_in
from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES
from sermod.errors import LifecycleError
from sermod.testing.harness.child import ForkedChild, serve
from sermod.testing.harness.fork import Fork
from sermod.testing.harness.messages import message
from sermod.testing.harness.recorder import ListeningRegistry, MissingExport, RecordedCall, Recorder, stand_ins
from sermod.testing.harness.target import Interpreter, Target, Variables, find_target, target_name

Call: TypeAlias = Action[Any] | tuple[str, ...]
"""One call in a route: the name of a command and its parameters, or what :meth:`ModuleHarness.bind` has returned."""
Calls: TypeAlias = Iterable[Call] | Callable[[Any], int]
"""A route: calls one after the other, or a function with its own ifs."""

TIMEOUT: Final = 10.0
"""How many seconds a call in a child may take."""


class ModuleHarness:
    """Runs one module through its life, as a server would, and gives back what it found.

    Entering the context starts it: the module is loaded, its parameters are set, and it is initialised. Leaving it ends
    it: the children are ended, the module is destroyed, every parameter has the value that it had before, and
    ``sys.modules`` is what it was, whatever went wrong. Where it is not used as a context, the first call starts it,
    and :meth:`close` ends it. It serves for one life.

    Args:
        target: The module: a ``ModuleExports``, a :class:`~sermod.Module` (class or instance), a Python module, a
            dotted name or a path.
        params: The parameters to set, by name.
        provides: What other modules would export, by name and number of parameters; see :meth:`provide`.
        imports: Stand-ins for Python modules, by the name under which the module imports them. So one that talks to
            its server by a module that only that has, such as Kamailio's ``KSR``, is tested without the server.
        path: The directories in which a bare name is looked for first.
        route_flags: The kinds of route that the host's script knows.
        script_param_no: The numbers of parameters with which the host's script can call a command.
        isolate: Load the module in a child process, and run every call there, which for a compiled module is wise: a
            crash, an ``exit()``, or a call that takes longer than *timeout* is a :class:`~sermod.ChildDiedError` that
            names the signal and the command, the harness has ended with it, and the test run goes on. A message that is
            a writable buffer, a ctypes structure for example, is afterwards what the call has made of it. What cannot
            travel between processes (:attr:`exports`, :meth:`bind`, a route that is a function) stays there.
        timeout: How many seconds a call may take in isolation.

    Example:
        >>> from sermod import REQUEST_ROUTE, Module, command, int_param
        >>> class Limit(Module):
        ...     name = "limit"
        ...     most = int_param(10)
        ...
        ...     @command(REQUEST_ROUTE)
        ...     def is_short(self, msg: object, length: int) -> int:
        ...         return 1 if length <= self.most else -1
        >>> with ModuleHarness(Limit, params={"most": 5}) as harness:
        ...     harness.call("is_short", "7")
        -1
    """

    isolated_class: ClassVar[type[ModuleHarness] | None] = None
    """What runs a module in a process of its own; set where it is defined, which is above this file."""

    def __new__(cls, *_arguments: Any, isolate: bool = False, **_options: Any) -> Self:
        """Make what the arguments ask for: where it is to be isolated, that is another class."""
        if not isolate or cls is not ModuleHarness:
            return super().__new__(cls)
        if cls.isolated_class is None:
            raise TypeError("isolate=True is there for who imports ModuleHarness from sermod.testing: do that")
        return cast("Self", object.__new__(cls.isolated_class))

    def __init__(
        self,
        target: Target,
        params: Mapping[str, int | str] | None = None,
        *,
        provides: Mapping[tuple[str, int], Callable[..., Any]] | None = None,
        imports: Mapping[str, Any] | None = None,
        path: Iterable[str | os.PathLike[str]] = (),
        route_flags: int = SPEC_ROUTES,
        script_param_no: Iterable[int] = SPEC_PARAM_NO,
        isolate: bool = False,  # noqa: ARG002 - it is __new__ that minds it
        timeout: float = TIMEOUT,
    ) -> None:
        self._target = target
        self._timeout = timeout
        self._params = dict(params or {})
        self._imports = dict(imports or {})
        self._path = path
        self._stand_ins: dict[tuple[str, int], Callable[..., Any]] = {}
        self._registry = ListeningRegistry(route_flags=route_flags, script_param_no=script_param_no)
        self._recorder = Recorder()
        self._children: list[ForkedChild] = []
        self._running: _Running | None = None
        self._state = "not started"
        for (name, param_no), function in (provides or {}).items():
            self.provide(name, param_no, function)

    def __repr__(self) -> str:
        return f"<ModuleHarness of {target_name(self._target)}, {self._state}>"

    @property
    def events(self) -> list[RecordedCall]:
        """Everything that ran, in the order in which it began, in the children too."""
        return self._recorder.calls

    @property
    def missing(self) -> tuple[MissingExport, ...]:
        """What the module asked for with :func:`sermod.find_export` and did not find, each once."""
        return self._registry.not_found

    @property
    def rank(self) -> int | None:
        """The rank that this process has; ``None`` before :meth:`init_child`."""
        return self._recorder.rank

    @property
    def exports(self) -> ModuleExports[Any]:
        """What the module passes to the core."""
        return self._started().exports

    @property
    def instance(self) -> Any:
        """The instance of :class:`~sermod.Module`; ``None`` for a module in the C shape."""
        return self._started().instance

    @property
    def module(self) -> LoadedModule[Any]:
        """The module as it stands in the registry."""
        return self._started().module

    def provide(self, name: str, param_no: int, function: Callable[..., Any]) -> Self:
        """Stand in for what another module exports, for :func:`sermod.find_export` to find.

        Args:
            name: The name of the command.
            param_no: Its number of parameters.
            function: The function.

        Returns:
            The harness itself.

        Raises:
            LifecycleError: It has started, so that the module may have looked for it already.
        """
        if self._state != "not started":
            raise self._out_of_turn(f"provide({name!r}, {param_no})", "provide it before the harness starts")
        self._stand_ins[name, param_no] = function
        return self

    # Its life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_running", None) is not None:
            msg = f"{self!r} was never closed: use it as a context, call close(), or take the fixture module_harness"
            warnings.warn(msg, ResourceWarning, source=self, stacklevel=2)

    def close(self) -> None:
        """End it, once; see the class. In another process than the one that started it, it does nothing.

        Raises:
            ExceptionGroup: A ``destroy_f`` raised, or a parameter's value could not be put back.
            ChildDiedError: A child did not end by itself.
        """
        running, self._running = self._running, None
        self._state = "closed"
        if running is None or running.life.main_pid != os.getpid():
            return
        with running.giving_back(), ExitStack() as stack:
            stack.callback(running.life.destroy)
            for child in self._children:
                stack.callback(child.close)

    def _started(self) -> _Running:
        if self._running is None:
            if self._state != "not started":
                raise self._out_of_turn("this", "make another harness for another life")
            self._state = "closed"  # whatever happens, there is no second try
            self._running = self._start()
            self._state = "started"
        return self._running

    def _out_of_turn(self, call: str, remedy: str) -> LifecycleError:
        msg = f"{call} has no place here: the harness of {target_name(self._target)} is {self._state}; {remedy}"
        return LifecycleError(msg, state=self._state, call=call)

    def _start(self) -> _Running:
        interpreter = Interpreter()
        sys.modules.update(self._imports)
        try:
            found = find_target(self._target, self._path)
            if self._stand_ins:
                self._registry.register(self._recorder.exports(stand_ins(self._stand_ins)))
            module = self._registry.register(self._recorder.exports(found.exports))
            life = Lifecycle[Any](self._registry)
            running = _Running(found.exports, found.instance, module, life, Variables(found.exports), interpreter)
        except BaseException:
            interpreter.give_back()
            raise
        try:
            for name, value in self._params.items():
                self._registry.set_param(module.name, name, value)
            life.init()
        except BaseException as error:
            self._registry.explain(error)
            with running.giving_back():
                raise
        return running

    # Calls ----------------------------------------------------------------------------------------------------------

    def bind(self, name: str, *params: str, route: int = REQUEST_ROUTE, where: str | None = None) -> Action[Any]:
        """Check a call as a script's is checked, and run the fixup for each parameter, once.

        Args:
            name: The name of the command.
            params: The parameters, as a script has them.
            route: The kinds of route that the call stands in.
            where: The place in the script.

        Returns:
            The call, ready to run as often as one likes.

        Raises:
            UnknownCommandError: There is no such command.
            ParamCountError: It does not take that many parameters.
            RouteError: It may not be used in these routes.
            FixupError: The fixup refused a parameter.
        """
        self._started()
        action = self._registry._checked_action(name, params, route, where)
        with looking_up_in(self._registry):
            fixed = action._fix_up()
        action._arm(fixed)
        return action

    def call(
        self, name: str, *params: str, msg: Any = None, route: int = REQUEST_ROUTE, where: str | None = None
    ) -> int:
        """Call a command the way a script does: the checks, the fixup once, then the call, alone in its route.

        Where it returns 0, each ``onbreak_f`` runs, as at the end of any route.

        Args:
            name: The name of the command.
            params: The parameters, as a script has them.
            msg: The message; a new :class:`FakeMessage` where none is given.
            route: The kinds of route that the call stands in.
            where: The place in the script.

        Returns:
            What the command returned.

        Raises:
            CommandResultError: It returned no ``int``.
            SermodError: As for :meth:`bind`; what the command raises passes on.
        """
        life = self._started().life
        return life.run_route([self.bind(name, *params, route=route, where=where)], message(msg))

    def call_fixed(self, name: str, *values: object, msg: Any = None, route: int = REQUEST_ROUTE) -> int:
        """Call a command with values that are fixed up already: no fixup runs.

        Args:
            name: The name of the command.
            values: Its parameters, after the fixup.
            msg: The message; a new :class:`FakeMessage` where none is given.
            route: The kinds of route that the call stands in; 0 for a command that is for other modules only.

        Returns:
            What the command returned.

        Raises:
            CommandResultError: It returned no ``int``.
            SermodError: As for :meth:`sermod.Registry.require_export`; what the command raises passes on.
        """
        running = self._started()
        export = self._registry.require_export(name, len(values), route)
        params = tuple(map(repr, values))
        action: Action[Any] = Action(export, running.module.name, params, RouteFlag(route))
        action._arm(values)
        return running.life.run_route([action], message(msg))

    def function(self, name: str, param_no: int) -> Callable[..., Any]:
        """Return the function that another module would get from :func:`sermod.find_export`.

        Raises:
            SermodError: As for :meth:`sermod.Registry.require_export`.
        """
        self._started()
        # Validation lets no named command without a function pass.
        return cast("Callable[..., Any]", self._registry.require_export(name, param_no).function)

    def run_route(self, calls: Calls, msg: Any = None, *, route: int = REQUEST_ROUTE) -> int:
        """Run a route, as :meth:`sermod.Lifecycle.run_route` does.

        Args:
            calls: The calls: tuples of a name and the parameters, or what :meth:`bind` returned; or a function.
            msg: The message; a new :class:`FakeMessage` where none is given.
            route: The kinds of route that the calls stand in.
        """
        life = self._started().life
        return life.run_route(self._route(calls, route), message(msg))

    async def run_route_async(self, calls: Calls, msg: Any = None, *, route: int = REQUEST_ROUTE) -> int:
        """Run a route whose commands may be coroutine functions, as :meth:`sermod.Lifecycle.run_route_async` does.

        Args:
            calls: As for :meth:`run_route`.
            msg: As for :meth:`run_route`.
            route: As for :meth:`run_route`.
        """
        life = self._started().life
        return await life.run_route_async(self._route(calls, route), message(msg))

    def _route(self, calls: Calls, route: int) -> Any:
        if callable(calls):
            return calls
        # All are checked before one runs, as they are in a script.
        return [each if isinstance(each, Action) else self.bind(*each, route=route) for each in calls]

    def reply(self, msg: Any = None) -> bool:
        """Ask the module about a reply.

        Args:
            msg: The reply; a new :class:`FakeMessage` where none is given.

        Returns:
            False: "drop it". True: "forward it".
        """
        return self._started().life.process_reply(message(msg))

    def onbreak(self, msg: Any = None) -> None:
        """Tell the module that a route was ended by a 0, if it wants to hear of that.

        Args:
            msg: The message; a new :class:`FakeMessage` where none is given.
        """
        onbreak = self._started().module.exports.onbreak_f
        if onbreak is not None:
            onbreak(message(msg))

    # Children -------------------------------------------------------------------------------------------------------

    def init_child(self, rank: int) -> None:
        """Initialise the module for a child, in this process, which acts as that child from then on.

        Args:
            rank: The rank.

        Raises:
            ChildInitError: The ``init_child_f`` failed.
        """
        life = self._started().life
        self._recorder.rank = rank
        life.init_child(rank)

    def forked(self, rank: int, *, timeout: float = TIMEOUT) -> ForkedChild:
        """Fork a real child, and initialise the module in it.

        Args:
            rank: The rank of the child.
            timeout: How many seconds a call in it may take.

        Returns:
            The child, with the same calls. It ends when it is closed, at the latest when the harness is.

        Raises:
            ChildInitError: The ``init_child_f`` failed.
            ChildDiedError: The child ended, or took too long.
        """
        self._started()
        missing = self._registry.missing
        fork = Fork.start(rank, lambda channel: serve(self, self._recorder, missing, channel))
        child = ForkedChild(fork, timeout, self._recorder, missing)
        self._children.append(child)
        try:
            child.request("init_child", rank)
        except BaseException:
            child.close()
            raise
        return child


@attrs.frozen(eq=False)
class _Running:
    """What there is of a harness from its start to its end."""

    exports: ModuleExports[Any]
    instance: Module[Any] | None
    module: LoadedModule[Any]
    life: Lifecycle[Any]
    variables: Variables
    interpreter: Interpreter

    @contextmanager
    def giving_back(self) -> Generator[None]:
        """Give everything back after the block, whatever it raises."""
        try:
            yield
        finally:
            try:
                self.variables.give_back()
            finally:
                self.interpreter.give_back()
