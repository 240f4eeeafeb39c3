"""Null-terminated arrays, and the rules of the interface."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from enum import IntFlag
from typing import Any, Final, cast, overload

import attrs

from sermod._interface.assignments import MASK
from sermod._interface.exports import (
    HOOKS,
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    CmdExport,
    EntryT,
    ModuleExports,
    MsgT,
    Null,
    ParamExport,
    route_names,
    routes_of,
    type_name,
)
from sermod._interface.signatures import C_SHAPE, accepts
from sermod._interface.values import is_c_int, is_c_string, is_name, is_scriptable_name
from sermod._problems import ERROR, Problem, counted, either, problem, repr_of, text_of
from sermod.errors import InvalidExportsError

SPEC_ROUTES: Final = REQUEST_ROUTE | REPLY_ROUTE
"""The kinds of route in the spec."""
SPEC_PARAM_NO: Final = (0, 1, 2)
"""The numbers of parameters with which a script can call a command, by the spec."""


# Arrays -------------------------------------------------------------------------------------------------------------


@overload
def null_terminated(first: CmdExport[MsgT], /, *more: CmdExport[MsgT]) -> tuple[CmdExport[MsgT], ...]: ...
@overload
def null_terminated(first: ParamExport, /, *more: ParamExport) -> tuple[ParamExport, ...]: ...
def null_terminated(first: Any, /, *more: Any) -> tuple[Any, ...]:
    """Return the entries as an array that ends in the terminator (spec, sections 1.2 and 1.3).

    Args:
        first: The first entry. (An empty array is written as ``None``.)
        more: The other entries, of the same kind.

    Raises:
        TypeError: The entries are not all commands or all parameters.
        ValueError: One of them is a terminator.

    Example:
        >>> from sermod import Cell, INT_PARAM
        >>> null_terminated(ParamExport("retries", INT_PARAM, Cell(3)))[-1].is_terminator
        True
    """
    kind = cast("type[Any]", type(first))
    if kind not in (CmdExport, ParamExport) or any(type(entry) is not kind for entry in more):
        kinds = ", ".join(type(entry).__name__ for entry in (first, *more))
        raise TypeError(f"null_terminated() takes CmdExport or ParamExport entries, all of one kind (got {kinds})")
    array = (first, *more)
    for index, entry in enumerate(array):
        if entry.is_terminator:
            raise ValueError(
                f"null_terminated() adds the terminator itself; leave out entry {index}, whose name is null"
            )
    return (*array, kind())


def scan(array: Iterable[EntryT] | Null) -> Iterator[EntryT]:
    """Yield the entries of an array as the core's scan sees them: up to the terminator.

    Args:
        array: The array; a null array has no entries.

    Yields:
        Each entry before the terminator.

    Raises:
        InvalidExportsError: The array has no terminator; raised after its last entry.

    Example:
        >>> [entry.name for entry in scan([CmdExport("ping", lambda msg: 1), CmdExport()])]
        ['ping']
    """
    if array is None or (type(array) is int and array == 0):
        return
    count = 0
    for entry in cast("Iterable[EntryT]", array):
        if entry.is_terminator:
            return
        yield entry
        count += 1
    raise InvalidExportsError(None, [_not_terminated("array", count)])


# Rules --------------------------------------------------------------------------------------------------------------


def check(
    exports: ModuleExports[Any],
    *,
    route_flags: int | type[IntFlag] = SPEC_ROUTES,
    script_param_no: Collection[int] = SPEC_PARAM_NO,
) -> tuple[Problem, ...]:
    """Validate *exports*; raise if any problem is an error, otherwise return the warnings.

    Args:
        exports: The exports of a module.
        route_flags: The kinds of route that the host's script knows; an ``IntFlag`` class or member also names them.
        script_param_no: The numbers of parameters with which the host's script can call a command.

    Returns:
        The warnings.

    Raises:
        InvalidExportsError: At least one problem is an error. It carries all problems, warnings included.
    """
    problems = find_problems(exports, route_flags=route_flags, script_param_no=script_param_no)
    if any(found.severity is ERROR for found in problems):
        raise InvalidExportsError(exports.name, problems)
    return problems


def find_problems(
    exports: ModuleExports[Any],
    *,
    route_flags: int | type[IntFlag] = SPEC_ROUTES,
    script_param_no: Collection[int] = SPEC_PARAM_NO,
) -> tuple[Problem, ...]:
    """Find every problem of *exports*: those of the module's name, its commands, its parameters and its hooks.

    Args:
        exports: The exports of a module.
        route_flags: The kinds of route that the host's script knows; an ``IntFlag`` class or member also names them.
        script_param_no: The numbers of parameters with which the host's script can call a command.

    Returns:
        The errors and warnings, in the order of the structure; an empty tuple if no rule is broken.

    Example:
        >>> [found.code for found in find_problems(ModuleExports("m", [CmdExport("ping")]))]
        ['not-terminated', 'null-function']
    """
    problems: list[Problem] = []
    _check_name(exports.name, "", "the module", problems)
    if exports.cmds is not None:
        _check_commands(exports.cmds, routes_of(route_flags), script_param_no, problems)
    if exports.params is not None:
        _check_params(exports.params, problems)
    _check_hooks(exports, problems)
    return tuple(problems)


def _check_name(name: str | None, prefix: str, whose: str, problems: list[Problem]) -> None:
    if not name:
        problems.append(
            problem(f"{prefix}name", "empty-name", f"the name of {whose} is {'null' if name is None else 'empty'}")
        )
    elif not is_name(name):
        problems.append(problem(f"{prefix}name", "nul-in-name", f"the name of {whose}, {name!r}, contains a NUL"))


def _entries(array: tuple[Any, ...], field: str, problems: list[Problem]) -> list[tuple[int, Any]]:
    """Return the named entries with their index, up to the terminator; add the problems of the array's end.

    A half-null entry ends a C scan, but was most likely meant to have a name: the entries after it are checked as well.
    """
    named: list[tuple[int, Any]] = []
    half_null = False
    for index, entry in enumerate(array):
        if entry.name is not None:
            named.append((index, entry))
        elif any(value is not None and value != 0 for value in attrs.astuple(entry, recurse=False)):
            half_null = True
            hidden = len(array) - index - 1
            problems.append(
                problem(
                    f"{field}[{index}]",
                    "half-null",
                    f"the name is null but other fields are set; {counted(hidden, 'entry', 'entries')} "
                    f"{'follows' if hidden == 1 else 'follow'}",
                )
            )
        else:
            _check_nothing_follows(array, index, field, problems)
            return named
    if not half_null or array[-1].name is not None:
        problems.append(_not_terminated(field, len(array)))
    return named


def _check_nothing_follows(array: tuple[Any, ...], end: int, field: str, problems: list[Problem]) -> None:
    hidden = len(array) - end - 1
    if hidden:
        verb = "follows" if hidden == 1 else "follow"
        wrong = f"{counted(hidden, 'entry', 'entries')} {verb} the terminator, {field}[{end}]"
        problems.append(problem(f"{field}[{end + 1}]", "after-terminator", wrong))


def _not_terminated(field: str, count: int) -> Problem:
    return problem(field, "not-terminated", f"the array has no terminator ({counted(count, 'entry', 'entries')})")


# Commands -----------------------------------------------------------------------------------------------------------


def _check_commands(
    cmds: tuple[CmdExport[Any], ...], host_routes: IntFlag, script_param_no: Collection[int], problems: list[Problem]
) -> None:
    seen: dict[str, tuple[CmdExport[Any], ...]] = {}
    routes, names = int(host_routes), type(host_routes)
    for index, cmd in _entries(cmds, "cmds", problems):
        name = cmd.name
        # Nearly every command is the only one of its name; only overloads make the tuple longer.
        earlier = seen.get(name)
        if earlier is None:
            seen[name] = (cmd,)
        else:
            _check_not_hidden(cmd, index, earlier, names, problems)
            seen[name] = (*earlier, cmd)
        _check_command(cmd, index, routes, names, script_param_no, problems)


def _check_command(
    cmd: CmdExport[Any],
    index: int,
    routes: int,
    names: type[IntFlag],
    script_param_no: Collection[int],
    problems: list[Problem],
) -> None:
    name, function, count, fixup, flags = cmd.name, cmd.function, cmd.param_no, cmd.fixup, int(cmd.flags)
    if not is_name(name):
        _check_name(name, f"cmds[{index}].", "the command", problems)
    if function is None:
        problems.append(problem(f"cmds[{index}].function", "null-function", f"command {name!r} has no function"))
    if fixup is not None:
        _check_fixup(cmd, index, fixup, problems)
    if flags & ~routes:
        wrong = f"command {name!r} has the flags {route_names(flags & ~routes, names)}, which this host does not know"
        problems.append(problem(f"cmds[{index}].flags", "unknown-flag", wrong))
    if not flags & routes:
        return
    if count not in script_param_no:
        numbers = either(sorted(script_param_no), "parameter")
        wrong = (
            f"command {name!r} is for {route_names(flags & routes, names)} with param_no {count}, but a script can "
            f"only write calls with {numbers}"
        )
        problems.append(problem(f"cmds[{index}].param_no", "unreachable-command", wrong))
    elif function is not None and not accepts(function, count + 1) and not _takes_c_shape(function, count):
        wrong = f"the function of command {name!r} cannot be called as {_call_of('msg', count)}"
        problems.append(problem(f"cmds[{index}].function", "wrong-signature", wrong))
    if name and not is_scriptable_name(name):
        wrong = f"command {name!r} is for {route_names(flags & routes, names)}, but its name is not an identifier"
        problems.append(problem(f"cmds[{index}].name", "unscriptable-name", wrong))


def _takes_c_shape(function: Callable[..., Any], count: int) -> bool:
    return count <= C_SHAPE and accepts(function, C_SHAPE + 1)


def _check_fixup(cmd: CmdExport[Any], index: int, fixup: Callable[..., Any], problems: list[Problem]) -> None:
    field = f"cmds[{index}].fixup"
    if cmd.param_no == 0:
        problems.append(problem(field, "fixup-without-params", f"command {cmd.name!r} has a fixup and no parameters"))
    if not accepts(fixup, 2):
        wrong = f"the fixup of command {cmd.name!r} cannot be called as fixup(param, param_no)"
        problems.append(problem(field, "wrong-signature", wrong))


def _check_not_hidden(
    cmd: CmdExport[Any],
    index: int,
    earlier: tuple[CmdExport[Any], ...],
    names: type[IntFlag],
    problems: list[Problem],
) -> None:
    flags = int(cmd.flags)
    for other in earlier:
        if other.param_no == cmd.param_no and is_hidden_by(flags, int(other.flags)):
            wrong = (
                f"command {cmd.name!r} with param_no {cmd.param_no} for {route_names(flags, names)} follows an entry "
                f"with the same name and param_no for {route_names(other.flags, names)}"
            )
            problems.append(problem(f"cmds[{index}]", "duplicate-command", wrong))
            return


def is_hidden_by(flags: int, earlier: int) -> bool:
    """Return whether no look-up finds a command with these *flags* behind one of the same name and ``param_no``.

    Args:
        flags: The flags of the command.
        earlier: The flags of the command before it.
    """
    return bool(flags & earlier) or not flags & ~earlier


def _call_of(first: str, count: int) -> str:
    return f"function({', '.join([first, *(f'param{number}' for number in range(1, count + 1))])})"


# Parameters ---------------------------------------------------------------------------------------------------------


def _check_params(params: tuple[ParamExport, ...], problems: list[Problem]) -> None:
    seen: set[tuple[str, int]] = set()
    for index, param in _entries(params, "params", problems):
        name = param.name
        if not is_name(name):
            _check_name(name, f"params[{index}].", "the parameter", problems)
        key = (name, int(param.type))
        if key in seen:
            wrong = f"parameter {name!r} of type {type_name(param.type)} follows an entry with the same name and type"
            problems.append(problem(f"params[{index}]", "duplicate-param", wrong))
        seen.add(key)
        _check_variable(param, index, problems)


def _check_variable(param: ParamExport, index: int, problems: list[Problem]) -> None:
    kind, pointer = param.type, param.param_pointer
    if kind is not INT_PARAM and kind is not STR_PARAM:
        wrong = f"parameter {param.name!r} has the unknown type {kind}"
        problems.append(problem(f"params[{index}].type", "unknown-type", wrong))
    field = f"params[{index}].param_pointer"
    if pointer is None:
        problems.append(problem(field, "null-pointer", f"the pointer of parameter {param.name!r} is null"))
        return
    try:
        value = pointer.load()
    except Exception as error:  # noqa: BLE001 - a pointer of the author's own may raise anything
        wrong = f"the variable of parameter {param.name!r} cannot be read ({type(error).__name__}: {text_of(error)})"
        problems.append(problem(field, "null-pointer", wrong))
        return
    fits = is_c_int(value) if kind is INT_PARAM else value is None or is_c_string(value)
    if not fits and kind in {INT_PARAM, STR_PARAM}:
        shown = MASK if getattr(pointer, "secret", False) else repr_of(value)
        wrong = f"parameter {param.name!r} is of type {type_name(kind)}, but its variable holds {shown}"
        problems.append(problem(field, "wrong-variable-type", wrong))


# Hooks --------------------------------------------------------------------------------------------------------------


def _check_hooks(exports: ModuleExports[Any], problems: list[Problem]) -> None:
    for field, arguments in HOOKS.items():
        hook = getattr(exports, field)
        if hook is not None and not accepts(hook, len(arguments)):
            wrong = f"{field} cannot be called as {field}({', '.join(arguments)})"
            problems.append(problem(field, "wrong-signature", wrong))
