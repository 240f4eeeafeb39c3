"""Modules come into a registry: what is there afterwards, and that a refused one leaves nothing behind."""

from __future__ import annotations

import inspect
import re
import warnings

import pytest
from making import contents, make_exports
from travelling import pickled

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    DuplicateModuleError,
    InterfaceWarning,
    InvalidExportsError,
    LoadedModule,
    Module,
    ModuleExports,
    ParamExport,
    Registry,
    RouteFlag,
    Severity,
)


def ping(msg, *parameters):
    return 1


class TestRegistry:
    """A registry is an ordered collection of modules, and has what its host's script knows."""

    def test_a_new_one_is_empty_and_knows_what_the_spec_knows(self):
        core = Registry()

        assert 0 == len(core)
        assert [] == list(core)
        assert "foobar" not in core
        assert () == core.path
        assert REQUEST_ROUTE | REPLY_ROUTE == core.route_flags
        assert (0, 1, 2) == core.script_param_no
        assert core.allow_shadowing is False
        assert () == core.actions
        assert "<Registry of no modules>" == repr(core)

    def test_modules_are_kept_in_load_order(self):
        core = Registry()
        names = ["usrloc", "acc", "tm", "maxfwd"]
        for name in names:
            core.register(make_exports(name))

        assert 4 == len(core)
        assert names == [module.name for module in core]
        assert "<Registry of usrloc, acc, tm, maxfwd>" == repr(core)

    def test_contains_goes_by_the_name_exactly(self):
        core = Registry()
        core.register(make_exports("acc"))

        assert "acc" in core
        assert "ACC" not in core
        assert "ac" not in core
        assert 5 not in core

    def test_registering_while_iterating_does_not_disturb_the_iteration(self):
        core = Registry()
        core.register(make_exports("a"))

        seen = []
        for module in core:
            seen.append(module.name)
            core.register(make_exports(f"{module.name}a"))

        assert ["a"] == seen
        assert ["a", "aa"] == [module.name for module in core]

    def test_a_single_directory_is_no_path(self):
        """A str is a sequence too, of directories of one letter each, which is never meant."""
        with pytest.raises(TypeError, match=re.escape("write path=['/usr/lib/ser/modules']")):
            Registry(path="/usr/lib/ser/modules")

    def test_the_host_says_what_its_script_knows(self):
        core = Registry(path=["/modules"], route_flags=7, script_param_no=range(4), allow_shadowing=True)

        assert ("/modules",) == core.path
        assert RouteFlag(7) == core.route_flags
        assert isinstance(core.route_flags, RouteFlag)
        assert (0, 1, 2, 3) == core.script_param_no
        assert core.allow_shadowing is True


class TestRegister:
    """`register` takes exports that are in memory, whole or not at all."""

    def test_it_returns_the_module(self):
        core = Registry()
        exports = make_exports("foobar", CmdExport("ping", ping, 0, 0, REQUEST_ROUTE))

        module = core.register(exports)

        assert isinstance(module, LoadedModule)
        assert "foobar" == module.name
        assert exports is module.exports
        assert module.origin is None
        assert () == module.problems
        assert module is core.find_module("foobar")
        assert [module] == list(core)

    def test_a_module_may_export_nothing(self):
        core = Registry()
        core.register(ModuleExports("empty"))

        assert ["empty"] == [module.name for module in core]

    def test_something_else_than_exports_is_a_type_error(self):
        core = Registry()

        with pytest.raises(TypeError, match=r"register\(\) takes a ModuleExports \(got 'foobar', a str\)"):
            core.register("foobar")

        assert 0 == len(core)

    def test_an_object_that_has_the_exports_is_a_type_error_that_says_so(self):
        """A class, or an instance, is a frequent slip for the exports of the instance."""
        core = Registry()

        class Foobar(Module):
            name = "foobar"

        with pytest.raises(TypeError, match=r"; write register\(Foobar\(\)\.exports\)$"):
            core.register(Foobar)
        with pytest.raises(TypeError, match=r"; register its attribute exports$"):
            core.register(Foobar())

        assert 0 == len(core)
        assert "foobar" == core.register(Foobar().exports).name

    def test_a_name_that_is_taken_is_refused(self):
        core = Registry()
        core.register(make_exports("foobar", CmdExport("first", ping)))
        before = contents(core)

        with pytest.raises(DuplicateModuleError) as caught:
            core.register(make_exports("foobar", CmdExport("second", ping)))

        error = caught.value
        assert (
            "module 'foobar' (from memory) is not registered: another module of that name is registered (from memory); "
            "give one of them another name in its exports"
        ) == str(error)
        assert isinstance(error, ValueError)
        assert ("foobar", None, None) == (error.module, error.origin, error.existing_origin)
        assert "foobar" == pickled(error).module
        assert before == contents(core)
        assert core.find_export("second", 0) is None

    def test_broken_rules_are_reported_all_at_once_and_nothing_is_registered(self):
        core = Registry()
        exports = ModuleExports(
            "broken",
            [CmdExport("nothing", 0, 0, 0, REQUEST_ROUTE), CmdExport("fine", ping)],
            [ParamExport("x", INT_PARAM, Cell("text")), ParamExport()],
        )

        with pytest.raises(InvalidExportsError) as caught:
            core.register(exports)

        error = caught.value
        assert "broken" == error.module
        assert {"not-terminated", "null-function", "wrong-variable-type"} == {found.code for found in error.problems}
        assert "the exports of module 'broken' have 3 problems:" == str(error).splitlines()[0]
        assert 3 == len(str(error).splitlines()[1:])
        assert 0 == len(core)
        assert core.find_module("broken") is None
        assert core.find_export("fine", 0) is None
        assert core.find_param("broken", "x", INT_PARAM) is None

    def test_a_refused_module_can_be_mended_and_registered_under_its_name(self):
        core = Registry()
        with pytest.raises(InvalidExportsError):
            core.register(ModuleExports("foobar", [CmdExport("ping", ping)]))

        core.register(ModuleExports("foobar", [CmdExport("ping", ping), CmdExport()]))

        assert "foobar" in core

    def test_validation_follows_what_the_host_declares(self):
        exports = make_exports("later", CmdExport("three", lambda msg, a, b, c: 1, 3, 0, 4))

        with pytest.warns(InterfaceWarning, match="unknown-flag"):
            assert ["unknown-flag"] == [found.code for found in Registry().register(exports).problems]
        with pytest.warns(InterfaceWarning, match="unreachable-command"):
            module = Registry(route_flags=7).register(exports)
        assert ["unreachable-command"] == [found.code for found in module.problems]
        assert () == Registry(route_flags=7, script_param_no=(3,)).register(exports).problems


class TestInterfaceWarning:
    """A warning for each thing that the core would silently ignore, at the caller's line; it stays readable."""

    EXPORTS = make_exports(
        "talkative",
        CmdExport("seven", ping, 7, 0, REQUEST_ROUTE),
        CmdExport("~odd", ping, 0, 0, REQUEST_ROUTE),
    )

    def test_each_problem_is_a_warning_of_its_own(self):
        core = Registry()
        with pytest.warns(InterfaceWarning) as caught:
            module = core.register(self.EXPORTS)

        assert ["unreachable-command", "unscriptable-name"] == [found.code for found in module.problems]
        assert {Severity.WARNING} == {found.severity for found in module.problems}
        assert list(module.problems) == [warning.message.problem for warning in caught]
        assert {"talkative"} == {warning.message.module for warning in caught}
        assert "module 'talkative': warning: cmds[0].param_no: " in str(caught[0].message)
        assert isinstance(caught[0].message, UserWarning)

    def test_register_points_at_the_callers_line(self):
        core = Registry()
        line = inspect.currentframe().f_lineno + 2
        with pytest.warns(InterfaceWarning) as caught:
            core.register(self.EXPORTS)

        assert {(__file__, line)} == {(warning.filename, warning.lineno) for warning in caught}

    def test_load_points_at_the_callers_line(self, tmp_path):
        (tmp_path / "seven.py").write_text(
            "from sermod import *\n"
            "def seven(msg, *parameters): return 1\n"
            "exports = ModuleExports('seven', null_terminated(CmdExport('seven', seven, 7, 0, REQUEST_ROUTE)))\n"
        )
        core = Registry(path=[tmp_path])
        line = inspect.currentframe().f_lineno + 2
        with pytest.warns(InterfaceWarning) as caught:
            core.load("seven")

        assert [(__file__, line)] == [(warning.filename, warning.lineno) for warning in caught]

    @pytest.mark.parametrize("code", ["unreachable-command", "unscriptable-name"])
    def test_where_a_filter_makes_an_error_of_one_nothing_is_changed(self, code):
        """Also where it is the second warning that the filter does not let pass."""
        core = Registry()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=f".*{code}", category=InterfaceWarning)
            with pytest.raises(InterfaceWarning) as caught:
                core.register(self.EXPORTS)

        assert code == caught.value.problem.code
        assert 0 == len(core)
        assert core.find_export("seven", 7) is None
        assert core.find_export("~odd", 0) is None
        with pytest.warns(InterfaceWarning):
            assert "talkative" == core.register(self.EXPORTS).name
