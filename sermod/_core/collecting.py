"""The errors of a configuration: raised call by call, or collected and raised together."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType

from sermod._problems import counted
from sermod.errors import SermodError


class ErrorCollector:
    """A context for each call of a configuration: lets the call's error pass, or collects it.

    While the block of :meth:`collecting` runs, errors are collected, and the program goes on after the call.
    """

    def __init__(self) -> None:
        self._collected: list[Exception] | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool:
        if self._collected is None or not isinstance(error, SermodError):
            return False
        self._collected.append(error)
        return True

    @contextmanager
    def collecting(self) -> Generator[None]:
        """Collect the errors of all calls in the block, and raise them together at its end.

        Raises:
            ExceptionGroup: At least one call failed. An exception that ends the block itself is the last in the group.
        """
        collected: list[Exception] = []
        outer, self._collected = self._collected, collected
        try:
            yield
        except Exception as error:
            if not collected:
                raise
            collected.append(error)
        finally:
            self._collected = outer
        if collected:
            raise ExceptionGroup(f"the configuration has {counted(len(collected), 'mistake')}", collected)
