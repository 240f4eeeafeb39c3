"""Several threads that load and import at once."""

from __future__ import annotations

import sys
import threading
from importlib import import_module, util
from importlib.machinery import ModuleSpec

import pytest
from sources import write, write_lines

from sermod import LoadError, Registry, load

STEP = "import sys; sys.sermod_steps[{!r}].set(); sys.sermod_steps[{!r}].wait()"
"""A line of a module with which it reaches one step and waits for another."""


@pytest.fixture
def steps(monkeypatch):
    """Return the events by which modules and the test wait for each other."""
    events = {name: threading.Event() for name in ("one", "two", "three", "four")}
    monkeypatch.setattr(sys, "sermod_steps", events, raising=False)
    return events


@pytest.fixture
def run():
    """Return a function that runs another in a thread, and returns a function that waits for its result."""
    threads = []

    def run(function):
        result = []

        def body():
            try:
                result.append(function())
            except LoadError as error:
                result.append(error)

        thread = threading.Thread(target=body)
        threads.append(thread)
        thread.start()

        def wait():
            thread.join()
            return result[0]

        return wait

    yield run
    for thread in threads:
        thread.join()


@pytest.fixture
def package(site):
    write_lines(site / "package" / "__init__.py")
    write(site / "package" / "works.py", name="works")
    write_lines(site / "package" / "used.py")
    write_lines(site / "package" / "broken.py", "import package.used", STEP.format("one", "two"), "raise RuntimeError")
    return site / "package"


class TestImports:
    """A failed load forgets only what its own thread has imported."""

    @pytest.mark.usefixtures("package")
    def test_what_another_thread_imports_meanwhile_stays(self, steps, run):
        failed = run(lambda: load("package.broken"))
        steps["one"].wait()
        works = import_module("package.works")
        package = sys.modules["package"]
        steps["two"].set()

        assert isinstance(failed(), LoadError)
        assert works is sys.modules["package.works"]
        assert package is sys.modules["package"]
        assert works is package.works
        assert {"package.used", "package.broken"}.isdisjoint(sys.modules)

    @pytest.mark.usefixtures("package")
    def test_what_code_puts_there_itself_is_forgotten(self, package):
        """It was not imported, but it was put there for this load."""
        lines = ["import sys, types", "sys.modules['package.made'] = types.ModuleType('made')", "raise RuntimeError"]
        write_lines(package / "broken.py", *lines)

        with pytest.raises(LoadError):
            load("package.broken")

        assert "package.made" not in sys.modules

    def test_an_import_of_another_thread_that_had_begun_before_stays(self, package, monkeypatch):
        """The finders were asked before the load began; which thread it is that imports is not known then."""
        other = util.module_from_spec(ModuleSpec("package.other", None))
        monkeypatch.setitem(sys.modules, "package.other", other)
        monkeypatch.setattr(sys, "sermod_other", other, raising=False)
        lines = ["import sys", "sys.modules['package.other'] = sys.sermod_other", "raise RuntimeError"]
        write_lines(package / "broken.py", "import package", *lines)
        del sys.modules["package.other"]

        with pytest.raises(LoadError):
            load("package.broken")

        assert other is sys.modules["package.other"]
        assert "package" in sys.modules


class TestTwoLoads:
    """Two registries load at once, each in its thread."""

    @pytest.mark.usefixtures("package")
    def test_what_another_load_needs_stays(self, package, steps, run):
        """Its package was imported by the load that fails; afterwards the other one answers for it."""
        write(package / "slow.py", STEP.format("three", "four"), name="slow")
        failed = run(lambda: load("package.broken"))
        steps["one"].wait()
        loaded = run(lambda: load("package.slow"))
        steps["three"].wait()
        steps["two"].set()
        failed()
        package_module = sys.modules["package"]
        steps["four"].set()

        assert "slow" == loaded().name
        assert package_module is sys.modules["package"]

    @pytest.mark.usefixtures("package")
    def test_the_last_one_that_fails_forgets_it(self, package, steps, run):
        write_lines(package / "slow.py", STEP.format("three", "four"), "raise RuntimeError")
        failed = run(lambda: load("package.broken"))
        steps["one"].wait()
        other = run(lambda: load("package.slow"))
        steps["three"].wait()
        steps["two"].set()
        failed()
        assert "package" in sys.modules
        steps["four"].set()
        other()

        assert "package" not in sys.modules

    @pytest.mark.usefixtures("package")
    def test_what_another_load_has_loaded_stays(self, steps, run):
        failed = run(lambda: load("package.broken"))
        steps["one"].wait()
        exports = run(lambda: load("package.works"))()
        steps["two"].set()
        failed()

        assert exports is load("package.works")

    def test_the_same_file_in_many_threads(self, modules, loaded):
        """Each has a module of its own, and only one of them the name that is the same at each start."""
        file = write(modules / "foobar.py", "import threading", "value = object()", more="init_f=lambda: __name__")
        before = loaded()
        barrier = threading.Barrier(8)
        names = []

        def body():
            core = Registry()
            barrier.wait()
            core.load(file)
            names.append(core.find_module("foobar").exports.init_f())

        threads = [threading.Thread(target=body) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 8 == len({*names})
        assert {*names} == loaded() - before
        assert f"{min(names)}_2" in names

    def test_imports_of_others_find_all_while_loads_come_and_go(self, site, modules):
        """The list of finders never changes below a thread that goes through it."""
        write_lines(modules / "foobar.py", "from sermod import *", "exports = ModuleExports('foobar')")
        for number in range(200):
            write_lines(site / f"crowd_of_files{number}.py")
        done = threading.Event()

        def load_on():
            while not done.is_set():
                load("foobar", [modules])

        threads = [threading.Thread(target=load_on) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(200):
                import_module(f"crowd_of_files{number}")
        finally:
            done.set()
            for thread in threads:
                thread.join()

    @pytest.mark.parametrize("attempt", range(5))
    def test_half_of_them_fail(self, site, attempt):
        """Whatever the order is, those that succeed are loaded, and the others leave nothing behind."""
        package = f"crowd{attempt}"
        write_lines(site / package / "__init__.py")
        for number in range(4):
            write(site / package / f"works{number}.py", f"import {package}.shared{number}", name=f"works{number}")
            write_lines(site / package / f"shared{number}.py")
            write_lines(site / package / f"broken{number}.py", f"import {package}.only{number}", "raise RuntimeError")
            write_lines(site / package / f"only{number}.py")
        barrier = threading.Barrier(8)
        results = {}

        def body(name):
            barrier.wait()
            try:
                results[name] = load(f"{package}.{name}").name
            except LoadError as error:
                results[name] = type(error.__cause__)

        names = [f"{kind}{number}" for number in range(4) for kind in ("works", "broken")]
        threads = [threading.Thread(target=body, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert {name: name if name.startswith("works") else RuntimeError for name in names} == results
        left = {name.partition(".")[2] for name in sys.modules if name.startswith(f"{package}.")}
        assert left == {f"{kind}{number}" for number in range(4) for kind in ("works", "shared")}
