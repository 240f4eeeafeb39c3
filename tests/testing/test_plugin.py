"""The pytest plugin, and the pytest cases that are made of the checks, in pytest sessions of their own."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import textwrap

import pytest

from sermod.testing import CHECKS, FakeMessage, IsolatedHarness, ModuleHarness

CONFIG = """
    [pytest]
    addopts = -p no:cacheprovider -p no:hypothesispytest -p no:cov
    filterwarnings = error
"""
MODULE = """
    from sermod import REQUEST_ROUTE, Module, command, int_param

    class Foobar(Module):
        name = "foobar"
        level = int_param(1)

        @command(REQUEST_ROUTE)
        def foo(self, msg, number: int):
            return number * self.level

        def destroy(self):
            print("destroyed")

    class Broken(Module):
        name = "broken"

        def child_init(self, rank):
            return -1

    exports = Foobar().exports
"""


@pytest.fixture
def session(tmp_path):
    """Run pytest on a file of tests, in a new interpreter and an empty directory."""

    def run(tests, *options):
        for name, text in {"pytest.ini": CONFIG, "foobar.py": MODULE, "test_it.py": tests}.items():
            (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "sermod.testing.plugin", "--rootdir", str(tmp_path), *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.stdout + done.stderr

    return run


class TestFixture:
    """``module_harness`` makes harnesses, which are closed at the end of the test."""

    def test_in_a_session(self, session):
        output = session(
            """
            from foobar import Foobar

            made = []

            def test_used(module_harness):
                harness = module_harness(Foobar, params={"level": 2})
                assert 10 == harness.call("foo", "5")
                made.append(harness)

            def test_closed():
                assert "closed" in repr(made[0])

            def test_by_itself(module_harness):
                with module_harness(Foobar) as harness:
                    assert 5 == harness.call("foo", "5")
                assert "closed" in repr(harness)

            def test_provided(module_harness):
                harness = module_harness("foobar").provide("other", 0, print)
                assert 5 == harness.call("foo", "5")

            def test_never_started(module_harness):
                module_harness(Foobar)
                module_harness("./nowhere.py")
            """,
            "-rP",
        )

        assert "5 passed" in output
        assert 3 == output.count("\ndestroyed")

    def test_what_goes_wrong_at_the_end_is_an_error_of_the_test(self, session):
        output = session(
            """
            from sermod import Module

            class Fails(Module):
                name = "fails"

                def destroy(self):
                    print("destroyed")
                    raise RuntimeError("no clean-up")

            def test_first(module_harness):
                first, second = module_harness(Fails), module_harness(Fails)
                first.exports, second.exports

            def test_second():
                pass
            """
        )

        assert "2 passed, 1 error" in output
        assert "RuntimeError('no clean-up')" in output
        assert 2 == output.count("\ndestroyed")

    def test_here(self, module_harness):
        """This session finds the plugin by its entry point."""
        harness = module_harness("crashing")

        assert isinstance(harness, ModuleHarness)
        assert 5 == harness.call("returns", "5", msg=FakeMessage())


class TestCost:
    """A session that does not use the fixture loads only the lazy packages and the plugin."""

    LOADED = """
        import sys

        def test_loaded():
            mine = sorted(name for name in sys.modules if name.partition(".")[0] == "sermod")
            assert ["sermod", "sermod.testing", "sermod.testing.plugin"] == mine
            assert {"attr", "attrs", "typing_extensions", "ctypes", "asyncio"}.isdisjoint(sys.modules)
    """

    def test_what_is_loaded(self, session):
        assert "1 passed" in session(self.LOADED)

    def test_asking_for_the_fixture_alone_loads_nothing_either(self, session):
        assert "1 passed" in session(self.LOADED.replace("test_loaded()", "test_loaded(module_harness)"))

    def test_the_entry_point_names_it(self):
        from importlib.metadata import entry_points

        (point,) = entry_points(group="pytest11", name="sermod")

        assert "sermod.testing.plugin" == point.value


class TestParametrize:
    """One case of each check of each module."""

    def test_cases(self, session):
        output = session(
            """
            from foobar import Broken, Foobar
            from sermod.testing import Setup, parametrize_with_checks

            @parametrize_with_checks([Foobar, Setup(Foobar, params={"level": 2}), Broken, "foobar"])
            def test_interface(target, check):
                check(target)
            """,
            "-v",
        )
        count = len(CHECKS)
        failed = re.findall(r"^FAILED test_it.py::test_interface\[(\S+)\]", output, flags=re.MULTILINE)

        assert ["Broken-initialises_in_every_rank"] == failed
        assert "1 failed" in output
        cases = re.findall(r"^test_it.py::test_interface\[(\w+)-\w+\]", output, flags=re.MULTILINE)
        assert {"Foobar": count, "Foobar2": count, "Broken": count, "foobar": count} == {
            name: cases.count(name) for name in cases
        }
        assert "init_child_f of module 'broken' in rank 1 returned -1" in output

    def test_expected_failures(self, session):
        output = session(
            """
            from foobar import Broken, Foobar
            from sermod.testing import parametrize_with_checks

            @parametrize_with_checks([Broken], expected_failures={"initialises_in_every_rank": "it never did"})
            def test_known(target, check):
                check(target)

            @parametrize_with_checks([Foobar], expected_failures={"names": "who knows"})
            def test_unexpected(target, check):
                check(target)
            """,
            "-rxf",
        )

        assert "XFAIL test_it.py::test_known[Broken-initialises_in_every_rank] - it never did" in output
        assert "FAILED test_it.py::test_unexpected[Foobar-names]" in output
        assert "1 failed" in output
        assert "1 xfailed" in output

    def test_a_check_that_does_not_exist(self):
        from sermod.testing import parametrize_with_checks

        with pytest.raises(ValueError, match="there is no check 'nowhere'"):
            parametrize_with_checks([], expected_failures={"nowhere": "why"})

    def test_cases_of_this_session(self):
        """The ids of the cases have the names of the modules and of the checks."""
        from crashing import Crashing

        from sermod.testing import parametrize_with_checks

        mark = parametrize_with_checks([Crashing, Crashing], expected_failures={"loads": "why"}).mark

        assert (("target", "check"), "Crashing-loads", "Crashing2-loads") == (
            mark.args[0],
            mark.args[1][0].id,
            mark.args[1][len(CHECKS)].id,
        )
        assert (Crashing, CHECKS[0]) == mark.args[1][0].values
        assert {"reason": "why", "strict": True} == {
            key: value for key, value in mark.args[1][0].marks[0].kwargs.items() if key != "raises"
        }


class TestFace:
    """``sermod.testing`` loads its names lazily."""

    def test_every_name_is_there(self):
        import sermod.testing

        assert {"CHECKS", "ModuleHarness", "RecordedCall", "RemoteError"} <= {*sermod.testing.__all__}
        assert {*sermod.testing.__all__} <= {*dir(sermod.testing)}
        assert all(hasattr(sermod.testing, name) for name in sermod.testing.__all__)

    def test_no_other_name_is_there(self):
        import sermod.testing

        with pytest.raises(AttributeError, match=r"module 'sermod\.testing' has no attribute 'nowhere'"):
            sermod.testing.nowhere  # noqa: B018

    def test_the_package_of_the_harness_has_the_same_names(self):
        """Each is the same class under both paths."""
        import sermod.testing
        from sermod.testing import harness

        for name in ("ForkedChild", "IsolatedHarness", "ModuleHarness"):
            assert getattr(sermod.testing, name) is getattr(harness, name)
            assert name in harness.__all__

    @pytest.mark.parametrize("path", ["sermod.testing", "sermod.testing.harness", "sermod.testing.harness.harness"])
    def test_isolation_works_from_every_path(self, path):
        made = importlib.import_module(path).ModuleHarness("crashing", isolate=True)

        assert isinstance(made, IsolatedHarness)

    def test_it_is_free_of_pytest(self):
        """All of it is imported, and pytest is not."""
        program = """
            import sys, sermod.testing
            for name in sermod.testing.__all__:
                getattr(sermod.testing, name)
            from sermod.testing import check_module
            from sermod import ModuleExports
            check_module(ModuleExports("bare"))
            sys.exit("pytest" in sys.modules)
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=60)
