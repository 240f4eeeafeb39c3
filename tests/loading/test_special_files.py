"""What is no regular file, shared objects with a version, and places that cannot be searched."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest
from compiling import SOURCES, compile_module
from sources import write, write_lines

import sermod.native
from sermod import LoadError, ModuleFileNotFoundError, Registry, SermodError, UnknownModuleError, load
from sermod._core.source import is_compiled

if os.name != "posix":
    pytest.skip("these kinds of file are those of POSIX", allow_module_level=True)


@pytest.fixture(params=["FIFO", "socket", "character device", "directory"])
def special(request, modules):
    """Return a file of each kind, called ``foobar.py``, and what it is."""
    file = modules / "foobar.py"
    match request.param:
        case "FIFO":
            os.mkfifo(file)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(os.path.relpath(file))
        case "character device":
            file.symlink_to("/dev/zero")
        case "directory":
            write_lines(file / "nothing.txt")
    return file, request.param


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Return a compiled module."""
    return compile_module(SOURCES / "foobar.c", tmp_path_factory.mktemp("compiled"))


class TestKinds:
    """An error says what it is."""

    def test_by_path(self, special):
        file, kind = special
        if kind == "directory":
            kind = "directory without an __init__.py"

        with pytest.raises(
            ModuleFileNotFoundError, match=rf"the module file '.*foobar\.py' is a {kind}; give the path"
        ):
            load(file)

    def test_by_name(self, special):
        """It is passed over, and mentioned when nothing else is found."""
        file, kind = special

        with pytest.raises(ModuleFileNotFoundError, match=rf"{file} is a {kind}\. Give its path"):
            load("foobar", [file.parent])

    def test_native(self, special):
        """It is not opened: that could wait, or never end."""
        file, kind = special

        with pytest.raises(LoadError, match=rf"the compiled module '.*' is a {kind}; give the path of a shared object"):
            sermod.native.load(file)

    def test_the_core_of_a_compiled_module(self, special, compiled):
        file, _ = special

        with pytest.raises(
            LoadError, match=r"the library '.*', whose symbols .* needs, is no regular file; give core="
        ):
            sermod.native.load(compiled, core=file)

    def test_as_the_file_of_a_package(self, modules):
        (modules / "foobar").mkdir()
        os.mkfifo(modules / "foobar" / "__init__.py")

        with pytest.raises(ModuleFileNotFoundError, match=r"'.*foobar' has a FIFO as its __init__\.py; give"):
            load(modules / "foobar")


class TestSharedObjects:
    """``libfoo.so.6`` is a shared object, and a path."""

    @pytest.mark.parametrize("name", ["libfoo.so", "libfoo.so.6", "libfoo.so.1.2.3", "foo.cpython-311-x86_64.so"])
    @pytest.mark.parametrize("bare", [True, False])
    def test_by_its_name(self, modules, monkeypatch, name, bare):
        monkeypatch.chdir(modules)
        (modules / name).write_bytes(b"not one")

        with pytest.raises(LoadError, match=rf"the compiled module '.*{name}'"):
            load(name if bare else modules / name)

    @pytest.mark.parametrize("name", ["libfoobar.so.6", "plugin"])
    def test_one_that_works(self, modules, compiled, name):
        file = modules / name
        shutil.copyfile(compiled, file)
        core = Registry()

        module = core.load(file)

        assert (str(file), True) == (module.origin, core.find_export("foo_req", 2) is not None)
        with pytest.raises(UnknownModuleError, match=r"the module that was loaded as '(libfoobar|plugin)' has another"):
            core.set_param(name.partition(".")[0], "foo_baz", 5)

    @pytest.mark.parametrize("name", ["plugin", "plugin.so.bak", "plugin.dat"])
    def test_by_its_content(self, modules, name):
        (modules / name).write_bytes(b"\x7fELF, and nothing more")

        with pytest.raises(LoadError, match=r"the compiled module '.*plugin"):
            load(modules / name)

    @pytest.mark.parametrize("name", ["plugin", "plugin.so.bak", "plugin.so.1.", "plugin.song", "plugin.sox.1"])
    def test_a_file_that_is_none(self, modules, name):
        """A file of any other name that contains Python is Python."""
        assert "m" == load(write(modules / name, name="m")).name

    def test_a_py_file_is_python_whatever_it_contains(self, modules):
        (modules / "foobar.py").write_bytes(b"\x7fELF")

        with pytest.raises(LoadError, match="cannot be loaded: SyntaxError"):
            load(modules / "foobar.py")

    @pytest.mark.parametrize("name", ["libfoo.so.6", "libfoo.so"])
    def test_one_that_is_not_there(self, name):
        with pytest.raises(ModuleFileNotFoundError, match=f"the module file '{name}' does not exist"):
            load(name)

    def test_one_that_cannot_be_opened(self, modules):
        """The attempt to execute it reports why."""
        assert not is_compiled(str(modules / "nowhere"))


class TestPath:
    """A directory in ``path=`` that cannot be one is a ``SermodError`` with the remedy."""

    @pytest.mark.parametrize(
        ("directory", "message"),
        [
            (b"modules", r"each directory in path= must be a str or a path of str \(got b'modules'\); write 'modules'"),
            ("a\0b", r"the directory 'a\\x00b' in path= contains a NUL; take it out"),
            ("\ud800", r"cannot be searched for at .*\(.*surrogates not allowed\); give a path that can be read"),
        ],
        ids=["bytes", "NUL", "surrogate"],
    )
    def test_message(self, directory, message):
        for fail in (lambda: load("foobar", [directory]), lambda: Registry([directory]).load("foobar")):
            with pytest.raises(LoadError, match=message) as raised:
                fail()
            assert "foobar" == raised.value.what

    def test_what_is_no_path_at_all(self):
        with pytest.raises(LoadError, match=r"must be a str or a path of str \(got 5\); give the directory's path"):
            load("foobar", [5])

    def test_a_path_that_no_file_can_have(self):
        with pytest.raises(LoadError, match="surrogates not allowed"):
            load("./\ud800.py")


class TestDeletedWorkingDirectory:
    """Without a working directory, a relative path is an error with the remedy; all else works."""

    @pytest.mark.parametrize(
        "call",
        [
            "sermod.load('./foobar.py')",
            "sermod.load('foobar', ['modules'])",
            "sermod.Registry(['.']).load('foobar')",
            "sermod.load('libfoo.so')",
            "sermod.load('foobar.py', check_permissions=True)",
        ],
    )
    def test_relative(self, tmp_path, call):
        error = run_without_directory(tmp_path, call)

        assert "LoadError" in error
        assert "a relative path is looked up from the working directory, which cannot be found (No such file" in error
        assert "give an absolute path, or change to a directory that exists" in error

    @pytest.mark.parametrize("permissions", [True, False])
    def test_absolute(self, modules, tmp_path, permissions):
        modules.chmod(0o755)
        file = write(modules / "foobar.py")
        file.chmod(0o644)

        for call in (f"{str(file)!r}", f"'foobar', [{str(modules)!r}]"):
            assert "" == run_without_directory(tmp_path, f"sermod.load({call}, check_permissions={permissions})")

    def test_a_name_that_is_nowhere(self, tmp_path):
        assert "there is no module 'nowhere_at_all'" in run_without_directory(tmp_path, "sermod.load('nowhere_at_all')")


def run_without_directory(tmp_path, call):
    """Run a call in a process whose working directory is removed; return the text of its error, or nothing."""
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"""
import os, sermod
os.chdir({str(gone)!r})
os.rmdir({str(gone)!r})
try:
    {call}
except sermod.SermodError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_every_error_of_a_place_is_of_sermod(modules):
    """A caller needs one except clause."""
    for what in ("./\ud800", "\ud800.py", "a" * 5000 + ".py", "./x\0.py"):
        with pytest.raises(SermodError):
            load(what, [modules])
