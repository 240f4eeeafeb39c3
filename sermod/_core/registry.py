"""The loaded modules, and all look-ups in them (spec, sections 1.1 to 1.3; the order of look-ups is the core's)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from enum import IntFlag
from typing import Final, Generic

from sermod._core.action import Action, check_call
from sermod._core.collecting import ErrorCollector
from sermod._core.commands import CommandIndex
from sermod._core.loaded import LoadedModule, how_to_export
from sermod._core.loader import loading
from sermod._core.loads import Loads, directories_of
from sermod._core.parameters import ParameterIndex
from sermod._interface.exports import CmdExport, ModuleExports, MsgT, ParamExport, route_names, routes_of
from sermod._interface.lookup import used_functions
from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES, check
from sermod._interface.values import plain
from sermod._problems import kind_of, repr_of
from sermod.errors import (
    DuplicateModuleError,
    InterfaceWarning,
    LifecycleError,
    MissingParamError,
    RouteError,
    SermodError,
    ShadowedCommandError,
    UnknownModuleError,
    raise_together,
)


class Registry(Generic[MsgT]):
    """The modules of one server: loading, parameters, the script's calls, and look-ups.

    Modules are registered, parameters set and calls bound before ``Lifecycle.init()`` begins, by one thread of the main
    process. Afterwards the registry is read-only, and all threads and children may use it. Two registries never share a
    look-up.

    Args:
        path: The directories in which bare names are looked up, in this order; the core's ``mpath``.
        route_flags: The kinds of route that this host's script knows; an ``IntFlag`` class, or a member of one, also
            gives them names for messages.
        script_param_no: The numbers of parameters with which this host's script can call a command.
        allow_shadowing: Let a module hide a command of an earlier one from the script, as in SER: the newest wins.

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
        route_flags: int | type[IntFlag] = SPEC_ROUTES,
        script_param_no: Iterable[int] = SPEC_PARAM_NO,
        allow_shadowing: bool = False,
    ) -> None:
        self.path: Final = directories_of(path)
        self.route_flags: Final = routes_of(route_flags)
        self.script_param_no: Final = tuple(script_param_no)
        self.allow_shadowing: Final = allow_shadowing
        self._modules: dict[str, LoadedModule[MsgT]] = {}
        self._commands: Final = CommandIndex[MsgT](self.route_flags, self.script_param_no)
        self._params: Final = ParameterIndex(self._modules)
        self._loads: Final = Loads()
        self._actions: list[Action[MsgT]] = []
        self._errors = ErrorCollector()
        self._claimed = False
        self._closed: str | None = None

    # The modules ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of modules."""
        return len(self._modules)

    def __contains__(self, name: object) -> bool:
        """Return whether a module of that name is registered."""
        return name in self._modules

    def __iter__(self) -> Iterator[LoadedModule[MsgT]]:
        """Iterate over the modules, in load order."""
        return iter(tuple(self._modules.values()))

    def __repr__(self) -> str:
        return f"<Registry of {', '.join(self._modules) or 'no modules'}>"

    @property
    def actions(self) -> tuple[Action[MsgT], ...]:
        """The bound calls, in the order in which they were bound."""
        return tuple(self._actions)

    def load(
        self, what: str | os.PathLike[str], *, check_permissions: bool = False, where: str | None = None
    ) -> LoadedModule[MsgT]:
        """Load a module and register it: the script's ``loadmodule`` (spec, section 1.1).

        Afterwards only the name in its exports counts, whatever the file, the entry point or the dotted name was.

        Args:
            what: A path, or a name to look up; see :func:`sermod.load`.
            check_permissions: Refuse a file that users other than root and the process's own may replace.
            where: The place in the script, for messages: ``"ser.cfg:3"``.

        Returns:
            The module.

        Raises:
            LoadError: It cannot be loaded; the subclasses are those of :func:`sermod.load`.
            AlreadyLoadedError: Its file is already loaded in this registry.
            InvalidExportsError: It breaks rules of the interface.
            DuplicateModuleError: A module of its name is already registered.
            ShadowedCommandError: It would hide a command from the script.
            LifecycleError: ``Lifecycle.init()`` has begun.
        """
        try:
            self._check_in_time("load()")
            with loading(what, self.path, check_permissions, self._loads.origins) as loaded:
                module = self._register(loaded.exports, loaded.origin, where)
        except SermodError as error:
            if not self._errors.collects(error, where):
                raise
            return LoadedModule(str(what), ModuleExports(str(what)))
        self._loads.add(what, module.name, loaded)
        return module

    def forget(self) -> None:
        """Remove the modules that were executed from files from ``sys.modules``, so that their memory can be freed.

        A host that reloads calls it after ``Lifecycle.destroy()`` and the last call, and then lets go of the registry.
        Modules that were imported by their dotted names stay, and so do C modules.

        Raises:
            LifecycleError: The modules are initialised, so that their code may still run.
        """
        self._loads.forget(self._closed)

    def register(self, exports: ModuleExports[MsgT], *, where: str | None = None) -> LoadedModule[MsgT]:
        """Register a module that is already in memory.

        Args:
            exports: The exports of the module.
            where: The place in the script, for messages.

        Returns:
            The module.

        Raises:
            InvalidExportsError: It breaks rules of the interface.
            DuplicateModuleError: A module of its name is already registered.
            ShadowedCommandError: It would hide a command from the script.
            LifecycleError: ``Lifecycle.init()`` has begun.
        """
        if not isinstance(exports, ModuleExports):
            raise TypeError(
                f"register() takes a ModuleExports (got {repr_of(exports)}, {kind_of(exports)}){how_to_export(exports)}"
            )
        try:
            self._check_in_time("register()")
            return self._register(exports, None, where)
        except SermodError as error:
            if not self._errors.collects(error, where):
                raise
            return LoadedModule(str(exports.name), exports)

    def _register(self, exports: ModuleExports[MsgT], origin: str | None, where: str | None) -> LoadedModule[MsgT]:
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
        for problem in problems:  # before anything changes: a warnings filter may raise
            warning = InterfaceWarning(module.name, problem)
            warning._at(where)
            warnings.warn(warning, stacklevel=3)
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
            flags: The routes that it must be for, all of them; 0: any command, also one for other modules only.

        Returns:
            The export, or ``None`` where there is none.
        """
        return self._commands.find(name, param_no, flags)

    def require_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[MsgT]:
        """Find a command as :meth:`find_export` does, or raise an error that says what there is.

        Raises:
            UnknownCommandError: No module exports a command of that name.
            ParamCountError: The command takes another number of parameters.
            RouteError: The command is not for these routes.
        """
        export = self.find_export(name, param_no, flags)
        if export is None:
            raise self._commands.not_found(name, param_no, flags, f"command {name!r}", in_script=False)
        return export

    def find_param(self, module: str, name: str, type: int) -> ParamExport | None:  # noqa: A002 - C's field name
        """Find a parameter by module, name and type (core, ``find_param_export``), or return ``None``."""
        return self._params.find(module, name, type)

    # Parameters -----------------------------------------------------------------------------------------------------

    def set_param(self, module: str, name: str, value: int | str, *, where: str | None = None) -> None:
        """Set a parameter of one module: the script's ``modparam`` (spec, section 1.3).

        Args:
            module: The name in the module's exports, whatever its file is called.
            name: The parameter's name.
            value: An ``int`` for an ``INT_PARAM``, a ``str`` for a ``STR_PARAM``.
            where: The place in the script, for messages: ``"ser.cfg:7"``.

        Raises:
            UnknownModuleError: No module of that name is registered.
            UnknownParamError: The module has no such parameter.
            ParamTypeError: The parameter does not take values of that type.
            ParamValueError: The value is not a C ``int``, contains a NUL, or is refused by the parameter's pointer.
            LifecycleError: ``Lifecycle.init()`` has begun.
        """
        try:
            self._check_in_time("set_param()")
            found = self._modules.get(module)
            if found is None:
                raise self._loads.unknown_module(module, self._modules)
            self._params.set([found.name], name, value)
        except SermodError as error:
            if not self._errors.collects(error, where):
                raise

    def modparam(self, pattern: str, name: str, value: int | str, *, where: str | None = None) -> None:
        """Set a parameter of every module whose name matches: the script's ``modparam`` with its regular expression.

        All or nothing: all values are checked before one is stored, and if one cannot be stored, the others are put
        back.

        Args:
            pattern: A regular expression, case-insensitive, that must match the whole name: ``"acc|auth"`` means
                exactly these two. POSIX classes such as ``[[:digit:]]`` are allowed.
            name: The parameter's name, which every matching module must have.
            value: As for :meth:`set_param`.
            where: As for :meth:`set_param`.

        Raises:
            UnknownModuleError: No module matches.
            UnknownParamError: A matching module has no such parameter.
            ParamTypeError: As for :meth:`set_param`.
            ParamValueError: As for :meth:`set_param`, and if the pattern is not a regular expression.
            LifecycleError: ``Lifecycle.init()`` has begun.
        """
        try:
            self._check_in_time("modparam()")
            modules = self._params.matching(pattern, name, value)
            if not modules:
                msg = f"no module matches {pattern!r}"
                raise UnknownModuleError(msg, asked=pattern, available=self._modules)
            self._params.set(modules, name, value)
        except SermodError as error:
            if not self._errors.collects(error, where):
                raise

    # The script -----------------------------------------------------------------------------------------------------

    def bind(self, name: str, *params: str, route: int, where: str | None = None) -> Action[MsgT]:
        """Check a call in the script, as the core's configuration parser does, and return it.

        Args:
            name: The command's name.
            params: The parameters of the call, as the script has them.
            route: The kinds of route in which the call stands, at least one.
            where: The place of the call in the script, for messages: ``"ser.cfg:12"``.

        Returns:
            The call, whose ``run`` exists from ``Lifecycle.init()`` on.

        Raises:
            UnknownCommandError: No module exports a command of that name.
            ParamCountError: The command takes another number of parameters.
            RouteError: The command may not be used in these routes, or *route* names one that the host does not know.
            FixupError: A ready-made fixup, which runs no code of a module, refuses a parameter.
            TypeError: A parameter is not a ``str``, or *route* is not an ``int``.
            LifecycleError: ``Lifecycle.init()`` has begun.
        """
        try:
            self._check_in_time("bind()")
            action = self._checked_action(name, params, route, where)
            action._fix_up_early()
        except SermodError as error:
            if not self._errors.collects(error, where):
                raise
            return Action(CmdExport(name, None, len(params)), "", params, self._routes(route), where)
        self._actions.append(action)
        return action

    def _checked_action(self, name: str, params: tuple[str, ...], route: int, where: str | None) -> Action[MsgT]:
        """Check a call as :meth:`bind` does, at any time, without keeping it: ``Lifecycle.init`` does not fix it up."""
        check_call(name, params, route, self.route_flags)
        name, params = plain(name), tuple(map(plain, params))
        routes, command = self._routes(route), f"command {name!r}"
        if not route or route & ~int(self.route_flags):
            msg = (
                f"{command} is bound for {route_names(routes, type(routes))}; give at least one of the host's "
                f"routes, {route_names(self.route_flags, type(routes))}, and no other"
            )
            raise RouteError(msg, command=name, takes=[self.route_flags], got=route)
        export = self.find_export(name, len(params), route) if len(params) in self.script_param_no else None
        if export is None:
            raise self._commands.not_found(name, len(params), route, command, in_script=True)
        return Action(export, self._commands.module_of(export), params, routes, where)

    def _routes(self, route: int) -> IntFlag:
        return type(self.route_flags)(route)

    # Configuration as a whole ---------------------------------------------------------------------------------------

    @contextmanager
    def collect_errors(self) -> Generator[None]:
        """Collect the error of each failed ``load``, ``register``, ``set_param``, ``modparam`` and ``bind``.

        At the end of the block they are raised together: one run shows a user everything that is wrong with a
        configuration. It is also the dry run, whose last call is :meth:`check`: no code of a module runs but its
        import. A failed call changes nothing, and returns a placeholder that is only good for going on; a call that
        succeeds has its usual effect. Unknown modules and commands after a failed ``load`` follow from that failure:
        unless a name is nearly the same, they are only counted, in a note.

        Raises:
            ConfigurationErrors: At least one call failed. An exception that ends the block itself is the last one.
            LifecycleError: ``Lifecycle.init()`` has begun.
        """
        self._check_in_time("collect_errors()")
        with self._errors.collecting():
            yield

    def check(self) -> None:
        """Check what only the whole configuration shows, at its end.

        Each required parameter must be set, and each function that a module uses of another must be exported.
        ``Lifecycle.init()`` begins with this check; a dry run ends with it.

        Raises:
            MissingParamError: Required parameters are not set.
            UnknownCommandError: A module uses a command that no module exports.
            ParamCountError: A module uses a command with a number of parameters that it does not take.
            ConfigurationErrors: Several of these.
        """
        try:
            raise_together([*self._faults()])
        except SermodError as error:
            if not self._errors.collects(error):
                raise

    def _faults(self) -> Iterator[SermodError]:
        missing = [*self._params.missing()]
        if missing:
            yield MissingParamError(missing)
        for module in self._modules.values():
            for name, param_no, flags in used_functions(module.exports.init_f):
                if self.find_export(name, param_no, flags) is None:
                    asked = f"command {name!r} that module {module.name!r} uses"
                    yield self._commands.not_found(name, param_no, flags, asked, in_script=False)

    def _claim(self) -> None:
        """Give the registry to a lifecycle for good. Called by ``Lifecycle``.

        Raises:
            LifecycleError: It already belongs to one.
        """
        if self._claimed:
            msg = "the registry already belongs to another Lifecycle; make a registry for each Lifecycle"
            raise LifecycleError(msg, state=self._closed or "configuring", call="Lifecycle()")
        self._claimed = True

    def _close(self, state: str) -> None:
        """Refuse registration, parameters and binding from now on. Called by ``Lifecycle`` when its state changes.

        Args:
            state: The lifecycle's state, for messages.
        """
        self._closed = state

    def _check_in_time(self, call: str) -> None:
        if self._closed is not None:
            msg = (
                f"{call} comes too late: the lifecycle is {self._closed}; load modules, set parameters and bind calls "
                f"before Lifecycle.init() begins"
            )
            raise LifecycleError(msg, state=self._closed, call=call)
