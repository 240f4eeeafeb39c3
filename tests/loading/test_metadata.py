"""Distributions whose metadata cannot be read, beside one that offers a module."""

from __future__ import annotations

import importlib.metadata

import pytest
from sources import write, write_distribution, write_lines

from sermod import LoadError, ModuleFileNotFoundError, load

MALFORMED = {
    "a line without a value": b"[console_scripts]\nbroken\n",
    "such a line in our group": b"[sermod.modules]\nbroken\n",
    "not UTF-8": b"[console_scripts]\nfoo = caf\xe9\n",
    "a value that is no reference": b"[console_scripts]\nfoo = no module!\n",
    "an empty value": b"[sermod.modules]\nfoo =\n",
    "no section": b"foo = bar\n",
    "NUL": b"\0\0\0",
    "empty": b"",
}


def write_malformed(site, content, name="AA-Broken.dist"):
    """Write the metadata of a distribution that comes first in the directory."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_bytes(content)
    return info


@pytest.fixture
def _offered(site):
    write(site / "offered.py")
    write_distribution(site, foobar="offered")


@pytest.fixture(params=["as it is", "a later Python"])
def _python(request, monkeypatch):
    """Have the entry points refused as a whole as well, as Pythons do that check each of them at once."""
    if request.param == "a later Python":
        monkeypatch.setattr(importlib.metadata, "entry_points", fail)
        monkeypatch.setattr("sermod._core.entry_points.entry_points", fail)


def fail(**_):
    raise ValueError("Invalid object reference")


@pytest.mark.usefixtures("_python")
class TestOtherNames:
    """What others have written does not disturb the load of a name."""

    @pytest.mark.usefixtures("_offered")
    @pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
    def test_an_entry_point(self, site, content):
        write_malformed(site, content)

        assert "offered" == load("foobar").name

    @pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
    def test_a_dotted_name(self, site, content):
        write_malformed(site, content)
        write(site / "toplevel.py")

        assert "toplevel" == load("toplevel").name

    def test_the_good_lines_of_a_malformed_file(self, site):
        write(site / "offered.py")
        write_malformed(site, b"[other]\nx\n[sermod.modules]\n# comment\nbroken\n\nfoobar = offered:exports\n[more]\n")

        assert "offered" == load("foobar").name

    @pytest.mark.usefixtures("_offered")
    def test_metadata_that_is_not_there(self, site):
        info = write_malformed(site, b"\xff", "second")
        (info / "METADATA").unlink()
        (site / "third-1.0.dist-info").mkdir()
        (site / "fourth-1.0.dist-info").mkdir()
        (site / "fourth-1.0.dist-info" / "METADATA").write_bytes(b"Name: caf\xe9\n")

        assert "offered" == load("foobar").name


@pytest.mark.usefixtures("_python")
class TestTheSame:
    """The distributions are read one by one as they are read together."""

    def test_the_first_of_two_of_the_same_name_counts(self, site, tmp_path, monkeypatch):
        write(site / "new.py")
        write(site / "old.py")
        hidden = tmp_path / "hidden"
        write_malformed(site, b"[sermod.modules]\nfoobar = new\n")
        write_lines(hidden / "x", "")
        write_malformed(hidden, b"[sermod.modules]\nfoobar = old\nbroken\n", "aa_broken-DIST")
        monkeypatch.setattr("sys.path", [*__import__("sys").path, str(hidden)])

        assert "new" == load("foobar").name

    def test_two_that_differ(self, site):
        write_malformed(site, b"\xff")
        write_distribution(site, foobar="one")
        write_distribution(site, foobar="two:exports")

        with pytest.raises(LoadError, match=r"several entry points .* are named 'foobar': one, two:exports;"):
            load("foobar")


class TestNotFound:
    """If the name is not found, the error names the distributions that cannot be read."""

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"[sermod.modules]\nnowhere_at_all\n", "the line 'nowhere_at_all' of entry_points.txt has no '='"),
            (b"\xff\xfe", "UnicodeDecodeError: 'utf-8' codec can't decode"),
        ],
        ids=["malformed", "not UTF-8"],
    )
    def test_message(self, site, content, reason):
        info = write_malformed(site, content)

        with pytest.raises(ModuleFileNotFoundError) as raised:
            load("nowhere_at_all")

        assert f"These distributions cannot be read; reinstall them: {info} ({reason}" in str(raised.value)
        assert str(raised.value).endswith("Give its path, or add its directory to Registry(path=[...])")
