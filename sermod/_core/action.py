"""One call of a command in a script: checked when bound, fixed up once, then as cheap as a direct call."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag
from typing import TYPE_CHECKING, Any, Generic, NoReturn

import attrs

from sermod._interface.exports import CmdExport, MsgT, route_names
from sermod._interface.signatures import C_SHAPE, accepts, argument_name, declares, with_last_arguments
from sermod._interface.values import is_int
from sermod._problems import kind_of, repr_of, text_of
from sermod.errors import FixupError, _NotFixedUpError
from sermod.fixups import fixed, is_ready_made


@attrs.define(eq=False, repr=False, getstate_setstate=False)  # Python's own copies what is set
class Action(Generic[MsgT]):
    """One call in a script, as :meth:`sermod.Registry.bind` returns it.

    Attributes:
        export: The command that is called.
        module: The name of the module that exports it.
        params: The parameters as written in the script.
        route: The kinds of route in which the call stands.
        where: The place of the call in the script, as the host named it: ``"ser.cfg:12"``.
        fixed: The parameters after the fixup. Reading it before init raises :class:`~sermod.LifecycleError`.
        run: The call itself: ``run(msg)`` returns what the command returns and raises what it raises. Reading it
            before init raises :class:`~sermod.LifecycleError`. Where every nanosecond counts, read it once:
            ``run = action.run``.
    """

    export: CmdExport[MsgT]
    module: str
    params: tuple[str, ...]
    route: IntFlag
    where: str | None = None
    _fixed_early: tuple[object, ...] | None = attrs.field(default=None, init=False)
    fixed: tuple[object, ...] = attrs.field(init=False)
    run: Callable[[MsgT], Any] = attrs.field(init=False)

    if not TYPE_CHECKING:  # to type checkers, a name that is not above is an error

        def __getattr__(self, name: str) -> NoReturn:
            # Called only for an attribute that is not set: once init has set `run`, it costs as little as any other.
            if name in ("run", "fixed"):
                msg = (
                    f"{self} has no {name!r} yet: Lifecycle.init() makes it, after every module's init_f; read it when "
                    f"init() has returned"
                )
                raise _NotFixedUpError(msg, state="configuring", call=f"Action.{name}")
            msg = f"an Action has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=self)

    @property
    def call(self) -> str:
        """The call as written in a script: ``foo_req("a", "b")``."""
        return f"{self.export.name}({', '.join(_quoted(param) for param in self.params)})"

    def __str__(self) -> str:
        """Return the call and its place: ``foo_req("a", "b") at ser.cfg:12``."""
        return f"{self.call} at {self.where}" if self.where else self.call

    def __repr__(self) -> str:
        return f"<Action {self} of module {self.module!r}>"

    def _fix_up(self) -> tuple[object, ...]:
        """Run the fixup for each parameter and return the fixed values; this object does not change.

        Called by ``Lifecycle.init``, once, in the main process, after every ``init_f`` (spec, section 1.2, ``fixup``;
        the order is the core's).

        Raises:
            FixupError: The fixup raised, or returned ``None`` or a coroutine.
        """
        fixup = self.export.fixup
        if fixup is None:
            return self.params
        if self._fixed_early is not None:
            return self._fixed_early
        return tuple(self._fix(fixup, param, number) for number, param in enumerate(self.params, 1))

    def _fix_up_early(self) -> None:
        """Fix the parameters up already if that runs no code of a module. Called by ``Registry.bind``.

        Raises:
            FixupError: The fixup refuses a parameter.
        """
        if is_ready_made(self.export.fixup):
            self._fixed_early = self._fix_up()

    def _fix(self, fixup: Callable[[str, int], object], param: str, number: int) -> object:
        try:
            result = fixup(param, number)
        except Exception as error:
            wrong = f"the fixup refuses parameter {number}, {param!r}: {text_of(error)}"
            raise self._refusal(wrong, param, number) from error
        try:
            return fixed(result)
        except ValueError as error:
            raise self._refusal(f"for parameter {number}, {param!r}, {error}", param, number) from None

    def _refusal(self, wrong: str, param: str, number: int) -> FixupError:
        command = str(self.export.name)
        place = "" if self.where else f", in {route_names(self.route, type(self.route))}"
        return FixupError(
            f"{self.call} of module {self.module!r}{place}: {wrong}",
            module=self.module,
            command=command,
            param_no=number,
            value=param,
            where=self.where,
            param_name=argument_name(self.export.function, number),
            route=int(self.route),
        )

    def _arm(self, fixed: tuple[object, ...]) -> None:
        """Keep the fixed parameters and make ``run``. Called by ``Lifecycle.init``, once.

        This decides how the function is called: as ``function(msg, *fixed)`` if its signature takes that, otherwise in
        the C shape, ``function(msg, p1, p2)``, where a parameter that the script left out is ``None``.

        Args:
            fixed: The result of :meth:`_fix_up`.
        """
        function = self.export.function
        if function is None:  # pragma: no cover - validation lets no named command without a function pass
            msg = f"command {self.export.name!r} has no function"
            raise TypeError(msg)
        values = fixed
        if not declares(function, 1 + len(fixed)) and accepts(function, 1 + C_SHAPE):
            values = (*fixed, *[None] * (C_SHAPE - len(fixed)))
        self.fixed = fixed
        self.run = with_last_arguments(function, values)


def _quoted(param: str) -> str:
    return '"{}"'.format(param.replace("\\", "\\\\").replace('"', '\\"'))


def check_call(name: str, params: tuple[str, ...], route: int, host_routes: IntFlag) -> None:
    """Check the types of the arguments of ``bind``.

    Raises:
        TypeError: A parameter is not a ``str``, or *route* is not an ``int``.
    """
    if not isinstance(name, str):
        raise TypeError(f"bind() takes the name of a command first (got {repr_of(name)}, {kind_of(name)})")
    for number, param in enumerate(params, 1):
        if not isinstance(param, str):
            raise TypeError(
                f"bind({name!r}): parameter {number} must be a str, as written in a script (got {repr_of(param)}, "
                f"{kind_of(param)})"
            )
    if not is_int(route):
        example = route_names(host_routes, type(host_routes)).partition(" ")[0]
        raise TypeError(
            f"bind({name!r}): route must be one or more of the host's routes (got {repr_of(route)}, {kind_of(route)}); "
            f"write route={example}"
        )
