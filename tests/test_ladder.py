"""The ladder that ``sermod/__init__.py`` states: a file imports from its own folder and from lower floors only."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1] / "sermod"
FACE = ROOT / "__init__.py"
"""It hands names on from every floor, and stands on none."""


def read_ladder(docstring):
    """Return each folder and file in the table of a docstring, with its floor, in the order of the table.

    A row is a floor, and the names in front of a colon, each with what it is for; it may go on in more lines.
    """
    _, _, rows, _ = re.split(r"^=+  =+\n?", docstring, flags=re.MULTILINE)
    return [
        (name.strip("/"), int(floor))
        for floor, row in re.findall(r"^(\d+) +((?:.|\n(?!\d))+)", rows, re.MULTILINE)
        for entry in row.split(";")
        for name in re.findall(r"``([\w/]+)``", entry.partition(":")[0])
    ]


def dotted_name(file):
    """Return the name under which a file is imported."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {dotted_name(file): file for file in sorted(ROOT.rglob("*.py")) if file != FACE}


def imports_in(source, package):
    """Return what a file of a package imports from sermod, at any depth, for type checkers included.

    What comes from the face itself has the face's name in front: ``sermod:Registry``.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {f"{alias.name}:" if alias.name == "sermod" else alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            for name in [f"{above}.{alias.name}" for alias in node.names]:
                found.add(name if name in FILES else name.replace("sermod.", "sermod:") if above == "sermod" else above)
    return {name for name in found if re.match(r"sermod[.:]", name)}


LADDER = read_ladder(ast.get_docstring(ast.parse(FACE.read_text(encoding="utf-8"))))
IMPORTS = {
    name: imports_in(file.read_text(encoding="utf-8"), name if file.name == "__init__.py" else name.rpartition(".")[0])
    for name, file in FILES.items()
}


def test_every_folder_and_file_is_on_it_once():
    """It is written from the top down, without a gap, and short enough to be taken in at a glance."""
    entries = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.name not in {"py.typed", "__pycache__"}}
    floors = [floor for _, floor in LADDER]

    assert sorted(entries) == sorted(["__init__", *[name for name, _ in LADDER]])
    assert 14 >= len(entries)
    assert sorted(floors, reverse=True) == floors
    assert [*range(1, floors[0] + 1)] == sorted({*floors})


def test_imports_lead_to_the_own_folder_or_downwards():
    """What leads elsewhere is listed for each folder."""
    floor = dict(LADDER)
    wrong = {}
    for file, imports in IMPORTS.items():
        own = file.split(".")[1]
        for name in imports - {name for name in imports if ":" in name}:
            if name not in FILES or (name.split(".")[1] != own and floor[name.split(".")[1]] >= floor[own]):
                wrong.setdefault(own, []).append(f"{file} imports {name}")

    assert {} == wrong


def test_nothing_imports_the_face():
    """The face of the test kit takes the function by which both load their names, and nothing else."""
    wrong = {file: found for file, names in IMPORTS.items() if (found := [name for name in names if ":" in name])}

    assert {"sermod.testing": ["sermod:_hand_on"]} == wrong


def test_there_are_no_circles():
    """Neither between folders, which the floors exclude, nor between the files of one."""
    assert FILES.keys() <= {*graphlib.TopologicalSorter(IMPORTS).static_order()}


def test_no_file_is_long():
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in ROOT.rglob("*.py")}

    assert {} == {path: length for path, length in lengths.items() if length > 420}


def test_the_reading():
    """What the tests above read is what is written."""
    rows = "2   ``a/``: this; ``b``, ``_c``: that\n    of ``x``; ``d``: more\n1   ``e``: less\n"
    table = f"A ladder.\n\n==  ==\nno  it\n==  ==\n{rows}==  ==\n"
    assert [("a", 2), ("b", 2), ("_c", 2), ("d", 2), ("e", 1)] == read_ladder(table)

    for package, source, imports in [
        ("sermod", "import sermod.errors, os\nimport attrs", {"sermod.errors"}),
        ("sermod", "from sermod.errors import LoadError", {"sermod.errors"}),
        ("sermod", "from sermod import errors", {"sermod.errors"}),
        ("sermod", "import sermod", {"sermod:"}),
        ("sermod", "from sermod import Registry, errors", {"sermod:Registry", "sermod.errors"}),
        ("sermod", "from sermod import *", {"sermod:*"}),
        ("sermod", "if TYPE_CHECKING:\n    from sermod.errors import LoadError", {"sermod.errors"}),
        ("sermod", "def f():\n    from sermod._interface.exports import CmdExport", {"sermod._interface.exports"}),
        ("sermod", "from .errors import LoadError", {"sermod.errors"}),
        ("sermod.native", "from ..errors import LoadError", {"sermod.errors"}),
        ("sermod.native", "from .. import errors, Registry", {"sermod:Registry", "sermod.errors"}),
        ("sermod.native", "from . import layout", {"sermod.native.layout"}),
    ]:
        assert imports == imports_in(source, package)
