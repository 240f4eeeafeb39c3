"""The structures that a module passes to the core, field for field those of C (spec, sections 1.2 to 1.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, Literal, TypeAlias, TypeVar, cast, overload

import attrs

from sermod._interface.pointers import Pointer
from sermod._interface.values import is_int, plain
from sermod._problems import counted, kind_of, repr_of

if TYPE_CHECKING:
    import typing_extensions

    MsgT = typing_extensions.TypeVar("MsgT", default=Any)
    MsgT_contra = typing_extensions.TypeVar("MsgT_contra", contravariant=True, default=Any)
else:  # the default matters to type checkers alone, and typing_extensions is slow to import
    MsgT = TypeVar("MsgT")
    MsgT_contra = TypeVar("MsgT_contra", contravariant=True)
"""The host's type of a message: a parsed SIP request or reply.

The structures are contravariant in it: what takes any message takes those of a host as well.
"""

Null: TypeAlias = Literal[0] | None
"""A null pointer: ``None``, or the ``0`` that C writes for it."""

ScriptFunction: TypeAlias = Callable[Concatenate[MsgT, ...], int | Awaitable[int]]
"""``cmd_function`` of a command for scripts: takes the message, then the parameters of the call."""
Fixup: TypeAlias = Callable[[str, int], object]
"""``fixup_function``: takes a parameter as written in the script, and its number, from 1; returns the fixed value."""
InitFunction: TypeAlias = Callable[[], int | None]
"""``init_function``: returns 0 or ``None`` on success, a negative code otherwise."""
ResponseFunction: TypeAlias = Callable[[MsgT], int]
"""``response_function``: takes a reply; returns 0 to drop it."""
DestroyFunction: TypeAlias = Callable[[], None]
"""``destroy_function``."""
OnbreakFunction: TypeAlias = Callable[[MsgT], Awaitable[None] | None]
"""``onbreak_function``: takes the message whose route ended with 0; ``run_route_async`` awaits it."""
ChildInitFunction: TypeAlias = Callable[[int], int | None]
"""``child_init_function``: takes the rank; returns as ``init_function`` does."""


class RouteFlag(IntFlag):
    """The kinds of route in which the script may call a command, combined with ``|``; 0: other modules only.

    Bits that the spec does not define are kept, since later cores define more of them.
    """

    REQUEST_ROUTE = 1
    REPLY_ROUTE = 2

    @classmethod
    def _missing_(cls, value: object) -> Any:
        # An enumeration keeps the value that it is first made from, and pickles it: that of a host's own class too.
        return super()._missing_(int.__int__(value) if is_int(value) else value)


REQUEST_ROUTE: Final = RouteFlag.REQUEST_ROUTE
"""The command may be called from the main route block, for SIP requests."""
REPLY_ROUTE: Final = RouteFlag.REPLY_ROUTE
"""The command may be called from reply route blocks, for SIP replies."""


def route_names(flags: int, names: type[IntFlag] = RouteFlag) -> str:
    """Return the names of the routes in *flags*, as an author writes them: ``REQUEST_ROUTE | 0x8``.

    Args:
        flags: The routes.
        names: The names of the host's routes.
    """
    known = [flag for flag in names if flags & flag]
    rest = int(flags) & ~sum(known)
    texts = [*(str(flag.name) for flag in known), *([hex(rest)] if rest else [])]
    return " | ".join(texts) or "no route"


def routes_of(route_flags: int | type[IntFlag]) -> IntFlag:
    """Return the kinds of route of a host, of the class that has the host's names for them.

    Args:
        route_flags: The kinds of route, or a class whose members they are.

    Raises:
        TypeError: It is neither an ``int`` nor a subclass of ``IntFlag``.
    """
    if isinstance(route_flags, type) and issubclass(route_flags, IntFlag):
        return route_flags(sum({*map(int, route_flags)}))
    if not is_int(route_flags):
        raise TypeError(f"route_flags=... takes an int, an IntFlag or its class (got {repr_of(route_flags)})")
    return route_flags if isinstance(route_flags, IntFlag) else RouteFlag(route_flags)


class ParamType(IntEnum):
    """The type of a module's parameter, ``modparam_t`` (spec, section 1.3)."""

    STR_PARAM = 0
    INT_PARAM = 1


STR_PARAM: Final = ParamType.STR_PARAM
"""The parameter is a string: a ``str`` without a NUL; its variable may also be ``None``."""
INT_PARAM: Final = ParamType.INT_PARAM
"""The parameter is a C ``int``: a Python ``int``, never a ``bool``, from -2**31 to 2**31 - 1."""


def type_name(kind: int) -> str:
    """Return the name of a parameter's type, for messages."""
    return "INT_PARAM" if kind == INT_PARAM else "STR_PARAM" if kind == STR_PARAM else str(int(kind))


HOOKS: Final = {
    "init_f": (),
    "response_f": ("msg",),
    "destroy_f": (),
    "onbreak_f": ("msg",),
    "init_child_f": ("rank",),
}
"""The fields of :class:`ModuleExports` that hold a function, each with the names of its arguments (spec, 1.4-1.7)."""


@attrs.frozen(init=False)
class CmdExport(Generic[MsgT_contra]):
    """``cmd_export_t``: one command that a module exports (spec, section 1.2).

    ``CmdExport()`` is the terminator of an array. Construction checks the types of the fields; validation checks the
    rules of the interface.

    Args:
        name: The name of the command, for the script and for other modules.
        function: The function, called as ``function(msg, *parameters)``, or in the C shape ``function(msg, p1, p2)``,
            where a parameter that the script left out is ``None``.
        param_no: The number of parameters: 0, 1 or 2 for a command that a script can call.
        fixup: A function, called once for each parameter of each call in the script, at start-up:
            ``fixup(param, param_no)`` takes the parameter as a string and its number, from 1, and returns the fixed
            value, or raises.
        flags: The routes in which the script may call it; 0: other modules only.

    Raises:
        TypeError: A field has a value of the wrong type.

    Example:
        >>> CmdExport("foo_int", lambda msg, a, b: 1, 2).is_terminator
        False
        >>> CmdExport(0, 0, 0, 0, 0) == CmdExport()
        True
    """

    name: str | None
    function: Callable[..., Any] | None
    param_no: int
    fixup: Fixup | None
    flags: RouteFlag

    # To a type checker, a function for other modules only has any shape, and its entry fits in the array of every host
    # (it is a CmdExport[Any], not a CmdExport[object]: mypy joins the latter with others to a plain object). A function
    # for the script takes the host's message and returns an int.
    @overload
    def __init__(
        self,
        name: str | Null = None,
        function: Callable[..., Any] | Null = None,
        param_no: int = 0,
        fixup: Fixup | Null = None,
        flags: Literal[0] = 0,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str | Null,
        function: ScriptFunction[MsgT_contra] | Null,
        param_no: int,
        fixup: Fixup | Null,
        flags: int,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str | Null = None,
        function: ScriptFunction[MsgT_contra] | Null = None,
        param_no: int = 0,
        fixup: Fixup | Null = None,
        *,
        flags: int,
    ) -> None: ...
    def __init__(
        self,
        name: str | Null = None,
        function: Callable[..., Any] | Null = None,
        param_no: int = 0,
        fixup: Fixup | Null = None,
        flags: int = 0,
    ) -> None:
        _set(self, "name", _name(self, "name", name))
        _set(self, "function", _callable(self, "function", function))
        _set(self, "param_no", _integer(self, "param_no", param_no))
        _set(self, "fixup", _callable(self, "fixup", fixup))
        _set(self, "flags", RouteFlag(_integer(self, "flags", flags)))

    @property
    def is_terminator(self) -> bool:
        """Whether the name is null, which ends a core's scan."""
        return self.name is None


class _Anything:
    """Only a pointer whose value is unknown to a type checker is a ``Pointer[_Anything]``."""


@attrs.frozen(init=False)
class ParamExport:
    """``param_export_t``: one parameter that a module exports (spec, section 1.3).

    ``ParamExport()`` is the terminator of an array. Construction checks the types of the fields; validation checks the
    rules of the interface.

    Args:
        name: The name of the parameter, for the script.
        type: ``INT_PARAM`` or ``STR_PARAM``; an unknown number is kept, and validation reports it.
        param_pointer: The pointer to the variable: :func:`~sermod.pointer_to`, a :class:`~sermod.Cell`, or a pointer
            class of your own.

    Raises:
        TypeError: A field has a value of the wrong type.
    """

    name: str | None
    type: ParamType | int
    param_pointer: Pointer[Any] | None

    # To a type checker, the pointer must fit the type. One that leads anywhere, such as that of pointer_to(), fits
    # every type, also one that is known only at run time.
    @overload
    def __init__(
        self, name: str | Null = None, type: int = 0, param_pointer: Pointer[_Anything] | Null = None
    ) -> None: ...
    @overload
    def __init__(self, name: str, type: Literal[ParamType.INT_PARAM, 1], param_pointer: Pointer[int]) -> None: ...
    @overload
    def __init__(
        self, name: str, type: Literal[ParamType.STR_PARAM, 0], param_pointer: Pointer[str | None]
    ) -> None: ...
    @overload
    def __init__(self, name: str, type: Literal[ParamType.STR_PARAM, 0], param_pointer: Pointer[str]) -> None: ...
    def __init__(self, name: str | Null = None, type: int = 0, param_pointer: Pointer[Any] | Null = None) -> None:  # noqa: A002
        _set(self, "name", _name(self, "name", name))
        number = _integer(self, "type", type)
        _set(self, "type", _PARAM_TYPES.get(number, number))
        _set(self, "param_pointer", _pointer(self, "param_pointer", param_pointer))

    @property
    def is_terminator(self) -> bool:
        """Whether the name is null, which ends a core's scan."""
        return self.name is None


@attrs.frozen(init=False, repr=False)
class ModuleExports(Generic[MsgT_contra]):
    """``struct module_exports``: everything that a module passes to the core (spec, section 1.7).

    The arrays are kept as written, terminator included; :attr:`commands` and :attr:`parameters` are the entries that a
    core's scan sees.

    Args:
        name: The name of the module.
        cmds: The exported commands, null-terminated; null if there are none.
        params: The exported parameters, null-terminated; null if there are none.
        init_f: The module initialisation function; run once, in the main process before it forks.
        response_f: The function processing responses; run for every reply, in the process that handles it.
        destroy_f: The clean-up function; run once, in the main process.
        onbreak_f: Run when a route ends with 0, in the process that handles the message.
        init_child_f: The per-child initialisation function; run once in each child, with its rank.

    Raises:
        TypeError: A field has a value of the wrong type.
    """

    name: str | None
    cmds: tuple[CmdExport[MsgT_contra], ...] | None
    params: tuple[ParamExport, ...] | None
    init_f: InitFunction | None
    response_f: ResponseFunction[MsgT_contra] | None
    destroy_f: DestroyFunction | None
    onbreak_f: OnbreakFunction[MsgT_contra] | None
    init_child_f: ChildInitFunction | None

    def __init__(
        self,
        name: str | Null = None,
        cmds: Iterable[CmdExport[MsgT_contra]] | Null = None,
        params: Iterable[ParamExport] | Null = None,
        init_f: InitFunction | Null = None,
        response_f: ResponseFunction[MsgT_contra] | Null = None,
        destroy_f: DestroyFunction | Null = None,
        onbreak_f: OnbreakFunction[MsgT_contra] | Null = None,
        init_child_f: ChildInitFunction | Null = None,
    ) -> None:
        _set(self, "name", _name(self, "name", name))
        _set(self, "cmds", _array(self, "cmds", cmds, CmdExport))
        _set(self, "params", _array(self, "params", params, ParamExport))
        _set(self, "init_f", _callable(self, "init_f", init_f))
        _set(self, "response_f", _callable(self, "response_f", response_f))
        _set(self, "destroy_f", _callable(self, "destroy_f", destroy_f))
        _set(self, "onbreak_f", _callable(self, "onbreak_f", onbreak_f))
        _set(self, "init_child_f", _callable(self, "init_child_f", init_child_f))

    def __repr__(self) -> str:
        counts = [counted(len(self.commands), "command"), counted(len(self.parameters), "parameter")]
        hooks = [field for field in HOOKS if getattr(self, field) is not None]
        return f"<ModuleExports {self.name!r}: {', '.join([*counts, *hooks])}>"

    @property
    def commands(self) -> tuple[CmdExport[MsgT_contra], ...]:
        """The exported commands, up to the terminator and without it."""
        return _scanned(self.cmds)

    @property
    def parameters(self) -> tuple[ParamExport, ...]:
        """The exported parameters, up to the terminator and without it."""
        return _scanned(self.params)


_set: Final = object.__setattr__  # the structures are frozen: only their own construction writes to them
_PARAM_TYPES: Final = {int(kind): kind for kind in ParamType}

EntryT = TypeVar("EntryT", bound="CmdExport[Any] | ParamExport")


def _scanned(array: tuple[EntryT, ...] | None) -> tuple[EntryT, ...]:
    if not array:
        return ()
    for index, entry in enumerate(array):
        if entry.name is None:
            return array[:index]
    return array


# Checks of types at construction. `owner` is the structure, for messages. Each returns the value for the field.


def _refuse(owner: object, field: str, got: object, takes: str) -> TypeError:
    return TypeError(f"{type(owner).__name__}.{field}: takes {takes} (got {repr_of(got)}, {kind_of(got)})")


def _require_null(owner: object, field: str, value: object, takes: str) -> None:
    # Exactly the int 0: False and other values that are equal to 0 are not null pointers.
    if not (value is None or (type(value) is int and value == 0)):
        raise _refuse(owner, field, value, f"{takes}, or null (None or 0)")


def _name(owner: object, field: str, value: object) -> str | None:
    if isinstance(value, str):
        return plain(value)
    _require_null(owner, field, value, "a str")
    return None


def _callable(owner: object, field: str, value: object) -> Callable[..., Any] | None:
    if callable(value):
        return value
    _require_null(owner, field, value, "a callable")
    return None


def _pointer(owner: object, field: str, value: object) -> Pointer[Any] | None:
    if value is not None and isinstance(value, Pointer):  # an isinstance() with a protocol is slow
        return cast("Pointer[Any]", value)
    _require_null(owner, field, value, "a Pointer, such as pointer_to() returns")
    return None


def _integer(owner: object, field: str, value: object) -> int:
    if not is_int(value):
        raise _refuse(owner, field, value, "an int")
    return int.__int__(value)


def _array(owner: object, field: str, value: object, kind: type) -> tuple[Any, ...] | None:
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping)):
        _require_null(owner, field, cast("object", value), f"an array of {kind.__name__} entries")
        return None
    entries: tuple[object, ...] = tuple(cast("Iterable[object]", value))
    for index, entry in enumerate(entries):
        if not isinstance(entry, kind):
            raise _refuse(owner, f"{field}[{index}]", entry, f"a {kind.__name__}")
    return entries
