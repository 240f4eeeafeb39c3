"""Every rule of the interface: what breaks it, what does not, and the message."""

from __future__ import annotations

import functools

import pytest

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    ModuleExports,
    ParamExport,
    Severity,
    find_problems,
    null_terminated,
    pointer_to,
)
from sermod._problems import RULES

BOTH = REQUEST_ROUTE | REPLY_ROUTE


def takes_0(msg):
    return 1


def takes_1(msg, p1):
    return 1


def takes_2(msg, p1, p2):
    return 1


def takes_3(msg, p1, p2, p3):
    return 1


def takes_any(msg, *params):
    return 1


def fixup(param, param_no):
    return param


class ReadingRaises:
    def load(self):
        raise OSError("the disk is gone")

    def store(self, value):
        pass


def with_commands(*entries):
    return ModuleExports("foobar", [*entries, CmdExport()])


def with_params(*entries):
    return ModuleExports("foobar", None, [*entries, ParamExport()])


def with_cmd(**fields):
    """Return the exports of a module whose only command is right but for these fields."""
    right = {"name": "foo", "function": takes_2, "param_no": 2, "fixup": 0, "flags": REQUEST_ROUTE}
    return with_commands(CmdExport(**right | fields))


def with_param(**fields):
    return with_params(ParamExport(**{"name": "foo", "type": INT_PARAM, "param_pointer": Cell(0)} | fields))


FOO = CmdExport("foo", takes_2, 2, 0, REQUEST_ROUTE)
BAR = ParamExport("bar", INT_PARAM, Cell(0))

# The code, where it is found, what the message begins with, and exports with this problem alone.
BROKEN = [
    ("not-terminated", "cmds", "the array has no terminator (0 entries)", ModuleExports("foobar", [])),
    ("not-terminated", "cmds", "the array has no terminator (1 entry)", ModuleExports("foobar", [FOO])),
    ("not-terminated", "params", "the array has no terminator (0 entries)", ModuleExports("foobar", None, [])),
    ("not-terminated", "params", "the array has no terminator (1 entry)", ModuleExports("foobar", None, [BAR])),
    ("after-terminator", "cmds[1]", "1 entry follows the terminator, cmds[0]", with_commands(CmdExport())),
    ("after-terminator", "cmds[2]", "2 entries follow the terminator, cmds[1]", with_commands(FOO, CmdExport(), FOO)),
    ("after-terminator", "params[1]", "2 entries follow the terminator", with_params(ParamExport(), BAR)),
    ("half-null", "cmds[0]", "the name is null but other fields are set", with_commands(CmdExport(0, takes_2))),
    ("half-null", "cmds[1]", "the name is null", with_commands(FOO, CmdExport(0, 0, 0, 0, REQUEST_ROUTE))),
    ("half-null", "cmds[0]", "the name is null", with_commands(CmdExport(None, 0, 2))),
    ("half-null", "cmds[0]", "the name is null", ModuleExports("foobar", [CmdExport(0, 0, 0, fixup)])),
    ("half-null", "params[0]", "the name is null", with_params(ParamExport(0, INT_PARAM))),
    ("half-null", "params[1]", "the name is null", with_params(BAR, ParamExport(0, 0, Cell(0)))),
    ("empty-name", "name", "the name of the module is null", ModuleExports()),
    ("empty-name", "name", "the name of the module is empty", ModuleExports("")),
    ("empty-name", "params[0].name", "the name of the parameter is empty", with_param(name="")),
    ("empty-name", "cmds[0].name", "the name of the command is empty", with_cmd(name="")),
    ("nul-in-name", "name", r"the name of the module, 'foo\x00bar', contains a NUL", ModuleExports("foo\0bar")),
    ("nul-in-name", "params[0].name", r"the name of the parameter, '\x00'", with_param(name="\0")),
    ("nul-in-name", "cmds[0].name", "the name of the command", with_cmd(name="foo\0", flags=0)),
    ("null-function", "cmds[0].function", "command 'foo' has no function", with_cmd(function=0)),
    ("null-function", "cmds[0].function", "command 'foo' has no function", with_cmd(function=None, flags=0)),
    (
        "wrong-signature",
        "cmds[0].function",
        "the function of command 'foo' cannot be called as function(msg, param1, param2)",
        with_cmd(function=takes_1),
    ),
    (
        "wrong-signature",
        "cmds[0].function",
        "the function of command 'foo' cannot be called as function(msg)",
        with_cmd(function=takes_1, param_no=0),
    ),
    ("wrong-signature", "cmds[0].function", "the function", with_cmd(function=takes_3, param_no=1)),
    ("wrong-signature", "cmds[0].function", "the function", with_cmd(function=lambda: 1, param_no=0)),
    (
        "wrong-signature",
        "cmds[0].fixup",
        "the fixup of command 'foo' cannot be called as fixup(param, param_no)",
        with_cmd(fixup=lambda param: param),
    ),
    ("wrong-signature", "cmds[0].fixup", "the fixup", with_cmd(fixup=lambda a, b, c: a, flags=0)),
    ("wrong-signature", "init_f", "init_f cannot be called as init_f()", ModuleExports("m", init_f=takes_0)),
    (
        "wrong-signature",
        "response_f",
        "response_f cannot be called as response_f(msg)",
        ModuleExports("m", response_f=lambda: 1),
    ),
    (
        "wrong-signature",
        "destroy_f",
        "destroy_f cannot be called as destroy_f()",
        ModuleExports("m", destroy_f=takes_0),
    ),
    (
        "wrong-signature",
        "onbreak_f",
        "onbreak_f cannot be called as onbreak_f(msg)",
        ModuleExports("m", onbreak_f=takes_1),
    ),
    (
        "wrong-signature",
        "init_child_f",
        "init_child_f cannot be called as init_child_f(rank)",
        ModuleExports("m", init_child_f=lambda: 0),
    ),
    (
        "unreachable-command",
        "cmds[0].param_no",
        "command 'foo' is for REQUEST_ROUTE with param_no 3, but a script can only write calls with 0, 1 or 2",
        with_cmd(function=takes_3, param_no=3),
    ),
    ("unreachable-command", "cmds[0].param_no", "command 'foo' is for REPLY_ROUTE", with_cmd(param_no=-1, flags=2)),
    (
        "unscriptable-name",
        "cmds[0].name",
        "command '~foo' is for REQUEST_ROUTE, but its name is not an identifier",
        with_cmd(name="~foo"),
    ),
    ("unscriptable-name", "cmds[0].name", "command 'foo-bar'", with_cmd(name="foo-bar")),
    ("unscriptable-name", "cmds[0].name", "command '2foo'", with_cmd(name="2foo", flags=BOTH)),
    ("unscriptable-name", "cmds[0].name", "command 'föö'", with_cmd(name="föö")),
    (
        "fixup-without-params",
        "cmds[0].fixup",
        "command 'foo' has a fixup and no parameters",
        with_cmd(param_no=0, fixup=fixup),
    ),
    ("fixup-without-params", "cmds[0].fixup", "command 'foo'", with_cmd(param_no=0, fixup=fixup, flags=0)),
    (
        "unknown-flag",
        "cmds[0].flags",
        "command 'foo' has the flags 0x4, which this host does not know",
        with_cmd(flags=5),
    ),
    ("unknown-flag", "cmds[0].flags", "command 'foo' has the flags 0x80", with_cmd(flags=0x80)),
    ("unknown-type", "params[0].type", "parameter 'foo' has the unknown type 2", with_param(type=2)),
    (
        "duplicate-command",
        "cmds[1]",
        "command 'foo' with param_no 2 for REQUEST_ROUTE follows an entry with the same name and param_no",
        with_commands(FOO, FOO),
    ),
    (
        "duplicate-param",
        "params[1]",
        "parameter 'bar' of type INT_PARAM follows an entry with the same name and type",
        with_params(BAR, ParamExport("bar", INT_PARAM, Cell(1))),
    ),
    ("null-pointer", "params[0].param_pointer", "the pointer of parameter 'foo' is null", with_param(param_pointer=0)),
    (
        "null-pointer",
        "params[0].param_pointer",
        "the variable of parameter 'foo' cannot be read (NameError: there is no variable 'x' in a dict)",
        with_param(param_pointer=pointer_to({}, "x")),
    ),
    (
        "null-pointer",
        "params[0].param_pointer",
        "the variable of parameter 'foo' cannot be read (OSError: the disk is gone)",
        with_param(param_pointer=ReadingRaises()),
    ),
    (
        "null-pointer",
        "params[0].param_pointer",
        "the variable of parameter 'foo' cannot be read (AttributeError: ",
        with_param(param_pointer=pointer_to(object(), "x")),
    ),
    (
        "wrong-variable-type",
        "params[0].param_pointer",
        "parameter 'foo' is of type INT_PARAM, but its variable holds '5'",
        with_param(param_pointer=Cell("5")),
    ),
    (
        "wrong-variable-type",
        "params[0].param_pointer",
        "parameter 'foo' is of type STR_PARAM, but its variable holds 5",
        with_param(type=STR_PARAM, param_pointer=Cell(5)),
    ),
    *[
        ("wrong-variable-type", "params[0].param_pointer", "parameter 'foo'", with_param(param_pointer=Cell(value)))
        for value in (True, 1.0, None, 2**31, -(2**31) - 1)
    ],
    *[
        (
            "wrong-variable-type",
            "params[0].param_pointer",
            "parameter 'foo'",
            with_param(type=STR_PARAM, param_pointer=Cell(value)),
        )
        for value in (b"text", "a\0b", 0, [])
    ],
]


@pytest.mark.parametrize(("code", "where", "wrong", "exports"), BROKEN)
class TestBroken:
    def test_it_is_the_only_problem_and_in_its_place(self, code, where, wrong, exports):
        assert [(where, code)] == [(found.field, found.code) for found in find_problems(exports)]

    def test_the_message_says_what_is_wrong_what_a_core_does_and_how_to_mend_it(self, code, where, wrong, exports):
        (found,) = find_problems(exports)

        assert found.message.startswith(wrong)
        assert found.message.endswith(f". {RULES[code].core} {RULES[code].remedy}")
        assert found.severity is RULES[code].severity


ELSEWHERE = {"bad-address", "thread-before-fork"}
"""The codes that validation never finds: one is for compiled modules, the other is reported by a host that forks."""


def test_the_table_above_has_every_code_of_validation():
    assert RULES.keys() - ELSEWHERE == {code for code, *_ in BROKEN}


KEPT = {
    "a name alone": ModuleExports("foobar"),
    "null arrays": ModuleExports("foobar", 0, 0),
    "arrays of a terminator": ModuleExports("foobar", [CmdExport()], [ParamExport(0, 0, 0)]),
    "any text as the module's name": ModuleExports("föö bar-1"),
    "the C shape for fewer parameters": with_commands(
        CmdExport("a", takes_2, 0, 0, BOTH), CmdExport("b", takes_2, 1, 0, BOTH), CmdExport("c", takes_2, 2, 0, BOTH)
    ),
    "as many parameters as it takes": with_commands(
        CmdExport("a", takes_0, 0, 0, BOTH), CmdExport("b", takes_1, 1, 0, BOTH)
    ),
    "any number of parameters": with_cmd(function=takes_any),
    "a callable without a signature": with_cmd(function=max),
    "an internal command of any signature": with_cmd(function=lambda: None, flags=0),
    "an internal command of any param_no": with_cmd(param_no=-7, flags=0),
    "an internal command of any name": with_cmd(name="~ul_get_urecord", flags=0),
    "a fixup with a default": with_cmd(fixup=lambda param, param_no, more=None: param),
    "any callable as a fixup": with_cmd(fixup=functools.partial(fixup)),
    "overloads by param_no": with_commands(*(CmdExport("foo", takes_any, number, 0, BOTH) for number in range(3))),
    "overloads by route": with_commands(FOO, CmdExport("foo", takes_2, 2, 0, REPLY_ROUTE)),
    "a command for the script behind an internal one": with_commands(CmdExport("foo", takes_2, 2), FOO),
    "one name with both types": with_params(BAR, ParamExport("bar", STR_PARAM, Cell(""))),
    "names that differ in case": with_params(BAR, ParamExport("BAR", INT_PARAM, Cell(0))),
    "the ends of a C int": with_params(
        ParamExport("a", INT_PARAM, Cell(2**31 - 1)), ParamExport("b", INT_PARAM, Cell(-(2**31)))
    ),
    "a number of a class derived from int": with_param(param_pointer=Cell(INT_PARAM)),
    "a null string": with_param(type=STR_PARAM, param_pointer=Cell(None)),
    "an empty string": with_param(type=STR_PARAM, param_pointer=Cell("")),
    "hooks that take what they are given": ModuleExports(
        "foobar", 0, 0, lambda: 0, takes_0, lambda: None, takes_0, lambda rank: 0
    ),
    "hooks that take more": ModuleExports("foobar", 0, 0, *[lambda *args: 0] * 5),
    "null_terminated": ModuleExports("foobar", null_terminated(FOO), null_terminated(BAR)),
}


@pytest.mark.parametrize("exports", KEPT.values(), ids=KEPT)
def test_nothing_is_found_where_the_interface_is_kept(exports):
    assert () == find_problems(exports)


class TestDuplicates:
    """A command is a duplicate where flags overlap with an earlier one's, or are contained in them."""

    @pytest.mark.parametrize(
        ("first", "second", "is_duplicate"),
        [
            (1, 1, True),
            (1, 2, False),
            (1, 3, True),
            (3, 1, True),
            (3, 3, True),
            (0, 0, True),
            (3, 0, True),
            (1, 0, True),
            (0, 1, False),
            (0, 3, False),
        ],
    )
    def test_flags(self, first, second, is_duplicate):
        exports = with_commands(CmdExport("foo", takes_2, 2, 0, first), CmdExport("foo", takes_2, 2, 0, second))

        assert (["duplicate-command"] if is_duplicate else []) == [found.code for found in find_problems(exports)]

    def test_each_is_reported_once(self):
        """However many come before, the third and the fourth are one problem each."""
        assert [("cmds[1]", "duplicate-command"), ("cmds[2]", "duplicate-command")] == [
            (found.field, found.code) for found in find_problems(with_commands(FOO, FOO, FOO))
        ]

    def test_behind_overloads(self):
        """It is compared with every earlier one of its name."""
        one, two, three = (CmdExport("foo", takes_any, number, 0, BOTH) for number in range(3))

        assert ["cmds[3]"] == [found.field for found in find_problems(with_commands(one, two, three, two))]

    def test_of_a_parameter(self):
        same, other = ParamExport("foo", STR_PARAM, Cell("")), ParamExport("foo", INT_PARAM, Cell(0))

        assert ["params[2]", "params[3]"] == [
            found.field for found in find_problems(with_params(same, other, same, other))
        ]


class TestSeverity:
    """Only what keeps the module from working is an error."""

    def test_warnings(self):
        warnings = {code for code, rule in RULES.items() if rule.severity is Severity.WARNING}

        assert warnings == {
            "unreachable-command",
            "unscriptable-name",
            "fixup-without-params",
            "unknown-flag",
            "thread-before-fork",
        }
