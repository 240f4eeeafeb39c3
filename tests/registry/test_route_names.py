"""A host's own kinds of route have names, in every message."""

from __future__ import annotations

from enum import IntFlag

import pytest
from making import make_exports

from sermod import REQUEST_ROUTE, CmdExport, FixupError, Lifecycle, Registry, RouteError, RouteFlag, find_problems
from sermod._interface.exports import route_names, routes_of


class Routes(IntFlag):
    """The routes of a host."""

    REQUEST = 1
    REPLY = 2
    FAILURE = 4
    BRANCH = 8


def refuse(param, _number):
    raise ValueError("no")


@pytest.fixture(
    params=[Routes, Routes.REQUEST | Routes.REPLY | Routes.FAILURE | Routes.BRANCH], ids=["class", "member"]
)
def core(request):
    core = Registry(route_flags=request.param)
    core.register(
        make_exports(
            "m",
            CmdExport("c", lambda msg: 1, 0, 0, Routes.FAILURE),
            CmdExport("d", lambda msg, a: 1, 1, refuse, Routes.BRANCH),
        )
    )
    return core


class TestMessages:
    def test_a_route_where_a_command_may_not_be_used(self, core):
        with pytest.raises(RouteError, match="cannot be used in BRANCH; it can be used in FAILURE"):
            core.bind("c", route=Routes.BRANCH)

    def test_a_route_that_the_host_does_not_have(self, core):
        with pytest.raises(RouteError, match=r"for 0x10; .* routes, REQUEST \| REPLY \| FAILURE \| BRANCH, and no"):
            core.bind("c", route=16)

    def test_what_is_no_route_at_all(self, core):
        with pytest.raises(
            TypeError, match=r"bind\('c'\): route must be .*got 'FAILURE', a str\); write route=REQUEST"
        ):
            core.bind("c", route="FAILURE")

    def test_a_fixup(self, core):
        core.bind("d", "x", route=Routes.BRANCH)

        with pytest.raises(FixupError, match=r'd\("x"\) of module \'m\', in BRANCH: '):
            Lifecycle(core).init()

    def test_validation(self):
        broken = make_exports(
            "m",
            CmdExport("c", lambda msg: 1, 7, 0, Routes.FAILURE),
            CmdExport("d", lambda msg: 1, 0, 0, 16),
            CmdExport("e", lambda msg: 1, 0, 0, Routes.BRANCH),
            CmdExport("e", lambda msg: 1, 0, 0, Routes.BRANCH),
        )

        messages = " ".join(found.message for found in find_problems(broken, route_flags=Routes))

        assert "for FAILURE with param_no 7" in messages
        assert "the flags 0x10" in messages
        assert "for BRANCH follows an entry with the same name and param_no for BRANCH" in messages

    def test_an_action_has_the_hosts_routes(self, core):
        action = core.bind("c", route=4)

        assert "<Routes.FAILURE: 4>" == repr(action.route)
        assert Routes(15) == core.route_flags


class TestRoutesOf:
    def test_an_int_has_the_names_of_the_spec(self):
        assert RouteFlag(3) == routes_of(3)
        assert isinstance(routes_of(3), RouteFlag)

    def test_bits_without_a_name_are_numbers(self):
        assert "FAILURE | 0x10" == route_names(20, Routes)
        assert "REQUEST_ROUTE | 0x4" == route_names(5)
        assert "no route" == route_names(0, Routes)

    @pytest.mark.parametrize("given", ["3", None, True, 1.0, int, str])
    def test_what_is_neither_is_refused(self, given):
        with pytest.raises(TypeError, match=r"route_flags=\.\.\. takes an int, an IntFlag or its class"):
            Registry(route_flags=given)

    def test_route_true_is_no_route(self):
        core = Registry()
        core.register(make_exports("m", CmdExport("c", lambda msg: 1, 0, 0, REQUEST_ROUTE)))

        with pytest.raises(TypeError, match="got True, a bool"):
            core.bind("c", route=True)
