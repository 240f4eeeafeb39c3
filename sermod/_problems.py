"""What validation finds, and how it is said: problems, the rule behind each code, and the wording of all messages."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple, final

import attrs


class Severity(StrEnum):
    """How serious a problem is."""

    ERROR = "error"
    """The module cannot be registered."""
    WARNING = "warning"
    """A core would silently ignore it; the module is registered, with an ``InterfaceWarning``."""


ERROR: Final = Severity.ERROR
WARNING: Final = Severity.WARNING


class Rule(NamedTuple):
    """A rule of the interface.

    Attributes:
        severity: The severity of a problem with this code.
        core: What a C core does where the rule is broken.
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
        "null_terminated(...); an empty array is written as null.",
    ),
    "after-terminator": Rule(
        ERROR,
        "A C core stops at the first terminator and never sees what follows.",
        "Move the terminator to the end.",
    ),
    "half-null": Rule(
        ERROR,
        "A C core reads a null name as the end of the array: it sees neither this entry nor what follows it.",
        "Give the entry its name, or make it null in all its fields.",
    ),
    "empty-name": Rule(
        ERROR,
        "A C core would register it under a name that no script can write, or follow a null pointer.",
        "Give it a name.",
    ),
    "nul-in-name": Rule(
        ERROR,
        "A C string ends at its first NUL: a C core would only see the part before it.",
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
        "Change its signature.",
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
        "A C core stops at the first match: where both entries match, it never finds this one.",
        "Remove it, or export it with another name, another number of parameters, or for another route.",
    ),
    "duplicate-param": Rule(
        ERROR,
        "A C core stops at the first match and never sets this one.",
        "Remove it, or give it another name or the other type.",
    ),
    "null-pointer": Rule(
        ERROR,
        "A C core would write to an address where there is no variable, and crash.",
        "Point to a variable that exists by the time the module is loaded.",
    ),
    "thread-before-fork": Rule(
        WARNING,
        "A C core forks likewise: a child has no thread but the one that forked it, and a lock that another thread "
        "held stays locked.",
        "Start threads in init_child_f.",
    ),
    "bad-address": Rule(
        ERROR,
        "A C core would read memory that is not the module's, and crash or go wrong.",
        "Look at the initialiser of this structure, and build the module again for this machine.",
    ),
    "wrong-variable-type": Rule(
        ERROR,
        "A C core would write a value of the parameter's type over a variable of another.",
        "Give the parameter the type of its variable: INT_PARAM for an int of 32 bits, STR_PARAM for a str or None.",
    ),
}
"""Every code that a problem may have, in the order in which the documentation explains them."""


@attrs.frozen
class Problem:
    """One broken rule, in one field of the exports.

    Attributes:
        field: The field: ``"cmds[1].function"``.
        code: Which rule it is, one of those on the page of problem codes: ``"null-function"``.
        severity: Whether it keeps the module from being registered.
        message: What is wrong, what a C core would do with it, and how to mend it.
    """

    field: str
    code: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.field}: {self.message} [{self.code}]"


def problem(field: str, code: str, wrong: str) -> Problem:
    """Return a problem with its severity and its whole message.

    Args:
        field: The field of the exports.
        code: Its rule.
        wrong: What is wrong, as a sentence without its full stop.
    """
    rule = RULES[code]
    return Problem(field, code, rule.severity, f"{wrong}. {rule.core} {rule.remedy}")


# The wording of messages ----------------------------------------------------------------------------------------------

_LISTED_AT_MOST: Final = 40
"""How many names a message lists, so that it stays readable; the attribute of the error has all of them."""


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """Return a number with its noun: ``1 parameter``, ``2 parameters``.

    Args:
        number: The number.
        noun: The noun, in the singular.
        nouns: The noun in the plural, where that is not formed with an "s".
    """
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def either(numbers: Iterable[int], noun: str) -> str:
    """Return numbers of which one is meant, with their noun: ``1 parameter``, ``0, 1 or 2 parameters``."""
    texts = [str(number) for number in numbers]
    if not texts:
        return f"no number of {noun}s"
    last = counted(int(texts.pop()), noun)
    return f"{', '.join(texts)} or {last}" if texts else last


def with_article(noun: str) -> str:
    """Return a noun with its indefinite article: ``an int``, ``a str``."""
    return f"{'an' if noun[:1].lower() in {*'aeiou'} else 'a'} {noun}"


def kind_of(value: object) -> str:
    """Return the name of a value's class with its article: ``an int``, ``a NoneType``."""
    return with_article(type(value).__name__)


def kind_of_file(mode: int) -> str:
    """Return the kind of a file that is no regular one, with its article.

    Args:
        mode: Its ``st_mode``.
    """
    kinds = {"d": "a directory", "p": "a FIFO", "s": "a socket", "b": "a block device", "c": "a character device"}
    return kinds.get(stat.filemode(mode)[0], "no regular file")


def listed(names: Iterable[object]) -> str:
    """Join *names* for a message, sorted and without repetition; ``nothing`` where there is none."""
    texts = sorted({str(name) for name in names})
    more = len(texts) - _LISTED_AT_MOST
    return ", ".join(texts[:_LISTED_AT_MOST] + ([f"and {more} more"] if more > 0 else [])) or "nothing"


def nearest_name(asked: str, available: Collection[str]) -> str | None:
    """Return the one of *available* that *asked* was most likely meant to be, or ``None``."""
    import difflib

    return next(iter(difflib.get_close_matches(str(asked), [*available], n=1)), None)


def text_of(error: BaseException) -> str:
    """Return the text of an exception, also of one whose ``__str__`` raises."""
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - an exception of the author's own may do anything
        return f"<no text: its __str__ raised {type(failure).__name__}>"


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an exception, unless it takes none: an exception class may forbid all changes."""
    with contextlib.suppress(Exception):
        error.add_note(note)


def repr_of(value: object) -> str:
    """Return the ``repr`` of a value, also of one whose ``__repr__`` raises."""
    try:
        return repr(value)
    except Exception as failure:  # noqa: BLE001 - an object of the author's own may do anything
        return f"<{kind_of(value)} whose repr raised {type(failure).__name__}>"


@final
class Parcel:
    """A value on its way to another process: pickled, and its ``repr`` for the case that this is not possible.

    Attributes:
        data: The pickled value; ``None`` where it cannot be pickled.
        text: Its ``repr``.
    """

    __slots__ = ("data", "text")

    def __init__(self, value: object) -> None:
        import pickle

        self.text: str = repr_of(value)
        self.data: bytes | None
        try:
            self.data = pickle.dumps(value)
        except Exception:  # noqa: BLE001 - objects refuse to be pickled with exceptions of any kind
            self.data = None

    def open(self, default: Callable[[str], Any] = str) -> Any:
        """Return the value, or *default* of its ``repr`` where it cannot be unpickled here."""
        import pickle

        if self.data is not None:
            try:
                return pickle.loads(self.data)  # noqa: S301 - pickled above, inside a pickle that the caller chose to load
            except Exception:  # noqa: BLE001 - its class may exist only in the process that it comes from
                return default(self.text)
        return default(self.text)
