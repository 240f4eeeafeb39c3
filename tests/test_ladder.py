"""A file imports only from floors below its own, as ``sermod/__init__.py`` states them; there are no circles."""

from __future__ import annotations

import ast
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "sermod"
FACE = ROOT / "__init__.py"
"""It hands names on, and stands on no floor."""


def tree_of(file):
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def read_ladder():
    """Read the table of the package's docstring: on which floor each file stands."""
    _, _, rows, _ = re.split(r"^=+  =+\n?", ast.get_docstring(tree_of(FACE)), flags=re.MULTILINE)
    return [*steps_in(rows)]


def steps_in(rows):
    """Yield each file of the table with its floor.

    A row is a floor, and the names of files in front of a colon, each with what it is for; it may go on in more lines.
    """
    for row in re.split(r"^(?=\d)", rows, flags=re.MULTILINE)[1:]:
        floor, _, files = row.partition(" ")
        for part in files.split(";"):
            for name in re.findall(r"``([\w/]+)``", part.partition(":")[0]):
                yield name.strip("/"), int(floor)


def read_public():
    """Read which file each public name is in, from the imports for type checkers."""
    return {
        alias.name: node.module
        for node in ast.walk(tree_of(FACE))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("sermod.")
        for alias in node.names
    }


LADDER = dict(read_ladder())
PUBLIC = read_public()


def dotted_name(file):
    """Return the name under which a file is imported."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {dotted_name(file): file for file in sorted(ROOT.rglob("*.py")) if file != FACE}


def step_of(module):
    """Return the name that a module, or the package that it is in, has on the ladder."""
    return module.split(".")[1]


def imports_in(tree, module, *, is_package):
    """Return the modules of sermod that a file imports, at any depth, those for type checkers included."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")[: None if is_package else -1]
            base = parts[: len(parts) - node.level + 1] if node.level else []
            above = ".".join([*base, *([node.module] if node.module else [])])
            found |= {target(above, alias.name) for alias in node.names}
    return {name for name in found if name.startswith("sermod.")} | ({"sermod"} & found)


def target(above, name):
    """Return what ``from above import name`` imports: a module of that name, or the one that has it."""
    if f"{above}.{name}" in FILES:
        return f"{above}.{name}"
    return PUBLIC.get(name, above) if above == "sermod" else above


IMPORTS = {
    module: imports_in(tree_of(file), module, is_package=file.name == "__init__.py") for module, file in FILES.items()
}


class TestReading:
    """What the tests below read is what is written."""

    def test_the_ladder(self):
        """It has floors that a row names first, that a row names later, and that a row names in another line."""
        assert 1 == LADDER["problems"] == LADDER["ranks"]
        assert LADDER["lifecycle"] > LADDER["registry"] > LADDER["loader"] > LADDER["exports"] > LADDER["problems"]

    def test_a_row_of_several_lines(self):
        table = "2      ``a``: this; ``b``, ``c``: that of\n       ``x``; ``d``: more\n1      ``e/``: less\n"

        assert [("a", 2), ("b", 2), ("c", 2), ("d", 2), ("e", 1)] == [*steps_in(table)]

    @pytest.mark.parametrize(
        ("source", "imports"),
        [
            ("import sermod.errors, os", {"sermod.errors"}),
            ("from sermod.errors import LoadError", {"sermod.errors"}),
            ("from sermod import errors", {"sermod.errors"}),
            ("from sermod import CmdExport", {"sermod._interface.exports"}),
            ("from sermod import *", {"sermod"}),
            ("import sermod", {"sermod"}),
            ("if TYPE_CHECKING:\n    from sermod.errors import LoadError", {"sermod.errors"}),
            ("def f():\n    from sermod._interface.exports import CmdExport", {"sermod._interface.exports"}),
            ("from .errors import LoadError", {"sermod.errors"}),
            ("from . import errors", {"sermod.errors"}),
            ("from os import path\nimport attrs", set()),
        ],
    )
    def test_imports(self, source, imports):
        assert imports == imports_in(ast.parse(source), "sermod.some_file", is_package=False)

    @pytest.mark.parametrize("source", ["from .. import errors", "from ..errors import LoadError"])
    def test_imports_in_a_package(self, source):
        assert {"sermod.errors"} == imports_in(ast.parse(source), "sermod.some.file", is_package=False)
        assert {"sermod.errors"} == imports_in(ast.parse(source), "sermod.some", is_package=True)


class TestLadder:
    def test_every_file_is_on_it(self):
        assert LADDER.keys() == {step_of(module) for module in FILES}

    def test_nothing_is_on_it_twice(self):
        names = [name for name, _ in read_ladder()]

        assert sorted(set(names)) == sorted(names)

    def test_it_is_written_from_the_top_down(self):
        floors = [floor for _, floor in read_ladder()]

        assert sorted(floors, reverse=True) == floors
        assert {*range(1, max(floors) + 1)} == {*floors}


@pytest.mark.parametrize("module", FILES)
class TestFile:
    def test_it_imports_from_lower_floors_only(self, module):
        own = step_of(module)
        steps = {step_of(name) for name in IMPORTS[module] - {"sermod"}} - {own}

        assert {} == {step: LADDER.get(step) for step in steps if LADDER.get(step, 99) >= LADDER.get(own, 0)}

    def test_it_does_not_import_the_face(self, module):
        """What it hands on comes from every floor."""
        assert "sermod" not in IMPORTS[module]

    def test_what_it_imports_is_there(self, module):
        assert IMPORTS[module] - {"sermod"} <= FILES.keys()


def test_there_are_no_circles():
    """Neither are there any between the files of one package, which share a floor."""
    order = [*graphlib.TopologicalSorter(IMPORTS).static_order()]

    assert FILES.keys() <= {*order}
