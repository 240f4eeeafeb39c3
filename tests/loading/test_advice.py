"""What the errors of loading advise: the name that was meant, and how to mend the module."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sources import write, write_distribution, write_lines

from sermod import LoadError, ModuleFileNotFoundError, NoExportsError, load


class TestNearest:
    """A name that is not found: what there is, and the nearest of it."""

    @pytest.mark.parametrize("kind", ["file", "package", "compiled", "entry point"])
    def test_whatever_it_is(self, modules, site, kind):
        match kind:
            case "file":
                write(modules / "ratelimit.py")
            case "package":
                write(modules / "ratelimit" / "__init__.py")
            case "compiled":
                (modules / "ratelimit.so").write_bytes(b"")
            case "entry point":
                write_distribution(site, ratelimit="somewhere")
        write(modules / "screen.py")
        (modules / "no_package").mkdir()
        write_lines(modules / "notes.txt")
        write_lines(modules / "__init__.py")

        with pytest.raises(ModuleFileNotFoundError) as raised:
            load("ratelimi", [modules, modules / "nowhere"])

        files = "screen" if kind == "entry point" else "ratelimit, screen"
        message = str(raised.value)
        assert "or among the importable modules; did you mean 'ratelimit'? In the search path there is: " in message
        assert f"In the search path there is: {files}." in message
        assert ("Entry points: ratelimit." in message) == (kind == "entry point")
        assert message.endswith(" Give its path, or add its directory to Registry(path=[...])")

    def test_none_is_near(self, modules):
        write(modules / "screen.py")

        with pytest.raises(ModuleFileNotFoundError) as raised:
            load("nowhere_at_all", [modules])

        assert "or among the importable modules. In the search path there is: screen. Give its" in str(raised.value)

    def test_in_a_package(self, site, loaded):
        """The package is importable, so what is in it can be listed; it is forgotten again."""
        write_lines(site / "package" / "__init__.py")
        write(site / "package" / "ratelimit.py")
        before = loaded()

        with pytest.raises(ModuleFileNotFoundError) as raised:
            load("package.ratelimi")

        message = str(raised.value)
        assert "; did you mean 'package.ratelimit'? In package there is: package.ratelimit. Give its path" in message
        assert before == loaded()


@pytest.fixture
def run(modules):
    """Return a function that runs a program in the directory of modules, and returns its error's text."""

    def run(*arguments):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=modules, capture_output=True, text=True, timeout=60, check=False)
        assert 1 == done.returncode
        return done.stderr

    return run


REMEDY = "(for a program: under if __name__ == '__main__':), or move what both need to a third file"


class TestCircle:
    """A program loads a module that imports the program."""

    @pytest.mark.parametrize("what", ["plug", "./plug.py", "plug.py"])
    def test_as_a_program(self, modules, run, what):
        """The program is not executed twice, once more as a module, without a word."""
        write_lines(modules / "app.py", "import sermod", f"sermod.Registry().load({what!r})")
        write(modules / "plug.py", "import app")

        error = run("app.py").strip().splitlines()[-1]

        assert f"LoadError: module {what!r} is loaded in a circle: while {modules}/" in error
        assert "plug.py was executed, it imported 'app', which loads it again; load it in a function of 'app'" in error
        assert error.endswith(REMEDY)

    def test_imported_by_others(self, modules, run):
        """It is Python that imports the module, and no load is under way."""
        write_lines(modules / "app.py", "import sermod", "sermod.Registry().load('plug')")
        write(modules / "plug.py", "import app")

        error = run("-c", "import plug").strip().splitlines()[-1]

        assert f"module 'plug' is loaded in a circle: while {modules}/plug.py was executed, it imported 'app'" in error
        assert error.endswith(REMEDY)

    @pytest.mark.parametrize("line", ["from app import core", "import app; app.core"])
    def test_it_needs_what_the_program_has_not_made_yet(self, modules, run, line):
        write_lines(modules / "app.py", "import sermod", "core = sermod.Registry().load('plug')")
        write(modules / "plug.py", line)

        error = run("-c", "import app").strip().splitlines()[-1]

        assert (
            "; 'app' is still being executed, and imports this module or loads it: do that in a function, later"
            in error
        )

    def test_a_program_that_loads_in_a_function(self, modules):
        """It is what the message advises."""
        lines = ["import sermod", "NAME = 'plug'", "if __name__ == '__main__':", "    print(sermod.load('plug').name)"]
        write_lines(modules / "app.py", *lines)
        write(modules / "plug.py", "from app import NAME")

        command = [sys.executable, "app.py"]
        done = subprocess.run(command, cwd=modules, stdout=subprocess.PIPE, text=True, timeout=60, check=True)

        assert "plug\n" == done.stdout

    def test_another_file_that_fails_is_no_circle(self, modules):
        write_lines(modules / "inner.py", "1 / 0")
        write(modules / "foobar.py", "import sermod", f"sermod.load({str(modules / 'inner.py')!r})")

        with pytest.raises(LoadError, match=r"'foobar' cannot be loaded: LoadError while .*inner\.py.* Zero"):
            load("foobar", [modules])

    def test_another_object_of_a_module_that_is_being_loaded(self, site):
        """It is in the import system by then, so nothing is executed again."""
        write_distribution(site, first="offered:one", second="offered:two")
        lines = ["import sermod", "two = ModuleExports('two')", "one = sermod.load('second')"]
        write(site / "offered.py", *lines)

        assert "two" == load("first").name


class TestStandardLibrary:
    """A name that the directory was forgotten for may be that of a module of Python."""

    @pytest.mark.parametrize("name", ["enum", "json", "sys", "json.decoder", "_json"])
    def test_message(self, name):
        with pytest.raises(NoExportsError) as raised:
            load(name)

        assert str(raised.value).startswith(f"the module {name!r} (")
        assert str(raised.value).endswith(
            ") has no variable 'exports': it is a module of Python's standard library; give the directory of the "
            "module that is meant in path=, or its path"
        )

    def test_a_file_of_such_a_name(self, site, monkeypatch):
        """It comes first on ``sys.path``, so the module is not Python's."""
        monkeypatch.delitem(sys.modules, "this", raising=False)
        write_lines(site / "this.py")

        with pytest.raises(NoExportsError, match=r"has no variable 'exports'; write exports = ModuleExports"):
            load("this")


class TestImports:
    """An import that does not work in a module's file, and how to write it."""

    @pytest.mark.parametrize("helper", ["helper.py", "helper/__init__.py"])
    def test_a_file_beside_it(self, modules, helper):
        write_lines(modules / helper)
        write(modules / "foobar.py", "import helper")

        with pytest.raises(LoadError) as raised:
            load("foobar", [modules])

        assert str(raised.value).endswith(
            "No module named 'helper'; the file beside it is not importable, since sys.path stays as it is: make both "
            "a package, with the module as foobar/__init__.py, and write from . import helper"
        )

    @pytest.mark.parametrize("dotted", [True, False])
    def test_a_part_of_the_package(self, site, dotted):
        write_lines(site / "package" / "helper.py")
        write(site / "package" / "__init__.py", "import helper")

        with pytest.raises(LoadError, match=r"; it is a part of the package: write from \. import helper$"):
            load("package" if dotted else site / "package")

    @pytest.mark.parametrize("line", ["from . import helper", "from .helper import x", "from .. import helper"])
    def test_a_relative_import_in_a_file(self, modules, line):
        write_lines(modules / "helper.py")
        write(modules / "foobar.py", line)

        with pytest.raises(LoadError, match=r"only a package has relative imports: move the file to foobar/__init__\."):
            load("foobar", [modules])

    @pytest.mark.parametrize("line", ["import not_there", "import os.not_there", "from os import not_there"])
    def test_what_is_missing_everywhere(self, modules, line):
        """There is nothing to advise."""
        write(modules / "foobar.py", line)

        with pytest.raises(LoadError, match=r"(No module named '[\w.]+'( *;.*a package)?|cannot import name .*)$"):
            load("foobar", [modules])

    def test_a_package_above_the_module(self, site):
        """The module itself was not reached, so nothing is said about files beside it."""
        write_lines(site / "package" / "__init__.py", "import helper")
        write_lines(site / "package" / "helper.py")
        write(site / "package" / "inside.py")

        with pytest.raises(LoadError, match=r"No module named 'helper'$"):
            load("package.inside")


CLASS = ["class Gate(Module):", "    name = 'gate'"]


class TestExports:
    """A module without ``exports``, or with something else in its place: what to write."""

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (CLASS, "has no variable 'exports', but the class Gate; write exports = Gate().exports"),
            (
                [*CLASS, "class Door(Gate):", "    name = 'door'"],
                "has no variable 'exports', but the class Door; write exports = Door().exports",
            ),
            (
                [*CLASS, "class Door(Module):", "    name = 'door'"],
                "has no variable 'exports', but the classes Gate, Door; write exports = Door().exports",
            ),
            (
                [*CLASS, "exports = Gate"],
                "has a variable 'exports' that is the class Gate, not a ModuleExports; write exports = Gate().exports",
            ),
            (
                [*CLASS, "exports = Gate()"],
                "has a variable 'exports' that is a Gate, not a ModuleExports; write exports = Gate().exports",
            ),
            (
                [*CLASS, "export = Gate().exports"],
                "has no variable 'exports', but a variable 'export' that is a ModuleExports; write exports = export",
            ),
            (
                [*CLASS, "export = Gate()"],
                "has no variable 'exports', but a variable 'export' that is a Gate; write exports = export.exports",
            ),
            (
                ["Exports = ModuleExports('foobar')"],
                "has no variable 'exports', but a variable 'Exports' that is a ModuleExports; write exports = Exports",
            ),
            (["x = Module"], "has no variable 'exports'; write exports = ModuleExports(...)"),
            (["exports = Module"], "that is the class Module, not a ModuleExports; write exports = Module().exports"),
            (["exports = int"], "that is the class int, not a ModuleExports; write exports = ModuleExports(...)"),
            (["exports = [1]"], "that is a list, not a ModuleExports; write exports = ModuleExports(...)"),
        ],
    )
    def test_message(self, modules, lines, message):
        file = write_lines(modules / "foobar.py", "from sermod import Module, ModuleExports", *lines)

        with pytest.raises(NoExportsError) as raised:
            load("foobar", [modules])

        assert str(raised.value).startswith(f"the module 'foobar' ({file}) has ")
        assert str(raised.value).endswith(message)

    def test_where_no_class_was_ever_used(self, modules):
        """Classes are not loaded only to look for them."""
        write_lines(modules / "foobar.py", "x = 5")
        program = "import sermod\ntry: sermod.load('./foobar.py')\nexcept sermod.NoExportsError as error: print(error)"
        program += "\nimport sys; print('sermod._classes' in sys.modules)"
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, cwd=modules, stdout=subprocess.PIPE, text=True, timeout=60, check=True)

        assert done.stdout.endswith("has no variable 'exports'; write exports = ModuleExports(...)\nFalse\n")
