"""The name of a file's module in ``sys.modules``: the same at each start; and how a reload lets go of it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
import zlib

import pytest
from sources import write, write_lines

from sermod import Lifecycle, LifecycleError, LoadError, Registry, load

POINT = ["class Point:", "    def __init__(self, x): self.x = x", "def init_f(x=5): return Point(x)"]


def name_of(exports):
    """Return the name of the module that *exports* come from, by a function in it."""
    return exports.init_f.__module__


@pytest.fixture
def file(modules):
    return write(modules / "foobar.py", *POINT, more="init_f=init_f")


class TestName:
    """It depends on the real path of the file, and on nothing else."""

    def test_it_is_made_of_the_stem_and_the_path(self, file):
        assert f"_sermod_foobar_{zlib.crc32(os.fsencode(file)):08x}" == name_of(load(file))

    def test_a_link_leads_to_the_same(self, file, modules):
        (modules / "link.py").symlink_to(file)
        core = Registry([modules])
        name = name_of(core.load("link").exports)
        core.forget()

        assert name == name_of(load(file))

    def test_a_package_is_named_for_its_directory(self, modules):
        write(modules / "my.package" / "__init__.py", *POINT, name="m", more="init_f=init_f")

        assert name_of(load(modules / "my.package")).startswith("_sermod_my_package_")

    def test_files_of_the_same_stem_differ(self, file, tmp_path):
        other = write(tmp_path / "other" / "foobar.py", *POINT, more="init_f=init_f")

        assert name_of(load(file)) != name_of(load(other))

    def test_a_further_one_has_a_number(self, file):
        first, second, third = (name_of(load(file)) for _ in range(3))

        assert (f"{first}_2", f"{first}_3") == (second, third)

    def test_the_name_of_one_that_failed_is_free_again(self, file, modules):
        source = file.read_text(encoding="utf-8")
        write_lines(file, "1 / 0")
        with pytest.raises(LoadError):
            load(file)
        file.write_text(source, encoding="utf-8")

        assert not name_of(load(file)).endswith("_2")


class TestPickles:
    """What one process stores, another one reads after it has loaded the file."""

    @pytest.mark.parametrize("package", [True, False], ids=["package", "file"])
    def test_two_starts(self, modules, package):
        """The other files that a start loads, and their order, do not matter."""
        lines = ["from .points import Point, init_f"] if package else POINT
        write(modules / ("foobar/__init__.py" if package else "foobar.py"), *lines, name="foobar", more="init_f=init_f")
        write_lines(modules / "foobar" / "points.py", *POINT)
        write(modules / "other.py")
        start = "import pickle, sys, sermod; core = sermod.Registry(['.']); "
        dump = "core.load('foobar'); pickle.dump(core.find_module('foobar').exports.init_f(7), sys.stdout.buffer)"
        read = "core.load('other'); core.load('foobar'); print(pickle.load(sys.stdin.buffer).x)"

        def run(code, data=None):
            environment = {**os.environ, "PYTHONHASHSEED": "random"}
            command = [sys.executable, "-c", start + code]
            done = subprocess.run(
                command, cwd=modules, input=data, env=environment, stdout=subprocess.PIPE, timeout=60, check=True
            )
            return done.stdout

        assert b"7" == run(read, run(dump)).strip()


class TestForget:
    """``Registry.forget()`` takes the modules that were executed from files out of ``sys.modules``, and no others."""

    def test_files_and_their_submodules(self, modules, file, loaded):
        write(modules / "package" / "__init__.py", "from . import sub", name="package")
        write_lines(modules / "package" / "sub.py")
        before = loaded()
        core = Registry([modules])
        core.load("package")
        core.load(file)
        assert 3 == len(loaded() - before)

        core.forget()

        assert before == loaded()
        core.forget()

    def test_dotted_names_stay(self, site, file):
        write(site / "toplevel.py")
        core = Registry()
        core.load("toplevel")
        core.load(file)

        core.forget()

        assert "toplevel" in sys.modules

    def test_those_of_other_registries_stay(self, file):
        one, other = Registry(), Registry()
        names = [name_of(core.load(file).exports) for core in (one, other)]

        one.forget()

        assert [False, True] == [name in sys.modules for name in names]
        assert names[0] == name_of(load(file))
        one.forget()
        assert names[0] in sys.modules

    def test_one_that_has_taken_the_name_stays(self, file, monkeypatch):
        """A program took the first one out itself."""
        one, other = Registry(), Registry()
        name = name_of(one.load(file).exports)
        del sys.modules[name]
        assert name == name_of(other.load(file).exports)

        one.forget()

        assert name in sys.modules

    def test_only_once_the_modules_are_destroyed(self, modules):
        lines = ["core = []", "def init_f(): core[0].forget()"]
        write(modules / "foobar.py", *lines, more="init_f=lambda: refused.append(1) or 0")
        core = Registry([modules])
        core.load("foobar")
        life = Lifecycle(Registry())
        life.registry.load(write(modules / "plain.py"))
        life.init()

        with pytest.raises(LifecycleError, match=r"forget\(\) comes too early: .* is initialised; call destroy\(\) f"):
            life.registry.forget()

        life.destroy()
        life.registry.forget()

    def test_not_while_they_are_initialised(self, modules, monkeypatch):
        core = Registry()
        monkeypatch.setattr(sys, "sermod_core", core, raising=False)
        lines = ["import sys", "def init_f(): sys.sermod_core.forget()"]
        core.load(write(modules / "foobar.py", *lines, more="init_f=init_f"))

        with pytest.raises(Exception, match=r"forget\(\) comes too early: the lifecycle is being initialised"):
            Lifecycle(core).init()
        core.forget()

    def test_a_reload_keeps_nothing(self, modules):
        """The data of a module are freed with it: 20 reloads need no more memory than one."""
        lines = [
            "from sermod import Module, command, int_param, str_param",
            "class Big(Module):",
            "    name = 'foobar'",
            "    size = int_param(0)",
            "    def mod_init(self): self.data = bytearray(1_000_000)",
            "    @command(REQUEST_ROUTE)",
            "    def use(self, msg, times: int = 1) -> int: return len(self.data)",
            "module = Big()",
            "from . import sub",
        ]
        lines = ["from sermod import *", *lines, "exports = module.exports"]
        file = write_lines(modules / "foobar" / "__init__.py", *lines)
        write_lines(modules / "foobar" / "sub.py", "class Data: pass", "data = Data()")
        alive = []
        for _ in range(20):
            core = Registry()
            core.load(file)
            action = core.bind("use", "2", route=1)
            core.set_param("foobar", "size", 5)
            with Lifecycle(core) as life:
                life.init_child(1)
                assert 1_000_000 == life.run_route([action], None)
            name = name_of(core.find_module("foobar").exports.init_f.__self__.exports)
            alive += [weakref.ref(sys.modules[name].module), weakref.ref(sys.modules[f"{name}.sub"].data)]
            core.forget()
            del core, action, life
            gc.collect()

        assert [None] * 40 == [reference() for reference in alive]
