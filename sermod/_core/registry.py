"""The loaded modules, and every look-up in them (spec, sections 1.1 to 1.3; the order of look-ups is the core's)."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Generic

import attrs

from sermod._core.action import Action
from sermod._core.collecting import Mistakes
from sermod._core.commands import CommandIndex
from sermod._core.loader import file_module, is_path, loading
from sermod._core.parameters import checked_assignment, module_matcher
from sermod._interface.assignments import Assignment, store_all
from sermod._interface.exports import (
    INT_PARAM,
    STR_PARAM,
    CmdExport,
    ModuleExports,
    MsgT,
    ParamExport,
    RouteFlag,
    route_names,
)
from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES, check
from sermod._problems import Problem
from sermod.errors import (
    DuplicateModuleError,
    InterfaceWarning,
    LifecycleError,
    ParamValueError,
    RouteError,
    ShadowedCommandError,
    UnknownModuleError,
)


@attrs.frozen(eq=False)
class LoadedModule(Generic[MsgT]):
    """A module in a registry.

    Attributes:
        name: Its name, which is that in its exports.
        exports: What it passed to the core.
        origin: The file or dotted name that it was loaded from; ``None`` for one registered from memory.
        problems: The warnings that validation had for it.
    """

    name: str
    exports: ModuleExports[MsgT]
    origin: str | None = None
    problems: tuple[Problem, ...] = ()


class Registry(Generic[MsgT]):
    """The modules of one server: loading, parameters, the binding of the script's calls, and every look-up.

    Registration, parameters and binding belong to the time before ``Lifecycle.init()`` begins, and to one
    thread of the main process. Afterwards the registry is read-only and free for all threads and
    children. Two registries never share a look-up.

    Args:
        path: The directories in which bare names are looked for, in this order; the core's ``mpath``.
        route_flags: The kinds of route that this host's script knows.
        script_param_no: The numbers of parameters with which this host's script can call a command.
        allow_shadowing: Let a module hide a command of an earlier one from the script, as SER does: the newest wins.

    Example:
        >>> from sermod import REQUEST_ROUTE, Lifecycle
        >>> core = Registry()
        >>> ping = CmdExport("ping", lambda msg, text: len(text), 1, 0, REQUEST_ROUTE)
        >>> core.register(ModuleExports("pong", [ping, CmdExport()])).name
        'pong'
        >>> action = core.bind("ping", "abc", route=REQUEST_ROUTE)
        >>> with Lifecycle(core):
        ...     action.run("a message")
        3
    """

    def __init__(
        self,
        path: Iterable[str | os.PathLike[str]] = (),
        route_flags: int = SPEC_ROUTES,
        script_param_no: Iterable[int] = SPEC_PARAM_NO,
        allow_shadowing: bool = False,
    ) -> None:
        if isinstance(path, (str, os.PathLike)):
            raise TypeError(f"Registry(path=...) takes directories in a list (got {path!r}); write path=[{path!r}]")
        self.path: Final = tuple(os.fspath(directory) for directory in path)
        self.route_flags: Final = RouteFlag(route_flags)
        self.script_param_no: Final = tuple(script_param_no)
        self.allow_shadowing: Final = allow_shadowing
        self._modules: dict[str, LoadedModule[MsgT]] = {}
        self._commands: Final = CommandIndex[MsgT](self.route_flags, self.script_param_no)
        self._params: dict[str, dict[tuple[str, int], ParamExport]] = {}
        self._given: set[tuple[str, str, int]] = set()
        self._asked_as: dict[str, str] = {}
        self._actions: list[Action[MsgT]] = []
        self._mistakes = Mistakes()
        self._claimed = False
        self._closed: str | None = None

    # The modules ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of modules."""
        return len(self._modules)

    def __contains__(self, name: object) -> bool:
        """Tell whether a module of that name is registered."""
        return name in self._modules

    def __iter__(self) -> Iterator[LoadedModule[MsgT]]:
        """Iterate over the modules, in load order."""
        return iter(tuple(self._modules.values()))

    def __repr__(self) -> str:
        return f"<Registry of {', '.join(self._modules) or 'no modules'}>"

    @property
    def actions(self) -> tuple[Action[MsgT], ...]:
        """The calls that were bound, in this order."""
        return tuple(self._actions)

    def load(self, what: str | os.PathLike[str], *, check_permissions: bool = False) -> LoadedModule[MsgT]:
        """Load a module and register it: the script's ``loadmodule`` (spec, section 1.1).

        Afterwards only the name in its exports counts, whatever the file, the entry point or the dotted name was.

        Args:
            what: A path, or a name to be looked for; see :func:`sermod.load`.
            check_permissions: Refuse a file that others than its owner may replace.

        Returns:
            The module.

        Raises:
            LoadError: It cannot be loaded, by case as for :func:`sermod.load`.
            AlreadyLoadedError: Its file is loaded in this registry.
            InvalidExportsError: It breaks rules of the interface.
            DuplicateModuleError: A module of its name is registered.
            ShadowedCommandError: It would hide a command from the script.
            LifecycleError: It is too late.
        """
        name = os.fspath(what)
        with self._mistakes:
            self._check_in_time("load()")
            origins = {module.origin for module in self._modules.values() if module.origin is not None}
            with loading(what, self.path, check_permissions=check_permissions, loaded_already=origins) as loaded:
                module = self._register(loaded.exports, loaded.origin)
            self._asked_as.update({name: module.name, _file_name(name): module.name})
            return module
        return LoadedModule(name, ModuleExports(name))

    def register(self, exports: ModuleExports[MsgT]) -> LoadedModule[MsgT]:
        """Register a module that is in memory already.

        Args:
            exports: What the module passes to the core.

        Returns:
            The module.

        Raises:
            InvalidExportsError: It breaks rules of the interface.
            DuplicateModuleError: A module of its name is registered.
            ShadowedCommandError: It would hide a command from the script.
            LifecycleError: It is too late.
        """
        with self._mistakes:
            self._check_in_time("register()")
            return self._register(exports, None)
        return LoadedModule(str(exports.name), exports)

    def _register(self, exports: ModuleExports[MsgT], origin: str | None) -> LoadedModule[MsgT]:
        if not isinstance(exports, ModuleExports):
            raise TypeError(f"register() takes a ModuleExports (got {exports!r}, a {type(exports).__name__})")
        problems = check(exports, route_flags=self.route_flags, script_param_no=self.script_param_no)
        module = LoadedModule(str(exports.name), exports, origin, problems)
        if module.name in self._modules:
            raise DuplicateModuleError(module.name, origin=origin, existing_origin=self._modules[module.name].origin)
        commands = exports.commands
        hidden = None if self.allow_shadowing else self._commands.hidden_by(commands)
        if hidden is not None:
            raise ShadowedCommandError(
                module.name,
                existing_module=self._commands.module_of(hidden),
                command=str(hidden.name),
                param_no=hidden.param_no,
            )
        for problem in problems:  # before anything is changed: a filter may make an exception of it
            warnings.warn(InterfaceWarning(module.name, problem), stacklevel=3)
        self._modules[module.name] = module
        self._commands.add(module.name, commands)
        return module

    # Look-ups -------------------------------------------------------------------------------------------------------

    def find_module(self, name: str) -> LoadedModule[MsgT] | None:
        """Return the module of that name, or ``None``."""
        return self._modules.get(name)

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[MsgT] | None:
        """Find a command as the core does: the newest module first, in it the first entry (core, ``find_export``).

        Args:
            name: The command's name.
            param_no: Its number of parameters.
            flags: The routes that it must all be for; 0: any command, internal ones included.

        Returns:
            The export, or ``None`` where there is none.
        """
        return self._commands.find(name, param_no, flags)

    def require_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[MsgT]:
        """Find a command as :meth:`find_export` does, or say what there is.

        Raises:
            UnknownCommandError: No module exports a command of that name.
            ParamCountError: There is one, but not with that number of parameters.
            RouteError: There is one, but not for these routes.
        """
        export = self.find_export(name, param_no, flags)
        if export is None:
            raise self._commands.not_found(name, param_no, flags, f"command {name!r}", in_script=False)
        return export

    def find_param(self, module: str, name: str, type: int) -> ParamExport | None:  # noqa: A002 - C's field name
        """Find a parameter by module, name and type (core, ``find_param_export``), or return ``None``."""
        return self._params_of(module).get((name, type)) if module in self._modules else None

    def _params_of(self, module: str) -> dict[tuple[str, int], ParamExport]:
        # Made when a module's parameters are first asked for: most modules of a large server are never configured.
        params = self._params.get(module)
        if params is None:
            params = {(str(param.name), int(param.type)): param for param in self._modules[module].exports.parameters}
            self._params[module] = params
        return params

    # Parameters -----------------------------------------------------------------------------------------------------

    def set_param(self, module: str, name: str, value: int | str) -> None:
        """Set a parameter of one module: the script's ``modparam`` (spec, section 1.3).

        Args:
            module: The module's name: that in its exports, whatever its file is called.
            name: The parameter's name.
            value: An ``int`` for an ``INT_PARAM``, a ``str`` for a ``STR_PARAM``.

        Raises:
            UnknownModuleError: No module of that name is registered.
            UnknownParamError: The module has no such parameter.
            ParamTypeError: The value is of a type that the parameter does not take.
            ParamValueError: The value is no C ``int``, has a NUL in it, or is refused by the parameter's pointer.
            LifecycleError: It is too late.
        """
        with self._mistakes:
            self._check_in_time("set_param()")
            if module not in self._modules:
                raise self._unknown_module(module)
            self._store([checked_assignment(module, self._params_of(module), name, value)])

    def modparam(self, pattern: str, name: str, value: int | str) -> None:
        """Set a parameter of every module whose name matches: the script's ``modparam`` with its regular expression.

        All or nothing: every value is checked before one is stored, and should a store fail, the others are put back.

        Args:
            pattern: A regular expression, case-insensitive, that is to match the whole name: ``"acc|auth"`` is exactly
                these two. POSIX classes such as ``[[:digit:]]`` are understood.
            name: The parameter's name, which every matching module must have.
            value: As for :meth:`set_param`.

        Raises:
            UnknownModuleError: No module matches.
            UnknownParamError: A matching module has no such parameter.
            ParamTypeError: As for :meth:`set_param`.
            ParamValueError: As for :meth:`set_param`, and for a pattern that is no regular expression.
            LifecycleError: It is too late.
        """
        with self._mistakes:
            self._check_in_time("modparam()")
            try:
                matches = module_matcher(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                msg = f"modparam(): {pattern!r} is no regular expression ({error}); give one that matches module names"
                raise ParamValueError(msg, module=pattern, param=name, value=value) from error
            modules = [module for module in self._modules if matches(module)]
            if not modules:
                msg = f"no module matches {pattern!r}"
                raise UnknownModuleError(msg, asked=pattern, available=self._modules)
            self._store([checked_assignment(module, self._params_of(module), name, value) for module in modules])

    def _store(self, assignments: list[Assignment]) -> None:
        store_all(assignments)
        self._given.update((each.module, each.param, _kind_of(each.value)) for each in assignments)

    def _missing_params(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters that must be set and are not: the module's name and the parameter's, for each.

        A parameter must be set where its pointer says so, with an attribute ``required`` that is true.
        """
        return tuple(
            (module.name, str(param.name))
            for module in self._modules.values()
            for param in module.exports.parameters
            if getattr(param.param_pointer, "required", False)
            and (module.name, param.name, int(param.type)) not in self._given
        )

    def _unknown_module(self, name: str) -> UnknownModuleError:
        own_name = self._asked_as.get(name)
        message = f"no module {name!r} is loaded"
        if own_name is not None:
            message = (
                f"no module calls itself {name!r}: the one that was loaded as {name!r} has another name in its exports"
            )
        return UnknownModuleError(message, asked=name, available=self._modules, nearest=own_name)

    # The script -----------------------------------------------------------------------------------------------------

    def bind(self, name: str, *params: str, route: int, where: str | None = None) -> Action[MsgT]:
        """Check a call in the script, as the core's configuration parser does, and keep it for the fixups.

        Args:
            name: The command's name.
            params: The parameters of the call, as the script has them.
            route: The kinds of route that the call stands in, at least one.
            where: The place of the call in the script, for messages: ``"ser.cfg:12"``.

        Returns:
            The call, whose ``run`` exists from ``Lifecycle.init()`` on.

        Raises:
            UnknownCommandError: No module exports a command of that name.
            ParamCountError: The command does not take that many parameters.
            RouteError: The command may not be used in these routes, or *route* names none that the host knows.
            TypeError: A parameter is no ``str``.
            LifecycleError: It is too late.
        """
        with self._mistakes:
            self._check_in_time("bind()")
            action = self._checked_action(name, params, route, where)
            self._actions.append(action)
            return action
        return Action(CmdExport(name, None, len(params)), "", params, RouteFlag(route), where)

    def _checked_action(self, name: str, params: tuple[str, ...], route: int, where: str | None) -> Action[MsgT]:
        """Check a call as :meth:`bind` does, at any time, and keep nothing of it: no fixup runs for it."""
        for number, param in enumerate(params, 1):
            if not isinstance(param, str):
                raise TypeError(
                    f"bind({name!r}): parameter {number} must be a str, as a script has it (got {param!r}); "
                    f"write {str(param)!r}"
                )
        call = f"command {name!r}" + (f" at {where}" if where else "")
        if not route or route & ~int(self.route_flags):
            msg = (
                f"{call} is bound with route={route_names(route)}: name at least one of the host's routes, "
                f"{route_names(self.route_flags)}, and no other"
            )
            raise RouteError(msg, command=name, takes=[self.route_flags], got=route)
        export = self.find_export(name, len(params), route) if len(params) in self.script_param_no else None
        if export is None:
            raise self._commands.not_found(name, len(params), route, call, in_script=True)
        return Action(export, self._commands.module_of(export), params, RouteFlag(route), where)

    # Configuration as a whole ---------------------------------------------------------------------------------------

    @contextmanager
    def collect_errors(self) -> Generator[None]:
        """Record each failed ``load``, ``register``, ``set_param``, ``modparam`` and ``bind``; raise them together.

        One run shows a user everything that is wrong with a configuration. It is also the dry run: it runs no code of a
        module but what importing it runs. What failed has changed nothing; what succeeded is there. A call that failed
        returns a stand-in, good for nothing but to go on.

        Raises:
            ExceptionGroup: At least one of the calls failed. An exception that ends the block itself is the last in it.
            LifecycleError: It is too late.
        """
        self._check_in_time("collect_errors()")
        with self._mistakes.together():
            yield

    def _claim(self) -> None:
        """Give the registry to a lifecycle, for ever. Called by ``Lifecycle``.

        Raises:
            LifecycleError: It belongs to one already.
        """
        if self._claimed:
            msg = "the registry belongs to another Lifecycle already, for ever: make a registry for each"
            raise LifecycleError(msg, state=self._closed or "configuring", call="Lifecycle()")
        self._claimed = True

    def _close(self, state: str) -> None:
        """End the time for registration, parameters and binding. Called by ``Lifecycle`` when its state changes.

        Args:
            state: The lifecycle's state, for messages.
        """
        self._closed = state

    def _check_in_time(self, call: str) -> None:
        if self._closed is not None:
            msg = (
                f"{call} comes too late: the lifecycle is {self._closed}; load, set parameters and bind before "
                f"Lifecycle.init() begins"
            )
            raise LifecycleError(msg, state=self._closed, call=call)


def _kind_of(value: object) -> int:
    return STR_PARAM if isinstance(value, str) else INT_PARAM


def _file_name(what: str) -> str:
    """Return what a user takes for the module's name where it was loaded as *what*: that of its file."""
    if not is_path(what):
        return what.rpartition(".")[2]
    return file_module(what)
