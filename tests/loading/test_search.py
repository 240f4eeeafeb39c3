"""Loading by a bare name: where it is looked for, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import write, write_distribution

from sermod import LoadError, ModuleFileNotFoundError, Registry, load


class TestDirectories:
    """Each directory of the path, in this order."""

    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_file(self, modules, kind):
        write(modules / "foobar.py")

        assert "foobar" == load("foobar", [kind(modules)]).name

    def test_a_package(self, modules):
        write(modules / "foobar" / "__init__.py", name="foobar")

        assert "foobar" == load("foobar", [modules]).name

    def test_a_registry_has_a_path(self, modules):
        write(modules / "foobar.py")
        core = Registry(path=[modules])

        assert str(modules / "foobar.py") == core.load("foobar").origin

    def test_the_first_directory_wins(self, tmp_path):
        for directory in "abc":
            write(tmp_path / directory / "foobar.py", name=directory)

        assert ["a", "c", "b"] == [
            load("foobar", [tmp_path / directory for directory in order]).name for order in ("abc", "cab", "bca")
        ]

    def test_a_directory_that_is_not_there_is_passed_by(self, modules, tmp_path):
        """So is one that is a file."""
        file = write(modules / "foobar.py")

        assert "foobar" == load("foobar", [tmp_path / "nowhere", file, modules]).name

    def test_a_directory_of_the_name_without_a_package_is_passed_by(self, modules, tmp_path):
        (modules / "foobar").mkdir()
        (modules / "foobar.py").mkdir()
        write(tmp_path / "other" / "foobar.py")

        assert "foobar" == load("foobar", [modules, tmp_path / "other"]).name

    def test_the_working_directory_is_none_of_them(self, modules, monkeypatch):
        write(modules / "foobar_of_mine.py")
        monkeypatch.chdir(modules)

        with pytest.raises(ModuleFileNotFoundError):
            load("foobar_of_mine")

    def test_a_name_with_dots_is_a_file_as_well(self, modules):
        write(modules / "foo.bar.py", name="m")

        assert "m" == load("foo.bar", [modules]).name

    @pytest.mark.parametrize("path", ["modules", Path("modules")])
    def test_one_directory_that_is_no_list(self, path):
        """The letters of its name would be searched otherwise."""
        with pytest.raises(TypeError, match=r"must be a list of directories \(got .*modules.*\); write \["):
            load("foobar", path)
        with pytest.raises(TypeError, match=r"write path=\["):
            Registry(path)


PLACES = ["file", "package", "compiled", "entry point", "dotted name"]


class TestOrder:
    """``name.py``, ``name/__init__.py``, ``name.so``, the entry points, an importable dotted name."""

    @pytest.mark.parametrize("first", range(len(PLACES)), ids=PLACES)
    def test_what_comes_first_wins(self, modules, site, first):
        """All places that come later have it as well."""
        there = PLACES[first:]
        if "file" in there:
            write(modules / "foobar.py", name="file")
        if "package" in there:
            write(modules / "foobar" / "__init__.py", name="package")
        if "compiled" in there:
            (modules / "foobar.so").write_bytes(b"\x7fELF")
        if "entry point" in there:
            write(site / "offered.py", name="entry point")
            write_distribution(site, foobar="offered")
        write(site / "foobar.py", name="dotted name")

        if PLACES[first] == "compiled":
            with pytest.raises(LoadError, match=r"compiled module .*/modules/foobar\.so"):
                load("foobar", [modules])
        else:
            assert PLACES[first] == load("foobar", [modules]).name


class TestNotFound:
    """An error for a name that is not found says each place where it was looked for."""

    def test_message(self, modules, tmp_path):
        with pytest.raises(ModuleFileNotFoundError) as raised:
            load("nowhere_at_all", [modules, tmp_path])

        message = str(raised.value)
        assert message.startswith(f"there is no module 'nowhere_at_all' in {modules}, {tmp_path}, in the entry points")
        assert message.endswith("give its path, or add its directory to Registry(path=[...])")
        assert ("nowhere_at_all", None) == (raised.value.what, raised.value.origin)

    def test_without_a_path(self):
        with pytest.raises(
            ModuleFileNotFoundError, match=r"in the search path \(which is empty\), in the entry points"
        ):
            load("nowhere_at_all")

    @pytest.mark.parametrize("what", ["foo bar", "foo-bar", ".foo", "foo.", ".", "sys.foo", "~", "42"])
    def test_names_of_every_kind(self, what):
        with pytest.raises(ModuleFileNotFoundError, match="there is no module"):
            load(what)

    @pytest.mark.parametrize("what", ["..", "foo..bar", "..foo", "foo.."])
    def test_two_dots_are_refused(self, modules, what):
        """No bare name leaves the directories of the path, whatever they hold."""
        write(modules / f"{what}.py", name="m")

        with pytest.raises(LoadError, match=r"contains '\.\.', which is not allowed; give a path") as raised:
            load(what, [modules])

        assert what == raised.value.what

    def test_a_link_to_itself(self, modules):
        """A place that cannot be searched is an error, and not skipped."""
        (modules / "foobar.py").symlink_to(modules / "foobar.py")

        with pytest.raises(LoadError, match=r"'foobar' cannot be searched for at .* give a path that can be read"):
            load("foobar", [modules])

    def test_a_name_that_no_file_can_have(self, modules):
        with pytest.raises(LoadError, match="File name too long"):
            load("a" * 300, [modules])
