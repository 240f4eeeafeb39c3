"""One module alone in this process: its whole life, its calls and its children."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from enum import IntFlag
from typing import Any, TypeAlias, cast

import attrs

from sermod._core.action import Action
from sermod._core.lifecycle import Lifecycle
from sermod._core.loaded import LoadedModule
from sermod._interface.exports import ModuleExports
from sermod._interface.lookup import looking_up_in
from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES
from sermod.testing.harness.base import TIMEOUT, BaseHarness, CommandCall
from sermod.testing.harness.child_process import Channel
from sermod.testing.harness.forked_child import ForkedChild, serve_requests, start_child
from sermod.testing.harness.messages import message_or_new
from sermod.testing.harness.pairs import ParamValues, Provided
from sermod.testing.harness.recorder import stand_in_exports
from sermod.testing.harness.target import FoundModule, ImportedModules, ParameterValues, Target, find_target

TestedRoute: TypeAlias = Iterable[CommandCall | Action[Any]] | Callable[[Any], int]
"""A route: calls one after the other, or a function with conditions of its own."""


@attrs.frozen(eq=False)
class _RunningModule:
    """A module between the start and the end of its harness.

    Attributes:
        found: The module as the test gave it.
        module: The module as registered.
        life: Its lifecycle.
        restore: Restores what the harness has changed in this process.
        children: The children that were forked.
    """

    found: FoundModule
    module: LoadedModule[Any]
    life: Lifecycle[Any]
    restore: ExitStack
    children: list[ForkedChild] = attrs.field(factory=list[ForkedChild])


class InProcessHarness(BaseHarness[_RunningModule]):
    """A harness whose module runs in this process."""

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
        isolate: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        if isolate:
            raise TypeError(
                f"{type(self).__name__}(isolate=True): only ModuleHarness itself takes that; derive the class from "
                f"IsolatedHarness"
            )
        super().__init__(
            target,
            params,
            provides=provides,
            imports=imports,
            path=path,
            route_flags=route_flags,
            script_param_no=script_param_no,
            timeout=timeout,
        )

    @property
    def exports(self) -> ModuleExports[Any]:
        """The exports of the module, as it passes them to the core."""
        return self._started("exports").found.exports

    @property
    def instance(self) -> Any:
        """The instance of :class:`~sermod.Module`; ``None`` for a module in the C shape."""
        return self._started("instance").found.instance

    @property
    def module(self) -> LoadedModule[Any]:
        """The module in the registry of the harness."""
        return self._started("module").module

    # Start and end --------------------------------------------------------------------------------------------------

    def _start(self) -> _RunningModule:
        with ExitStack() as restore:
            restore.callback(ImportedModules(self._imports).restore)
            found = find_target(self._target, self._path)
            if self._stand_ins:
                self._registry.register(self._recorder.wrap_exports(stand_in_exports(self._stand_ins)))
            module = self._registry.register(self._recorder.wrap_exports(found.exports))
            life = Lifecycle[Any](self._registry)
            restore.callback(ParameterValues(found.exports).restore)
            try:
                for name, value in self._params:
                    self._registry.set_param(module.name, name, value)
                life.init()
            except BaseException as error:
                self._registry.explain(error)
                raise
            return _RunningModule(found, module, life, restore.pop_all())

    def _end(self, running: _RunningModule) -> None:
        with running.restore, ExitStack() as stack:
            stack.callback(running.life.destroy)
            for child in running.children:
                stack.callback(child.close)

    # Calls ----------------------------------------------------------------------------------------------------------

    def bind(self, name: str, *params: str, route: int | None = None, where: str | None = None) -> Action[Any]:
        """Check a call as that of a script is checked, and run the fixup for each parameter.

        Args:
            name: The name of the command.
            params: The parameters, as a script has them.
            route: The kinds of route in which the call stands; ``None``: one in which the command can be called.
            where: The place of the call in the script, for messages.

        Returns:
            The call, which may be run any number of times.

        Raises:
            UnknownCommandError: There is no such command.
            ParamCountError: The command does not take that many parameters.
            RouteError: The command may not be called in these routes.
            FixupError: The fixup refused a parameter.
        """
        self._started("bind()")
        action = self._registry._checked_action(name, params, route, where)
        with looking_up_in(self._registry):
            fixed = action._fix_up()
        action._arm(fixed)
        return action

    def call(self, name: str, *params: str, msg: Any = None, route: int | None = None, where: str | None = None) -> int:
        life = self._started("call()").life
        return life.run_route([self.bind(name, *params, route=route, where=where)], message_or_new(msg))

    def call_fixed(self, name: str, *values: object, msg: Any = None, route: int | None = None) -> int:
        running = self._started("call_fixed()")
        route = self._registry.route_of(name, len(values)) if route is None else route
        export = self._registry.require_export(name, len(values), route)
        params = tuple(map(repr, values))
        action: Action[Any] = Action(export, running.module.name, params, self._registry._routes(route))
        action._arm(values)
        return running.life.run_route([action], message_or_new(msg))

    def function(self, name: str, param_no: int) -> Callable[..., Any]:
        self._started("function()")
        # Validation refuses a named command without a function.
        return cast("Callable[..., Any]", self._registry.require_export(name, param_no).function)

    def run_route(self, calls: TestedRoute, msg: Any = None, *, route: int | None = None) -> int:
        """Run a route, as :meth:`sermod.Lifecycle.run_route` does.

        All calls are checked and fixed up before the first one runs.

        Args:
            calls: The calls: for each the name of a command and its parameters in a tuple, or the result of
                :meth:`bind`. Or a function that takes the message.
            msg: The message; a new :class:`FakeMessage` if none is given.
            route: The kinds of route in which the calls stand; ``None``: for each call as for :meth:`call`.

        Returns:
            The result of the last command that ran, 1 for an empty route; or the result of the function.

        Raises:
            SermodError: As for :meth:`call`.
            Exception: The exception that a command or the function raised.
        """
        life = self._started("run_route()").life
        return life.run_route(self._bound_route(calls, route), message_or_new(msg))

    async def run_route_async(self, calls: TestedRoute, msg: Any = None, *, route: int | None = None) -> int:
        """Run a route whose commands may be coroutine functions, as :meth:`sermod.Lifecycle.run_route_async` does.

        The arguments, the result and the exceptions are those of :meth:`run_route`; a function may be a coroutine
        function as well.
        """
        life = self._started("run_route_async()").life
        return await life.run_route_async(self._bound_route(calls, route), message_or_new(msg))

    def _bound_route(self, calls: TestedRoute, route: int | None) -> Any:
        if callable(calls):
            return calls
        return [each if isinstance(each, Action) else self.bind(*each, route=route) for each in calls]

    def reply(self, msg: Any = None) -> bool:
        return self._started("reply()").life.process_reply(message_or_new(msg))

    def onbreak(self, msg: Any = None) -> None:
        onbreak_f = self._started("onbreak()").module.exports.onbreak_f
        if onbreak_f is not None:
            onbreak_f(message_or_new(msg))

    # Children -------------------------------------------------------------------------------------------------------

    def init_child(self, rank: int) -> None:
        life = self._started("init_child()").life
        self._recorder.rank = rank
        life.init_child(rank)

    def forked(self, rank: int, *, timeout: float | None = None) -> ForkedChild:
        """Fork a real child, and initialise the module in it.

        Args:
            rank: The rank of the child.
            timeout: The time limit of each call in the child, in seconds; ``None``: that of the harness.

        Returns:
            The child, with the same calls. It ends when it is closed, at the latest with the harness.

        Raises:
            ChildInitError: The ``init_child_f`` failed.
            ChildDiedError: The child ended, or took too long.
            NotImplementedError: The system has no ``fork()``.
        """
        running = self._started("forked()")
        timeout = self._timeout if timeout is None else timeout
        child = start_child(self, rank, timeout, self._serve, "init_child", rank)
        running.children.append(child)
        return child

    def _serve(self, channel: Channel) -> None:
        serve_requests(self, channel)
