"""Modules as classes: the body of a class says what the arrays of the C shape say.

The ``exports`` of an instance are a ``ModuleExports`` like any other; a host sees no difference.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from functools import cached_property
from types import FunctionType
from typing import Any, ClassVar, Final, Generic, NamedTuple, Self, SupportsIndex, cast

import attrs

from sermod._classes.commands import Command, Mark, check_no_duplicates, find_hidden, find_mark, make_command
from sermod._classes.hooks import HOOK_METHODS, check_near_names, find_hooks, plain_method
from sermod._classes.params import Declared, ValueParam
from sermod._classes.pointer_params import ListParam, declaration_of, exported_name, param_export
from sermod._classes.used import Used, UsingInit
from sermod._interface.exports import CmdExport, ModuleExports, MsgT, ParamExport
from sermod._interface.lists import ListPointer
from sermod._interface.lookup import UsedFunction
from sermod._interface.values import NAME, is_name
from sermod._problems import kind_of, repr_of

_RESERVED: Final = {*HOOK_METHODS, "name", "exports"}


class _Declarations(NamedTuple):
    """What a class declares, its bases included.

    Attributes:
        commands: Each command, by the name of its method.
        params: Each parameter, by the name of its attribute.
        own_params: Those that the body of this class declares, or gives another default.
        hooks: The field of the exports for each hook, by the name of its method.
        used: Each function of another module, by the name of its attribute.
    """

    commands: Mapping[str, Command]
    params: Mapping[str, Declared]
    own_params: Mapping[str, Declared]
    hooks: Mapping[str, str]
    used: Mapping[str, UsedFunction]


class Module(Generic[MsgT]):
    """Base class of modules as classes.

    A subclass gives itself a ``name``, declares parameters with :func:`~sermod.int_param` and
    :func:`~sermod.str_param`, marks the methods that are commands with :func:`~sermod.command` and
    :func:`~sermod.internal`, and overrides the hooks that it needs. Each instance has parameters of its own, also a
    copy and one that was pickled. Subclasses and mixins add and override as in any Python class: a method that
    overrides a command is that command, marked again or not, and ``None`` removes the command.

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
    __sermod__: ClassVar[_Declarations] = _Declarations({}, {}, {}, {}, {})

    def __init_subclass__(cls, **options: Any) -> None:
        """Find the commands, parameters and hooks of the class, and check them."""
        super().__init_subclass__(**options)
        _check_name(cls)
        commands = _find_commands(cls)
        check_no_duplicates(cls, [*commands.values()])
        params, own_params = _find_params(cls)
        hooks = find_hooks(cls, Module)
        for body in _bodies_of_modules(cls):
            check_near_names(cls, body, hooks, commands)
        cls.__sermod__ = _Declarations(commands, params, own_params, hooks, _find_used(cls))
        for attribute, declared in params.items():
            if isinstance(declared, ValueParam) and isinstance(getattr(cls, attribute), ValueParam):
                setattr(cls, attribute, declared.default)
            elif isinstance(declared, ListParam) and isinstance(getattr(cls, attribute), ListPointer):
                setattr(cls, attribute, declared)

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
        if declarations.used:
            hooks["init_f"] = UsingInit(self, declarations.used, hooks.get("init_f"))
        return ModuleExports(
            cls.name,
            [*cmds, CmdExport()] if cmds else None,
            [*params, ParamExport()] if params else None,
            **hooks,
        )

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]:
        """Describe the instance for a copy or a pickle, without what belongs to this one alone.

        These are its exports, whose commands are bound to it, and the functions of other modules that its own
        ``init_f`` has found.
        """
        reduced = super().__reduce_ex__(protocol)
        if isinstance(reduced, str) or len(reduced) <= _STATE:
            return reduced
        own = {"exports", *type(self).__sermod__.used}
        state = reduced[_STATE]
        match state:
            case dict():
                state = _without(own, cast("dict[str, object]", state))
            case (dict(), slots):  # of a class with __slots__
                state = (_without(own, cast("dict[str, object]", state[0])), slots)
            case _:
                pass
        return (*reduced[:_STATE], state, *reduced[_STATE + 1 :])

    def __copy__(self) -> Self:
        """Return a copy with the same values, and with parameters of its own."""
        import copy

        pointers = {name for name, declared in type(self).__sermod__.params.items() if declared.is_pointer}
        # The memo has what is not to be copied.
        shared = [value for name, value in vars(self).items() if name not in pointers]
        for name in pointers & vars(self).keys():
            shared += getattr(vars(self)[name], "values", ()) if isinstance(vars(self)[name], ListPointer) else ()
        return copy.deepcopy(self, {id(value): value for value in shared})

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

    def onbreak(self, msg: MsgT, /) -> Awaitable[None] | None:  # noqa: ARG002
        """React to a route that ended with 0, in the process that handles the message (spec, 1.7, ``onbreak_f``).

        It may be a coroutine function: ``Lifecycle.run_route_async`` awaits it, and ``run_route`` refuses it.

        Args:
            msg: The message.
        """
        return None


# What a class declares ------------------------------------------------------------------------------------------------


def _bases(cls: type) -> Iterator[type]:
    """Yield the classes that may declare something for a module, the most basic first."""
    for base in reversed(cls.__mro__):
        if base not in (object, Generic, Module):
            yield base


def _bodies_of_modules(cls: type) -> Iterator[type]:
    """Yield the class, and the mixins that are written for modules: they declare something, or have a hook."""
    yield cls
    for base in cls.__mro__:
        if base in (object, Generic) or "__sermod__" in vars(base) or base is cls:
            continue
        declares = any(
            name in HOOK_METHODS or find_mark(value) is not None or declaration_of(value) is not None
            for name, value in vars(base).items()
        )
        if declares:
            yield base


def _find_used(cls: type[Module[Any]]) -> dict[str, UsedFunction]:
    found: dict[str, UsedFunction] = {}
    for base in _bases(cls):
        for attribute, value in vars(base).items():
            if isinstance(value, Used):
                found[attribute] = value.function
            else:
                found.pop(attribute, None)
    for attribute in found.keys() & _RESERVED:
        raise TypeError(
            f"{cls.__qualname__}.{attribute}: the name is reserved in every module, so a function of another module "
            f"cannot have it; rename it"
        )
    return found


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
                found[attribute] = (plain_method(cls, attribute, value), mark, base)
            elif "__sermod__" not in vars(base):  # otherwise it was checked when that class was made
                _check_not_hidden(cls, attribute, value, base)
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


def _check_not_hidden(cls: type, attribute: str, value: object, base: type) -> None:
    hidden = find_hidden(attribute, value, vars(base).values())
    mark = find_mark(hidden)
    if mark is not None:
        raise TypeError(
            f"{cls.__qualname__}.{attribute}: {kind_of(value)} hides the method that is marked with {mark.decorator}, "
            f"so that it would not be exported; write {mark.decorator} above the other decorators, which must return "
            f"a function, or remove them"
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
        declared = declaration_of(value, attribute)
        if declared is not None:
            own[attribute] = declared
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


# Copies ---------------------------------------------------------------------------------------------------------------

_STATE: Final = 2
"""The place of an object's state in the result of ``__reduce_ex__``."""


def _without(names: set[str], attributes: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in attributes.items() if name not in names}
