"""`collect_errors()` shows a user everything that is wrong with a configuration in one run."""

from __future__ import annotations

import pytest
from making import Journal, contents, make_exports, mistakes_in

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    Action,
    Cell,
    CmdExport,
    DuplicateModuleError,
    InterfaceWarning,
    InvalidExportsError,
    Lifecycle,
    LifecycleError,
    LoadedModule,
    ModuleExports,
    ModuleFileNotFoundError,
    ParamCountError,
    ParamExport,
    ParamTypeError,
    ParamValueError,
    Registry,
    RouteError,
    UnknownCommandError,
    UnknownModuleError,
    UnknownParamError,
)


@pytest.fixture
def core():
    core = Registry()
    core.register(
        make_exports(
            "foobar",
            CmdExport("foo_req", lambda msg, a, b: 1, 2, 0, REQUEST_ROUTE),
            ParamExport("foo_bar", INT_PARAM, Cell(0)),
        )
    )
    return core


def foo_bar(core):
    return core.find_param("foobar", "foo_bar", INT_PARAM).param_pointer.load()


class TestMistakes:
    """Each call that fails is recorded, and all are raised together, in the order of the configuration."""

    def test_every_kind_of_mistake_is_in_one_group(self, core):
        before = contents(core)

        with mistakes_in(core) as caught:
            core.load("missing")
            core.register(make_exports("foobar"))
            core.register(ModuleExports("broken", [CmdExport("x")]))
            core.set_param("foobar", "foo_bar", "5")
            core.set_param("foobar", "foo_baz", 5)
            core.set_param("foobaz", "foo_bar", 5)
            core.modparam("(", "foo_bar", 5)
            core.modparam("x.*", "foo_bar", 5)
            core.bind("foo_rec", route=REQUEST_ROUTE)
            core.bind("foo_req", "a", route=REQUEST_ROUTE)
            core.bind("foo_req", "a", "b", route=REPLY_ROUTE, where="ser.cfg:9")

        assert [
            ModuleFileNotFoundError,
            DuplicateModuleError,
            InvalidExportsError,
            ParamTypeError,
            UnknownParamError,
            UnknownModuleError,
            ParamValueError,
            UnknownCommandError,
            ParamCountError,
            RouteError,
        ] == [type(error) for error in caught.value.exceptions]
        assert "the configuration has 10 mistakes" == caught.value.message
        assert caught.value.__notes__[0].startswith("1 further error: ")
        assert "ser.cfg:9" in str(caught.value.exceptions[-1])
        assert before == contents(core)

    def test_one_mistake_is_a_group_too(self, core):
        with mistakes_in(core) as caught:
            core.load("missing")

        assert "the configuration has 1 mistake" == caught.value.message
        assert ["missing"] == [error.what for error in caught.value.exceptions]

    def test_without_a_mistake_nothing_is_raised(self, core):
        with core.collect_errors() as nothing:
            module = core.register(make_exports("second"))
            core.set_param("foobar", "foo_bar", 5)
            action = core.bind("foo_req", "a", "b", route=REQUEST_ROUTE)

        assert nothing is None
        assert core.find_module("second") is module
        assert 5 == foo_bar(core)
        assert (action,) == core.actions

    def test_what_succeeded_is_there(self, core):
        with mistakes_in(core):
            core.register(make_exports("second"))
            core.load("missing")
            core.set_param("foobar", "foo_bar", 5)
            core.set_param("foobar", "foo_bar", "6")
            good = core.bind("foo_req", "a", "b", route=REQUEST_ROUTE)
            core.bind("foo_req", route=REQUEST_ROUTE)

        assert ["foobar", "second"] == [module.name for module in core]
        assert 5 == foo_bar(core)
        assert (good,) == core.actions

    def test_afterwards_a_mistake_is_raised_at_once_again(self, core):
        with mistakes_in(core):
            core.load("missing")

        with pytest.raises(UnknownModuleError):
            core.set_param("none", "x", 1)
        with core.collect_errors():
            pass

    def test_a_warning_that_is_an_error_is_a_mistake(self, core):
        with mistakes_in(core) as caught:
            core.register(make_exports("odd", CmdExport("~odd", lambda msg: 1, 0, 0, REQUEST_ROUTE)))

        assert [InterfaceWarning] == [type(error) for error in caught.value.exceptions]
        assert "odd" not in core

    def test_it_runs_no_code_of_a_module_but_what_importing_it_runs(self, tmp_path):
        """So it is the dry run as well."""
        journal = Journal()
        core = Registry(path=[tmp_path])
        (tmp_path / "fine.py").write_text("from sermod import *\nexports = ModuleExports('fine')\n")
        with core.collect_errors():
            core.load("fine")
            command = CmdExport("c", journal.hook("c"), 1, journal.hook("fixup"), REQUEST_ROUTE)
            core.register(make_exports("m", command, **{hook: journal.hook(hook) for hook in ("init_f", "destroy_f")}))
            core.bind("c", "x", route=REQUEST_ROUTE)

        assert [] == journal


class TestStandIns:
    """A call that failed returns something to go on with."""

    def test_a_module(self, core):
        with mistakes_in(core):
            loaded = core.load("missing")
            exports = ModuleExports("broken", [CmdExport("x")])
            registered = core.register(exports)

        assert isinstance(loaded, LoadedModule)
        assert ("missing", None, ()) == (loaded.name, loaded.origin, loaded.problems)
        assert ModuleExports("missing") == loaded.exports
        assert isinstance(registered, LoadedModule)
        assert "broken" == registered.name
        assert exports is registered.exports
        assert core.find_module("missing") is None
        assert core.find_module("broken") is None

    def test_a_module_without_a_name(self, core):
        with mistakes_in(core):
            stand_in = core.register(ModuleExports())

        assert isinstance(stand_in, LoadedModule)

    def test_a_call(self, core):
        with mistakes_in(core):
            action = core.bind("foo_rec", "a", route=REQUEST_ROUTE, where="ser.cfg:1")

        assert isinstance(action, Action)
        assert 'foo_rec("a") at ser.cfg:1' == str(action)
        assert () == core.actions
        with Lifecycle(core), pytest.raises(LifecycleError, match="has no 'run' yet"):
            action.run("msg")


class TestExceptionsOfTheBlock:
    """An exception that ends the block itself is raised with the others, unless it must pass on unchanged."""

    def test_an_exception_comes_last(self, core):
        cause = KeyError("modules")
        with mistakes_in(core) as caught:
            core.load("missing")
            raise cause

        assert [ModuleFileNotFoundError, KeyError] == [type(error) for error in caught.value.exceptions]
        assert cause is caught.value.exceptions[-1]
        assert "the configuration has 2 mistakes" == caught.value.message

    def test_a_caller_s_type_error_comes_last(self, core):
        with mistakes_in(core) as caught:
            core.load("missing")
            core.bind("foo_req", "a", 5, route=REQUEST_ROUTE)

        assert [ModuleFileNotFoundError, TypeError] == [type(error) for error in caught.value.exceptions]

    def test_an_exception_alone_passes_as_it_is(self, core):
        cause = KeyError("modules")
        with mistakes_in(core, expected=KeyError) as caught:
            core.register(make_exports("second"))
            raise cause

        assert cause is caught.value

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(2)], ids=["interrupt", "exit"])
    def test_an_interrupt_passes_as_it_is(self, core, interrupt):
        with mistakes_in(core, expected=type(interrupt)) as caught:
            core.load("missing")
            raise interrupt

        assert interrupt is caught.value
        with pytest.raises(ModuleFileNotFoundError):
            core.load("missing")


class TestNesting:
    """A block within a block raises its own mistakes when it ends."""

    def test_the_inner_group_is_in_the_outer_one(self, core):
        with mistakes_in(core) as caught:
            core.load("missing")
            with core.collect_errors():
                core.load("lost")
                core.load("gone")

        first, inner = caught.value.exceptions
        assert "missing" == first.what
        assert isinstance(inner, ExceptionGroup)
        assert ["lost", "gone"] == [error.what for error in inner.exceptions]

    def test_the_outer_one_goes_on_recording_where_the_inner_was_handled(self, core):
        with mistakes_in(core) as caught:
            with mistakes_in(core):
                core.load("lost")
            core.load("missing")

        assert ["missing"] == [error.what for error in caught.value.exceptions]

    def test_two_registries_record_their_own(self, core):
        other = Registry()
        with mistakes_in(core) as caught:
            core.load("missing")
            with pytest.raises(ModuleFileNotFoundError):
                other.load("elsewhere")

        assert ["missing"] == [error.what for error in caught.value.exceptions]


class TestTooLate:
    """It belongs to the time before init, as what is in it does."""

    def test_it_is_refused_after_init(self, core):
        with Lifecycle(core):
            block = core.collect_errors()
            with pytest.raises(LifecycleError, match=r"collect_errors\(\) comes too late"):
                block.__enter__()

    def test_calls_that_come_too_late_are_recorded(self, core):
        with mistakes_in(core) as caught:
            life = Lifecycle(core)
            life.init()
            core.register(make_exports("second"))
            core.bind("foo_req", "a", "b", route=REQUEST_ROUTE)
            life.destroy()

        assert ["register()", "bind()"] == [error.call for error in caught.value.exceptions]
        assert {LifecycleError} == {type(error) for error in caught.value.exceptions}
