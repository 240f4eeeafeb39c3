"""``import sermod``: what it loads, and the public names that it hands on."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import sermod

FORBIDDEN = ["ctypes", "asyncio", "multiprocessing"]


def run(program):
    """Run a program in a fresh interpreter, and return what it printed as JSON."""
    # Coverage, where it is told to measure the programs that a test starts, imports some of this itself.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, env=environment, text=True, timeout=60
    )
    assert (0, "") == (found.returncode, found.stderr)
    return json.loads(found.stdout)


class TestLaziness:
    """Nothing is loaded before it is used."""

    def test_import_alone_loads_no_other_file_and_no_attrs(self):
        empty = run("import sys, json; print(json.dumps([*sys.modules]))")
        loaded = run("import sermod, sys, json; print(json.dumps([*sys.modules]))")

        assert {"sermod"} == {*loaded} - {*empty} - {"__future__"}

    def test_looking_at_its_names_loads_nothing_either(self):
        loaded = run("import sermod, sys, json; dir(sermod); sermod.__all__; print(json.dumps([*sys.modules]))")

        assert ["sermod"] == [name for name in loaded if name.partition(".")[0] == "sermod"]

    def test_a_name_loads_what_it_needs(self):
        loaded = run("import sermod, sys, json; sermod.CmdExport; print(json.dumps([*sys.modules]))")

        assert {"sermod._interface.exports", "sermod._interface.pointers"} <= {*loaded}
        assert {
            "sermod._core.registry",
            "sermod._core.loader",
            "sermod._interface.validation",
            "sermod._core.lifecycle",
        }.isdisjoint(loaded)

    def test_no_public_name_loads_what_only_some_hosts_need(self):
        """Each name is touched in turn; the one that loads such a thing is found out."""
        program = f"""
import json, sys, sermod
culprits = {{}}
for name in sermod.__all__:
    getattr(sermod, name)
    for module in {FORBIDDEN}:
        if module in sys.modules:
            culprits.setdefault(module, name)
print(json.dumps(culprits))
"""
        assert {} == run(program)

    def test_a_name_is_kept(self, monkeypatch):
        """The second look at it costs what a variable costs."""
        monkeypatch.delitem(vars(sermod), "CmdExport", raising=False)

        first = sermod.CmdExport

        assert first is vars(sermod)["CmdExport"]


class TestNames:
    """The public names are written in three places, which agree."""

    def test_all_is_sorted_and_complete(self):
        assert sorted(set(sermod.__all__)) == sorted(sermod.__all__)
        assert {*sermod.__all__} == sermod._PUBLIC.keys()

    def test_what_type_checkers_see_is_what_there_is(self):
        """Each name comes from the same file, and is exported under its own name."""
        tree = ast.parse(Path(sermod.__file__).read_text(encoding="utf-8"))
        (checked,) = [
            node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ]

        assert sermod._PUBLIC == {
            alias.asname: node.module.removeprefix("sermod.") for node in checked.body for alias in node.names
        }
        assert all(alias.name == alias.asname for node in checked.body for alias in node.names)

    @pytest.mark.parametrize("name", sermod.__all__)
    def test_each_resolves_to_what_is_in_its_file(self, name):
        module = importlib.import_module(f"sermod.{sermod._PUBLIC[name]}")

        assert vars(module)[name] is getattr(sermod, name)

    def test_each_is_made_in_the_file_that_it_comes_from(self):
        """Documentation and pickles name the file where a class or function is defined."""
        made = {
            name: value for name in sermod.__all__ if isinstance(value := getattr(sermod, name), type | FunctionType)
        }

        assert {"CmdExport", "Registry", "load", "pointer_to"} <= made.keys()
        assert {name: f"sermod.{sermod._PUBLIC[name]}" for name in made} == {
            name: value.__module__ for name, value in made.items()
        }

    def test_a_star_import_has_them_all(self):
        namespace = {}
        exec("from sermod import *", namespace)  # noqa: S102 - a function has no star import

        assert {*sermod.__all__} == namespace.keys() - {"__builtins__"}

    def test_dir_has_them_all_sorted(self):
        names = dir(sermod)

        assert {*sermod.__all__} <= {*names}
        assert sorted(names) == names


class TestUnknown:
    """A name that is not there is an ordinary ``AttributeError``."""

    def test_attribute(self):
        with pytest.raises(AttributeError, match="module 'sermod' has no attribute 'CmdExprt'") as raised:
            sermod.CmdExprt  # noqa: B018 - looking is what raises

        assert "CmdExprt" == raised.value.name
        assert not hasattr(sermod, "nothing")

    def test_import(self):
        with pytest.raises(ImportError, match="cannot import name 'CmdExprt' from 'sermod'"):
            from sermod import CmdExprt  # noqa: F401
