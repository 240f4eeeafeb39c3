"""What loading leaves behind in the interpreter and on the disk, and what it does not."""

from __future__ import annotations

import importlib
import os
import py_compile
import re
import sys

import pytest
from sources import write, write_distribution, write_lines

from sermod import DuplicateModuleError, InvalidExportsError, LoadError, ModuleExports, Registry, load


@pytest.fixture
def _nothing_is_left(loaded):
    """Check that the test leaves the path and the modules of the interpreter as it found them."""
    before = [*sys.path], loaded()
    yield
    assert before == (sys.path, loaded())


class TestSuccess:
    def test_sys_path_stays(self, modules):
        write(modules / "foobar" / "__init__.py", "from . import sub")
        write(modules / "foobar" / "sub.py")
        before = [*sys.path]

        load("foobar", [modules])

        assert before == sys.path

    def test_the_private_modules_stay(self, modules, loaded):
        """A package goes on importing from itself while it works."""
        lines = ["def init_f():", "    from . import sub", "    return sub.__name__"]
        write(modules / "foobar" / "__init__.py", *lines, more="init_f=init_f")
        write(modules / "foobar" / "sub.py")
        before = loaded()

        name = load("foobar", [modules]).init_f()

        assert {name, name.rpartition(".")[0]} == loaded() - before
        assert re.fullmatch(r"_sermod_foobar_[0-9a-f]{8}\.sub", name)


FAILING = {
    "missing": lambda modules: load(modules / "nowhere.py"),
    "bare name": lambda modules: load("nowhere_at_all", [modules]),
    "syntax error": lambda modules: load(write_lines(modules / "foobar.py", "def c(:")),
    "raises": lambda modules: load(write_lines(modules / "foobar.py", "raise RuntimeError")),
    "exits": lambda modules: load(write_lines(modules / "foobar.py", "raise SystemExit")),
    "no exports": lambda modules: load(write_lines(modules / "foobar.py", "import sys")),
    "compiled": lambda modules: load(write_lines(modules / "foobar.so", "")),
    "breaks a rule": lambda modules: Registry().load(write(modules / "foobar.py", more="[]")),
}


class TestFailure:
    """A module that fails to load leaves behind none of the entries made for it."""

    @pytest.mark.parametrize("fail", FAILING.values(), ids=FAILING)
    @pytest.mark.usefixtures("_nothing_is_left")
    def test_a_file(self, modules, fail):
        with pytest.raises((LoadError, InvalidExportsError)):
            fail(modules)

    @pytest.mark.parametrize("where", ["at the start", "in the middle", "in the exports", "in a hook of import"])
    @pytest.mark.usefixtures("_nothing_is_left")
    def test_a_package_with_all_that_it_had_imported(self, modules, where):
        lines = {
            "at the start": ["from .sub import deep", "raise RuntimeError"],
            "in the middle": ["from . import sub", "from .sub.deep import nothing"],
            "in the exports": ["import os", "from .sub import deep", "del ModuleExports", "ModuleExports = int"],
            "in a hook of import": [
                "from . import sub",
                "def __getattr__(name): raise RuntimeError",
                "from . import x",
            ],
        }[where]
        write(modules / "foobar" / "__init__.py", *lines)
        write(modules / "foobar" / "sub" / "__init__.py")
        write(modules / "foobar" / "sub" / "deep.py")

        with pytest.raises(LoadError):
            load("foobar", [modules])

    @pytest.mark.usefixtures("_nothing_is_left")
    def test_a_module_that_the_registry_refuses(self, modules):
        """Its name is taken: it is unloaded again."""
        core = Registry([modules])
        core.register(ModuleExports("foobar"))
        write(modules / "foobar" / "__init__.py", "from . import sub", name="foobar")
        write(modules / "foobar" / "sub.py")

        with pytest.raises(DuplicateModuleError):
            core.load("foobar")
        assert 1 == len(core)

    def test_what_other_modules_it_imported_stays(self, modules, site):
        """They were not made for it, and other code may use them by now."""
        write(site / "somebodys.py")
        write(modules / "foobar.py", "import somebodys", "raise RuntimeError")

        with pytest.raises(LoadError):
            load("foobar", [modules])

        assert "somebodys" in sys.modules


class TestFailureOfADottedName:
    """The same holds for what the import system executed."""

    @pytest.fixture
    def package(self, site):
        write_lines(site / "package" / "__init__.py")
        write_lines(site / "package" / "works.py")
        write_lines(site / "package" / "broken.py", "import package.works", "raise RuntimeError")
        return site / "package"

    @pytest.mark.parametrize("name", ["package", "package.broken", "package.works", "package.not_there"])
    @pytest.mark.usefixtures("package", "_nothing_is_left")
    def test_nothing_is_left(self, name):
        with pytest.raises(LoadError):
            load(name)

    @pytest.mark.usefixtures("package")
    def test_what_was_there_before_stays(self, loaded):
        """A package that the program uses itself is not taken from it; a submodule that was new is."""
        package = importlib.import_module("package")

        with pytest.raises(LoadError):
            load("package.broken")

        assert package is sys.modules["package"]
        assert {"package"} == {name for name in loaded() if name.startswith("package")}
        assert not hasattr(package, "works")

    def test_an_attribute_of_its_name_that_is_something_else_stays(self, package):
        lines = ["import package.works", "package.works = 'as ever'", "raise RuntimeError"]
        write_lines(package / "broken.py", *lines)
        imported = importlib.import_module("package")

        with pytest.raises(LoadError):
            load("package.broken")

        assert "as ever" == imported.works

    def test_a_refused_one_is_executed_again(self, site):
        write(site / "toplevel.py", more="[]")
        core = Registry()
        with pytest.raises(InvalidExportsError):
            core.load("toplevel")
        assert "toplevel" not in sys.modules

        write(site / "toplevel.py", "mended = True")
        importlib.invalidate_caches()

        assert "toplevel" == core.load("toplevel").name


class TestBytecode:
    """The source is compiled as it is: what is cached is neither believed nor written."""

    def test_a_change_within_the_same_second_and_of_the_same_size(self, modules):
        file = write(modules / "foobar.py", name="one")
        status = file.stat()
        assert "one" == load(file).name

        write(modules / "foobar.py", name="two")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

        assert status.st_size == file.stat().st_size
        assert "two" == load(file).name

    def test_a_stale_cache(self, modules):
        file = write(modules / "foobar.py", name="old")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(file), doraise=True, invalidation_mode=mode)

        write(modules / "foobar.py", name="new")

        assert "new" == load(file).name

    def test_none_is_written(self, modules, monkeypatch):
        monkeypatch.setattr(sys, "dont_write_bytecode", False)

        load(write(modules / "foobar.py"))

        assert ["foobar.py"] == [file.name for file in modules.iterdir()]


def test_an_entry_point_leaves_sys_path_alone(site):
    write(site / "offered.py")
    write_distribution(site, foobar="offered")
    before = [*sys.path]

    load("foobar")

    assert before == sys.path
