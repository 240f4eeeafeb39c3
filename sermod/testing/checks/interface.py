"""The checks of what a module's exports say, one for each group of rules that the validator knows."""

from __future__ import annotations

import re
from typing import Any, Final
from unittest import SkipTest

from sermod._interface.exports import CmdExport, ModuleExports
from sermod._interface.validation import find_problems
from sermod._problems import Problem
from sermod.testing.checks.check import Check, Setup, fail, in_child, location_of, make_check
from sermod.testing.harness.target import Found, find_target

_RULES: Final = {
    "terminators": (
        "Each array ends in the terminator, and nothing follows that.",
        ("not-terminated", "after-terminator", "half-null"),
    ),
    "names": (
        "Names are C strings, and those of commands for the script are such as a script can write.",
        ("empty-name", "nul-in-name", "unscriptable-name"),
    ),
    "functions": ("Each command has a function.", ("null-function",)),
    "flags": (
        "Flags are those of the host's routes, and a command that has any can be called by a script.",
        ("unknown-flag", "unreachable-command"),
    ),
    "signatures": (
        "Commands, fixups and hooks take the arguments that the core gives them.",
        ("wrong-signature", "fixup-without-params"),
    ),
    "duplicates": (
        "No command and no parameter is hidden by another of the module.",
        ("duplicate-command", "duplicate-param"),
    ),
    "parameters": (
        "Each parameter is of a known type, and points to a variable of that type.",
        ("unknown-type", "null-pointer", "bad-address", "wrong-variable-type"),
    ),
}
"""The name of each check, what it asks for, and the codes of the problems that it tells."""


@in_child()
def loads(setup: Setup) -> None:
    """It can be loaded, and has exports."""
    try:
        find_target(setup.target, setup.path)
    except Exception as error:  # noqa: BLE001 - its own code may raise anything
        fail(f"it cannot be loaded ({type(error).__name__}: {error})", setup.target)


def find_loadable(setup: Setup) -> Found:
    """Return the module.

    Raises:
        SkipTest: It cannot be loaded.
    """
    try:
        return find_target(setup.target, setup.path)
    except Exception as error:
        raise SkipTest(f"it cannot be loaded ({error}); see the check 'loads'") from error


def _rule(name: str, doc: str, codes: tuple[str, ...]) -> Check:
    def run(setup: Setup) -> None:
        found = find_loadable(setup)
        problems = find_problems(found.exports, route_flags=setup.route_flags, script_param_no=setup.script_param_no)
        broken = [problem for problem in problems if problem.code in codes]
        if broken:
            fail("\n".join(map(str, broken)), _culprit(found, broken[0]))

    return make_check(name, doc, run)


RULES: Final = tuple(_rule(name, doc, codes) for name, (doc, codes) in _RULES.items())
"""The checks."""


def _culprit(found: Found, problem: Problem) -> object:
    """Return the function at the place of the problem, or else something of the module that has a place."""
    place = re.fullmatch(r"cmds\[(\d+)\].*", problem.field)
    if place and found.exports.cmds is not None:
        entry = found.exports.cmds[int(place[1])]
        if location_of(entry.function):
            return entry.function
    return getattr(found.exports, problem.field, None) if problem.field.endswith("_f") else home_of(found)


def home_of(found: Found) -> object:
    """Return something of the module that has a place in the source: its class, or the first of its functions."""
    if found.instance is not None:
        return type(found.instance)
    return next((each for each in _functions(found.exports) if location_of(each)), None)


def _functions(exports: ModuleExports[Any]) -> list[object]:
    hooks = (exports.init_f, exports.response_f, exports.destroy_f, exports.onbreak_f, exports.init_child_f)
    return [*(command.function for command in exports.commands), *hooks]


def fixup_place(command: CmdExport[Any]) -> object:
    """Return what has the place in the source of a command's fixup: itself, or the function that a ready one is for."""
    return command.function if str(getattr(command.fixup, "__module__", "")).startswith("sermod.") else command.fixup
