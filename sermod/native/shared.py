"""Parameters of a Python module in memory that a C core writes to (spec, section 1.3)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from typing import Any, cast

from sermod.errors import MissingParamError, ParamValueError
from sermod.exports import STR_PARAM, ParamExport
from sermod.native.layout import c_string, text

_UNSET_INT = -(2**31)
"""What an ``int`` that must be set holds until then."""


class SharedParam:
    """A parameter's value where C looks for it, until the module is initialised.

    Args:
        module: The name of the module, for messages.
        export: The parameter.
    """

    def __init__(self, module: str, export: ParamExport) -> None:
        self.module = module
        self.name: str = str(export.name)
        self._pointer = cast("Any", export.param_pointer)
        self.is_required: bool = bool(getattr(self._pointer, "required", False))
        self._is_text = export.type == STR_PARAM
        value: Any = self._pointer.load()
        self._place: Any
        if self._is_text:
            text_of_default = None if value is None or self.is_required else c_string(value)
            self._default = None if text_of_default is None else ctypes.create_string_buffer(text_of_default)
            self._place = ctypes.c_void_p(None if self._default is None else ctypes.addressof(self._default))
        else:
            self._place = ctypes.c_int(_UNSET_INT if self.is_required else value)
        self._before: int | None = self._place.value

    @property
    def address(self) -> int:
        """Where C writes to."""
        return ctypes.addressof(self._place)

    @property
    def is_set(self) -> bool:
        """Whether C has written to it."""
        return bool(self._place.value != self._before)

    def value(self) -> int | str | None:
        """Return what is there now."""
        place: int | None = self._place.value
        return text(ctypes.string_at(place)) if self._is_text and place is not None else place

    def check(self, value: int | str | None) -> None:
        """Ask the parameter whether it takes a value.

        Raises:
            ParamValueError: It does not.
        """
        pointer_check: Callable[[object], object] | None = getattr(self._pointer, "check", None)
        if pointer_check is None:
            return
        try:
            pointer_check(value)
        except ValueError as error:
            msg = f"the value {value!r} for parameter {self.name!r} of module {self.module!r} is refused: {error}"
            raise ParamValueError(msg, module=self.module, param=self.name, value=value) from error

    def take(self, value: int | str | None) -> None:
        """Give the Python module a value; from now on it is what is there already."""
        self._pointer.store(value)
        self._before = self._place.value


def take_all(params: Iterable[SharedParam]) -> None:
    """Give the Python module what C has written, if it takes all of it.

    Raises:
        MissingParamError: C has not written to parameters that must be set.
        ParamValueError: A value is refused.
    """
    params = [*params]
    missing = [(param.module, param.name) for param in params if param.is_required and not param.is_set]
    if missing:
        raise MissingParamError(missing)
    changes = [(param, param.value()) for param in params if param.is_set]
    for param, value in changes:
        param.check(value)
    for param, value in changes:
        param.take(value)
