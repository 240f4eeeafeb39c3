"""Setting parameters of modules: every value is checked before one is stored, and all are stored or none."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from sermod.errors import ParamTypeError, ParamValueError, UnknownParamError
from sermod.exports import INT_PARAM, STR_PARAM, ParamExport
from sermod.validation import INT_RANGE, is_c_int, type_name

_TAKES: Final[dict[int, str]] = {INT_PARAM: "an int", STR_PARAM: "a str"}


class Change(NamedTuple):
    """A value that a parameter of a module takes, and is to be given."""

    module: str
    param: str
    pointer: Any
    value: int | str

    def put_back(self, old: object, cause: BaseException) -> None:
        """Store the value that was there before; what goes wrong with that becomes a note of *cause*."""
        try:
            self.pointer.store(old)
        except Exception as error:  # noqa: BLE001 - the other variables are still to be put back
            cause.add_note(f"and {self.param!r} of module {self.module!r} could not be put back to {old!r}: {error!r}")

    def refusal(self, why: str) -> ParamValueError:
        """Return the error that says why the value is not taken."""
        message = f"the value {self.value!r} for parameter {self.param!r} of module {self.module!r} {why}"
        return ParamValueError(message, module=self.module, param=self.param, value=self.value)


def checked_change(module: str, params: Mapping[tuple[str, int], ParamExport], name: str, value: int | str) -> Change:
    """Return the change that gives a parameter a value, if it takes it.

    Args:
        module: The name of the module.
        params: Its parameters, by name and type.
        name: The parameter's name.
        value: The value.

    Raises:
        UnknownParamError: The module has no such parameter.
        ParamTypeError: The value is of a type that the parameter does not take.
        ParamValueError: The value is no C ``int``, has a NUL in it, or is refused by the parameter's pointer.
    """
    kinds = sorted(kind for param, kind in params if param == name)
    if not kinds:
        raise UnknownParamError(module, name, [param for param, _ in params])
    kind = STR_PARAM if isinstance(value, str) else INT_PARAM
    takes = " or ".join(f"{_TAKES[kind]} ({type_name(kind)})" for kind in kinds)
    says = f"parameter {name!r} of module {module!r} takes {takes}"
    if kind not in kinds or not isinstance(value, (int, str)) or isinstance(value, bool):
        message = f"{says} (got {value!r}, a {type(value).__name__}); give it a value of that type"
        raise ParamTypeError(message, module=module, param=name, value=value)
    if isinstance(value, int) and not is_c_int(value):
        message = f"{says} from {INT_RANGE.start} to {INT_RANGE.stop - 1} (got {value}); give it a value in that range"
        raise ParamValueError(message, module=module, param=name, value=value)
    if isinstance(value, str) and "\0" in value:
        message = f"{says} without a NUL, which ends a C string (got {value!r}); take the NUL out"
        raise ParamValueError(message, module=module, param=name, value=value)
    change = Change(module, name, params[name, kind].param_pointer, value)
    pointer_check: Callable[[int | str], object] | None = getattr(change.pointer, "check", None)
    if pointer_check is not None:
        try:
            pointer_check(value)
        except ValueError as error:
            raise change.refusal(f"is refused: {error}") from error
    return change


def store_all(changes: Iterable[Change]) -> None:
    """Store the values; should one fail to be stored, put the others back.

    Raises:
        ParamValueError: A pointer raised an exception; a note tells of each variable that could not be put back.
    """
    stored: list[tuple[Change, object]] = []
    for change in changes:
        try:
            old = change.pointer.load()
            change.pointer.store(change.value)
        except BaseException as error:
            for done, value in reversed(stored):
                done.put_back(value, error)
            if not isinstance(error, Exception):
                raise
            refusal = change.refusal(f"cannot be stored ({type(error).__name__}: {error})")
            for note in getattr(error, "__notes__", ()):
                refusal.add_note(note)
            raise refusal from error
        stored.append((change, old))


_POSIX_CLASSES: Final = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:blank:]": r" \t",
    "[:cntrl:]": r"\x00-\x1f\x7f",
    "[:graph:]": "!-~",
    "[:print:]": " -~",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:xdigit:]": "0-9A-Fa-f",
    "[:space:]": r"\s",
    "[:punct:]": r"!-/:-@\[-`{-~",
}


def module_matcher(pattern: str) -> Callable[[str], object]:
    """Return what tells whether a module's name is one that *pattern* means.

    Args:
        pattern: A POSIX extended regular expression, case-insensitive, which is to match the whole name.

    Raises:
        re.error: It is no regular expression.
        OverflowError: A number in it is too large.
        RecursionError: It is nested too deeply.
    """
    # Anchored as today's core does it, ^(acc|auth)$, and not as that of 2003 did, ^acc|auth$ (modparam).
    for posix, python in _POSIX_CLASSES.items():
        pattern = pattern.replace(posix, python)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # a "[" in a bracket expression is no more than that in POSIX
        return re.compile(pattern, re.IGNORECASE | re.ASCII).fullmatch
