"""`Registry.load`: what is loaded from files counts by the name in its exports."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pytest
from making import contents, make_exports

from sermod import (
    INT_PARAM,
    AlreadyLoadedError,
    DuplicateModuleError,
    InsecurePathError,
    InterfaceWarning,
    InvalidExportsError,
    LoadError,
    ModuleFileNotFoundError,
    NoExportsError,
    Registry,
    ShadowedCommandError,
    UnknownModuleError,
)

MODULE = """
from sermod import *

level = 0

def show(msg):
    return level + 1

exports = ModuleExports(
    {name!r},
    null_terminated(CmdExport({command!r}, show, 0, 0, REQUEST_ROUTE)),
    null_terminated(ParamExport("level", INT_PARAM, pointer_to(globals(), "level"))),
)
"""


@pytest.fixture
def directory(tmp_path):
    """Give a directory that no one but its owner may write to."""
    tmp_path.chmod(0o700)
    return tmp_path


def write_module(file: Path, name: str, command: str = "show") -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(MODULE.format(name=name, command=command))
    return file


class TestLoad:
    """A file is found along the registry's path, executed, and registered under the name in its exports."""

    def test_the_name_in_the_exports_counts_and_not_that_of_the_file(self, directory):
        file = write_module(directory / "print.py", "print_stdout")
        core = Registry(path=[directory])

        module = core.load("print")

        assert "print_stdout" == module.name
        assert os.path.realpath(file) == module.origin
        assert "print_stdout" in core
        assert "print" not in core
        assert module is core.find_module("print_stdout")
        assert module.exports.commands[0] is core.find_export("show", 0)

    def test_files_and_memory_stand_in_one_order(self, directory):
        core = Registry(path=[directory])
        core.register(make_exports("first"))
        write_module(directory / "second.py", "second")
        core.load(directory / "second.py")
        core.register(make_exports("third"))

        assert ["first", "second", "third"] == [module.name for module in core]

    def test_the_same_file_twice_is_refused_and_not_executed(self, directory):
        """As in the core, however the file is named."""
        file = write_module(directory / "acc.py", "acc")
        core = Registry(path=[directory])
        core.load("acc")
        core.set_param("acc", "level", 3)
        before = contents(core)
        link = directory / "link.py"
        link.symlink_to(file)

        for what in ("acc", str(file), link, "link", directory / "." / "acc.py"):
            with pytest.raises(AlreadyLoadedError) as caught:
                core.load(what)
            error = caught.value
            assert (os.fspath(what), os.path.realpath(file)) == (error.what, error.origin)
            assert f"{os.fspath(what)!r} is already loaded, from {os.path.realpath(file)}" in str(error)
            assert isinstance(error, ImportError)
            assert before == contents(core)

    def test_another_file_whose_module_has_a_name_that_is_taken(self, directory):
        first = write_module(directory / "one.py", "acc")
        second = write_module(directory / "two.py", "acc", "other")
        core = Registry(path=[directory])
        core.load("one")
        before = contents(core)

        with pytest.raises(DuplicateModuleError) as caught:
            core.load("two")

        error = caught.value
        assert (str(second), str(first)) == (error.origin, error.existing_origin)
        assert f"module 'acc' (from {second}) is not registered" in str(error)
        assert f"(from {first})" in str(error)
        assert before == contents(core)
        assert core.find_export("other", 0) is None

    def test_a_refused_file_may_be_loaded_once_it_is_mended(self, directory):
        core = Registry(path=[directory])
        core.register(make_exports("acc"))
        write_module(directory / "acc.py", "acc")
        with pytest.raises(DuplicateModuleError):
            core.load("acc")
        write_module(directory / "acc.py", "acc_db")

        assert "acc_db" == core.load("acc").name

    @pytest.mark.parametrize(
        ("source", "error"),
        [
            ("def broken(:", LoadError),
            ("raise RuntimeError('no database')", LoadError),
            ("x = 1", NoExportsError),
            ("exports = 5", NoExportsError),
            ("from sermod import *; exports = ModuleExports('m', [CmdExport('x', print)])", InvalidExportsError),
            (MODULE.format(name="other", command="taken"), ShadowedCommandError),
            ("raise SystemExit(3)", LoadError),
        ],
        ids=["syntax", "raises", "no-exports", "other-exports", "invalid", "shadowing", "exits"],
    )
    def test_a_file_that_fails_leaves_nothing_behind(self, directory, source, error):
        write_module(directory / "first.py", "first", "taken")
        (directory / "bad.py").write_text(source)
        core = Registry(path=[directory])
        core.load("first")
        before, modules = contents(core), set(sys.modules)

        with pytest.raises(error) as caught:
            core.load("bad")

        assert "bad" in str(caught.value) or error in {InvalidExportsError, ShadowedCommandError}
        assert before == contents(core)
        assert modules == {name for name in sys.modules if name in modules or "bad" in name}
        assert ["first"] == [module.name for module in core]

    def test_a_warning_that_is_an_error_leaves_nothing_behind(self, directory):
        (directory / "odd.py").write_text(
            "from sermod import *\n"
            "exports = ModuleExports('odd', [CmdExport('~odd', lambda msg: 1, 0, 0, REQUEST_ROUTE), CmdExport()])\n"
        )
        core, modules = Registry(path=[directory]), set(sys.modules)

        with pytest.raises(InterfaceWarning):
            core.load("odd")

        assert 0 == len(core)
        assert modules == set(sys.modules)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InterfaceWarning)
            assert "odd" == core.load("odd").name

    def test_a_missing_file(self, directory):
        core = Registry(path=[directory])

        with pytest.raises(ModuleFileNotFoundError, match=f"there is no module 'missing' in {directory}, ") as caught:
            core.load("missing")

        assert "missing" == caught.value.what
        assert 0 == len(core)

    def test_a_bare_name_with_two_dots(self, directory):
        core = Registry(path=[directory / "inner"])
        write_module(directory / "outer.py", "outer")

        with pytest.raises(LoadError, match=r"the bare name '\.\.outer' contains '\.\.', which is not allowed"):
            core.load("..outer")

        assert 0 == len(core)

    def test_permissions_are_checked_where_that_is_asked_for(self, directory):
        file = write_module(directory / "open.py", "open")
        file.chmod(0o666)
        core = Registry(path=[directory])

        with pytest.raises(InsecurePathError, match=f"chmod go-w {file}"):
            core.load("open", check_permissions=True)

        assert 0 == len(core)
        assert "open" == core.load("open").name


class TestFileNamesInSetParam:
    """An error for the name of the file says the module's name."""

    @pytest.mark.parametrize(
        ("file", "what", "asked"),
        [
            ("print.py", "print", "print"),
            ("print.py", "{}/print.py", "print"),
            ("print.py", "{}/print.py", "{}/print.py"),
            ("print/__init__.py", "print", "print"),
            ("print/__init__.py", "{}/print/__init__.py", "print"),
            ("print/__init__.py", "{}/print", "print"),
        ],
        ids=["bare", "path", "whole-path", "package", "its-init", "its-directory"],
    )
    def test_the_answer_has_the_modules_name(self, directory, file, what, asked):
        write_module(directory / file, "stdout_writer")
        core = Registry(path=[directory])
        core.load(what.format(directory))
        asked = asked.format(directory)
        before = contents(core)

        with pytest.raises(UnknownModuleError) as caught:
            core.set_param(asked, "level", 1)

        error = caught.value
        assert (
            f"no loaded module is named {asked!r}: the module that was loaded as {asked!r} has another name; "
            "did you mean 'stdout_writer'? There is: stdout_writer"
        ) == str(error)
        assert (asked, "stdout_writer", ("stdout_writer",)) == (error.asked, error.nearest, error.available)
        assert before == contents(core)

    def test_the_last_part_of_a_dotted_name_is_a_name_of_the_file(self, directory, monkeypatch):
        write_module(directory / "sermod_test_package" / "print.py", "stdout_writer")
        monkeypatch.syspath_prepend(directory)
        core = Registry()
        try:
            core.load("sermod_test_package.print")
        finally:
            for name in ("sermod_test_package.print", "sermod_test_package"):
                sys.modules.pop(name, None)

        for asked in ("sermod_test_package.print", "print"):
            with pytest.raises(UnknownModuleError, match="did you mean 'stdout_writer'"):
                core.set_param(asked, "level", 1)
        with pytest.raises(UnknownModuleError, match="no loaded module is named 'sermod_test_package'"):
            core.set_param("sermod_test_package", "level", 1)

    def test_a_module_of_that_name_is_the_one_that_is_meant(self, directory):
        write_module(directory / "print.py", "stdout_writer")
        core = Registry(path=[directory])
        core.load("print")
        write_module(directory / "other.py", "print", "other")
        core.load("other")

        core.set_param("print", "level", 4)

        assert 4 == core.find_param("print", "level", INT_PARAM).param_pointer.load()
        assert 0 == core.find_param("stdout_writer", "level", INT_PARAM).param_pointer.load()
