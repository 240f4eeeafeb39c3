"""The parameters of all loaded modules: finding them, setting them, and which are still to be set (spec, 1.3)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from sermod._core.loaded import LoadedModule
from sermod._interface.assignments import Assignment, store_all
from sermod._interface.exports import INT_PARAM, STR_PARAM, ParamExport, type_name
from sermod._interface.values import INT_RANGE, is_c_int, is_c_string, is_int, plain
from sermod._problems import kind_of
from sermod.errors import ParamTypeError, ParamValueError, UnknownParamError

_TAKES: Final[dict[int, str]] = {INT_PARAM: "an int", STR_PARAM: "a str"}


class ParameterIndex:
    """The parameters of the modules of a registry.

    Args:
        modules: The modules, by name; the registry adds to them.
    """

    def __init__(self, modules: Mapping[str, LoadedModule[Any]]) -> None:
        self._modules = modules
        self._params: dict[str, dict[tuple[str, int], ParamExport]] = {}
        self._set: set[tuple[str, str, int]] = set()

    def find(self, module: str, name: str, kind: int) -> ParamExport | None:
        """Return the parameter of that module, name and type, or ``None``."""
        return self._params_of(module).get((name, kind)) if module in self._modules else None

    def set(self, modules: Collection[str], name: str, value: int | str) -> None:
        """Set a parameter of one module or several: all values are checked, then all are stored or none.

        Args:
            modules: The names of the modules, which exist.
            name: The name of the parameter.
            value: The value.

        Raises:
            UnknownParamError: A module has no such parameter.
            ParamTypeError: A parameter does not take values of that type.
            ParamValueError: The value is not a C ``int``, contains a NUL, or is refused by a parameter's pointer.
        """
        name, value = plain(name), plain(value)
        store_all([self._assignment(module, name, value) for module in modules])
        kind = STR_PARAM if isinstance(value, str) else INT_PARAM
        self._set.update((module, name, int(kind)) for module in modules)

    def matching(self, pattern: str, name: str, value: int | str) -> list[str]:
        """Return the names of the modules that *pattern* matches, to set their parameter *name* to *value*.

        Raises:
            ParamValueError: *pattern* is not a regular expression.
        """
        try:
            matches = module_matcher(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            msg = f"modparam(): {pattern!r} is not a regular expression ({error}); give one that matches module names"
            raise ParamValueError(msg, module=pattern, param=name, value=value) from error
        return [module for module in self._modules if matches(module)]

    def missing(self) -> Iterator[tuple[str, str]]:
        """Yield the required parameters that are not set: the name of the module and of the parameter, for each.

        A parameter is required if its pointer has a true attribute ``required``.
        """
        for module in self._modules.values():
            for param in module.exports.parameters:
                required = getattr(param.param_pointer, "required", False)
                if required and (module.name, param.name, int(param.type)) not in self._set:
                    yield module.name, str(param.name)

    def _params_of(self, module: str) -> dict[tuple[str, int], ParamExport]:
        # Made when first needed: most modules of a large server are never configured.
        params = self._params.get(module)
        if params is None:
            params = {(str(param.name), int(param.type)): param for param in self._modules[module].exports.parameters}
            self._params[module] = params
        return params

    def _assignment(self, module: str, name: str, value: int | str) -> Assignment:
        params = self._params_of(module)
        kinds = sorted(kind for param, kind in params if param == name)
        if not kinds:
            raise UnknownParamError(module, name, [param for param, _ in params])
        kind = STR_PARAM if isinstance(value, str) else INT_PARAM
        assignment = Assignment(module, name, params[name, kind if kind in kinds else kinds[0]].param_pointer, value)
        takes = " or ".join(f"{_TAKES[kind]} ({type_name(kind)})" for kind in kinds if kind in _TAKES)
        says = f"parameter {name!r} of module {module!r} takes {takes}"
        shown = assignment.shown(value)
        if kind not in kinds or not (isinstance(value, str) or is_int(value)):
            message = f"{says} (got {shown}, {kind_of(value)}); give it a value of that type"
            raise ParamTypeError(message, module=module, param=name, value=assignment.kept(value))
        if isinstance(value, int) and not is_c_int(value):
            message = f"{says} from {INT_RANGE.start} to {INT_RANGE.stop - 1} (got {shown}); give it one in that range"
            raise ParamValueError(message, module=module, param=name, value=assignment.kept(value))
        if isinstance(value, str) and not is_c_string(value):
            message = f"{says} without a NUL, which ends a C string (got {shown}); take the NUL out"
            raise ParamValueError(message, module=module, param=name, value=assignment.kept(value))
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
