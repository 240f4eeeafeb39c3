"""The checks of a module's exports, one for each group of rules of validation."""

from __future__ import annotations

import re
from typing import Any, Final
from unittest import SkipTest

from sermod._interface.exports import HOOKS, CmdExport, ModuleExports
from sermod._interface.validation import find_problems
from sermod._problems import Problem
from sermod.testing.checks.check import Check, Setup, fail, in_child, location_of, make_check
from sermod.testing.harness.target import FoundModule, find_target

_GROUPS: Final = {
    "terminators": (
        "Each array ends with the terminator, and nothing follows it.",
        ("not-terminated", "after-terminator", "half-null"),
    ),
    "names": (
        "Names are C strings, and a script can write the names of the commands that are for it.",
        ("empty-name", "nul-in-name", "unscriptable-name"),
    ),
    "functions": ("Each command has a function.", ("null-function",)),
    "flags": (
        "The host has the routes of all flags, and a script can call each command that has flags.",
        ("unknown-flag", "unreachable-command"),
    ),
    "signatures": (
        "Commands, fixups and hooks take the arguments with which the core calls them.",
        ("wrong-signature", "fixup-without-params"),
    ),
    "duplicates": (
        "No command or parameter hides another one of the module.",
        ("duplicate-command", "duplicate-param"),
    ),
    "parameters": (
        "Each parameter has a known type, and points to a variable of that type.",
        ("unknown-type", "null-pointer", "bad-address", "wrong-variable-type"),
    ),
}
"""For the name of each check, what it demands and the codes of the problems that it reports."""


@in_child()
def loads(setup: Setup) -> None:
    """The module can be loaded and has exports."""
    try:
        find_target(setup.target, setup.path)
    except Exception as error:  # noqa: BLE001 - code of the module may raise any exception
        fail(f"the module cannot be loaded ({type(error).__name__}: {error})", setup.target)


def load_or_skip(setup: Setup) -> FoundModule:
    """Return the module.

    Raises:
        SkipTest: The module cannot be loaded.
    """
    try:
        return find_target(setup.target, setup.path)
    except Exception as error:
        raise SkipTest(f"the module cannot be loaded ({error}); see the check 'loads'") from error


def _exports_check(name: str, doc: str, codes: tuple[str, ...]) -> Check:
    def run(setup: Setup) -> None:
        found = load_or_skip(setup)
        problems = find_problems(found.exports, route_flags=setup.route_flags, script_param_no=setup.script_param_no)
        reported = [problem for problem in problems if problem.code in codes]
        if reported:
            fail("\n".join(map(str, reported)), _culprit(found, reported[0]))

    return make_check(name, doc, run)


EXPORTS_CHECKS: Final = tuple(_exports_check(name, doc, codes) for name, (doc, codes) in _GROUPS.items())
"""The checks of a module's exports."""


def _culprit(found: FoundModule, problem: Problem) -> object:
    """Return the function in the field of a problem, or else a part of the module that has a place in the source."""
    place = re.fullmatch(r"cmds\[(\d+)\].*", problem.field)
    if place and found.exports.cmds is not None:
        entry = found.exports.cmds[int(place[1])]
        if location_of(entry.function):
            return entry.function
    return getattr(found.exports, problem.field) if problem.field in HOOKS else representative(found)


def representative(found: FoundModule) -> object:
    """Return a part of the module that has a place in the source: its class, or the first of its functions."""
    if found.instance is not None:
        return type(found.instance)
    return next((each for each in _functions(found.exports) if location_of(each)), None)


def hook_culprit(found: FoundModule, *fields: str) -> object:
    """Return the first of these hooks that has a place in the source, or else another part of the module that has."""
    hooks = [getattr(found.exports, field) for field in fields]
    return next((hook for hook in hooks if location_of(hook)), representative(found))


def _functions(exports: ModuleExports[Any]) -> list[object]:
    return [*(command.function for command in exports.commands), *(getattr(exports, field) for field in HOOKS)]


def fixup_culprit(command: CmdExport[Any]) -> object:
    """Return the fixup of a command; for a ready-made fixup of sermod, the function of the command instead."""
    return command.function if str(getattr(command.fixup, "__module__", "")).startswith("sermod.") else command.fixup
