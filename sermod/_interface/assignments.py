"""Giving parameters their values: each is checked first, then all are stored or none (spec, section 1.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, NoReturn

from sermod._problems import add_note, repr_of, text_of
from sermod.errors import ParamValueError

MASK: Final = "***"
"""Stands for the value of a secret parameter."""


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

    @property
    def is_secret(self) -> bool:
        """Whether the value of the parameter may not be shown."""
        return bool(getattr(self.pointer, "secret", False))

    def shown(self, value: object) -> str:
        """Return a value of the parameter for a message."""
        return MASK if self.is_secret else repr_of(value)

    def kept(self, value: object) -> object:
        """Return a value of the parameter for an attribute of an error."""
        return MASK if self.is_secret else value

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
                self._refuse("is refused", text_of(error), error)

    def _refuse(self, how: str, why: str, cause: Exception) -> NoReturn:
        """Raise the error for a value that the pointer does not take.

        The text of the pointer's own exception, and the exception itself, may contain a secret value.
        """
        if self.is_secret:
            how, why = f"{how} ({type(cause).__name__})", "the reason is not shown, since the parameter is secret"
        name = f"parameter {self.param!r} of module {self.module!r}"
        message = f"the value {self.shown(self.value)} for {name} {how}: {why}"
        refusal = ParamValueError(message, module=self.module, param=self.param, value=self.kept(self.value))
        if self.is_secret:
            try:
                raise refusal from None
            finally:
                refusal.__context__ = None  # what pickles or logs an error may go there nevertheless
        for note in getattr(cause, "__notes__", ()):
            refusal.add_note(note)
        raise refusal from cause


class Snapshot:
    """A variable as it is now, to be put back later.

    A pointer that has ``snapshot()`` and ``restore(snapshot)`` is put back exactly, without being set again. Any other
    is set again to the value that it had.

    Args:
        pointer: The pointer to the variable.
    """

    def __init__(self, pointer: Any) -> None:
        snapshot: Callable[[], object] | None = getattr(pointer, "snapshot", None)
        restore: Callable[[object], object] | None = getattr(pointer, "restore", None)
        self._pointer = pointer
        self._restore = restore if snapshot is not None else None
        self._before = pointer.load() if snapshot is None or restore is None else snapshot()

    def put_back(self, *, if_changed: bool = False) -> None:
        """Make the variable what it was.

        Args:
            if_changed: Do not set a variable again that has still the value that it had.
        """
        if self._restore is not None:
            self._restore(self._before)
        elif not (if_changed and self._pointer.load() == self._before):
            self._pointer.store(self._before)


def store_all(assignments: Iterable[Assignment]) -> None:
    """Store the values; if one cannot be stored, put back all of them, also the one that failed.

    Raises:
        ParamValueError: A pointer raised an exception; a note names each variable that could not be put back.
    """
    begun: list[tuple[Assignment, Snapshot]] = []
    for each in assignments:
        try:
            begun.append((each, Snapshot(each.pointer)))
            each.pointer.store(each.value)
        except BaseException as error:
            _put_back(begun, failed=each, cause=error)
            if not isinstance(error, Exception):
                raise
            each._refuse("cannot be stored", f"{type(error).__name__}: {text_of(error)}", error)


def _put_back(begun: list[tuple[Assignment, Snapshot]], failed: Assignment, cause: BaseException) -> None:
    for each, snapshot in reversed(begun):
        try:
            snapshot.put_back(if_changed=each is failed)
        except Exception as error:  # noqa: BLE001 - the other variables are still to be put back
            how = type(error).__name__ if each.is_secret else repr_of(error)
            add_note(cause, f"and {each.param!r} of module {each.module!r} could not be put back: {how}")
