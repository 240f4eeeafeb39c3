"""``check_permissions``: only root and the user of the process may replace a file that is loaded."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from sources import write, write_distribution, write_lines

from sermod import InsecurePathError, LoadError, Registry, load

if os.name != "posix":
    pytest.skip("permission bits are those of POSIX", allow_module_level=True)

SOMEBODY = 54321
"""A user who owns nothing."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture(autouse=True)
def _umask():
    """Create files and directories that only their owner may write to, whatever the umask of the tests is."""
    before = os.umask(0o022)
    yield
    os.umask(before)


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

    def test_a_compiled_module_before_it_is_opened(self, modules):
        file = modules / "foobar.so"
        file.write_bytes(b"\x7fELF")
        modules.chmod(0o755)
        file.chmod(0o666)

        assert f"may replace {file}; run chmod go-w {file}" in str(refusal("foobar", [modules]))

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

    @needs_root
    @pytest.mark.parametrize(("owner", "ok"), [(0, True), (SOMEBODY, True), (SOMEBODY + 1, False)])
    def test_the_effective_user_of_the_process(self, open_to_all, owner, ok):
        """A process that has given up its rights executes root's files and its own."""
        file = write(open_to_all / "foobar.py")
        file.chmod(0o644)
        os.chown(file, owner, -1)
        error = run_as(SOMEBODY, f"sermod.load({str(file)!r}, check_permissions=True)")

        refused = f"user {owner}, who owns {file}, may replace {file}; make user {SOMEBODY} its owner"
        assert ("" if ok else f"InsecurePathError: {str(file)!r} is not loaded: {refused}") == error

    @needs_root
    def test_permissions_that_cannot_be_read(self, open_to_all):
        """Such as those of cached bytecode in a directory that the user may not enter."""
        file = write(open_to_all / "toplevel.py")
        file.chmod(0o644)
        (open_to_all / "hidden").mkdir(mode=0o700)
        prefix = f"sys.pycache_prefix = {str(open_to_all / 'hidden' / 'deep')!r}"

        statement = (
            f"sys.path.insert(0, {str(open_to_all)!r}); {prefix}; sermod.load('toplevel', check_permissions=True)"
        )
        error = run_as(SOMEBODY, statement)

        assert error.startswith(
            f"LoadError: 'toplevel' is not loaded: the permissions on the way to {file} cannot be re"
        )


@pytest.fixture
def open_to_all():
    """Return a directory that all users may read: those of pytest are for one user only."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def run_as(user, statement):
    """Run a statement in a process of a user; return the kind and the text of its error, or nothing."""
    program = f"""
import os, sys, sermod, sermod._core.load_failures, sermod._core.permissions
from sermod import *  # what the user may not be allowed to read afterwards
os.seteuid({user})
try:
    {statement}
except sermod.SermodError as error:
    print(f"{{type(error).__name__}}: {{error}}", end="")
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return done.stdout


@pytest.fixture
def package(site):
    """Return an importable package, which no other user may write to, with a module in it."""
    write_lines(site / "package" / "__init__.py", "import sys; sys.sermod_ran.append('package')")
    write_lines(site / "package" / "deep" / "__init__.py", "import sys; sys.sermod_ran.append('package.deep')")
    write(site / "package" / "deep" / "below.py", "import sys; sys.sermod_ran.append('package.deep.below')", name="m")
    for path in (site, *site.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return site / "package"


@pytest.fixture
def ran(monkeypatch):
    """Return the list to which modules add their names when they run."""
    names = []
    monkeypatch.setattr(sys, "sermod_ran", names, raising=False)
    return names


@pytest.mark.parametrize("what", ["package.deep.below", "by_entry_point"])
class TestPackagesAbove:
    """Each package above a dotted name is checked before it runs."""

    @pytest.fixture(autouse=True)
    def _offered(self, site, package):
        write_distribution(site, by_entry_point="package.deep.below:exports")

    def test_all_are_safe(self, what, ran):
        assert "m" == load(what, check_permissions=True).name
        assert ["package", "package.deep", "package.deep.below"] == ran

    @pytest.mark.parametrize(
        ("insecure", "before"),
        [
            (".", []),
            ("__init__.py", []),
            ("deep", ["package"]),
            ("deep/__init__.py", ["package"]),
            ("deep/below.py", ["package", "package.deep"]),
        ],
    )
    def test_one_is_not(self, what, package, ran, insecure, before):
        path = package / insecure
        path.chmod(0o777)

        error = refusal(what)

        assert f"'{what}' is not loaded: users other than the owner of {path}, which has" in str(error)
        assert before == ran

    @needs_root
    def test_the_owner_of_one(self, what, package, ran):
        os.chown(package / "__init__.py", SOMEBODY, -1)

        assert f"user {SOMEBODY}, who owns {package / '__init__.py'}, may replace" in str(refusal(what))
        assert [] == ran

    def test_a_namespace_has_no_code(self, what, package, ran):
        (package / "__init__.py").unlink()

        assert "m" == load(what, check_permissions=True).name
        assert ["package.deep", "package.deep.below"] == ran


class TestWithoutSpecification:
    def test_a_package_that_was_made_in_memory(self, site, monkeypatch):
        """There is no file to check; what is in it is checked."""
        write(site / "inside.py", name="m").chmod(0o644)
        made = type(sys)("made_package")
        made.__path__ = [str(site)]
        monkeypatch.setitem(sys.modules, "made_package", made)
        site.chmod(0o755)
        assert "m" == load("made_package.inside", check_permissions=True).name

        (site / "inside.py").chmod(0o666)

        assert str(site / "inside.py") == refusal("made_package.inside").origin

    def test_a_module_in_a_zip_archive(self, tmp_path, monkeypatch):
        """The archive is the file that others may not replace."""
        archive = tmp_path / "site.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("zipped.py", "from sermod import *\nexports = ModuleExports('zipped')\n")
        archive.chmod(0o644)
        monkeypatch.syspath_prepend(archive)
        assert "zipped" == load("zipped", check_permissions=True).name
        del sys.modules["zipped"]

        archive.chmod(0o666)

        assert f"users other than the owner of {archive}, " in str(refusal("zipped"))
        assert "zipped" not in sys.modules


class TestBytecode:
    """Python executes cached bytecode instead of a file: it is checked as well, or not used."""

    @pytest.fixture
    def module(self, site):
        site.chmod(0o755)
        file = write(site / "toplevel.py")
        file.chmod(0o644)
        return file

    def plant(self, file, mode=0o644):
        """Have somebody put bytecode into a directory that all may write to; return its file."""
        evil = write_lines(file.with_name("evil.txt"), "import sys; sys.sermod_ran.append('evil')")
        cached = Path(cache_from_source(str(file)))
        cached.parent.mkdir(exist_ok=True)
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(evil), cfile=str(cached), doraise=True, invalidation_mode=unchecked)
        cached.chmod(mode)
        cached.parent.chmod(0o755)
        return cached

    @pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
    @pytest.mark.parametrize("planted", [True, False])
    def test_the_directory(self, module, ran, mode, planted):
        """Also an empty one, and one with the sticky bit: another user could still add a file."""
        cached = self.plant(module)
        if not planted:
            cached.unlink()
        cached.parent.chmod(mode)

        error = refusal("toplevel")

        assert f"the owner of {cached.parent}, which has the permissions d" in str(error)
        assert f", may replace {cached}, which Python executes instead; " in str(error)
        assert str(module) == error.origin
        assert [] == ran

    def test_the_file(self, module, ran):
        cached = self.plant(module, 0o666)

        assert f"the owner of {cached}, which has the permissions -rw-rw-rw-" in str(refusal("toplevel"))
        assert [] == ran

    @needs_root
    def test_the_owner_of_the_file(self, module, ran):
        cached = self.plant(module)
        os.chown(cached, SOMEBODY, -1)

        assert f"user {SOMEBODY}, who owns {cached}, may replace {cached}" in str(refusal("toplevel"))
        assert [] == ran

    def test_bytecode_that_no_other_user_may_write(self, module, ran):
        """It runs: that is what Python does with it."""
        self.plant(module)

        with pytest.raises(LoadError, match="has no variable 'exports'"):
            load("toplevel", check_permissions=True)
        assert ["evil"] == ran

    def test_a_directory_that_is_missing_where_another_user_may_make_it(self, module):
        module.parent.chmod(0o1777)

        error = refusal("toplevel")

        assert f"the owner of {module.parent}, which has the permissions drwxrwxrwt, may replace" in str(error)
        assert "move the module to a directory that only its owner may write to" in str(error)

    @pytest.mark.parametrize("mode", [0o755, 0o777])
    def test_a_prefix_for_all_bytecode(self, module, tmp_path, monkeypatch, mode):
        (tmp_path / "prefix").mkdir()
        (tmp_path / "prefix").chmod(mode)
        monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "prefix"))

        if mode == 0o755:
            assert "toplevel" == load("toplevel", check_permissions=True).name
        else:
            assert f"the owner of {tmp_path / 'prefix'}, " in str(refusal("toplevel"))

    def test_a_prefix_that_is_a_link_to_itself(self, module, tmp_path, monkeypatch):
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "loop"))

        message = rf"'toplevel' is not loaded: the permissions on the way to {module} cannot be read \(.*Too many"
        with pytest.raises(LoadError, match=message):
            load("toplevel", check_permissions=True)

    def test_a_package_above(self, package, ran):
        self.plant(package / "__init__.py").parent.chmod(0o777)

        assert f"the owner of {package / '__pycache__'}, " in str(refusal("package.deep.below"))
        assert [] == ran

    def test_the_submodules_of_a_package_by_path(self, package, ran):
        """They are imported, so their bytecode is used, though that of the package itself is not."""
        write(package / "__init__.py", "from . import sub", name="m").chmod(0o644)
        write_lines(package / "sub.py").chmod(0o644)
        self.plant(package / "sub.py").parent.chmod(0o777)

        assert f"the owner of {package / '__pycache__'}, " in str(refusal(package))
        assert f"the owner of {package / '__pycache__'}, " in str(refusal("package", [package.parent]))
        assert [] == ran

    def test_that_of_a_single_file_is_not_used(self, module, ran):
        self.plant(module).parent.chmod(0o777)

        assert "toplevel" == load(module, check_permissions=True).name
        assert [] == ran
