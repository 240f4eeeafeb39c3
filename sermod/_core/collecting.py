"""The errors of a configuration: raised call by call, or collected and raised together."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sermod._problems import counted
from sermod.errors import (
    ConfigurationErrors,
    LoadError,
    SermodError,
    UnknownCommandError,
    UnknownModuleError,
)


class ErrorCollector:
    """Decides what becomes of the error of a call: it is raised, or collected while :meth:`collecting` runs."""

    def __init__(self) -> None:
        self._collected: list[Exception] | None = None
        self._load_failed = False
        self._consequences = 0

    def collects(self, error: SermodError, where: str | None = None) -> bool:
        """Give an error its place in the script, and collect it if errors are collected; otherwise raise it.

        After a failed ``load`` in the block, unknown modules and commands follow from that failure. They are only
        counted, except where there is a name that is nearly the same.

        Args:
            error: The error of a call.
            where: The place of the call in the script.

        Returns:
            Whether it was collected; if not, the caller is to raise it.
        """
        errors = error.exceptions if isinstance(error, ConfigurationErrors) else (error,)
        if len(errors) == 1 and errors[0] is error:
            error._at(where)
        if self._collected is None:
            return False
        for each in errors:
            self._load_failed |= isinstance(each, LoadError)
            if (
                self._load_failed
                and isinstance(each, (UnknownCommandError, UnknownModuleError))
                and each.nearest is None
            ):
                self._consequences += 1
            else:
                self._collected.append(each)
        return True

    @contextmanager
    def collecting(self) -> Generator[None]:
        """Collect the errors of all calls in the block, and raise them together at its end.

        Raises:
            ConfigurationErrors: At least one call failed. An exception that ends the block itself is the last one.
        """
        collected: list[Exception] = []
        outer = self._collected, self._load_failed, self._consequences
        self._collected, self._load_failed, self._consequences = collected, False, 0
        try:
            yield
        except Exception as error:
            if not collected:
                raise
            collected.append(error)
        finally:
            consequences = self._consequences
            self._collected, self._load_failed, self._consequences = outer
        if collected:
            errors = ConfigurationErrors(f"the configuration has {counted(len(collected), 'mistake')}", collected)
            if consequences:
                more = counted(consequences, "further error")
                errors.add_note(f"{more}: unknown modules and commands, since not every module could be loaded")
            raise errors
