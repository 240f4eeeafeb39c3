"""The page about how sermod is built names what is there, and its picture is the ladder that the package states."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sermod"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = ET.fromstring((ROOT / "docs" / "ladder.svg").read_text(encoding="utf-8"))  # noqa: S314 - it is our own
SVG = "{http://www.w3.org/2000/svg}"

ENTRIES = sorted(
    f"{entry.name}/" if entry.is_dir() else entry.name for entry in PACKAGE.iterdir() if entry.name != "__pycache__"
)
"""What stands at the top of ``sermod/``."""


def sections():
    """Return the text below each heading of the third level."""
    _, *parts = re.split(r"^### ", PAGE, flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


FOLDERS = {name: text for heading, text in sections().items() for name in re.findall(r"`([^`]+)`", heading)}
"""The paragraph about each entry."""

NAMED = sorted({*re.findall(r"`([^`\s]+)`", PAGE)})
"""Whatever the page shows as code, other than more than one word."""
FILES = [name for name in NAMED if name.endswith((".py", ".h", ".md", ".typed", "/")) and "NAME" not in name]
IDENTIFIERS = [
    name for name in NAMED if re.fullmatch(r"@?(?!sermod\b)[A-Za-z_][\w.]*(\(.*\))?", name) and name not in FILES
]


def exists(name):
    """Tell whether there is a file of that path, from any folder that the page may mean."""
    folders = [ROOT, PACKAGE, *(PACKAGE / entry for entry in ENTRIES if entry.endswith("/"))]
    return any((folder / name).exists() for folder in folders)


def test_each_entry_has_its_paragraph():
    """There is one for each file and folder at the top of the package, and for nothing else."""
    assert ENTRIES == sorted(FOLDERS)


def test_what_stands_in_a_folder_is_in_that_folder():
    for folder, text in FOLDERS.items():
        if folder.endswith("/"):
            for name in re.findall(r"`((?:\w+/)*\w+\.(?:py|h))`", text):
                assert (PACKAGE / folder / name).is_file(), f"{folder}: {name}"


@pytest.mark.parametrize("name", FILES)
def test_each_file_exists(name):
    assert exists(name)


def test_each_name_is_in_the_source():
    sources = [file for folder in (PACKAGE, ROOT / "tests") for file in folder.rglob("*.py") if file != Path(__file__)]
    text = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    names = {name.lstrip("@").partition("(")[0].split(".")[-1] for name in IDENTIFIERS}

    assert {"RULES", "CHECKS", "in_child", "thread_warnings", "init_child"} <= names
    assert set() == {name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)}


def test_the_picture_is_the_ladder():
    """It has the floors of the package's docstring, and on each the same entries."""
    docstring = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
    _, _, table, _ = re.split(r"^=+  =+\n?", docstring, flags=re.MULTILINE)
    stated = {}
    for row in re.split(r"^(?=\d)", table, flags=re.MULTILINE)[1:]:
        names = [name for part in row.split(";") for name in re.findall(r"``([\w/]+)``", part.partition(":")[0])]
        stated[row[0]] = sorted(name.strip("/") for name in names)
    shown = {
        floor.get("data-floor"): sorted(
            text.text.strip("/").removesuffix(".py")
            for text in floor.iter(f"{SVG}text")
            if "name" in text.get("class").split()
        )
        for floor in PICTURE.iter(f"{SVG}g")
        if floor.get("class") == "floor"
    }

    assert stated == shown


def test_the_picture_shows_what_users_import():
    """What has an underscore is the engine; its box is not that of a public path."""
    names = [text for text in PICTURE.iter(f"{SVG}text") if "name" in text.get("class").split()]
    public = {text.text for text in names if "public" in text.get("class").split()}

    assert {*ENTRIES} - {"py.typed"} == {text.text for text in names}
    assert {text.text for text in names if not text.text.startswith("_")} | {"__init__.py"} == public
