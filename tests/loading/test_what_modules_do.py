"""What a module may do to the process while it is loaded."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sources import write, write_distribution, write_lines

from sermod import AlreadyLoadedError, ConfigurationErrors, InterfaceWarning, Lifecycle, LoadError, Registry, load
from sermod._forking import thread_warnings

EXITS = {
    "sys.exit()": ["import sys", "sys.exit()"],
    "sys.exit(2)": ["import sys", "sys.exit(2)"],
    "sys.exit('no database')": ["import sys", "sys.exit('no database')"],
    "sys.exit(3)": ["class Exit(SystemExit): pass", "raise Exit(3)"],
}


class TestExit:
    """``sys.exit()`` while a module is loaded is a ``LoadError``: the host goes on."""

    @pytest.mark.parametrize(("call", "lines"), EXITS.items(), ids=EXITS)
    def test_a_file(self, modules, call, lines):
        file = write_lines(modules / "foobar.py", *lines)

        with pytest.raises(LoadError) as raised:
            load("foobar", [modules])

        assert str(raised.value) == (
            f"module 'foobar' cannot be loaded: it called {call} while line 2 of {file} was executed, which would end "
            f"the host; move what only a program does under if __name__ == '__main__':"
        )
        assert ("foobar", str(file)) == (raised.value.what, raised.value.origin)
        assert isinstance(raised.value.__cause__, SystemExit)

    def test_argparse(self, modules, monkeypatch, capsys):
        """A file that reads the command line of a program reads that of the host."""
        monkeypatch.setattr(sys, "argv", ["host", "--verbose"])
        write_lines(modules / "foobar.py", "import argparse", "argparse.ArgumentParser().parse_args()")

        with pytest.raises(LoadError, match=r"argparse called sys\.exit\(2\) while line 2 of .*foobar\.py was exec"):
            load("foobar", [modules])

        assert "unrecognized arguments: --verbose" in capsys.readouterr().err

    @pytest.mark.parametrize("what", ["package", "package.inside", "by_entry_point"])
    def test_a_package_above_and_an_entry_point(self, site, loaded, what):
        write_lines(site / "package" / "__init__.py", "raise SystemExit(4)")
        write(site / "package" / "inside.py")
        write_distribution(site, by_entry_point="package.inside:exports")
        before = loaded()

        with pytest.raises(LoadError, match=r"it called sys\.exit\(4\) while .*package.* was executed"):
            load(what)

        assert before == loaded()

    def test_where_exports_are_looked_up(self, modules):
        write_lines(modules / "foobar.py", "def __getattr__(name): raise SystemExit(name)")

        with pytest.raises(LoadError, match=r"it called sys\.exit\('exports'\) while line 1 of"):
            load("foobar", [modules])

    def test_where_an_entry_point_is_looked_up(self, site):
        write_lines(site / "offered.py", "def __getattr__(name): raise SystemExit")
        write_distribution(site, foobar="offered:something")

        with pytest.raises(LoadError, match=r"it called sys\.exit\(\) while"):
            load("foobar")

    def test_it_is_collected_with_all_other_mistakes(self, modules):
        write_lines(modules / "foobar.py", "raise SystemExit(2)")
        core = Registry([modules])

        def configure():
            with core.collect_errors():
                core.load("nowhere_at_all", where="ser.cfg:1")
                core.load("foobar", where="ser.cfg:2")

        with pytest.raises(ConfigurationErrors) as raised:
            configure()

        assert ["ser.cfg:1", "ser.cfg:2"] == [error.where for error in raised.value.exceptions]

    def test_an_interrupt_passes(self, site):
        write_lines(site / "package" / "__init__.py", "raise KeyboardInterrupt")
        write(site / "package" / "inside.py")

        with pytest.raises(KeyboardInterrupt):
            load("package.inside")

        assert "package" not in sys.modules


class TestWorkingDirectory:
    """A module that changes the working directory is the same file as before."""

    @pytest.fixture
    def _here(self, modules, monkeypatch):
        monkeypatch.chdir(modules)

    @pytest.mark.usefixtures("_here")
    @pytest.mark.parametrize("what", ["./foobar.py", "foobar"])
    def test_its_origin(self, modules, tmp_path, what):
        file = write(modules / "foobar.py", "import os", f"os.chdir({str(tmp_path)!r})")
        core = Registry(["."])

        assert str(file) == core.load(what).origin
        assert tmp_path == Path.cwd()
        with pytest.raises(AlreadyLoadedError):
            core.load(file)

    @pytest.mark.usefixtures("_here")
    def test_its_submodules_and_its_source(self, modules, tmp_path):
        lines = [f"import os, sys; os.chdir({str(tmp_path)!r})", "from . import sub"]
        more = "init_f=lambda: (__file__, __loader__.get_source(__name__) is not None)"
        file = write(modules / "foobar" / "__init__.py", *lines, name="foobar", more=more)
        write(modules / "foobar" / "sub.py")

        assert (str(file), True) == load("foobar/__init__.py").init_f()

    @pytest.mark.usefixtures("_here")
    def test_one_that_fails_afterwards(self, modules, tmp_path):
        file = write(modules / "foobar.py", "import os", f"os.chdir({str(tmp_path)!r})", "1 / 0")

        with pytest.raises(LoadError, match=f"while {file} was executed") as raised:
            load("foobar.py")

        assert str(file) == raised.value.origin


REPLACED = [
    "import sys, types",
    "other = types.SimpleNamespace(exports=ModuleExports('other'))",
    "sys.modules[__name__] = other",
]


class TestReplaced:
    """The object that a module puts in its place in ``sys.modules`` is the module, as for ``import``."""

    def test_a_file(self, modules):
        assert "other" == load(write(modules / "foobar.py", *REPLACED)).name

    def test_a_dotted_name(self, site, monkeypatch):
        monkeypatch.setitem(sys.modules, "replaced", None)  # so that it is gone afterwards
        del sys.modules["replaced"]
        write(site / "replaced.py", *REPLACED)

        assert ["other", "other"] == [load("replaced").name, load("replaced").name]

    def test_by_the_exports_themselves(self, modules):
        lines = ["import sys", "from sermod import ModuleExports", "sys.modules[__name__] = ModuleExports('other')"]

        assert "other" == load(write_lines(modules / "foobar.py", *lines)).name

    def test_by_an_object_without_exports(self, modules):
        write(modules / "foobar.py", "import sys", "sys.modules[__name__] = 5")

        with pytest.raises(LoadError, match="has no variable 'exports'; write"):
            load(modules / "foobar.py")

    def test_it_is_forgotten_when_it_is_refused(self, modules, loaded):
        write(modules / "foobar.py", *REPLACED[:1], "sys.modules[__name__] = types.SimpleNamespace(exports=5)")
        before = loaded()

        with pytest.raises(LoadError):
            load(modules / "foobar.py")

        assert before == loaded()

    @pytest.mark.parametrize("what", ["file", "toplevel"])
    def test_one_that_removes_itself(self, site, what):
        file = write(site / "toplevel.py", "import sys", "del sys.modules[__name__]")

        with pytest.raises(LoadError, match=r"it removed itself from sys\.modules while .* was executed; let it stay"):
            load(file if what == "file" else what)

    def test_a_key_error_of_its_own(self, site):
        """It is not mistaken for that."""
        write(site / "toplevel.py", "{}['toplevel.x']")

        with pytest.raises(LoadError, match=r"KeyError while .* was executed: 'toplevel\.x'"):
            load("toplevel")


THREADS = """
import threading

from sermod import ModuleExports

end = threading.Event()
inner = []

def outer():
    inner.append(threading.Thread(target=end.wait, name="inner"))
    inner[0].start()
    started.set()
    end.wait()

started = threading.Event()
threading.Thread(target=outer, name="outer").start()
started.wait()
short = threading.Thread(target=lambda: None, name="short")
short.start()
short.join()
thread = threading.Timer(3600, print)
thread.name = "timer"
thread.start()

def destroy():
    end.set()
    thread.cancel()

exports = ModuleExports("ticker", destroy_f=destroy)
"""


class TestThreads:
    """``Lifecycle.threads`` has those that were started while a module was loaded, and still run."""

    def test_each_with_its_module(self, modules):
        """Those that were started by such a thread belong to them; those that have ended do not."""
        write_lines(modules / "foobar.py", THREADS)
        core = Registry([modules])
        core.load("foobar")
        with Lifecycle(core) as life:
            names = [(module, thread.name) for module, thread in life.threads]
            warnings = thread_warnings(life.threads)

        for _, thread in life.threads:
            thread.join()
        assert [("ticker", "outer"), ("ticker", "inner"), ("ticker", "timer")] == names
        assert all(isinstance(warning, InterfaceWarning) for warning in warnings)
        assert "it started the thread 'outer', which still runs" in str(warnings[0])

    @pytest.mark.parametrize("by_name", [True, False], ids=["dotted name", "file"])
    def test_threads_of_others_are_not_blamed_on_it(self, site, monkeypatch, by_name):
        """Another thread of the host starts one while the module is being executed."""
        end, other = threading.Event(), []
        executing, started = threading.Event(), threading.Event()

        def start_one():
            executing.wait()
            other.append(threading.Thread(target=end.wait))
            other[0].start()
            started.set()

        monkeypatch.setattr(sys, "sermod_events", (executing, started), raising=False)
        host = threading.Thread(target=start_one)
        host.start()
        file = write(site / "foobar.py", "import sys", "sys.sermod_events[0].set()", "sys.sermod_events[1].wait()")
        core = Registry()
        core.load("foobar" if by_name else file)
        with Lifecycle(core) as life:
            assert other[0].is_alive()
            assert [] == life.threads
        end.set()
        host.join()
        other[0].join()

    def test_what_is_wrapped_is_put_back(self, modules):
        before, finders = (threading.Thread.start, sys.meta_path), [*sys.meta_path]
        inner = write(modules / "inner.py")
        load(write(modules / "foobar.py", "import sermod", f"sermod.Registry().load({str(inner)!r})"))
        with pytest.raises(LoadError):
            load(write_lines(modules / "broken.py", "1 / 0"))

        assert before[0] is threading.Thread.start
        assert before[1] is sys.meta_path
        assert finders == sys.meta_path

    @pytest.mark.parametrize("change", ["insert(0, finder)", "append(finder)"])
    def test_a_finder_that_a_module_adds_stays(self, modules, monkeypatch, change):
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
        before = [*sys.meta_path]
        lines = ["import sys", "class Finder:", "    find_spec = staticmethod(lambda *_: None)", "finder = Finder()"]
        load(write(modules / "foobar.py", *lines, f"sys.meta_path.{change}"))

        (added,) = [finder for finder in sys.meta_path if finder not in before]
        assert "Finder" == type(added).__name__
        assert before == [finder for finder in sys.meta_path if finder is not added]

    def test_what_a_module_wraps_itself_stays(self, modules, monkeypatch):
        """Such as a tool that watches threads: nothing that it does is undone."""
        monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)
        monkeypatch.setattr(sys, "meta_path", sys.meta_path)
        lines = [
            "import sys, threading",
            "start, calls = threading.Thread.start, []",
            "def own_start(self):",
            "    calls.append(self)",
            "    start(self)",
            "threading.Thread.start = own_start",
            "sys.meta_path = [*sys.meta_path[1:]]",
            "def init_f(): return len(calls)",
        ]
        exports = load(write(modules / "foobar.py", *lines, more="init_f=init_f"))
        load(write_lines(modules / "starts.py", "import threading", "from sermod import *", THREADS_SHORT))

        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()

        assert "own_start" == threading.Thread.start.__name__
        assert 2 == exports.init_f()


THREADS_SHORT = """
thread = threading.Thread(target=lambda: None)
thread.start()
thread.join()
exports = ModuleExports("short")
"""


def test_a_child_that_is_forked_while_another_thread_loads_can_load(modules):
    """What the other thread has begun does not exist in the child."""
    program = """
import os, sys, threading
import sermod

start, executing, go_on = threading.Thread.start, threading.Event(), threading.Event()
sys.events = executing, go_on
loading = threading.Thread(target=lambda: sermod.load("./waits.py"))
loading.start()
executing.wait()
pid = os.fork()
if not pid:
    ok = sermod.load("./other.py").name == "other" and threading.Thread.start is start
    os._exit(0 if ok and all(hasattr(finder, "find_spec") and "sermod" not in type(finder).__module__
                             for finder in sys.meta_path if not isinstance(finder, type)) else 1)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
go_on.set()
loading.join()
sys.exit(status)
"""
    write(modules / "waits.py", "import sys", "sys.events[0].set()", "sys.events[1].wait()")
    write(modules / "other.py")

    assert 0 == subprocess.run([sys.executable, "-c", program], cwd=modules, timeout=60, check=False).returncode


def test_a_child_that_is_forked_by_a_module_goes_on_loading(modules):
    """The load of the thread that forks goes on in the child."""
    write(modules / "foobar.py", "import os", "pid = os.fork()", "def init_f(): return pid", more="init_f=init_f")
    pid = load(modules / "foobar.py").init_f()
    if not pid:
        os._exit(7)

    assert 7 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_importlib_works_while_a_module_is_loaded(modules):
    """The finder that records imports has what the import system asks a finder for."""
    lines = [
        "import importlib, importlib.metadata",
        "importlib.invalidate_caches()",
        "[*importlib.metadata.distributions()]",
    ]

    assert "foobar" == load(write(modules / "foobar.py", *lines)).name
    importlib.invalidate_caches()
