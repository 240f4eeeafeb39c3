"""One call of a command in a script: checked when it is bound, fixed up once, then as cheap as a call by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NoReturn

import attrs

from sermod._interface.exports import CmdExport, MsgT, RouteFlag, route_names
from sermod._interface.signatures import C_SHAPE, accepts, argument_name, declares, with_last_arguments
from sermod._problems import text_of
from sermod.errors import FixupError, LifecycleError
from sermod.fixups import fixed


@attrs.define(eq=False, repr=False)
class Action(Generic[MsgT]):
    """One call in a script, as :meth:`sermod.Registry.bind` returns it.

    Attributes:
        export: The command that is called.
        module: The name of the module that exports it.
        params: The parameters as the script has them.
        route: The kinds of route that the call stands in.
        where: The place of the call in the script, as the host gave it: ``"ser.cfg:12"``.
        fixed: The parameters after the fixup. A :class:`~sermod.LifecycleError` before init.
        run: The call itself: ``run(msg)`` returns what the command returns and raises what it raises. It exists from
            init on; before, the attribute is a :class:`~sermod.LifecycleError`, so that nobody keeps a stub. Take it
            once, ``run = action.run``, where every nanosecond counts.
    """

    export: CmdExport[MsgT]
    module: str
    params: tuple[str, ...]
    route: RouteFlag
    where: str | None = None
    fixed: tuple[object, ...] = attrs.field(init=False)
    run: Callable[[MsgT], Any] = attrs.field(init=False)

    if not TYPE_CHECKING:  # to type checkers, a name that is not above is an error

        def __getattr__(self, name: str) -> NoReturn:
            # Reached only for what is not set: once init has set `run`, the attribute costs what any other does.
            if name in ("run", "fixed"):
                msg = (
                    f"{self} has no {name!r} yet: the parameters are fixed up by Lifecycle.init(), after every "
                    f"module's init_f; take it after that"
                )
                raise LifecycleError(msg, state="configuring", call=f"Action.{name}")
            msg = f"an Action has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=self)

    def __str__(self) -> str:
        """Return the call as a script has it, and its place: ``foo_req("a", "b") at ser.cfg:12``."""
        call = f"{self.export.name}({', '.join(_quoted(param) for param in self.params)})"
        return f"{call} at {self.where}" if self.where else call

    def __repr__(self) -> str:
        return f"<Action {self} of module {self.module!r}>"

    def _fix_up(self) -> tuple[object, ...]:
        """Run the fixup for each parameter, and return what it made of them, changing nothing here.

        Called by ``Lifecycle.init``, once, in the main process, after every ``init_f`` (spec, section 1.2, ``fixup``;
        the order is the core's).

        Raises:
            FixupError: The fixup raised, or returned ``None``.
        """
        fixup = self.export.fixup
        if fixup is None:
            return self.params
        return tuple(self._fix(fixup, param, number) for number, param in enumerate(self.params, 1))

    def _fix(self, fixup: Callable[[str, int], object], param: str, number: int) -> object:
        try:
            result = fixup(param, number)
        except Exception as error:
            wrong = f"the fixup refuses parameter {number}, {param!r}: {text_of(error)}"
            raise self._refusal(wrong, param, number) from error
        try:
            return fixed(result)
        except ValueError as error:
            raise self._refusal(f"parameter {number}, {param!r}: {error}", param, number) from None

    def _refusal(self, wrong: str, param: str, number: int) -> FixupError:
        command = str(self.export.name)
        place = "" if self.where else f" in {route_names(self.route)}"
        return FixupError(
            f"{self}{place}, module {self.module!r}: {wrong}",
            module=self.module,
            command=command,
            param_no=number,
            value=param,
            where=self.where,
            param_name=argument_name(self.export.function, number),
            route=int(self.route),
        )

    def _arm(self, fixed: tuple[object, ...]) -> None:
        """Keep the fixed parameters, and make ``run``. Called by ``Lifecycle.init``, once.

        How the function is called is settled here: ``function(msg, *fixed)`` if its signature takes that, else the
        C shape ``function(msg, p1, p2)``, where what the script left out is ``None``.

        Args:
            fixed: What :meth:`_fix_up` returned.
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
