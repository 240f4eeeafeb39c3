"""Property tests: the validator agrees with a model of what a C core would see, written as C would be."""

from __future__ import annotations

import attrs
import hypothesis
from hypothesis import strategies as st

from sermod import Cell, CmdExport, ModuleExports, ParamExport, Severity, find_problems

INT_MAX, INT_MIN = 2147483647, -2147483648

# Functions, by the numbers of arguments that they take.
ARITIES = {
    "0": (lambda: 1, {0}),
    "1": (lambda msg: 1, {1}),
    "2": (lambda msg, p1: 1, {2}),
    "3": (lambda msg, p1, p2: 1, {3}),
    "4": (lambda msg, p1, p2, p3: 1, {4}),
    "1 to 3": (lambda msg, p1=None, p2=None: 1, {1, 2, 3}),
    "any": (lambda *args: 1, {*range(10)}),
}


def takes(function, count):
    return any(function is made and count in counts for made, counts in ARITIES.values())


functions = st.sampled_from([made for made, _ in ARITIES.values()])
mostly_right = st.sampled_from([ARITIES["1 to 3"][0]] * 3 + [ARITIES["any"][0]]) | functions | st.none()

commands = st.builds(
    CmdExport,
    st.sampled_from(["a", "b", "c", "~d", "", "a\0", None]),
    mostly_right,
    st.integers(-1, 3),
    st.none() | st.none() | functions,
    st.integers(0, 7),
)
command_arrays = st.none() | st.lists(commands | st.just(CmdExport()), max_size=7).flatmap(
    lambda entries: st.sampled_from([entries, [*entries, CmdExport()]])
)

variables = st.builds(
    Cell, st.sampled_from([0, 1, INT_MAX, INT_MIN, INT_MAX + 1, INT_MIN - 1, True, None, "", "text", "a\0b", b"", 1.0])
)
parameters = st.builds(
    ParamExport, st.sampled_from(["a", "b", "c", "", "\0", None]), st.integers(0, 3), st.none() | variables
)
param_arrays = st.none() | st.lists(parameters | st.just(ParamExport()), max_size=7).flatmap(
    lambda entries: st.sampled_from([entries, [*entries, ParamExport()]])
)


def is_all_null(entry):
    return all(value is None or value == 0 for value in attrs.astuple(entry, recurse=False))


def walk(array, field, found):
    """Walk until a null name, as ``for (c = cmds; c->name; c++)`` does, and return the indices that were meant.

    A null name beside anything else ends the walk as well; it is noted, and the walk goes on as if it had been mended.
    """
    meant = []
    i = 0
    while True:
        if i == len(array):
            # C would read what is behind the array.
            if array and array[i - 1].name is None:
                return meant  # half-null, and noted as such
            found.append((field, "not-terminated"))
            return meant
        if array[i].name is None:
            if is_all_null(array[i]):
                break
            found.append((f"{field}[{i}]", "half-null"))
        else:
            meant.append(i)
        i += 1
    if i + 1 < len(array):
        found.append((f"{field}[{i + 1}]", "after-terminator"))
    return meant


def find_export(entries, name, param_no, flags):
    """Do what the core's ``find_export`` does, in one module: return the index of the first match."""
    for i, cmd in entries:
        if cmd.name == name and cmd.param_no == param_no and (cmd.flags & flags) == flags:
            return i
    return None


def is_hidden(entries, i, cmd):
    """Return whether one of the look-ups that are meant for this entry finds an earlier one."""
    routes = [1 << bit for bit in range(8) if cmd.flags & 1 << bit] or [0]
    return any(find_export(entries, cmd.name, cmd.param_no, route) != i for route in routes)


def problems_of_commands(cmds, routes, numbers):
    found = []
    entries = [(i, cmds[i]) for i in walk(cmds, "cmds", found)]
    for i, cmd in entries:
        if is_hidden(entries, i, cmd):
            found.append((f"cmds[{i}]", "duplicate-command"))
        found.extend((f"cmds[{i}].{field}", code) for field, code in problems_of_any(cmd, routes))
        if cmd.flags & routes:
            found.extend((f"cmds[{i}].{field}", code) for field, code in problems_in_the_script(cmd, numbers))
    return found


def problems_of_any(cmd, routes):
    if len(cmd.name) == 0:
        yield "name", "empty-name"
    if "\0" in cmd.name:
        yield "name", "nul-in-name"
    if cmd.function is None:
        yield "function", "null-function"
    if cmd.flags & ~routes:
        yield "flags", "unknown-flag"
    if cmd.fixup is not None:
        if cmd.param_no == 0:
            yield "fixup", "fixup-without-params"
        if not takes(cmd.fixup, 2):
            yield "fixup", "wrong-signature"


def problems_in_the_script(cmd, numbers):
    if cmd.name in ("~d", "a\0"):
        yield "name", "unscriptable-name"
    if cmd.param_no not in numbers:
        yield "param_no", "unreachable-command"
    elif cmd.function is not None:
        in_c_shape = cmd.param_no <= 2 and takes(cmd.function, 3)
        if not takes(cmd.function, 1 + cmd.param_no) and not in_c_shape:
            yield "function", "wrong-signature"


def problems_of_params(params):
    found = []
    entries = [(i, params[i]) for i in walk(params, "params", found)]
    for i, param in entries:
        here = f"params[{i}]"
        if len(param.name) == 0:
            found.append((f"{here}.name", "empty-name"))
        if "\0" in param.name:
            found.append((f"{here}.name", "nul-in-name"))
        if param.type not in (0, 1):
            found.append((f"{here}.type", "unknown-type"))
        # find_param_export() of the core compares name and type, and stops at the first.
        if any(j < i and (other.name, other.type) == (param.name, param.type) for j, other in entries):
            found.append((here, "duplicate-param"))
        if param.param_pointer is None:
            found.append((f"{here}.param_pointer", "null-pointer"))
        elif not is_variable_of(param.type, param.param_pointer.load()):
            found.append((f"{here}.param_pointer", "wrong-variable-type"))
    return found


def is_variable_of(kind, value):
    if kind == 1:
        return type(value) is int and INT_MIN <= value <= INT_MAX
    if kind == 0:
        return value is None or (type(value) is str and "\0" not in value)
    return True


def found_in(exports, **host):
    return sorted((found.field, found.code) for found in find_problems(exports, **host))


class TestVerdict:
    """The same problems, at the same places, and no others."""

    @hypothesis.given(command_arrays)
    def test_commands(self, cmds):
        expected = [] if cmds is None else problems_of_commands(cmds, 3, (0, 1, 2))

        assert sorted(expected) == found_in(ModuleExports("foobar", cmds))

    @hypothesis.given(command_arrays, st.integers(0, 7), st.sets(st.integers(-1, 3)))
    def test_commands_under_any_host(self, cmds, routes, numbers):
        expected = [] if cmds is None else problems_of_commands(cmds, routes, numbers)

        assert sorted(expected) == found_in(ModuleExports("foobar", cmds), route_flags=routes, script_param_no=numbers)

    @hypothesis.given(param_arrays)
    def test_parameters(self, params):
        expected = [] if params is None else problems_of_params(params)

        assert sorted(expected) == found_in(ModuleExports("foobar", None, params))

    @hypothesis.given(command_arrays, param_arrays)
    def test_both_arrays_are_checked_independently(self, cmds, params):
        both = found_in(ModuleExports("foobar", cmds, params))

        assert both == sorted(found_in(ModuleExports("foobar", cmds)) + found_in(ModuleExports("foobar", None, params)))


right_commands = st.builds(
    CmdExport, st.sampled_from("abc"), st.just(ARITIES["any"][0]), st.integers(0, 2), st.none(), st.integers(0, 7)
)
right_params = st.builds(ParamExport, st.sampled_from("abcd"), st.just(0), st.just(Cell(None))) | st.builds(
    ParamExport, st.sampled_from("abcd"), st.just(1), st.just(Cell(0))
)


class TestWhatPassesIsSafe:
    """Where no error is found, a C core would see what was written, all of it, and find it."""

    @hypothesis.given(st.lists(right_commands, max_size=4), st.lists(right_params, max_size=3))
    def test_a_scan_sees_every_entry_and_look_ups_find_it(self, cmds, params):
        exports = ModuleExports("foobar", [*cmds, CmdExport()], [*params, ParamExport()])
        hypothesis.assume(all(found.severity is not Severity.ERROR for found in find_problems(exports)))

        assert (cmds, params) == ([*exports.commands], [*exports.parameters])
        entries = [*enumerate(cmds)]
        for i, cmd in entries:
            assert any(find_export(entries, cmd.name, cmd.param_no, flags) == i for flags in range(8))
        assert len({(param.name, param.type) for param in params}) == len(params)

    @hypothesis.given(st.lists(commands, max_size=4), st.lists(commands, max_size=4))
    def test_what_no_scan_sees_is_never_let_pass(self, before, after):
        """Where a C scan stops too early, or does not stop, there is an error."""
        hypothesis.assume(all(cmd.name is not None for cmd in before))

        ended_early = find_problems(ModuleExports("foobar", [*before, CmdExport(), *after]))
        endless = find_problems(ModuleExports("foobar", before))

        assert bool(after) == ("after-terminator" in {found.code for found in ended_early})
        assert "not-terminated" in {found.code for found in endless}
