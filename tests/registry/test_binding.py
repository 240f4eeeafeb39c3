"""`bind` checks a call in the script as the core's configuration parser does."""

from __future__ import annotations

import pytest
from making import contents, make_exports

from sermod import (
    REPLY_ROUTE,
    REQUEST_ROUTE,
    Action,
    CmdExport,
    Lifecycle,
    ParamCountError,
    Registry,
    RouteError,
    RouteFlag,
    UnknownCommandError,
)

BOTH = REQUEST_ROUTE | REPLY_ROUTE


def returns_parameters(msg, *parameters):
    return parameters


@pytest.fixture
def core():
    """Give a registry with one module whose commands show all the kinds that there are."""
    core = Registry()
    core.register(
        make_exports(
            "foobar",
            CmdExport("foo_req", returns_parameters, 2, 0, REQUEST_ROUTE),
            CmdExport("foo_rep", returns_parameters, 0, 0, REPLY_ROUTE),
            CmdExport("foo_any", returns_parameters, 0, 0, BOTH),
            CmdExport("foo_any", returns_parameters, 1, 0, BOTH),
            CmdExport("foo_int", returns_parameters, 2, 0, 0),
            CmdExport("foo_int", returns_parameters, 1, 0, REQUEST_ROUTE),
        )
    )
    return core


class TestABoundCall:
    """A correct call is kept, in the order of the script, with all that describes it."""

    def test_it_knows_what_it_calls_and_where(self, core):
        action = core.bind("foo_req", "a", "b", route=REQUEST_ROUTE, where="ser.cfg:12")

        assert isinstance(action, Action)
        assert core.find_export("foo_req", 2) is action.export
        assert "foobar" == action.module
        assert ("a", "b") == action.params
        assert REQUEST_ROUTE == action.route
        assert "ser.cfg:12" == action.where

    def test_it_is_printed_as_the_script_has_it(self, core):
        placed = core.bind("foo_req", "a", 'the "b"\\', route=REQUEST_ROUTE, where="ser.cfg:12")
        bare = core.bind("foo_any", route=REPLY_ROUTE)

        assert r'foo_req("a", "the \"b\"\\") at ser.cfg:12' == str(placed)
        assert r"""<Action foo_req("a", "the \"b\"\\") at ser.cfg:12 of module 'foobar'>""" == repr(placed)
        assert "foo_any()" == str(bare)
        assert "<Action foo_any() of module 'foobar'>" == repr(bare)
        assert bare.where is None

    def test_calls_are_kept_in_the_order_of_the_script(self, core):
        calls = [core.bind("foo_any", text, route=REQUEST_ROUTE) for text in "abc"]

        assert tuple(calls) == core.actions

    def test_the_same_call_twice_is_two_calls(self, core):
        first, second = (core.bind("foo_any", "a", route=REQUEST_ROUTE) for _ in range(2))

        assert first is not second
        assert first != second
        assert 2 == len({first, second})

    @pytest.mark.parametrize("route", [REQUEST_ROUTE, REPLY_ROUTE, BOTH], ids=["request", "reply", "both"])
    @pytest.mark.parametrize("kind", [RouteFlag, int])
    def test_a_command_for_both_routes_goes_anywhere(self, core, route, kind):
        action = core.bind("foo_any", route=kind(route))

        assert route == action.route
        assert isinstance(action.route, RouteFlag)

    def test_the_overload_goes_by_the_number_of_parameters(self, core):
        actions = [core.bind("foo_any", *"x"[:count], route=REPLY_ROUTE) for count in (0, 1)]

        assert [0, 1] == [action.export.param_no for action in actions]

    def test_an_empty_string_is_a_parameter(self, core):
        assert ("",) == core.bind("foo_any", "", route=REQUEST_ROUTE).params

    def test_the_overload_goes_by_the_route(self):
        core = Registry()
        request, reply = (CmdExport("log", lambda msg, flag=flag: flag, 0, 0, flag) for flag in (1, 2))
        core.register(make_exports("m", request, reply))

        assert request is core.bind("log", route=REQUEST_ROUTE).export
        assert reply is core.bind("log", route=REPLY_ROUTE).export
        with pytest.raises(RouteError) as caught:
            core.bind("log", route=BOTH)
        assert (
            "command 'log' cannot be used in REQUEST_ROUTE | REPLY_ROUTE; "
            "it can be used in REQUEST_ROUTE or REPLY_ROUTE"
        ) == str(caught.value)
        assert ("log", (1, 2), 3) == (caught.value.command, caught.value.takes, caught.value.got)


def refused(core, error, *call, **more):
    """Check that a call is refused and nothing changed, and return the exception."""
    before = contents(core)
    with pytest.raises(error) as caught:
        core.bind(*call, **more)
    assert before == contents(core)
    return caught.value


class TestRefusedCalls:
    """A wrong call is refused, with what would be right, and is not kept."""

    def test_an_unknown_command(self, core):
        error = refused(core, UnknownCommandError, "foo_rec", "a", "b", route=REQUEST_ROUTE, where="ser.cfg:12")

        assert (
            "ser.cfg:12: no loaded module exports command 'foo_rec' (is a load() missing?); did you mean "
            "'foo_req'? There is: foo_any, foo_int, foo_rep, foo_req"
        ) == str(error)
        assert ("foo_rec", "foo_req") == (error.asked, error.nearest)
        assert ("foo_any", "foo_int", "foo_rep", "foo_req") == error.available

    def test_before_anything_is_loaded(self):
        error = refused(Registry(), UnknownCommandError, "foo_req", "a", "b", route=REQUEST_ROUTE)

        assert str(error).endswith("(is a load() missing?). There is: nothing")
        assert (None, ()) == (error.nearest, error.available)

    @pytest.mark.parametrize(
        ("name", "params", "takes", "numbers"),
        [
            ("foo_req", "abc", (2,), "2 parameters"),
            ("foo_req", "", (2,), "2 parameters"),
            ("foo_any", "ab", (0, 1), "0 or 1 parameter"),
            ("foo_int", "abc", (1,), "1 parameter"),
            ("foo_int", "", (1,), "1 parameter"),
        ],
    )
    def test_another_number_of_parameters_says_which_there_are(self, core, name, params, takes, numbers):
        error = refused(core, ParamCountError, name, *params, route=REQUEST_ROUTE, where="ser.cfg:7")

        assert f"ser.cfg:7: command {name!r} takes {numbers} (got {len(params)})" == str(error)
        assert (name, takes, len(params)) == (error.command, error.takes, error.got)

    @pytest.mark.parametrize(
        ("name", "params", "route", "allowed"),
        [
            ("foo_req", "ab", REPLY_ROUTE, REQUEST_ROUTE),
            ("foo_rep", "", REQUEST_ROUTE, REPLY_ROUTE),
            ("foo_req", "ab", BOTH, REQUEST_ROUTE),
        ],
    )
    def test_another_route_says_which_it_may_be_used_in(self, core, name, params, route, allowed):
        error = refused(core, RouteError, name, *params, route=route)

        there = " | ".join(flag.name for flag in route)
        assert f"command {name!r} cannot be used in {there}; it can be used in {allowed.name}" == str(error)
        assert (name, (allowed,), route) == (error.command, error.takes, error.got)

    def test_an_internal_command(self):
        core = Registry()
        core.register(make_exports("m", CmdExport("foo_int", returns_parameters, 2)))
        error = refused(core, RouteError, "foo_int", "a", "b", route=REQUEST_ROUTE)

        assert (
            "command 'foo_int' is for other modules only, and no script can call it; a module finds it with "
            "find_export()"
        ) == str(error)
        assert ("foo_int", (0,), 1) == (error.command, error.takes, error.got)

    def test_an_internal_overload_of_a_scriptable_command(self, core):
        """The numbers of parameters that only other modules may use are no advice to a script."""
        error = refused(core, ParamCountError, "foo_int", "a", "b", route=REQUEST_ROUTE)

        assert ((1,), 2) == (error.takes, error.got)

    def test_no_route_at_all(self, core):
        error = refused(core, RouteError, "foo_any", route=0)

        assert (
            "command 'foo_any' is bound for no route; give at least one of the host's routes, "
            "REQUEST_ROUTE | REPLY_ROUTE, and no other"
        ) == str(error)
        assert ("foo_any", (3,), 0) == (error.command, error.takes, error.got)

    @pytest.mark.parametrize(("route", "name"), [(4, "0x4"), (5, "REQUEST_ROUTE | 0x4"), (16, "0x10")])
    def test_a_route_that_the_host_does_not_know(self, core, route, name):
        error = refused(core, RouteError, "foo_any", route=route, where="ser.cfg:3")

        assert f"ser.cfg:3: command 'foo_any' is bound for {name}; give at least one" in str(error)
        assert ((3,), route) == (error.takes, error.got)

    @pytest.mark.parametrize("param", [5, None, b"a", True, 1.5, ["a"]])
    def test_a_parameter_that_is_no_text(self, core, param):
        """A script has strings only; a fixup converts them for the command."""
        error = refused(core, TypeError, "foo_req", "a", param, route=REQUEST_ROUTE)

        assert f"bind('foo_req'): parameter 2 must be a str, as written in a script (got {param!r}, a" in str(error)

    def test_the_route_has_to_be_named(self, core):
        error = refused(core, TypeError, "foo_any")

        assert "route" in str(error)


class TestOtherHosts:
    """A host with more kinds of route, or calls with more parameters, says so and binds them."""

    def test_more_kinds_of_route(self):
        core = Registry(route_flags=7)
        core.register(make_exports("m", CmdExport("failed", returns_parameters, 0, 0, 4)))

        assert 4 == core.bind("failed", route=4).route
        error = refused(core, RouteError, "failed", route=REQUEST_ROUTE)
        assert "command 'failed' cannot be used in REQUEST_ROUTE; it can be used in 0x4" == str(error)
        error = refused(core, RouteError, "failed", route=8)
        assert "is bound for 0x8; give at least one of the host's routes, REQUEST_ROUTE | REPLY_ROUTE | 0x4" in str(
            error
        )

    def test_more_parameters(self):
        core = Registry(script_param_no=range(7))
        core.register(make_exports("m", CmdExport("six", returns_parameters, 6, 0, REQUEST_ROUTE)))
        action = core.bind("six", *"abcdef", route=REQUEST_ROUTE)

        with Lifecycle(core):
            assert tuple("abcdef") == action.run("msg")
        assert (6,) == refused_count("six", *"abc").takes

    def test_a_command_with_a_number_that_no_script_can_write(self):
        """Other modules find it; a call with that number of parameters is refused all the same."""
        core = Registry()
        with pytest.warns(UserWarning, match="unreachable-command"):
            core.register(make_exports("m", CmdExport("three", returns_parameters, 3, 0, REQUEST_ROUTE)))

        error = refused(core, ParamCountError, "three", "a", "b", "c", route=REQUEST_ROUTE)

        assert (
            "command 'three' takes 3 parameters, and a script can only write calls with 0, 1 or 2 parameters (got 3); "
            "a module finds it with find_export()"
        ) == str(error)
        assert ("three", (), 3) == (error.command, error.takes, error.got)
        assert 3 == core.require_export("three", 3, REQUEST_ROUTE).param_no


def refused_count(name, *params):
    core = Registry(script_param_no=range(7))
    core.register(make_exports("m", CmdExport("six", returns_parameters, 6, 0, REQUEST_ROUTE)))
    return refused(core, ParamCountError, name, *params, route=REQUEST_ROUTE)
