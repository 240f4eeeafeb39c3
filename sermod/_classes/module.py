"""Modules as classes: the body of a class says what the arrays of the C shape say.

The ``exports`` of an instance are a ``ModuleExports`` like any other; a host sees no difference.
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
from sermod._problems import kind_of, repr_of

_HOOKS: Final = {
    "mod_init": "init_f",
    "response": "response_f",
    "destroy": "destroy_f",
    "onbreak": "onbreak_f",
    "child_init": "init_child_f",
}
"""The methods that are hooks, each with the field of the exports that it goes to."""
_RESERVED: Final = {*_HOOKS, "name", "exports"}


class _Declarations(NamedTuple):
    """What a class declares, its bases included.

    Attributes:
        commands: Each command, by the name of its method.
        params: Each parameter, by the name of its attribute.
        own_params: Those that the body of this class declares, or gives another default.
        hooks: The field of the exports for each hook, by the name of its method.
    """

    commands: Mapping[str, Command]
    params: Mapping[str, Declared]
    own_params: Mapping[str, Declared]
    hooks: Mapping[str, str]


class Module(Generic[MsgT]):
    """Base class of modules as classes.

    A subclass gives itself a ``name``, declares parameters with :func:`~sermod.int_param` and
    :func:`~sermod.str_param`, marks the methods that are commands with :func:`~sermod.command`, and overrides the hooks
    that it needs. Each instance has parameters of its own. Subclasses and mixins add and override as in any Python
    class: a method that overrides a command is that command, marked again or not, and ``None`` removes the command.

    A mistake is a :class:`TypeError` when the class is made; it names the class, the method and the remedy.

    Attributes:
        name: The name of the module. A class without a name can only be a base class.

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
    __sermod__: ClassVar[_Declarations] = _Declarations({}, {}, {}, {})

    def __init_subclass__(cls, **options: Any) -> None:
        """Find the commands, parameters and hooks of the class, and check them."""
        super().__init_subclass__(**options)
        _check_name(cls)
        commands = _find_commands(cls)
        check_no_duplicates(cls, [*commands.values()])
        params, own_params = _find_params(cls)
        cls.__sermod__ = _Declarations(commands, params, own_params, _find_hooks(cls))
        for attribute, declared in params.items():
            if isinstance(declared, ValueParam) and isinstance(getattr(cls, attribute), ValueParam):
                setattr(cls, attribute, declared.default)

    @cached_property
    def exports(self) -> ModuleExports[MsgT]:
        """The exports of this instance (spec, section 1.7); the same object each time.

        Raises:
            TypeError: The class has no name, or the function of a ``pointer_param`` does not return a pointer.
        """
        cls = type(self)
        if not hasattr(cls, "name"):
            raise TypeError(f'{cls.__qualname__} has no name; write name = "{cls.__name__.lower()}" in its body')
        declarations = cls.__sermod__
        cmds = [
            CmdExport(command.name, getattr(self, command.attribute), number, fixup, command.mark.flags)
            for command in declarations.commands.values()
            for number, fixup in zip(command.param_nos, command.fixups, strict=True)
        ]
        params = [param_export(self, attribute, declared) for attribute, declared in declarations.params.items()]
        hooks: dict[str, Any] = {field: getattr(self, method) for method, field in declarations.hooks.items()}
        return ModuleExports(
            cls.name,
            [*cmds, CmdExport()] if cmds else None,
            [*params, ParamExport()] if params else None,
            **hooks,
        )

    # The hooks do nothing, and only overridden hooks are exported. They exist so that super().mod_init() works in every
    # class of a hierarchy.

    def mod_init(self) -> int | None:
        """Initialise the module: once, in the main process before it forks (spec, section 1.4, ``init_f``).

        Returns:
            0 or ``None`` on success; any other value stops the server.
        """
        return None

    def child_init(self, rank: int, /) -> int | None:  # noqa: ARG002
        """Initialise the module for a child: once in each, after the fork (spec, section 1.4, ``init_child_f``).

        Args:
            rank: The rank of the child: 1, 2, 3 and so on, or one of those of special processes.

        Returns:
            0, a positive number or ``None`` on success; a negative code ends the child.
        """
        return None

    def destroy(self) -> None:
        """Clean up: once, in the main process, when the server shuts down (spec, section 1.5, ``destroy_f``)."""

    def response(self, msg: MsgT, /) -> int:  # noqa: ARG002
        """Decide about a reply, in the process that handles it (spec, section 1.7, ``response_f``).

        Args:
            msg: The reply.

        Returns:
            0 to drop it, anything else to forward it.
        """
        return 1

    def onbreak(self, msg: MsgT, /) -> None:
        """React to a route that ended with 0, in the process that handles the message (spec, 1.7, ``onbreak_f``).

        Args:
            msg: The message.
        """


# What a class declares ------------------------------------------------------------------------------------------------


def _bases(cls: type) -> Iterator[type]:
    """Yield the classes that may declare something for a module, the most basic first."""
    for base in reversed(cls.__mro__):
        if base not in (object, Generic, Module):
            yield base


def _check_name(cls: type[Module[Any]]) -> None:
    name: object = getattr(cls, "name", "unnamed")
    if not is_name(name):
        raise TypeError(f"{cls.__qualname__}.name: the name of a module must be {NAME} (got {name!r})")


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
        raise TypeError(
            f"{cls.__qualname__}.{attribute}: the name is reserved in every module, so a command cannot have it; "
            f"rename it"
        )
    # The commands of a base are not analysed again.
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
        f"{cls.__qualname__}.{attribute}: must be a plain method, which takes self (got {kind_of(value)}); "
        f"write def {attribute}(self, ...)"
    )


def _find_params(cls: type[Module[Any]]) -> tuple[Mapping[str, Declared], Mapping[str, Declared]]:
    """Return the parameters of a class, and those of its own body."""
    found: dict[str, Declared] = {}
    own: Mapping[str, Declared] = {}
    for base in _bases(cls):
        known: _Declarations | None = vars(base).get("__sermod__")
        own = _declared_in(cls, base, found) if known is None else known.own_params
        found.update(own)
    names: dict[tuple[str, int], str] = {}
    for attribute, declared in found.items():
        wrong = declared.find_mistake()
        if attribute in _RESERVED:
            wrong = "the name is reserved in every module, so a parameter cannot have it; rename it"
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
    """Return the parameter of a base with the default that a plain value in a subclass gives it."""
    if isinstance(declared, ValueParam) and (value is None or isinstance(value, (int, str))):
        return attrs.evolve(declared, default=value)
    raise TypeError(
        f"{cls.__qualname__}.{attribute}: a base class has a parameter of this name, and {repr_of(value)} cannot be "
        f"its default; give another default, declare the parameter again, or rename this attribute"
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
            raise TypeError(f"{cls.__qualname__}.{method}: {written} cannot be called by the core; write {signature}")
        if inspect.iscoroutinefunction(function) and method != "onbreak":
            raise TypeError(f"{cls.__qualname__}.{method}: it is never awaited; write {signature}, without async")
        hooks[method] = field
    return hooks


def _check_not_passed_over(cls: type, method: str) -> None:
    for base in cls.__mro__[cls.__mro__.index(Module) + 1 :]:
        if method in vars(base):
            raise TypeError(
                f"{cls.__qualname__}.{method}: {base.__qualname__}.{method} would never run, since Module comes before "
                f"{base.__name__}; write class {cls.__name__}({base.__name__}, ...)"
            )
