"""Setting parameters of modules: whether a parameter takes a value, and which modules a pattern means."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Final

from sermod._interface.assignments import Assignment
from sermod._interface.exports import INT_PARAM, STR_PARAM, ParamExport, type_name
from sermod._interface.values import INT_RANGE, is_c_int, is_c_string
from sermod._problems import kind_of, repr_of
from sermod.errors import ParamTypeError, ParamValueError, UnknownParamError

_TAKES: Final[dict[int, str]] = {INT_PARAM: "an int", STR_PARAM: "a str"}


def checked_assignment(
    module: str, params: Mapping[tuple[str, int], ParamExport], name: str, value: int | str
) -> Assignment:
    """Return the assignment of a value to a parameter, if the parameter takes it.

    Args:
        module: The name of the module.
        params: The parameters of the module, by name and type.
        name: The name of the parameter.
        value: The value.

    Raises:
        UnknownParamError: The module has no such parameter.
        ParamTypeError: The parameter does not take values of that type.
        ParamValueError: The value is not a C ``int``, contains a NUL, or is refused by the parameter's pointer.
    """
    kinds = sorted(kind for param, kind in params if param == name)
    if not kinds:
        raise UnknownParamError(module, name, [param for param, _ in params])
    kind = STR_PARAM if isinstance(value, str) else INT_PARAM
    takes = " or ".join(f"{_TAKES[kind]} ({type_name(kind)})" for kind in kinds)
    says = f"parameter {name!r} of module {module!r} takes {takes}"
    if kind not in kinds or not isinstance(value, (int, str)) or isinstance(value, bool):
        message = f"{says} (got {repr_of(value)}, {kind_of(value)}); give it a value of that type"
        raise ParamTypeError(message, module=module, param=name, value=value)
    if isinstance(value, int) and not is_c_int(value):
        message = f"{says} from {INT_RANGE.start} to {INT_RANGE.stop - 1} (got {value}); give it a value in that range"
        raise ParamValueError(message, module=module, param=name, value=value)
    if isinstance(value, str) and not is_c_string(value):
        message = f"{says} without a NUL, which ends a C string (got {value!r}); take the NUL out"
        raise ParamValueError(message, module=module, param=name, value=value)
    assignment = Assignment(module, name, params[name, kind].param_pointer, value)
    assignment.check()
    return assignment


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
    """Return a function that matches a module's name against *pattern*.

    Args:
        pattern: A POSIX extended regular expression, case-insensitive, that must match the whole name.

    Raises:
        re.error: It is not a regular expression.
        OverflowError: A number in it is too large.
        RecursionError: It is nested too deeply.
    """
    # Anchored as today's core does it, ^(acc|auth)$, and not as that of 2003 did, ^acc|auth$ (modparam).
    for posix, python in _POSIX_CLASSES.items():
        pattern = pattern.replace(posix, python)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # a "[" in a bracket expression is no more than that in POSIX
        return re.compile(pattern, re.IGNORECASE | re.ASCII).fullmatch
