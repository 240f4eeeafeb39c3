"""Every problem at once, what a host declares, and ``check``."""

from __future__ import annotations

import attrs
import pytest

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    InvalidExportsError,
    ModuleExports,
    ParamExport,
    check,
    find_problems,
    null_terminated,
)
from sermod._problems import RULES


def takes_1(msg, p1):
    return 1


def takes_2(msg, p1, p2):
    return 1


def takes_3(msg, p1, p2, p3):
    return 1


def takes_4(msg, p1, p2, p3, p4):
    return 1


def takes_nothing():
    return 1


def fixup(param, param_no):
    return param


EVERYTHING_WRONG = ModuleExports(
    "foo\0bar",
    [
        CmdExport("", takes_2, 2),
        CmdExport("no function", None, 7, takes_nothing, 0x81),
        CmdExport(None, takes_2, 2),
        CmdExport("zero", takes_1, 0, fixup, REPLY_ROUTE),
        CmdExport("zero", takes_2, 0, 0, REPLY_ROUTE),
        CmdExport(),
        CmdExport("hidden", takes_2, 2),
    ],
    [
        ParamExport("a\0", 7, None),
        ParamExport("b", STR_PARAM, Cell(5)),
        ParamExport("b", STR_PARAM, None),
        ParamExport(None, INT_PARAM),
        ParamExport("c", INT_PARAM, Cell(0)),
    ],
    takes_1,
    takes_nothing,
    takes_1,
    takes_nothing,
    takes_nothing,
)


class TestAllAtOnce:
    """``find_problems`` finds every problem, not the first, in the order of the structure."""

    def test_every_problem_of_a_module_where_nothing_is_right(self):
        assert [
            ("name", "nul-in-name"),
            ("cmds[2]", "half-null"),
            ("cmds[6]", "after-terminator"),
            ("cmds[0].name", "empty-name"),
            ("cmds[1].function", "null-function"),
            ("cmds[1].fixup", "wrong-signature"),
            ("cmds[1].flags", "unknown-flag"),
            ("cmds[1].param_no", "unreachable-command"),
            ("cmds[1].name", "unscriptable-name"),
            ("cmds[3].fixup", "fixup-without-params"),
            ("cmds[3].function", "wrong-signature"),
            ("cmds[4]", "duplicate-command"),
            ("params[3]", "half-null"),
            ("params", "not-terminated"),
            ("params[0].name", "nul-in-name"),
            ("params[0].type", "unknown-type"),
            ("params[0].param_pointer", "null-pointer"),
            ("params[1].param_pointer", "wrong-variable-type"),
            ("params[2]", "duplicate-param"),
            ("params[2].param_pointer", "null-pointer"),
            ("init_f", "wrong-signature"),
            ("response_f", "wrong-signature"),
            ("destroy_f", "wrong-signature"),
            ("onbreak_f", "wrong-signature"),
            ("init_child_f", "wrong-signature"),
        ] == [(found.field, found.code) for found in find_problems(EVERYTHING_WRONG)]

    def test_the_module_above_breaks_every_rule(self):
        """Except for those that validation never finds: of compiled modules, and of threads before a fork."""
        assert RULES.keys() - {"bad-address", "thread-before-fork"} == {
            found.code for found in find_problems(EVERYTHING_WRONG)
        }

    def test_it_changes_nothing_and_may_be_asked_again(self):
        assert find_problems(EVERYTHING_WRONG) == find_problems(EVERYTHING_WRONG)

    def test_entries_behind_a_half_null_one_are_checked(self):
        """It was most likely meant to have a name, so the entries after it are checked as well."""
        exports = ModuleExports("m", [CmdExport(None, takes_2), CmdExport("foo"), CmdExport()])

        assert ["half-null", "null-function"] == [found.code for found in find_problems(exports)]

    def test_entries_behind_the_terminator_are_not(self):
        exports = ModuleExports("m", [CmdExport(), CmdExport("foo"), CmdExport()])

        assert ["after-terminator"] == [found.code for found in find_problems(exports)]

    @pytest.mark.parametrize(
        ("cmds", "found"),
        [
            ([CmdExport(None, takes_2)], ["half-null"]),
            ([CmdExport(None, takes_2), CmdExport("foo", takes_2)], ["half-null", "not-terminated"]),
            ([CmdExport("foo", takes_2), CmdExport(None, takes_2)], ["half-null"]),
            ([CmdExport(None, takes_2), CmdExport(None, takes_2)], ["half-null", "half-null"]),
        ],
    )
    def test_a_half_null_entry_where_the_terminator_should_be(self, cmds, found):
        """It ends a C scan after all: that it is no terminator is one problem and not two."""
        assert found == [problem.code for problem in find_problems(ModuleExports("m", cmds))]

    def test_a_half_null_entry_says_how_much_it_hides(self):
        exports = ModuleExports("m", [CmdExport(None, takes_2), CmdExport("foo", takes_2), CmdExport()])

        assert "; 2 entries follow. " in find_problems(exports)[0].message

    def test_a_half_null_entry_is_not_looked_into(self):
        """What a function has inside is its own: here it has itself, which has no end."""

        @attrs.define(eq=False, repr=False)
        class Loop:
            inside: object = attrs.field(default=attrs.Factory(lambda self: self, takes_self=True))

            def __call__(self, msg):
                return 1

        exports = ModuleExports("m", [CmdExport(None, Loop()), CmdExport()])

        assert ["half-null"] == [found.code for found in find_problems(exports)]


def with_command(function=takes_2, param_no=2, flags=REQUEST_ROUTE, name="foo"):
    return ModuleExports("foobar", null_terminated(CmdExport(name, function, param_no, 0, flags)))


def codes(exports, **host):
    return [found.code for found in find_problems(exports, **host)]


class TestHost:
    """What a host's script knows is given to validation, and the rules follow."""

    @pytest.mark.parametrize(
        ("flags", "known", "found"),
        [
            (4, 3, ["unknown-flag"]),
            (4, 7, []),
            (REQUEST_ROUTE | 8, 7, ["unknown-flag"]),
            (REPLY_ROUTE, REQUEST_ROUTE, ["unknown-flag"]),
            (0xFFFFFFFF, 0xFFFFFFFF, []),
        ],
    )
    def test_route_flags(self, flags, known, found):
        assert found == codes(with_command(flags=flags), route_flags=known)

    def test_flags_that_the_host_does_not_know_make_no_command_of_the_script(self):
        """For this host it is an internal command, which may have any signature."""
        assert ["unknown-flag"] == codes(with_command(takes_nothing, -1, 8, "~foo"))

    def test_flags_that_the_host_does_know_make_one(self):
        assert ["wrong-signature", "unscriptable-name"] == codes(
            with_command(takes_nothing, 2, 8, "~foo"), route_flags=8
        )

    @pytest.mark.parametrize(
        ("numbers", "param_no", "function", "found"),
        [
            ((0, 1, 2), 3, takes_3, ["unreachable-command"]),
            ((0, 1, 2, 3), 3, takes_3, []),
            ({3}, 3, takes_3, []),
            ((0, 1, 2, 3), 3, takes_2, ["wrong-signature"]),
            ((0, 1, 2, 3), 3, takes_4, ["wrong-signature"]),
            ((0, 1), 2, takes_2, ["unreachable-command"]),
            ((), 0, takes_2, ["unreachable-command"]),
        ],
    )
    def test_script_param_no(self, numbers, param_no, function, found):
        assert found == codes(with_command(function, param_no), script_param_no=numbers)

    def test_the_c_shape_is_for_up_to_two_parameters(self):
        """``function(msg, p1, p2)`` takes no third one."""
        assert [] == codes(with_command(takes_2, 1), script_param_no=(1, 3))
        assert ["wrong-signature"] == codes(with_command(takes_2, 3), script_param_no=(1, 3))

    def test_the_message_says_which_numbers_there_are(self):
        (found,) = find_problems(with_command(takes_3, 3), script_param_no={2, 0, 1})

        assert "a script can only write calls with 0, 1 or 2 parameters." in found.message

    def test_the_spec_is_the_default(self):
        exports = with_command(takes_3, 3, 7)

        assert find_problems(exports) == find_problems(exports, route_flags=3, script_param_no=(0, 1, 2))


class TestCheck:
    """``check`` refuses a module with an error, and returns the warnings of one without."""

    def test_nothing_to_say(self):
        assert () == check(with_command())

    def test_warnings_are_returned(self):
        exports = with_command(flags=0x81)

        assert ["unknown-flag"] == [found.code for found in check(exports)]
        assert find_problems(exports) == check(exports)

    def test_an_error_is_raised_with_all_problems_one_a_line(self):
        with pytest.raises(InvalidExportsError) as raised:
            check(EVERYTHING_WRONG)

        problems = find_problems(EVERYTHING_WRONG)
        assert problems == raised.value.problems
        assert "foo\0bar" == raised.value.module
        assert [
            rf"the exports of module 'foo\x00bar' have {len(problems)} problems:",
            *(f"  {found}" for found in problems),
        ] == str(raised.value).splitlines()

    def test_warnings_go_with_the_errors(self):
        exports = ModuleExports("m", [CmdExport("foo", takes_2, 2, 0, 0x81)])

        with pytest.raises(InvalidExportsError) as raised:
            check(exports)

        assert ["not-terminated", "unknown-flag"] == [found.code for found in raised.value.problems]

    def test_a_module_without_a_name(self):
        with pytest.raises(
            InvalidExportsError, match=r"^the exports of a module without a name have 1 problem:"
        ) as raised:
            check(ModuleExports())

        assert raised.value.module is None

    def test_it_goes_by_what_the_host_declares(self):
        exports = with_command(takes_3, 3, 8)

        assert () == check(exports, route_flags=8, script_param_no=(3,))
        with pytest.raises(InvalidExportsError):
            check(with_command(takes_2, 3, 8), route_flags=8, script_param_no=(3,))
