"""The order in which module functions run, and in which process (spec, sections 1.4 to 1.7; the core, main.c)."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeGuard, cast

from sermod._core.action import Action
from sermod._core.registry import LoadedModule, Registry
from sermod._interface.exports import MsgT
from sermod._interface.lookup import looking_up_in
from sermod.errors import ChildInitError, CommandResultError, LifecycleError, MissingParamError, ModuleInitError

Route: TypeAlias = Iterable[Action[MsgT]] | Callable[[MsgT], int]
"""What a script runs for a message: calls one after the other, or a function of the host with its own ifs."""
AsyncRoute: TypeAlias = Iterable[Action[MsgT]] | Callable[[MsgT], int | Awaitable[int]]
"""A route whose commands, or which itself, may be coroutine functions."""


class State(StrEnum):
    """Where a lifecycle stands."""

    CONFIGURING = "configuring"
    """Modules may be loaded, parameters set, calls bound."""
    INITIALISED = "initialised"
    """Every ``init_f`` and every fixup has run: messages may be processed."""
    DESTROYED = "destroyed"
    """Every ``destroy_f`` has run."""
    FAILED = "failed"
    """Initialization failed: what was initialised is destroyed again."""


_INITIALISED: Final = State.INITIALISED  # for run_route: to look a member of an enumeration up takes a while


class Lifecycle(Generic[MsgT]):
    """Runs the modules of a registry through their life.

    As a context manager it calls :meth:`init` on entry and :meth:`close` on exit; leaving the block in another process
    than the one that entered it does nothing.

    Args:
        registry: The modules. They belong to this lifecycle for ever.

    Attributes:
        threads: The threads that an ``init_f`` started and left running, each with the name of the module. No thread
            outlives a fork, so whoever forks has something to say about them.

    Raises:
        LifecycleError: The registry belongs to another lifecycle.
    """

    def __init__(self, registry: Registry[MsgT]) -> None:
        registry._claim()
        self.registry = registry
        self.threads: list[tuple[str, threading.Thread]] = []
        self._state = State.CONFIGURING
        self._says: str = State.CONFIGURING
        self._main_pid: int | None = None
        self._roles: tuple[int | None, list[int]] = (None, [])
        self._onbreak: list[tuple[str, Callable[[MsgT], object]]] = []
        self._response: list[tuple[str, Callable[[MsgT], object]]] = []

    @property
    def state(self) -> State:
        """Where the lifecycle stands, as this process knows it."""
        return self._state

    @property
    def main_pid(self) -> int | None:
        """The id of the main process, the one that called :meth:`init`; ``None`` before."""
        return self._main_pid

    @property
    def rank(self) -> int | None:
        """The rank that this process was initialised with, the last one if there were several; ``None`` before."""
        pid, ranks = self._roles
        return ranks[-1] if pid == os.getpid() else None

    def __enter__(self) -> Self:
        self.init()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    # Initialization and clean-up ------------------------------------------------------------------------------------

    def init(self) -> None:
        """Initialise every module, then fix up every call (spec, section 1.4; the order is the core's).

        Each ``init_f`` runs once, in load order, in this process, which thereby is the main process; then the fixups of
        every bound call, in the order in which they were bound. Should one fail, the modules that were initialised
        are destroyed again, newest first.

        Raises:
            ModuleInitError: An ``init_f`` returned anything but 0 or ``None``, or raised.
            FixupError: A fixup refused a parameter.
            MissingParamError: Parameters that are required are not set. Nothing has run: set them, and call it again.
            LifecycleError: It was called before.
        """
        self._check_state("init()", State.CONFIGURING)
        missing = self.registry._missing_params()
        if missing:  # nothing has run yet: they may still be set
            raise MissingParamError(missing)
        self._main_pid = os.getpid()
        # From here on there is nothing to configure, and no second try: whatever happens, the state says so.
        self._enter(State.FAILED, _INITIALISING)
        initialised: list[LoadedModule[MsgT]] = []
        try:
            for module in self.registry:
                self._init_module(module)
                initialised.append(module)
            with looking_up_in(self.registry):
                fixed = [(action, action._fix_up()) for action in self.registry.actions]
            for action, values in fixed:
                action._arm(values)
        except BaseException as error:
            self._enter(State.FAILED)
            for failure in self._destroy(initialised):
                error.add_note(f"and while cleaning up, {failure.__notes__[-1]}: {failure!r}")
            raise
        for module in reversed(initialised):
            if module.exports.onbreak_f is not None:
                self._onbreak.append((module.name, module.exports.onbreak_f))
            if module.exports.response_f is not None:
                self._response.append((module.name, module.exports.response_f))
        self._enter(State.INITIALISED)

    def _init_module(self, module: LoadedModule[MsgT]) -> None:
        if module.exports.init_f is None:
            return
        before = {*threading.enumerate()}
        try:
            with looking_up_in(self.registry):
                code: object = module.exports.init_f()
        except Exception as error:
            message = f"init_f of module {module.name!r} raised {type(error).__name__}: {error}"
            raise ModuleInitError(message, module=module.name, traceback=_text(error)) from error
        if not (code is None or (_is_int(code) and code == 0)):
            _close(code)
            message = (
                f"init_f of module {module.name!r} returned {code!r}: anything but 0 or None stops the server; "
                f"see what the module says, or let it return 0"
            )
            raise ModuleInitError(message, module=module.name, code=code)
        self.threads += [(module.name, thread) for thread in threading.enumerate() if thread not in before]

    def init_child(self, rank: int, *, on_module: Callable[[str], object] | None = None) -> None:
        """Initialise every module for a child, in load order, in this process (spec, section 1.4).

        A child calls it once, after the fork, with its rank: 1, 2, 3 and so on. Where nothing is forked, the one
        process calls it with rank 1, and acts as a child. A process may have another role beside that, which has a rank
        of its own; for one rank it is initialised once.

        Args:
            rank: The rank of the child, or one of the ranks of special processes, ``PROC_MAIN`` for example.
            on_module: Is told the name of each module before its ``init_child_f`` is called.

        Raises:
            ChildInitError: An ``init_child_f`` returned a negative code or something that is no ``int`` or ``None``, or
                raised. The ones after it have not run.
            LifecycleError: The modules are not initialised, or this process is initialised for that rank already.
            TypeError: The rank is no ``int``.
        """
        self._check_state("init_child()", State.INITIALISED)
        if not _is_int(rank):
            raise TypeError(f"init_child(): the rank must be an int (got {rank!r})")
        self._take_role(rank)
        for module in self.registry:
            if module.exports.init_child_f is None:
                continue
            if on_module is not None:
                on_module(module.name)
            self._init_module_in_child(module, module.exports.init_child_f, rank)

    def _take_role(self, rank: int) -> None:
        if self._roles[0] != os.getpid():  # what is in here otherwise is that of the process that forked this one
            self._roles = (os.getpid(), [])
        ranks = self._roles[1]
        if rank in ranks:
            msg = f"init_child({rank}): this process, {os.getpid()}, is initialised for that rank already; call it once"
            raise LifecycleError(msg, state=self._state, call="init_child()")
        ranks.append(rank)

    def _init_module_in_child(
        self, module: LoadedModule[MsgT], init_child_f: Callable[[int], object], rank: int
    ) -> None:
        says = f"init_child_f of module {module.name!r} in rank {rank}"
        try:
            with looking_up_in(self.registry):
                code: object = init_child_f(rank)
        except Exception as error:
            message = f"{says} raised {type(error).__name__}: {error}"
            raise ChildInitError(message, module=module.name, rank=rank, traceback=_text(error)) from error
        if not (code is None or (_is_int(code) and code >= 0)):
            _close(code)
            message = f"{says} returned {code!r}: a negative code, or anything but an int or None, ends the child"
            raise ChildInitError(message, module=module.name, code=code, rank=rank)

    def destroy(self) -> None:
        """Run each ``destroy_f`` once, newest module first, in the main process (spec, section 1.5).

        One that raises does not keep the others from running.

        Raises:
            ExceptionGroup: What they raised, all together, each with a note that names its module.
            LifecycleError: The modules are not initialised, or this is not the process that initialised them.
        """
        self._check_state("destroy()", State.INITIALISED)
        if os.getpid() != self._main_pid:
            msg = (
                f"destroy() belongs to the main process, {self._main_pid}, and this is process {os.getpid()}: "
                f"a child just ends"
            )
            raise LifecycleError(msg, state=self._state, call="destroy()")
        self._enter(State.DESTROYED)
        failures = self._destroy([*self.registry])
        if failures:
            raise BaseExceptionGroup("the clean-up of modules failed", failures)

    def close(self) -> None:
        """Call :meth:`destroy` if that is this process's to do and is not done yet; otherwise do nothing.

        It is for who cannot tell: the end of a ``with`` block that a child may leave as well, or a host that calls the
        same function in every process.

        Raises:
            ExceptionGroup: As for :meth:`destroy`.
        """
        if os.getpid() == self._main_pid and self._state is State.INITIALISED:
            self.destroy()

    def _destroy(self, modules: list[LoadedModule[MsgT]]) -> list[BaseException]:
        failures: list[BaseException] = []
        for module in reversed(modules):
            if module.exports.destroy_f is None:
                continue
            try:
                with looking_up_in(self.registry):
                    _expect_nothing_to_await(module.name, "destroy_f", cast("object", module.exports.destroy_f()))
            except BaseException as error:  # noqa: BLE001 - the others are still to be cleaned up
                error.add_note(f"destroy_f of module {module.name!r} raised")
                failures.append(error)
        return failures

    # Messages -------------------------------------------------------------------------------------------------------

    def run_route(self, route: Route[MsgT], msg: MsgT) -> int:
        """Run a route for a message, in the process that handles it.

        Calls are run until one returns 0, "stop processing". Then, or where the host's function returns 0, each
        ``onbreak_f`` runs, newest module first. An exception passes on, without onbreak.

        Args:
            route: Bound calls, or a function of the host that takes the message.
            msg: The message.

        Returns:
            The last result: more than 0 for true, less than 0 for false, 0 for "stopped"; 1 for an empty route.

        Raises:
            CommandResultError: A result is no ``int``: ``True``, ``False``, ``None`` or an awaitable would each mean
                something else than it looks like.
            LifecycleError: The modules are not initialised.
        """
        if self._state is not _INITIALISED:
            self._check_state("run_route()", _INITIALISED)
        result: int = 1
        if callable(route):
            result = route(msg)  # ty: ignore[invalid-assignment] - a sequence of actions that is callable as well
            if type(result) is not int:
                _check_result(None, route, result)
        else:
            for action in route:
                result = action.run(msg)
                if type(result) is not int:
                    _check_result(action.module, action.export.name, result)
                if not result:
                    break
        if not result:
            for module, onbreak in self._onbreak:
                _expect_nothing_to_await(module, "onbreak_f", onbreak(msg))
        return result

    async def run_route_async(self, route: AsyncRoute[MsgT], msg: MsgT) -> int:
        """Run a route as :meth:`run_route` does, with functions that may be coroutine functions.

        Args:
            route: As for :meth:`run_route`.
            msg: The message.

        Returns:
            As :meth:`run_route` does.

        Raises:
            CommandResultError: As for :meth:`run_route`; it is what was awaited that must be an ``int``.
            LifecycleError: The modules are not initialised.
        """
        self._check_state("run_route_async()", State.INITIALISED)
        result: int = 1
        if callable(route):
            result = await _awaited(route(msg))
            _check_result(None, route, result)
        else:
            for action in route:
                result = await _awaited(action.run(msg))
                _check_result(action.module, action.export.name, result)
                if not result:
                    break
        if not result:
            for _, onbreak in self._onbreak:
                await _awaited(onbreak(msg))
        return result

    def process_reply(self, msg: MsgT) -> bool:
        """Ask each ``response_f`` about a reply, newest module first, in the process that handles it.

        Args:
            msg: The reply.

        Returns:
            False, "drop it", at the first that returns 0: the rest are not asked. True, "forward it", otherwise.

        Raises:
            CommandResultError: A result is no ``int``.
            LifecycleError: The modules are not initialised.
        """
        self._check_state("process_reply()", State.INITIALISED)
        for module, response in self._response:
            result = response(msg)
            _check_result(module, "response_f", result)
            if not result:
                return False
        return True

    # State ----------------------------------------------------------------------------------------------------------

    def _enter(self, state: State, says: str | None = None) -> None:
        self._state = state
        self._says = says or state
        self.registry._close(self._says)

    def _check_state(self, call: str, wanted: State) -> None:
        if self._state is wanted:
            return
        msg = f"{call} wants a lifecycle that is {wanted}, and this one is {self._says}: {_ADVICE[self._says]}"
        raise LifecycleError(msg, state=self._says, call=call)


_INITIALISING: Final = "being initialised"
"""What messages call the time in which ``init`` runs: a state for nobody but those whose functions it calls."""

_ADVICE: Final[dict[str, str]] = {
    State.CONFIGURING: "call init() first, or enter the with block",
    _INITIALISING: "init() has to return first",
    State.INITIALISED: "init() runs once",
    State.DESTROYED: "its modules are cleaned up; make a new registry and a new lifecycle",
    State.FAILED: "its initialization has not succeeded; make a new registry and a new lifecycle",
}


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(error: BaseException) -> str:
    import traceback  # slow to import, and there is nothing to tell unless something fails

    return "".join(traceback.format_exception(error))


def _close(value: object) -> None:
    # A coroutine that nobody will await is told so, or it complains later, in a place that has nothing to do with it.
    if isinstance(value, Coroutine):
        value.close()


def _expect_nothing_to_await(module: str, hook: str, result: object) -> None:
    if isinstance(result, Coroutine):
        _close(cast("object", result))
        message = f"{hook} of module {module!r} is a coroutine function, and has not run: nobody awaits it here"
        raise CommandResultError(message, module=module, command=hook, value=cast("object", result))


async def _awaited(value: Any) -> Any:
    return await cast("Awaitable[object]", value) if isinstance(value, Awaitable) else value


def _check_result(module: str | None, command: object, result: object) -> None:
    if _is_int(result):
        return
    _close(result)
    name = getattr(command, "__name__", str(command))
    whose = f"{name!r} of module {module!r}" if module is not None else f"the route {name!r}"
    message = (
        f"{whose} returned {result!r}, which is no result: return an int, more than 0 for true, less than 0 for false, "
        f"0 to stop (an awaitable needs run_route_async)"
    )
    raise CommandResultError(message, module=module, command=name, value=result)
