"""Giving parameters their values: each is checked first, then all are stored or none (spec, section 1.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sermod._problems import repr_of, text_of
from sermod.errors import ParamValueError


class Assignment(NamedTuple):
    """A value to be stored in a parameter of the same type.

    Attributes:
        module: The name of the module.
        param: The name of the parameter.
        pointer: The parameter's pointer.
        value: The value.
    """

    module: str
    param: str
    pointer: Any
    value: int | str | None

    def check(self) -> None:
        """Ask the pointer whether it takes the value.

        Raises:
            ParamValueError: It does not.
        """
        pointer_check: Callable[[object], object] | None = getattr(self.pointer, "check", None)
        if pointer_check is not None:
            try:
                pointer_check(self.value)
            except ValueError as error:
                raise self._refusal(f"is refused: {text_of(error)}") from error

    def _put_back(self, old: object, cause: BaseException) -> None:
        try:
            self.pointer.store(old)
        except Exception as error:  # noqa: BLE001 - the other variables are still to be put back
            cause.add_note(
                f"and {self.param!r} of module {self.module!r} could not be put back to {old!r}: {repr_of(error)}"
            )

    def _refusal(self, why: str) -> ParamValueError:
        message = f"the value {self.value!r} for parameter {self.param!r} of module {self.module!r} {why}"
        return ParamValueError(message, module=self.module, param=self.param, value=self.value)


def store_all(assignments: Iterable[Assignment]) -> None:
    """Store the values; if one cannot be stored, put back those that were.

    Raises:
        ParamValueError: A pointer raised an exception; a note names each variable that could not be put back.
    """
    stored: list[tuple[Assignment, object]] = []
    for each in assignments:
        try:
            old = each.pointer.load()
            each.pointer.store(each.value)
        except BaseException as error:
            for done, before in reversed(stored):
                done._put_back(before, error)
            if not isinstance(error, Exception):
                raise
            refusal = each._refusal(f"cannot be stored ({type(error).__name__}: {text_of(error)})")
            for note in getattr(error, "__notes__", ()):
                refusal.add_note(note)
            raise refusal from error
        stored.append((each, old))
