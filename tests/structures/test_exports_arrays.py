"""The arrays of a module's exports, and what ends them."""

from __future__ import annotations

from collections import UserList

import pytest

from sermod import INT_PARAM, STR_PARAM, Cell, CmdExport, ModuleExports, ParamExport


def command(msg, p1, p2):
    return 1


CMDS = (CmdExport("foo", command, 2), CmdExport())
PARAMS = (ParamExport("bar", INT_PARAM, Cell(0)), ParamExport())


class TestTerminator:
    """An entry with a null name ends the array, whatever its other fields hold."""

    @pytest.mark.parametrize(
        "entry", [CmdExport(), CmdExport(0, 0, 0, 0), CmdExport(None, command, 2), ParamExport(0, 0, 0), PARAMS[1]]
    )
    def test_null_name(self, entry):
        assert entry.is_terminator

    @pytest.mark.parametrize("entry", [CmdExport("foo"), CmdExport(""), ParamExport("foo", STR_PARAM), ParamExport("")])
    def test_any_other_name(self, entry):
        assert not entry.is_terminator


class TestArrays:
    """``cmds`` and ``params`` keep what was written; ``commands`` and ``parameters`` are what a scan sees of it."""

    @pytest.mark.parametrize("kind", [list, tuple, iter, UserList])
    def test_kept_as_a_tuple_with_its_terminator(self, kind):
        exports = ModuleExports("foo", kind(CMDS), kind(PARAMS))

        assert (CMDS, PARAMS) == (exports.cmds, exports.params)
        assert (CMDS[:1], PARAMS[:1]) == (exports.commands, exports.parameters)

    def test_a_generator_is_an_array(self):
        assert CMDS == ModuleExports("foo", (cmd for cmd in CMDS)).cmds

    def test_later_changes_of_the_list_do_not_arrive(self):
        array = [*CMDS]
        exports = ModuleExports("foo", array)

        array.clear()

        assert CMDS == exports.cmds

    @pytest.mark.parametrize("null", [None, 0])
    def test_a_null_array_stays_null_and_has_no_entries(self, null):
        exports = ModuleExports("foo", null, null)

        assert exports.cmds is None
        assert exports.params is None
        assert ((), ()) == (exports.commands, exports.parameters)

    def test_an_empty_array_is_not_null(self):
        assert () == ModuleExports("foo", []).cmds

    def test_entries_end_at_the_first_null_name(self):
        """What follows it, and a half-null entry itself, is never seen by the core."""
        one, two = CmdExport("one", command), CmdExport("two", command)

        assert (one,) == ModuleExports("foo", [one, CmdExport(), two, CmdExport()]).commands
        assert (one,) == ModuleExports("foo", [one, CmdExport(None, command), two]).commands

    def test_without_a_terminator_every_entry_is_there(self):
        assert CMDS[:1] == ModuleExports("foo", CMDS[:1]).commands
