"""The short name of a target, for messages and for the ids of test cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sermod import Module, ModuleExports
from sermod.testing.harness.target import target_name


class Foobar(Module):
    name = "the name in the exports"


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (ModuleExports("foobar"), "foobar"),
        ("modules/foobar.py", "foobar"),
        (Path("modules/foobar.so"), "foobar.so"),
        ("package.foobar", "package.foobar"),
        (json, "json"),
        (Foobar, "Foobar"),
        (Foobar(), "Foobar"),
    ],
    ids=["exports", "path", "compiled", "dotted name", "Python module", "class", "instance"],
)
def test_every_kind_of_target_has_one(target, name):
    """Exports, files, Python modules, classes and instances have the name that their author gave them."""
    assert name == target_name(target)
