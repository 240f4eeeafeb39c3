"""Loading by an importable dotted name."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest
from sources import write, write_lines

from sermod import AlreadyLoadedError, LoadError, ModuleFileNotFoundError, NoExportsError, Registry, load


class TestImportable:
    """What Python can import can be loaded."""

    @pytest.mark.parametrize("name", ["toplevel", "package", "package.inside", "package.deep.below"])
    def test_modules_and_packages(self, site, name):
        write(site / "toplevel.py", name="toplevel")
        write(site / "package" / "__init__.py", name="package")
        write(site / "package" / "inside.py", name="package.inside")
        write(site / "package" / "deep" / "__init__.py")
        write(site / "package" / "deep" / "below.py", name="package.deep.below")

        assert name == load(name).name

    def test_it_is_the_module_that_all_others_import(self, site):
        """One object is shared, as one object does; a path is executed anew."""
        write(site / "toplevel.py")

        one, other = load("toplevel"), load("toplevel")

        assert one is other
        assert one is sys.modules["toplevel"].exports
        assert one is not load(site / "toplevel.py")

    def test_the_origin_is_the_file(self, site):
        file = write(site / "toplevel.py")

        assert str(file) == Registry().load("toplevel").origin

    def test_the_same_file_twice(self, site):
        file = write(site / "toplevel.py")
        core = Registry()
        core.load("toplevel")

        with pytest.raises(AlreadyLoadedError):
            core.load(file)
        with pytest.raises(AlreadyLoadedError):
            core.load("toplevel")

    def test_one_that_lives_in_memory_alone(self, monkeypatch):
        """A module without a file, or without a specification, as ``__main__`` may be."""
        module = ModuleType("made_in_memory")
        module.exports = load_exports("made_in_memory")
        monkeypatch.setitem(sys.modules, "made_in_memory", module)
        core = Registry()

        assert "made_in_memory" == core.load("made_in_memory").origin
        with pytest.raises(AlreadyLoadedError, match="is already loaded, from made_in_memory"):
            core.load("made_in_memory")

    @pytest.mark.parametrize("name", ["sys", "json", "a_namespace"])
    def test_one_without_exports(self, site, name):
        """Built-in, of Python itself, or no more than a directory."""
        (site / "a_namespace").mkdir()

        with pytest.raises(NoExportsError, match=rf"the module '{name}' \(.*\) has no variable 'exports'"):
            load(name)


def load_exports(name):
    from sermod import ModuleExports

    return ModuleExports(name)


class TestNotImportable:
    """A module that is missing and one that does not work are different errors."""

    @pytest.mark.parametrize("name", ["not_there", "not_there.inside", "package.not_there", "toplevel.inside"])
    def test_not_there(self, site, name):
        write(site / "package" / "__init__.py")
        write(site / "toplevel.py")

        with pytest.raises(ModuleFileNotFoundError, match=f"there is no module '{name}'"):
            load(name)

    @pytest.mark.parametrize("name", ["toplevel", "package", "package.inside"])
    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("import not_there_at_all", ModuleNotFoundError),
            ("1 / 0", ZeroDivisionError),
            ("raise ValueError('no database')", ValueError),
            ("raise ImportError('not on this machine')", ImportError),
        ],
    )
    def test_one_that_does_not_work(self, site, name, line, error):
        """That a module it needs is missing does not mean that it is missing itself."""
        write_lines(site / "toplevel.py", line)
        write_lines(site / "package" / "__init__.py", line)
        write(site / "package" / "inside.py")

        with pytest.raises(LoadError, match=rf"module '{name}' cannot be loaded: {error.__name__} while") as raised:
            load(name)

        assert not isinstance(raised.value, ModuleFileNotFoundError)
        assert isinstance(raised.value.__cause__, error)
        assert name == raised.value.what

    def test_a_package_above_is_executed_once(self, site, monkeypatch):
        """Whatever it raises, it is not executed a second time."""
        monkeypatch.setattr(sys, "sermod_executions", [], raising=False)
        write_lines(
            site / "package" / "__init__.py", "import sys", "sys.sermod_executions.append(1)", "raise ValueError"
        )
        write(site / "package" / "inside.py")

        with pytest.raises(LoadError, match=r"ValueError while package\.inside was executed"):
            load("package.inside")

        assert [1] == sys.sermod_executions

    def test_a_compiled_module_of_python_is_an_importable_one(self):
        """It is Python that loads it, by its dotted name, and it has no exports."""
        names = ("_ctypes", "_decimal", "_json", "_lsprof", "_elementtree")
        specs = [spec for name in names if (spec := find_spec(name)) and (spec.origin or "").endswith(".so")]
        if not specs:
            pytest.skip("this Python has no compiled modules in files of their own")

        with pytest.raises(NoExportsError, match=rf"{specs[0].origin}\) has no variable 'exports'"):
            load(specs[0].name)
