"""When the functions of modules run, and in which process (spec, sections 1.4 to 1.7; the core, main.c)."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Final, Generic, Self, TypeAlias, cast

from sermod._core.action import Action
from sermod._core.loaded import LoadedModule
from sermod._core.notes import note_call, note_hook
from sermod._core.registry import Registry
from sermod._core.results import awaited, check_result, close_coroutine, expect_no_coroutine, traceback_of
from sermod._core.routes import checked_call, checked_route
from sermod._core.state import ADVICE, INITIALISING, State
from sermod._interface.exports import MsgT
from sermod._interface.lookup import looking_up_in
from sermod._interface.values import is_int
from sermod._problems import add_note, repr_of, text_of
from sermod.errors import (
    ChildInitError,
    FixupError,
    LifecycleError,
    ModuleInitError,
    raise_together,
)

Route: TypeAlias = Iterable[Action[MsgT]] | Callable[[MsgT], int]
"""What runs for a message: bound calls, one after the other, or a function of the host with its own conditions."""
AsyncRoute: TypeAlias = Iterable[Action[MsgT]] | Callable[[MsgT], int | Awaitable[int]]
"""A route that may contain, or be, a coroutine function."""


_INITIALISED: Final = State.INITIALISED  # for run_route: looking up a member of an enumeration takes time


class Lifecycle(Generic[MsgT]):
    """Runs the modules of a registry through their life.

    As a context manager it calls :meth:`init` on entry and :meth:`close` on exit; leaving the block in another process
    than the one that entered it does nothing.

    Args:
        registry: The modules. They belong to this lifecycle for good.

    Attributes:
        threads: The threads that were started while a module was loaded, or by an ``init_f``, and left running, each
            with the name of the module. A forked child does not have them, so a host that forks warns of them.

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
        """The state, as this process knows it."""
        return self._state

    @property
    def main_pid(self) -> int | None:
        """The id of the main process, which is the one that called :meth:`init`; ``None`` before."""
        return self._main_pid

    @property
    def rank(self) -> int | None:
        """The rank for which this process was initialised, the last one if there were several; ``None`` before."""
        pid, ranks = self._roles
        return ranks[-1] if pid == os.getpid() else None

    def __repr__(self) -> str:
        return f"<Lifecycle of {', '.join(module.name for module in self.registry) or 'no modules'}: {self._says}>"

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

        Each ``init_f`` runs once, in load order, in this process, which becomes the main process; then the fixups of
        every bound call run, in the order in which they were bound. If one fails, the modules that were initialised are
        destroyed again, newest first.

        Raises:
            ModuleInitError: An ``init_f`` returned anything but 0 or ``None``, or raised.
            FixupError: A fixup refused a parameter.
            MissingParamError: Required parameters are not set.
            ConfigurationErrors: Several mistakes: what :meth:`sermod.Registry.check` finds, before any code of a module
                runs, so that they can be mended and init() called again; or, after that, the refusals of fixups.
            LifecycleError: init() was called before.
        """
        self._check_state("init()", State.CONFIGURING)
        self.registry.check()  # no code of a module has run yet, so this can still be mended
        self._main_pid = os.getpid()
        # From here on nothing can be configured, and there is no second attempt, whatever happens.
        self._enter(State.FAILED, INITIALISING)
        self.threads += [(name, thread) for name, thread in self.registry._loads.threads if thread.is_alive()]
        initialised: list[LoadedModule[MsgT]] = []
        try:
            for module in self.registry:
                self._init_module(module)
                initialised.append(module)
            for action, values in self._fix_up_all():
                action._arm(values)
        except BaseException as error:
            self._enter(State.FAILED)
            for name, failure in self._destroy(initialised):
                add_note(error, f"and while cleaning up, destroy_f of module {name!r} raised: {repr_of(failure)}")
            raise
        for module in reversed(initialised):
            if module.exports.onbreak_f is not None:
                self._onbreak.append((module.name, module.exports.onbreak_f))
            if module.exports.response_f is not None:
                self._response.append((module.name, module.exports.response_f))
        self._enter(State.INITIALISED)

    def _fix_up_all(self) -> list[tuple[Action[MsgT], tuple[object, ...]]]:
        """Return each bound call with its fixed parameters; raise the errors of all fixups together."""
        fixed: list[tuple[Action[MsgT], tuple[object, ...]]] = []
        refused: list[Exception] = []
        with looking_up_in(self.registry):
            for action in self.registry.actions:
                try:
                    fixed.append((action, action._fix_up()))
                except FixupError as error:
                    refused.append(error)
        raise_together(refused)
        return fixed

    def _init_module(self, module: LoadedModule[MsgT]) -> None:
        if module.exports.init_f is None:
            return
        before = {*threading.enumerate()}
        try:
            with looking_up_in(self.registry):
                code: object = module.exports.init_f()
        except Exception as error:
            message = f"init_f of module {module.name!r} raised {type(error).__name__}: {text_of(error)}"
            raise ModuleInitError(message, module=module.name, traceback=traceback_of(error)) from error
        if not (code is None or (is_int(code) and code == 0)):
            close_coroutine(code)
            says = f"init_f of module {module.name!r} returned {repr_of(code)}"
            message = f"{says}; the server starts only if it returns 0 or None"
            raise ModuleInitError(message, module=module.name, code=code)
        self.threads += [(module.name, thread) for thread in threading.enumerate() if thread not in before]

    def init_child(self, rank: int) -> None:
        """Initialise every module for a child, in load order, in this process (spec, section 1.4).

        A child calls it once, after the fork, with its rank: 1, 2, 3 and so on. A server without children calls it
        with rank 1 in its one process, which acts as a child. A process may be initialised for several ranks, once for
        each.

        Args:
            rank: The rank of the child, or one of the ranks of special processes, ``PROC_MAIN`` for example.

        Raises:
            ChildInitError: An ``init_child_f`` raised, or returned a negative code or a value that is neither an
                ``int`` nor ``None``. Those of the modules after it have not run.
            LifecycleError: The modules are not initialised, or this process is already initialised for that rank.
            TypeError: The rank is not an ``int``.
        """
        self._init_child(rank)

    def _init_child(self, rank: int, on_module: Callable[[str], object] | None = None) -> None:
        """Do what :meth:`init_child` does; *on_module* is called with the name of each module before its function."""
        self._check_state("init_child()", State.INITIALISED)
        if not is_int(rank):
            raise TypeError(f"init_child(): the rank must be an int (got {rank!r})")
        self._take_role(rank)
        for module in self.registry:
            if module.exports.init_child_f is None:
                continue
            if on_module is not None:
                on_module(module.name)
            self._init_module_in_child(module, module.exports.init_child_f, rank)

    def _take_role(self, rank: int) -> None:
        if self._roles[0] != os.getpid():  # otherwise they are those of the process that forked this one
            self._roles = (os.getpid(), [])
        ranks = self._roles[1]
        if rank in ranks:
            msg = f"init_child({rank}): process {os.getpid()} is already initialised for rank {rank}; call it once"
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
            message = f"{says} raised {type(error).__name__}: {text_of(error)}"
            raise ChildInitError(message, module=module.name, rank=rank, traceback=traceback_of(error)) from error
        if not (code is None or (is_int(code) and code >= 0)):
            close_coroutine(code)
            message = f"{says} returned {repr_of(code)}; a child starts only if it returns 0, a positive number or None"
            raise ChildInitError(message, module=module.name, code=code, rank=rank)

    def destroy(self) -> None:
        """Run each ``destroy_f`` once, newest module first, in the main process (spec, section 1.5).

        If one raises, the others run all the same.

        Raises:
            ExceptionGroup: All exceptions that they raised, each with a note that names the module.
            LifecycleError: The modules are not initialised, or this is not the process that initialised them.
        """
        self._check_state("destroy()", State.INITIALISED)
        if os.getpid() != self._main_pid:
            msg = (
                f"destroy() belongs to the main process, {self._main_pid}, and this is process {os.getpid()}; a child "
                f"just exits"
            )
            raise LifecycleError(msg, state=self._state, call="destroy()")
        self._enter(State.DESTROYED)
        failures = [failure for _, failure in self._destroy([*self.registry])]
        if failures:
            raise BaseExceptionGroup("the clean-up of modules failed", failures)

    def close(self) -> None:
        """Call :meth:`destroy` if this is the main process and the modules are initialised; otherwise do nothing.

        It is for code that several processes run: the end of a ``with`` block that a child may leave as well, or a host
        that calls the same function in every process.

        Raises:
            ExceptionGroup: As for :meth:`destroy`.
        """
        if os.getpid() == self._main_pid and self._state is State.INITIALISED:
            self.destroy()

    def _destroy(self, modules: list[LoadedModule[MsgT]]) -> list[tuple[str, BaseException]]:
        failures: list[tuple[str, BaseException]] = []
        for module in reversed(modules):
            if module.exports.destroy_f is None:
                continue
            try:
                with looking_up_in(self.registry):
                    expect_no_coroutine(module.name, "destroy_f", cast("object", module.exports.destroy_f()))
            except BaseException as error:  # noqa: BLE001 - the others are still to be cleaned up
                add_note(error, f"destroy_f of module {module.name!r} raised")
                failures.append((module.name, error))
        return failures

    # Messages -------------------------------------------------------------------------------------------------------

    def run_route(self, route: Route[MsgT], msg: MsgT) -> int:
        """Run a route for a message, in the process that handles it.

        Calls are run until one returns 0, "stop processing". Then, or where the host's function returns 0, each
        ``onbreak_f`` runs, newest module first. An exception passes on, without onbreak, and a note on it names the
        call, its place and its module. The calls that a function of the host makes itself are not noted.

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
        kind = type(route)
        is_sequence = kind is list or kind is tuple
        if not is_sequence and callable(route):
            result = route(msg)  # ty: ignore[invalid-assignment] - a sequence of actions that is callable as well
            if type(result) is not int:
                check_result(None, route, result)
        else:
            for action in cast("Iterable[Action[MsgT]]", route) if is_sequence else checked_route(route):
                try:
                    result = action.run(msg)
                    if type(result) is not int:
                        check_result(action.module, action.export.name, result)
                    if not result:
                        break
                except Exception as error:
                    note_call(error, checked_call(action, error), self._without_rank())
                    raise
        if not result:
            for module, onbreak in self._onbreak:
                try:
                    expect_no_coroutine(module, "onbreak_f", onbreak(msg))
                except Exception as error:
                    note_hook(error, "onbreak_f", module)
                    raise
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
            result = await awaited(route(msg))
            check_result(None, route, result)
        else:
            for action in checked_route(route):
                try:
                    result = await awaited(action.run(msg))
                    check_result(action.module, action.export.name, result)
                    if not result:
                        break
                except Exception as error:
                    note_call(error, checked_call(action, error), self._without_rank())
                    raise
        if not result:
            for module, onbreak in self._onbreak:
                try:
                    await awaited(onbreak(msg))
                except Exception as error:
                    note_hook(error, "onbreak_f", module)
                    raise
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
            try:
                result = response(msg)
                check_result(module, "response_f", result)
                if not result:
                    return False
            except Exception as error:
                note_hook(error, "response_f", module)
                raise
        return True

    def _without_rank(self) -> str:
        """Return what to add to the note on an exception where no ``init_child_f`` has run in this process."""
        if self.rank is not None or all(module.exports.init_child_f is None for module in self.registry):
            return ""
        return "; this process was initialised for no rank, so no init_child_f has run: call init_child(rank) first"

    # State ----------------------------------------------------------------------------------------------------------

    def _enter(self, state: State, says: str | None = None) -> None:
        self._state = state
        self._says = says or state
        self.registry._close(self._says)

    def _check_state(self, call: str, wanted: State) -> None:
        if self._state is wanted:
            return
        msg = f"{call} needs a lifecycle that is {wanted}, and this one is {self._says}: {ADVICE[self._says]}"
        raise LifecycleError(msg, state=self._says, call=call)
