"""The kinds of route, and the ranks of the special processes."""

from __future__ import annotations

from enum import IntFlag

import hypothesis
import pytest
from hypothesis import strategies as st
from travelling import pickled

import sermod
from sermod import REPLY_ROUTE, REQUEST_ROUTE, CmdExport, RouteFlag
from sermod._interface.exports import route_names


class TestRouteFlag:
    """``RouteFlag`` is the ``flags`` of C."""

    def test_values_are_those_of_the_core(self):
        assert [("REQUEST_ROUTE", 1), ("REPLY_ROUTE", 2)] == [(flag.name, flag.value) for flag in RouteFlag]

    def test_names_are_constants_of_the_package_as_well(self):
        assert RouteFlag.REQUEST_ROUTE is sermod.REQUEST_ROUTE
        assert RouteFlag.REPLY_ROUTE is sermod.REPLY_ROUTE

    def test_is_an_int_flag(self):
        """A flag is an ``int`` wherever C has one, and ``|`` keeps it a flag."""
        both = REQUEST_ROUTE | REPLY_ROUTE

        assert issubclass(RouteFlag, IntFlag)
        assert 3 == both
        assert isinstance(both, RouteFlag)
        assert 0 == RouteFlag(0)
        assert REQUEST_ROUTE in both

    @pytest.mark.parametrize("bits", [4, 5, 8, 0x80, 0xFFFFFFFF])
    def test_unknown_bits_survive(self, bits):
        """Later cores define more kinds of route: their bits are kept, alone and through operators."""
        assert bits == RouteFlag(bits)
        assert bits | 2 == RouteFlag(bits) | REPLY_ROUTE
        assert bits == pickled(RouteFlag(bits))

    def test_bits_that_a_host_names(self):
        """Made from a class of the host, they are kept without it: another process may not have that class."""

        class Stage(IntFlag):
            DATA = 0x4000
            BOTH = 0x4003

        for stage in Stage:
            assert pickled(RouteFlag(stage)) == int(stage)
            assert pickled(CmdExport("foo", flags=stage)).flags == int(stage)

    @pytest.mark.parametrize("value", [None, "1", 1.5])
    def test_what_is_no_number(self, value):
        """It is refused as by any enumeration."""
        with pytest.raises(ValueError, match="not a valid RouteFlag"):
            RouteFlag(value)


class TestRouteNames:
    """``route_names`` says flags as a module's author writes them."""

    @pytest.mark.parametrize(
        ("flags", "names"),
        [
            (0, "no route"),
            (1, "REQUEST_ROUTE"),
            (2, "REPLY_ROUTE"),
            (3, "REQUEST_ROUTE | REPLY_ROUTE"),
            (4, "0x4"),
            (0x81, "REQUEST_ROUTE | 0x80"),
            (RouteFlag(6), "REPLY_ROUTE | 0x4"),
        ],
    )
    def test_names_then_the_rest_in_hexadecimal(self, flags, names):
        assert names == route_names(flags)


class TestRanks:
    """The special processes have the ranks that the core gives them."""

    def test_values_are_those_of_the_core(self):
        assert (0, -1, -2, -4) == (sermod.PROC_MAIN, sermod.PROC_TIMER, sermod.PROC_FIFO, sermod.PROC_TCP_MAIN)

    @hypothesis.given(st.sets(st.integers(-4, 12)))
    def test_a_new_child_gets_the_lowest_rank_that_is_free(self, taken):
        """The ranks of special processes, which are not positive, do not matter."""
        rank = sermod.lowest_free_rank(taken)

        assert rank not in taken
        assert {*range(1, rank)} <= taken
