"""One run shows all mistakes: `check()`, ready-made fixups, consequences of a failed load, and what `init()` raises."""

from __future__ import annotations

import enum

import pytest
from making import Journal, make_exports, mistakes_in
from travelling import pickled

from sermod import (
    REQUEST_ROUTE,
    STR_PARAM,
    CmdExport,
    ConfigurationErrors,
    FixupError,
    Lifecycle,
    MissingParamError,
    Module,
    ModuleFileNotFoundError,
    ParamCountError,
    ParamExport,
    Registry,
    SermodError,
    UnknownCommandError,
    command,
    fixups,
    int_param,
)
from sermod._interface.lookup import UsedFunction, used_functions


class Uses:
    """An ``init_f`` that says what it looks up."""

    used_functions = ()

    def __init__(self, journal, *functions):
        self.used_functions = tuple(UsedFunction(*each) for each in functions)
        self.journal = journal

    def __call__(self):
        self.journal.append("init")
        return 0


class Needy(Module):
    name = "needy"
    limit = int_param(0, required=True)

    @command(REQUEST_ROUTE)
    def wait(self, msg, seconds: int, kind: str) -> int:
        return 1


class TestCheck:
    """It finds what only the whole configuration shows."""

    def test_nothing_is_wrong(self):
        core = Registry()
        core.register(make_exports("m", CmdExport("f", lambda msg: 1, 0)))

        assert core.check() is None

    def test_one_mistake_is_raised_as_it_is(self):
        core = Registry()
        core.register(Needy().exports)

        with pytest.raises(MissingParamError, match="'limit' of module 'needy'") as caught:
            core.check()

        assert (("needy", "limit"),) == caught.value.params

    def test_a_used_function_that_nobody_exports(self):
        core = Registry()
        core.register(make_exports("m", CmdExport("~query", lambda a: a, 1)))
        core.register(make_exports("n", init_f=Uses([], ("~qery", 1))))

        with pytest.raises(UnknownCommandError, match=r"'~qery' that module 'n' uses .* '~query'\?"):
            core.check()

    def test_a_used_function_with_another_number_of_parameters(self):
        core = Registry()
        core.register(make_exports("m", CmdExport("~query", lambda a: a, 1)))
        core.register(make_exports("n", init_f=Uses([], ("~query", 2))))

        with pytest.raises(ParamCountError, match=r"that module 'n' uses takes 1 parameter \(got 2\)"):
            core.check()

    def test_a_used_function_with_a_number_that_no_script_can_write(self):
        """A module asks, and not a script: the message says what the command takes, and nothing about scripts."""
        core = Registry()
        core.register(make_exports("m", CmdExport("~query", lambda a, b, c: a, 3)))
        core.register(make_exports("n", init_f=Uses([], ("~query", 2))))

        with pytest.raises(ParamCountError, match=r"that module 'n' uses takes 3 parameters \(got 2\)$"):
            core.check()

    def test_several_mistakes_are_raised_together(self):
        core = Registry()
        core.register(Needy().exports)
        core.register(make_exports("n", init_f=Uses([], ("a", 0), ("b", 1))))

        with pytest.raises(ConfigurationErrors, match="the configuration has 3 mistakes") as caught:
            core.check()

        assert [MissingParamError, UnknownCommandError, UnknownCommandError] == [*map(type, caught.value.exceptions)]

    def test_a_mock_as_init_f_uses_nothing(self):
        from unittest.mock import Mock

        assert () == used_functions(Mock())
        assert () == used_functions(None)

    def test_it_is_the_end_of_a_dry_run(self):
        core = Registry()
        core.register(Needy().exports)
        core.register(make_exports("n", init_f=Uses([], ("a", 0))))

        with mistakes_in(core) as caught:
            core.bind("wait", "x", "y", route=REQUEST_ROUTE)
            core.check()

        assert [FixupError, MissingParamError, UnknownCommandError] == [*map(type, caught.value.exceptions)]

    def test_init_begins_with_it_and_can_be_called_again(self):
        journal = []
        core = Registry()
        core.register(make_exports("n", init_f=Uses(journal, ("a", 0))))
        life = Lifecycle(core)

        with pytest.raises(UnknownCommandError):
            life.init()

        assert ([], "configuring") == (journal, life.state)
        core.register(make_exports("m", CmdExport("a", lambda msg: 1, 0)))
        life.init()
        assert (["init"], "initialised") == (journal, life.state)


class TestReadyMadeFixups:
    """Those that run no code of a module are tried by `bind`."""

    @pytest.mark.parametrize(
        ("fixup", "good", "bad"),
        [
            (fixups.fixup_int, "5", "x"),
            (fixups.fixup_float, "0.5", "x"),
            (fixups.fixup_bool, "yes", "x"),
            (fixups.fixup_path, "/run/a", ""),
            (fixups.fixup_ip_address, "::1", "x"),
            (fixups.fixup_ip_network, "10.0.0.0/8", "10.0.0.1/8"),
            (fixups.int_between(0, 9), "9", "10"),
            (fixups.int_between(5, 5), "5", "6"),
            (fixups.one_of({"udp": 17}), "udp", "tcp"),
            (fixups.member_of(enum.Enum("Transport", ["UDP"])), "UDP", "TCP"),
            (fixups.for_each(fixups.fixup_int), "1", ""),
            (fixups.fixup_regexp, "a+", "("),
        ],
    )
    def test_a_refusal_is_raised_by_bind(self, fixup, good, bad):
        core = Registry()
        core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, fixup, REQUEST_ROUTE)))

        with pytest.raises(FixupError, match="the fixup refuses parameter 1"):
            core.bind("c", bad, route=REQUEST_ROUTE)

        assert () == core.actions
        action = core.bind("c", good, route=REQUEST_ROUTE)
        Lifecycle(core).init()
        assert (fixup(good, 1),) == action.fixed

    def test_a_command_of_a_class_has_one(self):
        core = Registry()
        core.register(Needy().exports)

        with pytest.raises(FixupError, match="seconds: takes a whole number"):
            core.bind("wait", "five", "x", route=REQUEST_ROUTE)

    @pytest.mark.parametrize(
        "fixup",
        [
            fixups.fixup_from(int, "a number"),
            fixups.for_each(fixups.fixup_int, fixups.fixup_from(int, "a number")),
            lambda param, number: int(param),
        ],
        ids=["fixup_from", "for_each", "own"],
    )
    def test_code_of_the_author_runs_in_init_alone(self, fixup):
        core = Registry()
        core.register(make_exports("m", CmdExport("c", lambda msg, a, b: 1, 2, fixup, REQUEST_ROUTE)))

        core.bind("c", "1", "x", route=REQUEST_ROUTE)

        with pytest.raises(FixupError):
            Lifecycle(core).init()

    def test_its_value_is_used_by_init(self):
        """The fixup does not run a second time."""
        core = Registry()
        core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, fixups.fixup_regexp, REQUEST_ROUTE)))
        action = core.bind("c", "a+", route=REQUEST_ROUTE)
        early = action._fix_up()

        Lifecycle(core).init()

        assert action.fixed is early


class TestConsequences:
    """What follows from a failed load is counted, not listed."""

    def test_unknown_modules_and_commands_are_a_note(self):
        core = Registry()

        with mistakes_in(core) as caught:
            core.load("ratelimit")
            core.set_param("ratelimit", "timer", 5)
            core.modparam("rate.*", "timer", 5)
            core.bind("rl_check", route=REQUEST_ROUTE)

        assert "the configuration has 1 mistake" == caught.value.message

        assert [ModuleFileNotFoundError] == [*map(type, caught.value.exceptions)]
        (note,) = caught.value.__notes__
        assert note.startswith("3 further errors: unknown modules and commands")

    def test_one_of_them_is_one_error(self):
        core = Registry()

        with mistakes_in(core) as caught:
            core.load("ratelimit")
            core.bind("rl_check", route=REQUEST_ROUTE)

        assert caught.value.__notes__[0].startswith("1 further error:")

    def test_a_name_that_is_nearly_right_is_a_mistake_of_its_own(self):
        core = Registry()
        core.register(make_exports("m", CmdExport("rl_check", lambda msg: 1, 0, 0, REQUEST_ROUTE)))

        with mistakes_in(core) as caught:
            core.load("missing")
            core.bind("rl_chekc", route=REQUEST_ROUTE)

        assert "the configuration has 2 mistakes" == caught.value.message

        assert not hasattr(caught.value, "__notes__")

    def test_without_a_failed_load_each_is_a_mistake(self):
        core = Registry()

        with mistakes_in(core) as caught:
            core.bind("rl_check", route=REQUEST_ROUTE)

        assert "the configuration has 1 mistake" == caught.value.message

        assert [UnknownCommandError] == [*map(type, caught.value.exceptions)]

    def test_a_later_block_knows_nothing_of_it(self):
        core = Registry()
        with mistakes_in(core) as caught:
            core.load("missing")

        with mistakes_in(core) as caught:
            core.bind("rl_check", route=REQUEST_ROUTE)

        assert "the configuration has 1 mistake" == caught.value.message


class TestInit:
    """After every `init_f`, the refusals of all fixups are raised together."""

    def test_all_refusals_of_fixups(self):
        journal = Journal()

        def refuse(param, number):
            raise ValueError(f"not {param}")

        core = Registry()
        core.register(
            make_exports(
                "m",
                CmdExport("c", lambda msg, a: 1, 1, refuse, REQUEST_ROUTE),
                init_f=journal.hook("init"),
                destroy_f=journal.hook("destroy"),
            )
        )
        for number in range(3):
            core.bind("c", str(number), route=REQUEST_ROUTE, where=f"ser.cfg:{number}")
        life = Lifecycle(core)

        with pytest.raises(ConfigurationErrors, match="3 mistakes") as caught:
            life.init()

        assert ["ser.cfg:0", "ser.cfg:1", "ser.cfg:2"] == [error.where for error in caught.value.exceptions]
        assert (["init", "destroy"], "failed") == (journal, life.state)

    def test_the_whole_script_is_one_run(self):
        """A wrong parameter, a missing one and bad arguments are told by one dry run."""
        core = Registry()
        core.register(Needy().exports)

        with mistakes_in(core) as caught:
            core.set_param("needy", "limits", 1, where="ser.cfg:1")
            core.bind("wait", "a", "b", route=REQUEST_ROUTE, where="ser.cfg:2")
            core.bind("wait", "1", route=REQUEST_ROUTE, where="ser.cfg:3")
            core.bind("wat", "1", "b", route=REQUEST_ROUTE, where="ser.cfg:4")
            core.check()

        assert [f"ser.cfg:{line}" for line in (1, 2, 3, 4)] + [None] == [
            error.where for error in caught.value.exceptions
        ]


class TestGroup:
    """`ConfigurationErrors` is a `SermodError` and an `ExceptionGroup`."""

    def test_it_is_both(self):
        group = ConfigurationErrors("two", [ValueError("a"), SermodError("b")])

        assert isinstance(group, SermodError)
        assert isinstance(group, ExceptionGroup)

    def test_it_is_split_into_groups_of_its_kind(self):
        group = ConfigurationErrors("two", [ValueError("a"), MissingParamError([])])

        rest, ours = group.split(lambda error: type(error) is ValueError)

        assert (ConfigurationErrors, ConfigurationErrors) == (type(ours), type(rest))
        assert [MissingParamError] == [type(error) for error in ours.exceptions]

    def test_it_survives_pickling_with_its_notes(self):
        group = ConfigurationErrors("two", [ValueError("a"), UnknownCommandError("b", asked="b", available=["c"])])
        group.add_note("a note")

        copy = pickled(group)

        assert (group.message, ["a note"]) == (copy.message, copy.__notes__)
        assert [(type(error), str(error)) for error in group.exceptions] == [
            (type(error), str(error)) for error in copy.exceptions
        ]

    def test_what_cannot_be_pickled_travels_as_its_text(self):
        class LocalError(Exception):
            pass

        copy = pickled(ConfigurationErrors("one", [LocalError("a text")]))

        assert [(SermodError, "a text")] == [(type(error), str(error)) for error in copy.exceptions]

    def test_it_is_what_collect_errors_raises(self):
        core = Registry()
        core.register(make_exports("m", ParamExport("p", STR_PARAM, fixture_pointer())))

        with mistakes_in(core):
            core.set_param("m", "p", 5)


def fixture_pointer():
    from sermod import Cell

    return Cell("x")
