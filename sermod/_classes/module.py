"""A module that is a class: what the C shape has in arrays, a class has in its body.

``exports`` of an instance is a ``ModuleExports`` like any other: no host can tell the difference.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import FunctionType
from typing import Any, ClassVar, Final, Generic, NamedTuple

import attrs

from sermod._classes.commands import Command, Mark, check_no_duplicates, find_mark, make_command
from sermod._classes.params import DECLARED, Declared, ValueParam, exported_name, param_export
from sermod._interface.exports import HOOKS, CmdExport, ModuleExports, MsgT, ParamExport
from sermod._interface.signatures import accepts
from sermod._interface.values import NAME, is_name
from sermod._problems import kind_of

_HOOKS: Final = {
    "mod_init": "init_f",
    "response": "response_f",
    "destroy": "destroy_f",
    "onbreak": "onbreak_f",
    "child_init": "init_child_f",
}
"""The methods that are hooks, each with the field of the exports that it goes to."""
_RESERVED: Final = {*_HOOKS, "name", "exports"}


class _Said(NamedTuple):
    """What a class says, its bases included.

    Attributes:
        commands: Each command, by the name of its method.
        params: Each parameter, by the name of its attribute.
        own_params: Those of them that are declared, or given another default, in the body of this class.
        hooks: The field of the exports that each hook goes to, by the name of its method.
    """

    commands: Mapping[str, Command]
    params: Mapping[str, Declared]
    own_params: Mapping[str, Declared]
    hooks: Mapping[str, str]


class Module(Generic[MsgT]):
    """Base of a module that is a class.

    A subclass gives itself a ``name``, declares parameters with :func:`~sermod.int_param` and
    :func:`~sermod.str_param`, marks the methods that are commands with :func:`~sermod.command`, and overrides the hooks
    that it needs. Instances are independent of each other: each has parameters of its own. Subclasses and mixins add
    and override as in any Python class; what overrides a command is that command, marked again or not, and ``None`` in
    its place takes it away.

    Mistakes are told when the class is made, as a :class:`TypeError` that names the class, the method and the remedy.

    Attributes:
        name: The name of the module. A class without one is good for deriving from.

    Example:
        >>> from sermod import REQUEST_ROUTE, command, int_param
        >>> class Counter(Module):
        ...     name = "counter"
        ...     step = int_param(1, minimum=1, doc="How far one call counts.")
        ...     total = 0
        ...
        ...     @command(REQUEST_ROUTE)
        ...     def count(self, msg: object, times: int = 1) -> int:
        ...         self.total += self.step * times
        ...         return 1
        >>> exports = Counter().exports
        >>> [(command.name, command.param_no) for command in exports.commands]
        [('count', 0), ('count', 1)]
    """

    name: ClassVar[str]
    __sermod__: ClassVar[_Said] = _Said({}, {}, {}, {})

    def __init_subclass__(cls, **options: Any) -> None:
        """Find the commands, parameters and hooks of the class, and whatever is wrong with them."""
        super().__init_subclass__(**options)
        _check_name(cls)
        commands = _find_commands(cls)
        check_no_duplicates(cls, [*commands.values()])
        params, own_params = _find_params(cls)
        cls.__sermod__ = _Said(commands, params, own_params, _find_hooks(cls))
        for attribute, declared in params.items():
            if isinstance(declared, ValueParam) and isinstance(getattr(cls, attribute), ValueParam):
                setattr(cls, attribute, declared.default)

    @cached_property
    def exports(self) -> ModuleExports[MsgT]:
        """What this instance passes to the core (spec, section 1.7); the same object each time.

        Raises:
            TypeError: The class has no name, or a pointer of its own making is none.
        """
        cls = type(self)
        if not hasattr(cls, "name"):
            raise TypeError(f'{cls.__qualname__} has no name; write name = "{cls.__name__.lower()}" in its body')
        said = cls.__sermod__
        cmds = [
            CmdExport(command.name, getattr(self, command.attribute), number, fixup, command.mark.flags)
            for command in said.commands.values()
            for number, fixup in zip(command.param_nos, command.fixups, strict=True)
        ]
        params = [param_export(self, attribute, declared) for attribute, declared in said.params.items()]
        hooks: dict[str, Any] = {field: getattr(self, method) for method, field in said.hooks.items()}
        return ModuleExports(
            cls.name,
            [*cmds, CmdExport()] if cmds else None,
            [*params, ParamExport()] if params else None,
            **hooks,
        )

    # The hooks do nothing of themselves, and only those that are overridden are exported. They are here so that
    # super().mod_init() works wherever a class stands among others.

    def mod_init(self) -> int | None:
        """Initialise the module: once, in the main process before it forks (spec, section 1.4, ``init_f``).

        Returns:
            0 or ``None`` where everything went well; anything else stops the server.
        """
        return None

    def child_init(self, rank: int, /) -> int | None:  # noqa: ARG002
        """Initialise the module for a child: once in each, after the fork (spec, section 1.4, ``init_child_f``).

        Args:
            rank: The rank of the child: 1, 2, 3 and so on, or one of those of special processes.

        Returns:
            0, ``None`` or more where everything went well; a negative code ends the child.
        """
        return None

    def destroy(self) -> None:
        """Clean up: once, in the main process, when the server shuts down (spec, section 1.5, ``destroy_f``)."""

    def response(self, msg: MsgT, /) -> int:  # noqa: ARG002
        """Look at a reply, in the process that handles it (spec, section 1.7, ``response_f``).

        Args:
            msg: The reply.

        Returns:
            0 to drop it, anything else to forward it.
        """
        return 1

    def onbreak(self, msg: MsgT, /) -> None:
        """Hear that a route was ended by a 0, in the process that handles the message (spec, 1.7, ``onbreak_f``).

        Args:
            msg: The message.
        """


# What a class says --------------------------------------------------------------------------------------------------


def _bases(cls: type) -> Iterator[type]:
    """Yield the classes in which a module may say something, the most basic first."""
    for base in reversed(cls.__mro__):
        if base not in (object, Generic, Module):
            yield base


def _check_name(cls: type[Module[Any]]) -> None:
    name: object = getattr(cls, "name", "unnamed")
    if not is_name(name):
        raise TypeError(f"{cls.__qualname__}.name: the name of a module is {NAME} (got {name!r})")


def _find_commands(cls: type[Module[Any]]) -> dict[str, Command]:
    found: dict[str, tuple[FunctionType, Mark, type]] = {}
    for base in _bases(cls):
        for attribute, value in vars(base).items():
            mark = find_mark(value)
            if mark is None and attribute in found:
                if value is None:
                    del found[attribute]
                    continue
                mark = found[attribute][1]
            if mark is not None:
                found[attribute] = (_plain_method(cls, attribute, value), mark, base)
            elif find_mark(getattr(value, "__func__", None)) is not None:
                _plain_method(cls, attribute, value)
    for attribute in found.keys() & _RESERVED:
        raise TypeError(f"{cls.__qualname__}.{attribute}: is what it is in every module, and no command; rename it")
    # What a base has found out need not be found out again.
    known = {(each.attribute, id(each.function), each.mark): each for each in _inherited(cls)}
    return {
        attribute: known.get((attribute, id(function), mark)) or make_command(cls, owner, attribute, function, mark)
        for attribute, (function, mark, owner) in found.items()
    }


def _inherited(cls: type[Module[Any]]) -> Iterator[Command]:
    for base in cls.__bases__:
        if issubclass(base, Module):
            yield from base.__sermod__.commands.values()


def _plain_method(cls: type, attribute: str, value: object) -> FunctionType:
    if isinstance(value, FunctionType):
        return value
    raise TypeError(
        f"{cls.__qualname__}.{attribute}: must be a plain method, one that takes self (got {kind_of(value)}); "
        f"write def {attribute}(self, ...)"
    )


def _find_params(cls: type[Module[Any]]) -> tuple[Mapping[str, Declared], Mapping[str, Declared]]:
    """Return the parameters of a class, and those of its own body, which comes last."""
    found: dict[str, Declared] = {}
    own: Mapping[str, Declared] = {}
    for base in _bases(cls):
        said: _Said | None = vars(base).get("__sermod__")
        own = _declared_in(cls, base, found) if said is None else said.own_params
        found.update(own)
    names: dict[tuple[str, int], str] = {}
    for attribute, declared in found.items():
        wrong = "is what it is in every module, and no parameter; rename it" if attribute in _RESERVED else None
        wrong = wrong or declared.find_mistake()
        name = exported_name(attribute, declared)
        if wrong is None and (other := names.setdefault((name, int(declared.kind)), attribute)) != attribute:
            wrong = f"is the parameter {name!r}, and so is {other}; give one of them another name="
        if wrong is not None:
            raise TypeError(f"{cls.__qualname__}.{attribute}: {wrong}")
    return found, own


def _declared_in(cls: type, base: type, found: dict[str, Declared]) -> dict[str, Declared]:
    own: dict[str, Declared] = {}
    for attribute, value in vars(base).items():
        if isinstance(value, DECLARED):
            own[attribute] = value
        elif attribute in found:
            own[attribute] = _with_default(cls, attribute, found[attribute], value)
    return own


def _with_default(cls: type, attribute: str, declared: Declared, value: object) -> Declared:
    """Return the parameter that a plain value in a subclass gives another default."""
    if isinstance(declared, ValueParam) and (value is None or isinstance(value, (int, str))):
        return attrs.evolve(declared, default=value)
    raise TypeError(
        f"{cls.__qualname__}.{attribute}: stands where a base has a parameter (got {value!r}); give the parameter "
        f"another default, declare it anew, or rename this"
    )


def _find_hooks(cls: type[Module[Any]]) -> dict[str, str]:
    hooks: dict[str, str] = {}
    for method, field in _HOOKS.items():
        takes = HOOKS[field]
        owner = next(base for base in cls.__mro__ if method in vars(base))
        if owner is Module:
            _check_not_passed_over(cls, method)
            continue
        function = _plain_method(cls, method, vars(owner)[method])
        signature = f"def {method}({', '.join(('self', *takes))})"
        if not accepts(function, 1 + len(takes)):
            written = f"{method}{inspect.signature(function)}"
            raise TypeError(f"{cls.__qualname__}.{method}: {written} is not called like that; write {signature}")
        if inspect.iscoroutinefunction(function) and method != "onbreak":
            raise TypeError(f"{cls.__qualname__}.{method}: nobody awaits it; write {signature}, without async")
        hooks[method] = field
    return hooks


def _check_not_passed_over(cls: type, method: str) -> None:
    for base in cls.__mro__[cls.__mro__.index(Module) + 1 :]:
        if method in vars(base):
            raise TypeError(
                f"{cls.__qualname__}.{method}: that of {base.__qualname__} would never run, since Module "
                f"comes before it; write class {cls.__name__}({base.__name__}, ...)"
            )
