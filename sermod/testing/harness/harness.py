"""The harness that tests use: the module runs in this process, or on request in a child process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from enum import IntFlag
from functools import update_wrapper
from typing import Any, Literal, Self, overload

from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES
from sermod.testing.harness.base import TIMEOUT
from sermod.testing.harness.in_process import InProcessHarness
from sermod.testing.harness.isolated import IsolatedHarness
from sermod.testing.harness.pairs import ParamValues, Provided
from sermod.testing.harness.target import Target


class ModuleHarness(InProcessHarness):
    """Runs one module alone, in this process: its life, its calls and its children.

    In a ``with`` block, the harness starts on entry: it loads the module, sets the parameters and initialises the
    module. On exit it ends the children, destroys the module, and restores the value of each parameter and
    ``sys.modules``, also after an error. Without a ``with`` block, the first call starts the harness, and :meth:`close`
    ends it. A harness starts only once.

    Args:
        target: The module: a :class:`~sermod.ModuleExports`, a :class:`~sermod.Module` (class or instance), a Python
            module, a dotted name or a path.
        params: The parameters to set, by name; or as pairs of a name and a value, which are set in their order, also
            several for one name.
        provides: Commands of other modules, by name and number of parameters, as a mapping or as pairs; see
            :meth:`provide`.
        imports: Stand-ins for Python modules, by the name under which the module imports them. With one, a module that
            needs a Python module of its server, such as Kamailio's ``KSR``, is tested without the server.
        path: The directories in which a bare name is looked for first.
        route_flags: The kinds of route that the host's script has, or the ``IntFlag`` class whose members they are.
        script_param_no: The numbers of parameters with which the host's script can call a command.
        isolate: Whether to run the module in a child process: the result is then an :class:`IsolatedHarness`. Use it
            for a compiled module, whose crash would end the test run.
        timeout: The time limit of each call in a child process, in seconds.

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

    @overload
    def __new__(
        cls,
        target: Target,
        params: ParamValues | None = None,
        *,
        provides: Provided | None = None,
        imports: Mapping[str, Any] | None = None,
        path: Iterable[str | os.PathLike[str]] = (),
        route_flags: int | type[IntFlag] = SPEC_ROUTES,
        script_param_no: Iterable[int] = SPEC_PARAM_NO,
        isolate: Literal[False] = False,
        timeout: float = TIMEOUT,
    ) -> Self: ...
    @overload
    def __new__(
        cls,
        target: Target,
        params: ParamValues | None = None,
        *,
        provides: Provided | None = None,
        imports: Mapping[str, Any] | None = None,
        path: Iterable[str | os.PathLike[str]] = (),
        route_flags: int | type[IntFlag] = SPEC_ROUTES,
        script_param_no: Iterable[int] = SPEC_PARAM_NO,
        isolate: Literal[True],
        timeout: float = TIMEOUT,
    ) -> IsolatedHarness: ...
    @overload
    def __new__(
        cls,
        target: Target,
        params: ParamValues | None = None,
        *,
        provides: Provided | None = None,
        imports: Mapping[str, Any] | None = None,
        path: Iterable[str | os.PathLike[str]] = (),
        route_flags: int | type[IntFlag] = SPEC_ROUTES,
        script_param_no: Iterable[int] = SPEC_PARAM_NO,
        isolate: bool,
        timeout: float = TIMEOUT,
    ) -> Self | IsolatedHarness: ...
    def __new__(cls, *args: Any, isolate: bool = False, **options: Any) -> Any:
        """Make an :class:`IsolatedHarness` if *isolate* says so."""
        if isolate and cls is ModuleHarness:
            return IsolatedHarness(*args, **options)
        return super().__new__(cls)


# help() and inspect.signature() look at __new__, and find the arguments there.
update_wrapper(ModuleHarness.__new__, InProcessHarness.__init__, assigned=())
