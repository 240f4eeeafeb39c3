"""``check_permissions``: only its owner may replace a file that is loaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sources import write, write_distribution

from sermod import InsecurePathError, LoadError, Registry, load

if os.name != "posix":
    pytest.skip("permission bits are those of POSIX", allow_module_level=True)

SOMEBODY = 54321
"""A user who owns nothing."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def file(modules):
    """Return the file of a module, in directories that no other user may write to."""
    modules.chmod(0o755)
    file = write(modules / "foobar.py")
    file.chmod(0o644)
    return file


def refusal(what, path=()):
    """Return the refusal of something whose execution would end the program."""
    with pytest.raises(InsecurePathError) as raised:
        load(what, path, check_permissions=True)
    return raised.value


class TestFile:
    """The file itself."""

    @pytest.mark.parametrize("mode", [0o644, 0o444, 0o600, 0o755])
    def test_its_owners_alone(self, file, mode):
        file.chmod(mode)

        assert "foobar" == load(file, check_permissions=True).name

    @pytest.mark.parametrize("mode", [0o666, 0o664, 0o646, 0o620, 0o602])
    def test_others_may_write_to_it(self, file, mode):
        file.chmod(mode)

        error = refusal(file)

        assert f"users other than the owner of {file}, which has the permissions -r" in str(error)
        assert f"may replace {file}; run chmod go-w {file}" in str(error)
        assert (str(file), str(file)) == (error.what, error.origin)

    def test_nothing_is_executed(self, file):
        file.write_text("raise SystemExit", encoding="utf-8")
        file.chmod(0o666)

        assert isinstance(refusal(file), LoadError)

    def test_without_the_check_it_is_loaded(self, file):
        file.chmod(0o666)

        assert "foobar" == load(file).name

    def test_a_registry_checks_as_well(self, file, modules):
        file.chmod(0o666)
        core = Registry([modules])

        with pytest.raises(InsecurePathError):
            core.load("foobar", check_permissions=True)
        assert 0 == len(core)
        assert "foobar" == core.load("foobar").name

    def test_however_it_was_found(self, site):
        """A bare name, an entry point and a dotted name lead to files, too."""
        write(site / "offered.py").chmod(0o666)
        write_distribution(site, foobar="offered")

        assert "offered" == load("offered").name
        for what in ("offered", "foobar"):
            assert str(site / "offered.py") == refusal(what).origin
        assert str(site / "offered.py") == refusal("offered", [site]).origin

    def test_a_module_without_a_file_is_not_checked(self):
        with pytest.raises(LoadError, match="has no variable 'exports'"):
            load("sys", check_permissions=True)


class TestDirectories:
    """Every directory above it: a user who may write there may replace the file."""

    @pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
    @pytest.mark.parametrize("levels", [0, 1, 2])
    def test_one_that_others_may_write_to(self, tmp_path, levels, mode):
        file = write(tmp_path / "a" / "b" / "c" / "foobar.py")
        directory = file.parents[levels]
        directory.chmod(mode)

        error = refusal(file)

        assert f"users other than the owner of {directory}, which has the permissions d" in str(error)
        assert str(file) == error.origin

    @pytest.mark.parametrize("mode", [0o1777, 0o1775])
    def test_one_with_the_sticky_bit(self, tmp_path, mode):
        """In a directory such as /tmp, users may only replace their own files."""
        file = write(tmp_path / "shared" / "foobar.py")
        file.chmod(0o644)
        file.parent.chmod(mode)

        assert "foobar" == load(file, check_permissions=True).name

    def test_the_sticky_bit_does_not_save_the_file(self, file):
        file.chmod(0o1666)

        assert str(file) in str(refusal(file))

    def test_a_package(self, modules):
        write(modules / "foobar" / "__init__.py", name="foobar")
        modules.chmod(0o755)
        (modules / "foobar").chmod(0o777)

        assert f"the owner of {modules / 'foobar'}, " in str(refusal("foobar", [modules]))

    def test_a_relative_path(self, file, modules, monkeypatch):
        """It is checked from the root on, and not from the working directory."""
        monkeypatch.chdir(modules)
        assert "foobar" == load("./foobar.py", check_permissions=True).name

        modules.chmod(0o777)

        assert f"the owner of {modules}, " in str(refusal("./foobar.py"))


class TestLinks:
    """Both sides of every symbolic link: where it stands, and where it leads."""

    @pytest.fixture
    def elsewhere(self, tmp_path):
        directory = tmp_path / "elsewhere"
        directory.mkdir()
        return directory

    @pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
    def test_a_link_that_is_safe_on_both_sides(self, file, elsewhere, relative):
        link = elsewhere / "link.py"
        link.symlink_to(Path("..") / "modules" / "foobar.py" if relative else file)

        assert "foobar" == load(link, check_permissions=True).name

    def test_where_it_stands(self, file, elsewhere):
        (elsewhere / "link.py").symlink_to(file)
        elsewhere.chmod(0o777)

        error = refusal(elsewhere / "link.py")

        assert f"the owner of {elsewhere}, " in str(error)
        assert str(file) == error.origin

    def test_where_it_leads(self, file, modules, elsewhere):
        (elsewhere / "link.py").symlink_to(file)
        modules.chmod(0o777)

        assert f"the owner of {modules}, " in str(refusal(elsewhere / "link.py"))

    def test_the_file_that_it_leads_to(self, file, elsewhere):
        (elsewhere / "link.py").symlink_to(file)
        file.chmod(0o666)

        assert f"the owner of {file}, " in str(refusal(elsewhere / "link.py"))

    def test_a_link_to_a_directory(self, file, modules, elsewhere):
        (elsewhere / "link").symlink_to(modules, target_is_directory=True)
        assert "foobar" == load(elsewhere / "link" / "foobar.py", check_permissions=True).name

        modules.chmod(0o777)

        assert f"the owner of {modules}, " in str(refusal(elsewhere / "link" / "foobar.py"))

    def test_a_link_to_a_link(self, file, elsewhere, tmp_path):
        middle = tmp_path / "middle"
        middle.mkdir()
        (middle / "link.py").symlink_to(file)
        (elsewhere / "link.py").symlink_to(middle / "link.py")
        middle.chmod(0o777)

        assert f"the owner of {middle}, " in str(refusal(elsewhere / "link.py"))

    def test_dots_in_a_link_are_taken_from_where_it_stands(self, tmp_path):
        """The way up from a linked directory is the way up from what it leads to."""
        decoy = write(tmp_path / "alias" / "open" / "foobar.py")
        real = write(tmp_path / "real" / "open" / "foobar.py")
        (tmp_path / "real" / "deep").mkdir()
        (tmp_path / "real" / "deep" / "link.py").symlink_to(Path("..") / "open" / "foobar.py")
        (tmp_path / "alias" / "deep").symlink_to(tmp_path / "real" / "deep", target_is_directory=True)
        real.parent.chmod(0o777)
        decoy.parent.chmod(0o755)

        error = refusal(tmp_path / "alias" / "deep" / "link.py")

        assert f"the owner of {real.parent}, " in str(error)
        assert str(real) == error.origin


class TestOwners:
    """The owner of a directory or a link on the way may replace the file, whatever the permissions say."""

    def test_a_directory_of_somebody_else(self, file, modules):
        if os.geteuid() == 0:
            os.chown(modules, SOMEBODY, -1)
            somebody, found = SOMEBODY, file
        else:  # Only root may give a directory away; but every user may link to a file of root's.
            (modules / "link.py").symlink_to(os.path.realpath("/bin/sh"))
            somebody, found = os.geteuid(), modules / "link.py"

        error = refusal(found)

        assert f"is not loaded: user {somebody}, who owns /" in str(error)
        assert str(error).endswith(f", may replace {error.origin}; make user 0 its owner")

    @needs_root
    def test_a_link_of_somebody_else(self, file, modules):
        """In a directory with the sticky bit, its owner may let it lead elsewhere."""
        link = modules / "link.py"
        link.symlink_to(file)
        os.chown(link, SOMEBODY, -1, follow_symlinks=False)

        assert f"user {SOMEBODY}, who owns {link}, may replace {file}" in str(refusal(link))

    @needs_root
    def test_root_executes_no_file_of_another_user(self, file):
        """Whoever owns the file could change it after a look at it."""
        os.chown(file, SOMEBODY, -1)

        assert f"user {SOMEBODY}, who owns {file}, may replace {file}; make user 0 its owner" in str(refusal(file))
