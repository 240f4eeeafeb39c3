"""Files that cannot be loaded: the error, and that nothing has changed."""

from __future__ import annotations

import pytest
from sources import write, write_lines

from sermod import InvalidExportsError, LoadError, NoExportsError, Registry, load


@pytest.fixture
def core(modules):
    return Registry([modules])


class TestExecution:
    """What goes wrong while a file is executed is a ``LoadError`` with its cause."""

    def test_a_syntax_error_names_the_line(self, modules):
        file = write_lines(modules / "foobar.py", "a = 1", "b = 2", "def c(:")

        with pytest.raises(
            LoadError, match=r"cannot be loaded: SyntaxError at line 3 while .*foobar\.py was"
        ) as raised:
            load(file)

        assert isinstance(raised.value.__cause__, SyntaxError)
        assert (str(file), str(file)) == (raised.value.what, raised.value.origin)

    def test_the_kind_of_syntax_error_is_named(self, modules):
        with pytest.raises(LoadError, match="IndentationError at line 2"):
            load(write_lines(modules / "foobar.py", "if True:", "pass"))

    @pytest.mark.parametrize("content", [b"a = 1\0\n", b"a = '\xff'\n"], ids=["NUL", "no UTF-8"])
    def test_a_file_that_is_no_text(self, modules, content):
        (modules / "foobar.py").write_bytes(content)

        with pytest.raises(LoadError, match=r"cannot be loaded: (Syntax|Value)Error") as raised:
            load("foobar", [modules])

        assert "line None" not in str(raised.value)

    @pytest.mark.parametrize(
        ("line", "kind", "text"),
        [
            ("raise RuntimeError('no database')", "RuntimeError", "no database"),
            ("1 / 0", "ZeroDivisionError", "division by zero"),
            ("import not_there_at_all", "ModuleNotFoundError", "No module named 'not_there_at_all'"),
            ("CmdExport('foo', 5)", "TypeError", r"CmdExport\.function: takes a callable, or null"),
            ("def f(): f()\nf()", "RecursionError", "maximum recursion depth"),
        ],
    )
    def test_an_exception(self, modules, line, kind, text):
        file = write(modules / "foobar.py", line)

        with pytest.raises(
            LoadError, match=rf"module 'foobar' cannot be loaded: {kind} while {file} was.*{text}"
        ) as raised:
            load("foobar", [modules])

        assert kind == type(raised.value.__cause__).__name__
        assert ("foobar", str(file)) == (raised.value.what, raised.value.origin)

    def test_an_interrupt_ends_the_program(self, modules, core):
        file = write_lines(modules / "foobar.py", "raise KeyboardInterrupt")

        with pytest.raises(KeyboardInterrupt):
            core.load(file)
        with pytest.raises(KeyboardInterrupt):
            core.load("foobar")
        assert 0 == len(core)

    def test_an_exception_in_a_package(self, modules):
        write(modules / "foobar" / "__init__.py", "from . import broken")
        write_lines(modules / "foobar" / "broken.py", "raise RuntimeError('no database')")

        with pytest.raises(LoadError, match=r"RuntimeError while .*no database"):
            load(modules / "foobar")

    def test_a_file_that_cannot_be_read(self, modules):
        """It was there when it was looked for."""
        file = write(modules / "foobar.py")
        file.write_text("import os; os.remove(__file__); from . import sub", encoding="utf-8")

        with pytest.raises(LoadError, match="ImportError"):
            load(file)


class TestExports:
    """Without a variable ``exports`` that is a ``ModuleExports``, it is no module."""

    @pytest.mark.parametrize(
        "lines", [[], ["Exports = export = 5"], ["exports = None"]], ids=["empty", "other", "None"]
    )
    def test_none(self, modules, lines):
        file = write_lines(modules / "foobar.py", *lines)

        with pytest.raises(NoExportsError) as raised:
            load("foobar", [modules])

        assert str(raised.value) == (
            f"the module 'foobar' ({file}) has no variable 'exports'; write exports = ModuleExports(...)"
        )
        assert ("foobar", str(file)) == (raised.value.what, raised.value.origin)

    @pytest.mark.parametrize(
        ("value", "kind"),
        [("5", "an int"), ("'foobar'", "a str"), ("{}", "a dict"), ("ModuleExports", "the class ModuleExports")],
    )
    def test_something_else(self, modules, value, kind):
        write_lines(modules / "foobar.py", "from sermod import *", f"exports = {value}")

        with pytest.raises(
            NoExportsError, match=f"has a variable 'exports' that is {kind}, not a ModuleExports; write"
        ):
            load(modules / "foobar.py")

    def test_an_object_that_has_the_exports(self, modules):
        """``exports = Foobar()`` was meant to be ``exports = Foobar().exports``."""
        write(modules / "foobar.py", "class Foobar: exports = ModuleExports('foobar')")
        with (modules / "foobar.py").open("a", encoding="utf-8") as file:
            file.write("exports = Foobar()\n")

        with pytest.raises(NoExportsError, match=r"that is a Foobar, .*; write exports = Foobar\(\)\.exports$"):
            load(modules / "foobar.py")

    def test_exports_that_raise_when_they_are_looked_up(self, modules):
        """A module may make its variables when they are first asked for, and fail at that."""
        write_lines(modules / "foobar.py", "def __getattr__(name): raise ImportError(f'no {name} here')")

        with pytest.raises(LoadError, match=r"ImportError while .*foobar\.py was executed: no exports here"):
            load(modules / "foobar.py")

    def test_exports_that_are_made_when_they_are_looked_up(self, modules):
        lines = ["from sermod import *", "def __getattr__(name): return ModuleExports(name)"]

        assert "exports" == load(write_lines(modules / "foobar.py", *lines)).name

    def test_a_subclass_is_one(self, modules):
        lines = ["class Mine(ModuleExports): pass", "exports = Mine('mine')"]

        assert "mine" == load(write_lines(modules / "foobar.py", "from sermod import *", *lines)).name

    def test_exports_that_break_a_rule_are_the_registrys_to_refuse(self, modules, core):
        """``load`` hands on what it finds, and the registry judges it."""
        write(modules / "foobar.py", more="[CmdExport('foo')]")

        assert ("foo",) == tuple(cmd.name for cmd in load("foobar", [modules]).commands)
        with pytest.raises(InvalidExportsError):
            core.load("foobar")
        assert 0 == len(core)


class TestMended:
    """A module that failed can be loaded once it is mended."""

    @pytest.mark.parametrize(
        "broken", ["raise RuntimeError", "def c(:", "exports = 5", "import sys; sys.exit()", "from . import nothing"]
    )
    def test_again(self, modules, core, broken):
        write_lines(modules / "foobar.py", broken)
        with pytest.raises(LoadError):
            core.load("foobar")
        assert (0, False) == (len(core), "foobar" in core)

        write(modules / "foobar.py")

        assert "foobar" == core.load("foobar").name
