"""The checks of fixups and of parameters, where values cannot simply be compared."""

from __future__ import annotations

import ctypes
import itertools

import attrs
import pytest
from making import make_exports

from sermod import REQUEST_ROUTE, STR_PARAM, CmdExport, ParamExport, list_param
from sermod._interface.lists import ListPointer
from sermod.native import NativeFixup
from sermod.native.layout import FIXUP_FUNCTION
from sermod.testing import Setup, Verdict
from sermod.testing.checks.suite import _result
from sermod.testing.checks.values import fixups_are_deterministic, parameters_at_their_limits


def result_of(check, *entries):
    """Return the result of one check alone."""
    return _result(check, Setup(make_exports("some", *entries)), None)


def result_of_fixup(fixup):
    return result_of(fixups_are_deterministic, CmdExport("foo", lambda msg, p1: 1, 1, fixup, REQUEST_ROUTE))


class Incomparable:
    def __eq__(self, other):
        raise ValueError("the truth value is ambiguous")

    __hash__ = None


@attrs.define
class Holder:
    value: object


@attrs.define(repr=False)
class Hidden:
    value: object


numbers = itertools.count()
addresses = itertools.count(0x7F0000000000, 16)


class TestComparing:
    """Two results of a fixup are compared as far as they can be."""

    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(Incomparable, id="the comparison raises"),
            pytest.param(lambda: Holder(object()), id="an object in an object"),
            pytest.param(lambda: (1, [object(), lambda: 0]), id="objects in containers"),
            pytest.param(lambda: float("nan"), id="what is not equal to itself"),
            pytest.param(object, id="equal only to themselves"),
        ],
    )
    def test_what_shows_no_difference(self, make):
        assert Verdict.PASSED == result_of_fixup(lambda param, number: make()).verdict

    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(lambda: (next(numbers), object()), id="beside an object"),
            pytest.param(lambda: Hidden(next(numbers)), id="the repr does not show it"),
        ],
    )
    def test_what_shows_a_difference(self, make):
        assert Verdict.FAILED == result_of_fixup(lambda param, number: make()).verdict


class TestNativeFixups:
    """A fixup in C returns an address, which may be another one each time."""

    def fixup(self, function):
        self.function = FIXUP_FUNCTION(function)
        address = ctypes.cast(self.function, ctypes.c_void_p).value
        return NativeFixup("a fixup", address, lambda raw: next(addresses))

    def test_its_results_are_not_compared(self):
        assert Verdict.PASSED == result_of_fixup(self.fixup(lambda place, number: 0)).verdict

    def test_its_refusals_are(self):
        found = result_of_fixup(self.fixup(lambda place, number: -next(numbers) % 3 - 3))

        assert Verdict.FAILED == found.verdict
        assert "ValueError" in found.message


class WronglyRestored(ListPointer):
    def restore(self, snapshot, /):
        self.values.clear()


class TestCollecting:
    """A pointer that collects is put back by its ``snapshot()`` and ``restore()``."""

    def test_a_right_one(self):
        pointer = list_param(str.upper)
        found = result_of(parameters_at_their_limits, ParamExport("names", STR_PARAM, pointer))

        assert Verdict.PASSED == found.verdict

    def test_a_wrong_one(self):
        pointer = WronglyRestored(str.upper)
        found = result_of(parameters_at_their_limits, ParamExport("names", STR_PARAM, pointer))

        assert Verdict.FAILED == found.verdict
        assert (
            "parameter 'names', set to '', and put back, has the value '' instead of None (give the pointer a "
            "snapshot() that returns a copy of all that store() changes, and a restore() that makes it what it was)"
        ) in found.message
