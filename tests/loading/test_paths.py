"""Loading by path."""

from __future__ import annotations

import dataclasses
import os
import pickle
import sys
from pathlib import Path

import pytest
from sources import write

from sermod import AlreadyLoadedError, LoadError, ModuleFileNotFoundError, Registry, load


class TestFile:
    """A path names one file, whatever there is elsewhere."""

    @pytest.mark.parametrize("kind", [str, Path])
    def test_absolute(self, modules, kind):
        assert "foobar" == load(kind(write(modules / "foobar.py"))).name

    def test_whatever_is_a_path(self, modules):
        class Own:
            def __fspath__(self):
                return str(modules / "foobar.py")

        write(modules / "foobar.py")

        assert "foobar" == load(Own()).name

    @pytest.mark.parametrize("path", ["./foobar.py", "foobar.py", "../modules/foobar.py", Path("foobar.py")])
    def test_relative_to_the_working_directory(self, modules, monkeypatch, path):
        """What ends in ``.py`` is a path, with a separator or without."""
        write(modules / "foobar.py")
        monkeypatch.chdir(modules)

        assert "foobar" == load(path).name

    def test_the_name_is_the_one_in_the_exports(self, modules):
        """``print.so`` calls itself ``print_stdout`` in the core, too."""
        file = write(modules / "print.py", name="print_stdout")

        core = Registry()

        assert "print_stdout" == core.load(file).name
        assert "print_stdout" in core
        assert "print" not in core

    @pytest.mark.parametrize("name", ["my-module.py", "my.module.v2.py", "2.py", "class.py", "mödule.py", " .py"])
    def test_a_file_of_any_name(self, modules, name):
        assert "m" == load(write(modules / name, name="m")).name

    def test_the_path_to_search_does_not_matter(self, modules, tmp_path):
        write(tmp_path / "other" / "foobar.py", name="other")

        assert "foobar" == load(write(modules / "foobar.py"), [tmp_path / "other"]).name


class TestModule:
    """A file is a Python module of a private name."""

    def test_it_is_executed_anew_at_each_call(self, modules):
        """Two registries never share the variables of a file."""
        lines = ["a_list = []", "def init_f(): a_list.append(1); return len(a_list)"]
        file = write(modules / "foobar.py", *lines, more="init_f=init_f")

        one, other = load(file), load(file)

        assert one is not other
        assert [1, 2, 1] == [one.init_f(), one.init_f(), other.init_f()]

    def test_the_name_is_not_the_files(self, modules):
        """A module called ``json`` does not hide Python's."""
        import json

        load(write(modules / "json.py"))

        assert json is sys.modules["json"]

    def test_it_knows_its_file_and_its_place(self, modules):
        file = write(modules / "foobar.py", "name, file, package = __name__, __file__, __package__")
        load(file)

        (module,) = [module for module in sys.modules.values() if getattr(module, "__file__", None) == str(file)]

        assert str(file) == module.file
        assert module.name == module.__name__ == module.__spec__.name
        assert "" == module.package

    def test_its_classes_can_be_pickled_and_resolved(self, modules):
        """What looks its own module up in ``sys.modules`` finds it, while it is executed and later."""
        lines = ["import dataclasses, typing", "@dataclasses.dataclass", "class Point:", "    x: 'typing.ClassVar' = 1"]
        file = write(modules / "foobar.py", *lines, "def init_f(): return Point()", more="init_f=init_f")

        point = load(file).init_f()

        assert () == dataclasses.fields(point)
        assert point == pickle.loads(pickle.dumps(point))  # noqa: S301 - it is our own


class TestPackage:
    """The path of a directory is that of the package in it."""

    @pytest.mark.parametrize("path", ["foobar", "foobar/__init__.py", "foobar/"])
    def test_by_its_directory_or_its_file(self, modules, path):
        write(modules / "foobar" / "__init__.py", name="foobar")

        assert "foobar" == load(f"{modules}/{path}").name

    def test_relative_imports(self, modules):
        lines = ["from .names import NAME", "from . import deep", "def init_f(): return NAME + deep.below.NAME"]
        write(modules / "foobar" / "__init__.py", *lines, more="init_f=init_f")
        write(modules / "foobar" / "names.py", "NAME = 'foo'")
        write(modules / "foobar" / "deep" / "__init__.py", "from . import below")
        write(modules / "foobar" / "deep" / "below.py", "from ..names import NAME")

        assert "foofoo" == load(modules / "foobar").init_f()

    def test_relative_imports_are_executed_anew_as_well(self, modules):
        write(modules / "foobar" / "__init__.py", "from .sub import Thing", more="init_f=Thing")
        write(modules / "foobar" / "sub.py", "class Thing: pass")

        assert load(modules / "foobar").init_f is not load(modules / "foobar").init_f

    def test_a_file_beside_it_is_not_importable(self, modules):
        """The directory of a file is not put on ``sys.path``: a module of several files is a package."""
        write(modules / "neighbour.py")
        file = write(modules / "foobar.py", "import neighbour")

        with pytest.raises(LoadError, match="No module named 'neighbour'"):
            load(file)


class TestMissing:
    """An error for a missing file says where it was looked for."""

    def test_a_file(self, modules, monkeypatch):
        monkeypatch.chdir(modules)

        with pytest.raises(ModuleFileNotFoundError) as raised:
            load("./nowhere.py")

        assert (
            f"the module file './nowhere.py' does not exist (looked from {modules}); "
            "give the path of a .py file, a package or a shared object" == str(raised.value)
        )
        assert "./nowhere.py" == raised.value.what
        assert str(modules / "nowhere.py") == raised.value.origin

    def test_a_directory_above(self, modules):
        with pytest.raises(ModuleFileNotFoundError, match="does not exist"):
            load(modules / "nowhere" / "foobar.py")

    def test_a_directory_that_is_a_file(self, modules):
        file = write(modules / "foobar.py")

        with pytest.raises(ModuleFileNotFoundError, match="does not exist"):
            load(file / "foobar.py")

    def test_a_directory_without_a_package(self, modules):
        with pytest.raises(ModuleFileNotFoundError, match=r"is a directory without an __init__\.py"):
            load(modules)

    def test_a_link_that_leads_nowhere(self, modules):
        (modules / "foobar.py").symlink_to(modules / "nowhere.py")

        with pytest.raises(ModuleFileNotFoundError, match="does not exist"):
            load(modules / "foobar.py")

    @pytest.mark.parametrize("what", ["", "foo\0bar", "./foo\0bar.py", "\0"])
    def test_what_is_no_name_at_all(self, what):
        with pytest.raises(ModuleFileNotFoundError, match="is neither a path nor a name; give the path of"):
            load(what)

    def test_a_link_to_itself(self, modules):
        (modules / "foobar.py").symlink_to(modules / "foobar.py")

        with pytest.raises(LoadError, match=r"cannot be searched for at .*foobar\.py' \(Too many levels") as raised:
            load(modules / "foobar.py")

        assert isinstance(raised.value.__cause__, OSError)

    def test_a_name_that_no_file_can_have(self, modules):
        with pytest.raises(LoadError, match="File name too long"):
            load(modules / f"{'a' * 300}.py")

    @pytest.mark.parametrize("what", [b"./foobar.py", b"foobar", 5, None])
    def test_what_is_no_text(self, what):
        with pytest.raises(TypeError):
            load(what)


class TestCompiled:
    """A ``.so`` is a compiled module, by its path and by its bare name; how one is read is shown elsewhere."""

    @pytest.mark.parametrize("by_path", [True, False], ids=["path", "bare name"])
    def test_one_that_is_damaged(self, modules, by_path):
        """It is not taken for Python, and refused with its file."""
        file = modules / "foobar.so"
        file.write_bytes(b"\x7fELF")

        with pytest.raises(LoadError, match=r"compiled module .*foobar\.so") as raised:
            load(file) if by_path else load("foobar", [modules])

        assert (str(file) if by_path else "foobar", str(file)) == (raised.value.what, raised.value.origin)

    def test_one_that_is_not_there(self, modules):
        with pytest.raises(ModuleFileNotFoundError):
            load(modules / "foobar.so")


class TestTwice:
    """A registry takes a file once, as the core does, however it is named."""

    @pytest.fixture
    def file(self, modules):
        return write(modules / "foobar.py")

    @pytest.fixture
    def core(self, modules, file):
        core = Registry([modules])
        core.load(file)
        return core

    def test_the_same_path(self, core, file):
        with pytest.raises(AlreadyLoadedError, match="is already loaded, from") as raised:
            core.load(file)

        assert (str(file), str(file)) == (raised.value.what, raised.value.origin)
        assert 1 == len(core)

    def test_the_same_file_by_its_bare_name(self, core):
        with pytest.raises(
            AlreadyLoadedError, match=r"'foobar' is already loaded.*; to run it twice, use two registries"
        ):
            core.load("foobar")

    def test_the_same_file_by_a_link(self, core, file, tmp_path):
        (tmp_path / "link.py").symlink_to(file)

        with pytest.raises(AlreadyLoadedError):
            core.load(tmp_path / "link.py")

    def test_the_same_file_by_another_spelling(self, core, modules, monkeypatch):
        monkeypatch.chdir(modules)

        with pytest.raises(AlreadyLoadedError):
            core.load("../modules/./foobar.py")

    def test_it_is_not_executed_a_second_time(self, modules):
        file = write(modules / "other.py", "import os", "os.environ['SERMOD_TEST_LOADS'] += '.'")
        core = Registry()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SERMOD_TEST_LOADS", "")
            core.load(file)
            with pytest.raises(AlreadyLoadedError):
                core.load(file)

            assert "." == os.environ["SERMOD_TEST_LOADS"]

    def test_another_registry_takes_it(self, core, file):
        assert "foobar" == Registry().load(file).name

    def test_a_copy_of_the_file_is_another_file(self, core, modules):
        """Its name is what must not be taken."""
        assert "foobar2" == core.load(write(modules / "copy.py", name="foobar2")).name
