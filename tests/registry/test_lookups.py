"""Look-ups: they find what the core's scan would find, the newest module first, and say what there is."""

from __future__ import annotations

import pytest
from making import contents, make_exports
from travelling import pickled

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    ParamCountError,
    ParamExport,
    Registry,
    RouteError,
    ShadowedCommandError,
    UnknownCommandError,
)

BOTH = REQUEST_ROUTE | REPLY_ROUTE


def command(name, param_no=0, flags=0):
    """Return a command whose function is its own."""
    return CmdExport(name, lambda msg, *parameters: 1, param_no, 0, flags)


class TestFindExport:
    """`find_export` compares name and number of parameters, and demands every bit of the flags."""

    def test_finds_by_name_and_number_of_parameters(self):
        core = Registry()
        one, two = command("one", 1), command("two", 2)
        core.register(make_exports("m", one, two))

        assert one is core.find_export("one", 1)
        assert two is core.find_export("two", 2)
        assert core.find_export("one", 2) is None
        assert core.find_export("One", 1) is None
        assert core.find_export("on", 1) is None
        assert core.find_export("", 0) is None

    def test_flags_0_find_any_command_internal_ones_included(self):
        core = Registry()
        internal, scripted = command("~db_query", 7), command("route", 1, BOTH)
        core.register(make_exports("m", internal, scripted))

        assert internal is core.find_export("~db_query", 7)
        assert internal is core.find_export("~db_query", 7, 0)
        assert scripted is core.find_export("route", 1)

    def test_every_bit_of_the_flags_is_demanded(self):
        core = Registry(route_flags=7)
        request, both, internal = command("request", 0, 1), command("both", 0, 3), command("internal")
        core.register(make_exports("m", request, both, internal))

        assert request is core.find_export("request", 0, REQUEST_ROUTE)
        assert core.find_export("request", 0, REPLY_ROUTE) is None
        assert core.find_export("request", 0, BOTH) is None
        assert both is core.find_export("both", 0, REPLY_ROUTE)
        assert both is core.find_export("both", 0, BOTH)
        assert core.find_export("both", 0, 4) is None
        assert core.find_export("both", 0, 7) is None
        assert core.find_export("internal", 0, REQUEST_ROUTE) is None

    def test_overloads_by_number_of_parameters(self):
        core = Registry()
        overloads = [command("log", count, REQUEST_ROUTE) for count in (1, 0, 2)]
        core.register(make_exports("m", *overloads))

        assert overloads == [core.find_export("log", count, REQUEST_ROUTE) for count in (1, 0, 2)]

    def test_overloads_by_route(self):
        core = Registry()
        request, reply = command("log", 1, REQUEST_ROUTE), command("log", 1, REPLY_ROUTE)
        core.register(make_exports("m", request, reply))

        assert request is core.find_export("log", 1, REQUEST_ROUTE)
        assert reply is core.find_export("log", 1, REPLY_ROUTE)
        assert request is core.find_export("log", 1), "the first entry, as in the core's scan"
        assert core.find_export("log", 1, BOTH) is None

    def test_overloads_in_several_modules(self):
        core = Registry()
        none, one, two = (command("log", count, BOTH) for count in range(3))
        core.register(make_exports("a", one))
        core.register(make_exports("b", two))
        core.register(make_exports("c", none))

        assert [none, one, two] == [core.find_export("log", count, REQUEST_ROUTE) for count in range(3)]
        assert ["c", "a", "b"] == [core.bind("log", *"ab"[:count], route=BOTH).module for count in range(3)]


class TestShadowing:
    """The newest module's command would win: an error where the script would lose one, unless that is asked for."""

    def test_a_scriptable_command_may_not_hide_another(self):
        core = Registry()
        core.register(make_exports("textops", command("append", 1, BOTH)))
        before = contents(core)

        with pytest.raises(ShadowedCommandError) as caught:
            core.register(make_exports("newer", command("fine"), command("append", 1, REPLY_ROUTE)))

        error = caught.value
        assert (
            "module 'newer' is not registered: its command 'append' with 1 parameter would hide that of module "
            "'textops' from the script; rename one of them, or use Registry(allow_shadowing=True), where the newest "
            "module wins"
        ) == str(error)
        assert isinstance(error, ValueError)
        assert ("newer", "textops", "append", 1) == (
            error.module,
            error.existing_module,
            error.command,
            error.param_no,
        )
        assert "textops" == pickled(error).existing_module
        assert before == contents(core)
        assert core.find_export("fine", 0) is None
        assert "newer" not in core

    def test_the_module_whose_command_would_be_hidden_is_named_among_several(self):
        core = Registry()
        core.register(make_exports("a", command("log", 1, REQUEST_ROUTE)))
        core.register(make_exports("b", command("log", 1, REPLY_ROUTE), command("log", 2, REPLY_ROUTE)))

        with pytest.raises(ShadowedCommandError) as caught:
            core.register(make_exports("c", command("log", 1, REPLY_ROUTE)))

        assert "b" == caught.value.existing_module

    @pytest.mark.parametrize(
        "newer",
        [
            pytest.param(command("log", 2, REQUEST_ROUTE), id="other-number-of-parameters"),
            pytest.param(command("log", 1, REPLY_ROUTE), id="other-route"),
            pytest.param(command("log", 1), id="internal"),
            pytest.param(command("Log", 1, REQUEST_ROUTE), id="other-case"),
        ],
    )
    def test_what_hides_nothing_from_the_script_is_registered(self, newer):
        core = Registry()
        older = command("log", 1, REQUEST_ROUTE)
        core.register(make_exports("older", older))
        core.register(make_exports("newer", newer))

        assert older is core.find_export("log", 1, REQUEST_ROUTE)
        assert "older" == core.bind("log", "x", route=REQUEST_ROUTE).module
        assert newer is core.find_export(newer.name, newer.param_no)

    def test_internal_commands_shadow_silently(self):
        """Other modules ask for `~db_query`, whichever database module is the newest."""
        core = Registry()
        mysql, postgres = command("~db_query", 5), command("~db_query", 5)
        core.register(make_exports("mysql", mysql))
        core.register(make_exports("postgres", postgres))

        assert postgres is core.find_export("~db_query", 5)

    def test_an_internal_command_shadows_a_scriptable_one_for_modules_only(self):
        core = Registry()
        scripted, internal = command("log", 1, REQUEST_ROUTE), command("log", 1)
        core.register(make_exports("a", scripted))
        core.register(make_exports("b", internal))

        assert internal is core.find_export("log", 1)
        assert scripted is core.find_export("log", 1, REQUEST_ROUTE)

    def test_only_routes_that_the_hosts_script_knows_matter(self):
        """Two commands that meet in a route which no script of this host has hide nothing from it."""
        core = Registry(route_flags=5)
        with pytest.warns(UserWarning, match="unknown-flag"):
            core.register(make_exports("a", command("log", 1, 1 | 2)))
        with pytest.warns(UserWarning, match="unknown-flag"):
            core.register(make_exports("b", command("log", 1, 2 | 4)))
        with pytest.raises(ShadowedCommandError) as caught:
            core.register(make_exports("c", command("log", 1, 4)))

        assert "b" == caught.value.existing_module
        assert ["a", "b"] == [core.bind("log", "x", route=route).module for route in (1, 4)]

    def test_only_calls_that_the_hosts_script_can_write_matter(self):
        core = Registry()
        for name in ("a", "b"):
            with pytest.warns(UserWarning, match="unreachable-command"):
                core.register(make_exports(name, command("log", 3, REQUEST_ROUTE)))

        assert ["a", "b"] == [module.name for module in core]

    def test_the_newest_module_wins_where_shadowing_is_allowed(self):
        core = Registry(allow_shadowing=True)
        oldest, older, newest = command("log", 1, BOTH), command("log", 1, REQUEST_ROUTE), command("log", 1, BOTH)
        core.register(make_exports("oldest", oldest))
        core.register(make_exports("older", older))

        assert older is core.find_export("log", 1, REQUEST_ROUTE)
        assert oldest is core.find_export("log", 1, REPLY_ROUTE)
        assert oldest is core.find_export("log", 1, BOTH)

        core.register(make_exports("newest", newest))

        assert {newest} == {core.find_export("log", 1, flags) for flags in range(4)}
        assert "newest" == core.bind("log", "x", route=REPLY_ROUTE).module

    def test_what_was_bound_before_stays_bound_to_the_module_it_named_then(self):
        """As in the core, where a call is looked up when the parser meets it."""
        core = Registry(allow_shadowing=True)
        core.register(make_exports("older", command("log", 1, BOTH)))
        action = core.bind("log", "x", route=REQUEST_ROUTE)
        core.register(make_exports("newer", command("log", 1, BOTH)))

        assert "older" == action.module
        assert "newer" == core.bind("log", "x", route=REQUEST_ROUTE).module


class TestRequireExport:
    """`require_export` finds the same, or says what there is."""

    @pytest.fixture
    def core(self):
        core = Registry()
        core.register(
            make_exports(
                "m",
                command("reply", 1, REQUEST_ROUTE),
                command("reply", 2, REQUEST_ROUTE),
                command("mark", 1, REPLY_ROUTE),
                command("~db_query", 5),
            )
        )
        return core

    def test_what_is_there_is_returned(self, core):
        assert core.find_export("reply", 2, REQUEST_ROUTE) is core.require_export("reply", 2, REQUEST_ROUTE)
        assert core.find_export("~db_query", 5) is core.require_export("~db_query", 5)

    def test_an_unknown_name(self, core):
        with pytest.raises(UnknownCommandError) as caught:
            core.require_export("repyl", 1)

        error = caught.value
        assert (
            "no loaded module exports command 'repyl' (is a load() missing?); did you mean 'reply'? "
            "There is: mark, reply, ~db_query"
        ) == str(error)
        assert isinstance(error, LookupError)
        assert ("repyl", "reply", ("mark", "reply", "~db_query")) == (error.asked, error.nearest, error.available)

    def test_an_unknown_name_that_is_near_to_nothing(self, core):
        with pytest.raises(UnknownCommandError, match=r"\(is a load\(\) missing\?\)\. There is: mark,") as caught:
            core.require_export("xyzzy", 1)

        assert caught.value.nearest is None

    def test_a_name_that_is_no_text(self, core):
        with pytest.raises(UnknownCommandError, match="no loaded module exports command 5 "):
            core.require_export(5, 1)

    def test_another_number_of_parameters(self, core):
        with pytest.raises(ParamCountError) as caught:
            core.require_export("reply", 0)

        error = caught.value
        assert "command 'reply' takes 1 or 2 parameters (got 0)" == str(error)
        assert isinstance(error, ValueError)
        assert ("reply", (1, 2), 0) == (error.command, error.takes, error.got)

    def test_another_number_of_parameters_of_an_internal_command(self, core):
        with pytest.raises(ParamCountError, match=r"command '~db_query' takes 5 parameters \(got 2\)"):
            core.require_export("~db_query", 2)

    def test_another_route(self, core):
        with pytest.raises(RouteError) as caught:
            core.require_export("mark", 1, REQUEST_ROUTE)

        error = caught.value
        assert "command 'mark' cannot be used in REQUEST_ROUTE; it can be used in REPLY_ROUTE" == str(error)
        assert isinstance(error, ValueError)
        assert ("mark", (2,), 1) == (error.command, error.takes, error.got)

    def test_numbers_that_no_script_can_write_are_for_modules(self):
        """`require_export` is for modules: they may ask for any number of parameters."""
        core = Registry()
        with pytest.warns(UserWarning, match="unreachable-command"):
            core.register(make_exports("m", command("three", 3, REQUEST_ROUTE)))

        with pytest.raises(ParamCountError, match="command 'three' takes 3 parameters") as caught:
            core.require_export("three", 2, REQUEST_ROUTE)
        assert (3,) == caught.value.takes
        with pytest.raises(RouteError, match="it can be used in REQUEST_ROUTE"):
            core.require_export("three", 3, REPLY_ROUTE)

    def test_an_internal_command_for_a_route(self, core):
        with pytest.raises(RouteError, match="command '~db_query' is for other modules only") as caught:
            core.require_export("~db_query", 5, REQUEST_ROUTE)

        assert ("~db_query", (0,), 1) == (caught.value.command, caught.value.takes, caught.value.got)

    def test_a_message_stays_readable_however_many_commands_there_are(self):
        core = Registry()
        core.register(make_exports("many", *(command(f"c{number:04}") for number in range(1000))))

        with pytest.raises(UnknownCommandError) as caught:
            core.require_export("zzz", 0)

        assert 1000 == len(caught.value.available)
        assert str(caught.value).endswith("c0039, and 960 more")


class TestFindParam:
    """`find_param` compares module, name and type."""

    def test_one_name_may_exist_once_as_a_string_and_once_as_an_integer(self):
        core = Registry()
        number = ParamExport("level", INT_PARAM, Cell(0))
        text = ParamExport("level", STR_PARAM, Cell(None))
        core.register(make_exports("log", number, text))

        assert number is core.find_param("log", "level", INT_PARAM)
        assert text is core.find_param("log", "level", STR_PARAM)
        assert number is core.find_param("log", "level", 1)

    def test_what_is_not_there_is_none(self):
        core = Registry()
        core.register(make_exports("log", ParamExport("level", INT_PARAM, Cell(0))))
        core.register(make_exports("bare"))

        assert core.find_param("log", "level", STR_PARAM) is None
        assert core.find_param("log", "Level", INT_PARAM) is None
        assert core.find_param("LOG", "level", INT_PARAM) is None
        assert core.find_param("bare", "level", INT_PARAM) is None
        assert core.find_param("none", "level", INT_PARAM) is None
        assert core.find_param("log", "level", 77) is None

    def test_two_modules_may_have_parameters_of_one_name(self):
        core = Registry()
        first, second = (ParamExport("level", INT_PARAM, Cell(number)) for number in range(2))
        core.register(make_exports("first", first))
        core.register(make_exports("second", second))

        assert first is core.find_param("first", "level", INT_PARAM)
        assert second is core.find_param("second", "level", INT_PARAM)


def test_find_module_goes_by_the_name_exactly():
    """Modules are found by the names in their exports, and by nothing else."""
    core = Registry()
    module = core.register(make_exports("acc"))

    assert module is core.find_module("acc")
    assert core.find_module("Acc") is None
    assert core.find_module("") is None
