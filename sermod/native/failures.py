"""Exceptions of Python functions that C calls: C cannot take them, so they are logged and kept."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, cast

import attrs

from sermod._interface.values import is_c_int
from sermod._problems import repr_of
from sermod.errors import CommandResultError

FAILED: Final = -1
"""The result that C gets for a Python function that raised an exception."""

_KEPT: Final = 100

_logger: Final = logging.getLogger("sermod.native")


class Failures:
    """Logs the exceptions of a set of functions with their tracebacks, and keeps the last ones.

    Attributes:
        recent: The last exceptions, the newest last.
    """

    def __init__(self) -> None:
        self.recent: deque[BaseException] = deque(maxlen=_KEPT)

    def add(self, source: str, error: BaseException) -> None:
        """Log an exception and keep it.

        Args:
            source: The function that raised it, for the log.
            error: The exception.
        """
        self.recent.append(error)
        try:
            _logger.error("%s, called from C, failed", source, exc_info=error)
        except BaseException as more:  # noqa: BLE001 - the caller is C, which cannot take an exception
            self.recent.append(more)


@attrs.frozen
class Callee:
    """A Python function that C calls.

    Attributes:
        module: The name of the module.
        command: The name of the command, or the field of the hook.
        failures: Where its exceptions are kept.
        expects: The results that C takes from it, for messages.
    """

    module: str
    command: str
    failures: Failures
    expects: str = "more than 0 for true, less than 0 for false, 0 to stop"

    def __str__(self) -> str:
        return f"{self.command!r} of module {self.module!r}"

    def failed(self, error: BaseException) -> int:
        """Log and keep an exception, and return the result that C gets instead."""
        self.failures.add(str(self), error)
        return FAILED

    def checked(self, result: object) -> int:
        """Return a result if C can take it.

        Raises:
            CommandResultError: It is not an ``int``, or no C ``int`` holds it.
        """
        if is_c_int(result):
            return result
        wrong = (
            f"{self} returned {repr_of(result)} to C, which is not a result: return an int of 32 bits, {self.expects}"
        )
        if isinstance(result, Coroutine):
            # A coroutine that is never awaited warns when it is collected, in an unrelated place, unless it is closed.
            cast("Coroutine[Any, Any, Any]", result).close()
        raise CommandResultError(wrong, module=self.module, command=self.command, value=cast("object", result))

    def checked_code(self, result: object) -> int:
        """Return the result of an initialization function if C can take it; ``None`` is 0.

        Raises:
            CommandResultError: As for :meth:`checked`.
        """
        return 0 if result is None else self.checked(result)
