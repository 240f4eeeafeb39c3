"""Fixups: once for each parameter of each call, after every `init_f`, and what they refuse stops the start."""

from __future__ import annotations

import re

import pytest
from hostile import UnprintableError
from making import Journal, make_exports
from travelling import pickled

from sermod import REPLY_ROUTE, REQUEST_ROUTE, CmdExport, FixupError, Lifecycle, LifecycleError, Registry

BOTH = REQUEST_ROUTE | REPLY_ROUTE


def returns_parameters(msg, *parameters):
    return parameters


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def core():
    return Registry()


class TestWhenTheyRun:
    """After every `init_f`, parameter 1 before parameter 2, call after call in the order of the script."""

    def test_the_order_of_things(self, core, journal):
        for name, count in (("a", 2), ("b", 1)):
            fixup = journal.hook(f"fixup of {name}", returns="fixed")
            command = CmdExport(name, returns_parameters, count, fixup, BOTH)
            core.register(make_exports(f"module_{name}", command, init_f=journal.hook(f"init of {name}")))
        core.bind("b", "1", route=REQUEST_ROUTE)
        core.bind("a", "2", "3", route=REQUEST_ROUTE)
        core.bind("b", "4", route=REPLY_ROUTE)
        assert [] == journal

        Lifecycle(core).init()

        assert [
            "init of a",
            "init of b",
            ("fixup of b", "1", 1),
            ("fixup of a", "2", 1),
            ("fixup of a", "3", 2),
            ("fixup of b", "4", 1),
        ] == journal

    def test_once_however_often_the_call_runs(self, core, journal):
        command = CmdExport("c", returns_parameters, 1, journal.hook("fixup", returns=7), REQUEST_ROUTE)
        core.register(make_exports("m", command))
        action = core.bind("c", "x", route=REQUEST_ROUTE)
        with Lifecycle(core) as life:
            for rank in (1, 2):
                life.init_child(rank)
            assert [(7,)] * 3 == [action.run("msg") for _ in range(3)]

        assert [("fixup", "x", 1)] == journal

    def test_a_command_that_no_script_calls_is_not_fixed_up(self, core, journal):
        core.register(make_exports("m", CmdExport("c", returns_parameters, 1, journal.hook("fixup"), REQUEST_ROUTE)))
        Lifecycle(core).init()

        assert [] == journal

    def test_a_call_without_parameters_is_not_fixed_up(self, core, journal):
        command = CmdExport("c", returns_parameters, 0, journal.hook("fixup"), REQUEST_ROUTE)
        with pytest.warns(UserWarning, match="fixup-without-params"):
            core.register(make_exports("m", command))
        action = core.bind("c", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert [] == journal
        assert () == action.fixed == action.run("msg")

    def test_the_overload_that_is_called_brings_its_own(self, core, journal):
        for count in (1, 2):
            command = CmdExport("c", returns_parameters, count, journal.hook(f"{count}", returns=count), REQUEST_ROUTE)
            core.register(make_exports(f"m{count}", command))
        core.bind("c", "x", "y", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert [("2", "x", 1), ("2", "y", 2)] == journal

    def test_a_fixup_may_rely_on_every_modules_init(self, core):
        """Also on that of a module which was loaded later."""
        state = {}
        fixup = lambda param, number: state[param]  # noqa: E731
        core.register(make_exports("early", CmdExport("c", returns_parameters, 1, fixup, REQUEST_ROUTE)))
        core.register(make_exports("late", init_f=lambda: state.update(ready="yes")))
        action = core.bind("c", "ready", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert ("yes",) == action.fixed


class TestWhatTheyReturn:
    """The fixed value, whatever it is but None."""

    @pytest.mark.parametrize("value", [0, False, "", [], re.compile("x"), NotImplemented], ids=repr)
    def test_any_value(self, core, value):
        fixup = lambda param, number: value  # noqa: E731
        core.register(make_exports("m", CmdExport("c", returns_parameters, 1, fixup, REQUEST_ROUTE)))
        action = core.bind("c", "x", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert value is action.fixed[0]
        assert value is action.run("msg")[0]
        assert ("x",) == action.params

    def test_without_one_the_parameter_arrives_as_the_script_has_it(self, core):
        core.register(make_exports("m", CmdExport("c", returns_parameters, 2, 0, REQUEST_ROUTE)))
        action = core.bind("c", "5", "", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert ("5", "") == action.fixed == action.run("msg")

    def test_each_call_has_its_own_value(self, core):
        compile_it = lambda param, number: re.compile(param)  # noqa: E731
        search = lambda msg, pattern: 1 if pattern.search(msg) else -1  # noqa: E731
        core.register(make_exports("m", CmdExport("search", search, 1, compile_it, REQUEST_ROUTE)))
        actions = [core.bind("search", pattern, route=REQUEST_ROUTE) for pattern in ("^a", "b$")]
        Lifecycle(core).init()

        assert [1, -1] == [action.run("ac") for action in actions]


class TestRefusals:
    """A fixup refuses by raising; one that returns None has forgotten something."""

    @pytest.fixture
    def refused(self, core, journal):
        """Return a function that starts a server with such a fixup, and returns what comes out."""

        def start(fixup, *params, where="ser.cfg:12", expected=FixupError):
            core.register(
                make_exports(
                    "textops",
                    CmdExport("search", returns_parameters, len(params), fixup, REQUEST_ROUTE),
                    init_f=journal.hook("init"),
                    destroy_f=journal.hook("destroy"),
                )
            )
            core.bind("search", *params, route=REQUEST_ROUTE, where=where)
            with pytest.raises(expected) as caught:
                Lifecycle(core).init()
            return caught.value

        return start

    def test_one_that_raises(self, refused, journal):
        error = refused(lambda param, number: re.compile(param), "fine", "(")

        assert (
            "ser.cfg:12: search(\"fine\", \"(\") of module 'textops': the fixup refuses parameter 2, '(': "
            "missing ), unterminated subpattern at position 0"
        ) == str(error)
        assert isinstance(error, ValueError)
        assert isinstance(error.__cause__, re.error)
        assert ("textops", "search", 2, "(", "ser.cfg:12") == (
            error.module,
            error.command,
            error.param_no,
            error.value,
            error.where,
        )
        assert ["init", "destroy"] == journal
        assert vars(error) == vars(pickled(error))

    def test_one_that_raises_an_exception_without_a_text(self, refused, journal):
        def fixup(param, number):
            raise UnprintableError

        error = refused(fixup, "x")

        assert str(error).endswith("the fixup refuses parameter 1, 'x': <no text: its __str__ raised RuntimeError>")
        assert ["init", "destroy"] == journal

    def test_one_that_returns_none(self, refused, journal):
        error = refused(lambda param, number: None, "x", where=None)

        wrong = "in REQUEST_ROUTE: for parameter 1, 'x', the fixup returned None; it must return the fixed value"
        assert str(error).startswith('search("x")')
        assert str(error).endswith(wrong)
        assert ("textops", "search", 1, "x", None) == (
            error.module,
            error.command,
            error.param_no,
            error.value,
            error.where,
        )
        assert error.__cause__ is None
        assert ["init", "destroy"] == journal

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(1)], ids=["interrupt", "exit"])
    def test_one_that_is_interrupted(self, refused, journal, interrupt):
        """It passes on as it is, after the same clean-up."""

        def fixup(param, number):
            raise interrupt

        assert interrupt is refused(fixup, "x", expected=type(interrupt))
        assert ["init", "destroy"] == journal

    def test_the_first_refusal_is_the_last_fixup(self, refused, journal):
        seen = []

        def fixup(param, number):
            seen.append(number)
            raise ValueError(param)

        refused(fixup, "x", "y")

        assert [1] == seen

    def test_the_state_is_failed(self, core):
        core.register(
            make_exports("m", CmdExport("c", returns_parameters, 1, lambda param, number: None, REQUEST_ROUTE))
        )
        core.bind("c", "x", route=REQUEST_ROUTE)
        life = Lifecycle(core)
        with pytest.raises(FixupError):
            life.init()

        assert "failed" == life.state
        with pytest.raises(LifecycleError):
            life.run_route([], "msg")
