"""``null_terminated`` and ``scan``: arrays as C has them."""

from __future__ import annotations

import itertools

import pytest

from sermod import (
    INT_PARAM,
    Cell,
    CmdExport,
    InvalidExportsError,
    ModuleExports,
    ParamExport,
    find_problems,
    null_terminated,
    scan,
)


def command(msg, p1=None, p2=None):
    return 1


ONE, TWO = CmdExport("one", command), CmdExport("two", command)
TIMEOUT, RETRIES = ParamExport("timeout", INT_PARAM, Cell(1)), ParamExport("retries", INT_PARAM, Cell(2))


class TestNullTerminated:
    """``null_terminated`` appends the terminator."""

    @pytest.mark.parametrize("entries", [[ONE], [ONE, TWO]])
    def test_commands(self, entries):
        assert (*entries, CmdExport()) == null_terminated(*entries)

    @pytest.mark.parametrize("entries", [[TIMEOUT], [TIMEOUT, RETRIES]])
    def test_parameters(self, entries):
        assert (*entries, ParamExport()) == null_terminated(*entries)

    def test_it_is_what_validation_wants(self):
        exports = ModuleExports("foobar", null_terminated(ONE, TWO), null_terminated(TIMEOUT))

        assert () == find_problems(exports)

    @pytest.mark.parametrize(
        ("entries", "got"),
        [
            ((ONE, TIMEOUT), "CmdExport, ParamExport"),
            ((TIMEOUT, ONE), "ParamExport, CmdExport"),
            (("one",), "str"),
            ((ONE, None), "CmdExport, NoneType"),
            (([ONE, TWO],), "list"),
        ],
    )
    def test_entries_are_all_of_one_kind(self, entries, got):
        with pytest.raises(TypeError, match=rf"CmdExport or ParamExport entries, all of one kind \(got {got}\)"):
            null_terminated(*entries)

    @pytest.mark.parametrize(
        ("entries", "index"),
        [
            ((CmdExport(),), 0),
            ((ONE, CmdExport()), 1),
            ((ONE, CmdExport(None, command), TWO), 1),
            ((ParamExport(),), 0),
        ],
    )
    def test_a_terminator_is_not_given(self, entries, index):
        with pytest.raises(ValueError, match=rf"adds the terminator itself; leave out entry {index}, "):
            null_terminated(*entries)

    def test_an_array_of_none_is_null_and_not_made_here(self):
        with pytest.raises(TypeError):
            null_terminated()


class TestScan:
    """``scan`` sees what the core sees."""

    @pytest.mark.parametrize("kind", [list, tuple, iter])
    def test_up_to_the_terminator(self, kind):
        assert [ONE, TWO] == [*scan(kind([ONE, TWO, CmdExport(), ONE]))]
        assert [TIMEOUT] == [*scan(kind([TIMEOUT, ParamExport()]))]

    def test_a_half_null_entry_ends_it(self):
        assert [ONE] == [*scan([ONE, CmdExport(None, command), TWO, CmdExport()])]

    @pytest.mark.parametrize("null", [None, 0])
    def test_a_null_array_has_no_entries(self, null):
        assert [] == [*scan(null)]

    def test_only_a_terminator(self):
        assert [] == [*scan([CmdExport()])]

    @pytest.mark.parametrize("entries", [[], [ONE], [ONE, TWO]])
    @pytest.mark.parametrize("kind", [list, tuple, iter])
    def test_no_terminator(self, kind, entries):
        """It raises where the scan runs off the end, as C would read on, and not before."""
        seen = []

        with pytest.raises(InvalidExportsError) as raised:
            seen.extend(scan(kind(entries)))

        assert ["not-terminated"] == [problem.code for problem in raised.value.problems]
        assert "array: the array has no terminator" in str(raised.value)

    def test_entries_come_before_the_error(self):
        scanning = scan([ONE])

        assert ONE == next(scanning)
        with pytest.raises(InvalidExportsError):
            next(scanning)

    def test_it_is_lazy(self):
        """No entry is taken before it is asked for, and none behind the terminator at all."""
        entries = iter([ONE, TWO, CmdExport(), TIMEOUT])
        scanning = scan(entries)

        assert ONE == next(scanning)
        assert [TWO] == [*scanning]
        assert [TIMEOUT] == [*entries]

    def test_an_endless_array(self):
        """An array without an end is scanned as far as the caller asks."""
        assert [ONE] * 1000 == [*itertools.islice(scan(itertools.repeat(ONE)), 1000)]

    @pytest.mark.parametrize("thing", [5, False])
    def test_what_is_no_array(self, thing):
        with pytest.raises(TypeError):
            next(scan(thing))
