"""What validation finds: problems, each with a code, and the text that belongs to each code."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import attrs


class Severity(StrEnum):
    """How much a problem matters."""

    ERROR = "error"
    """The rule is broken: the module cannot be registered."""
    WARNING = "warning"
    """The core would silently ignore it: the module is registered, and an ``InterfaceWarning`` is issued."""


ERROR: Final = Severity.ERROR
WARNING: Final = Severity.WARNING


class Rule(NamedTuple):
    """A rule of the interface.

    Attributes:
        severity: What a breach of it is.
        core: What a C core would do with a breach.
        remedy: How to mend it.
    """

    severity: Severity
    core: str
    remedy: str


RULES: Final[dict[str, Rule]] = {
    "not-terminated": Rule(
        ERROR,
        "A C core would read on past its end.",
        "End it with an entry that is null in all its fields, CmdExport() or ParamExport(), or build it with "
        "null_terminated(...); an array of none is null.",
    ),
    "after-terminator": Rule(
        ERROR,
        "A C core stops at the first terminator and never sees what follows.",
        "Move the terminator to the end.",
    ),
    "half-null": Rule(
        ERROR,
        "A C core takes a null name for the end of the array and never sees this entry, nor what follows it.",
        "Give the entry its name, or make it null in all its fields.",
    ),
    "empty-name": Rule(
        ERROR,
        "A C core would list it under a name that nobody can ask for, or follow a null pointer.",
        "Give it a name.",
    ),
    "nul-in-name": Rule(
        ERROR,
        "A C string ends at its first NUL: a C core would know it by the part before.",
        "Take the NUL out of the name.",
    ),
    "null-function": Rule(
        ERROR,
        "A C core would call address 0 and crash.",
        "Give the command its function, or remove the entry.",
    ),
    "wrong-signature": Rule(
        ERROR,
        "A C core would call it all the same, with arguments that it does not expect.",
        "Make it take these arguments.",
    ),
    "unreachable-command": Rule(
        WARNING,
        "A C core does not let the script see it, whatever its flags say.",
        "Export another number of parameters, or set the flags to 0 where it is meant for other modules.",
    ),
    "unscriptable-name": Rule(
        WARNING,
        "A C core's configuration parser reads identifiers only: no script can write this name.",
        "Name it with letters, digits and underscores, or set the flags to 0 where it is meant for other modules.",
    ),
    "fixup-without-params": Rule(
        WARNING,
        "A C core calls a fixup once for each parameter: this one is never called.",
        "Leave the fixup null, or export the parameters that it is for.",
    ),
    "unknown-flag": Rule(
        WARNING,
        "A C core ignores flags that it does not know.",
        "Use the flags of the host's routes, or declare more of them: Registry(route_flags=...).",
    ),
    "unknown-type": Rule(
        ERROR,
        "A C core would never find the parameter, since look-ups compare the type.",
        "Use INT_PARAM or STR_PARAM.",
    ),
    "duplicate-command": Rule(
        ERROR,
        "A C core stops at the first match: where both would do, it never finds this one.",
        "Remove it, or export it with another name, another number of parameters, or for another route.",
    ),
    "duplicate-param": Rule(
        ERROR,
        "A C core stops at the first match and never sets this one.",
        "Remove it, or give it another name or the other type.",
    ),
    "null-pointer": Rule(
        ERROR,
        "A C core would write to an address where no variable is, and crash.",
        "Point to a variable that exists by the time the module is loaded.",
    ),
    "bad-address": Rule(
        ERROR,
        "A C core would read memory that is not the module's, and crash or go wrong.",
        "Look at the initialiser of this structure, and build the module again for this machine.",
    ),
    "wrong-variable-type": Rule(
        ERROR,
        "A C core would write a value of the parameter's type over a variable of another.",
        "Make the type of the parameter that of its variable: INT_PARAM for an int of 32 bits, STR_PARAM for a str "
        "or None.",
    ),
}
"""Every code that a problem may have, in the order in which the documentation explains them."""


@attrs.frozen
class Problem:
    """One broken rule, at one place.

    Attributes:
        where: The place in the structure: ``"cmds[1].function"``.
        code: Which rule it is, one of those in the documentation's table: ``"null-function"``.
        severity: Whether it keeps the module from being registered.
        message: What is wrong, what a C core would do with it, and how to mend it.
    """

    where: str
    code: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.message} [{self.code}]"


def problem(where: str, code: str, wrong: str) -> Problem:
    """Return the breach of the rule *code* at *where*.

    Args:
        where: The place in the structure.
        code: The rule.
        wrong: What is wrong, as a sentence without its full stop.
    """
    rule = RULES[code]
    return Problem(where, code, rule.severity, f"{wrong}. {rule.core} {rule.remedy}")
