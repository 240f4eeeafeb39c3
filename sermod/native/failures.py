"""What went wrong in Python while C was the caller, which takes no exceptions."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, cast

import attrs

from sermod._interface.values import is_c_int
from sermod.errors import CommandResultError

FAILED: Final = -1
"""What C gets where Python has nothing to return."""

_KEPT: Final = 100

_logger: Final = logging.getLogger("sermod.native")


class Failures:
    """The exceptions of one set of functions that C calls: each is logged with its traceback, and the last are kept."""

    def __init__(self) -> None:
        self.recent: deque[BaseException] = deque(maxlen=_KEPT)

    def add(self, where: str, error: BaseException) -> None:
        """Log an exception and keep it.

        Args:
            where: What raised it.
            error: The exception.
        """
        self.recent.append(error)
        try:
            _logger.error("%s, called from C, failed", where, exc_info=error)
        except BaseException as more:  # noqa: BLE001 - the caller is C, and takes none
            self.recent.append(more)


@attrs.frozen
class Called:
    """What is called from C, for messages.

    Attributes:
        module: The name of the module.
        command: The command's name, or the field's.
        failures: Where what goes wrong is told.
    """

    module: str
    command: str
    failures: Failures

    def __str__(self) -> str:
        return f"{self.command!r} of module {self.module!r}"

    def failed(self, error: BaseException) -> int:
        """Tell of an exception, and return what C gets instead."""
        self.failures.add(str(self), error)
        return FAILED

    def checked(self, result: object) -> int:
        """Return a result that C can take.

        Raises:
            CommandResultError: It is none: no ``int``, or one that no C ``int`` holds.
        """
        if is_c_int(result):
            return result
        if isinstance(result, Coroutine):
            # Nobody will await it, and it would complain of that.
            cast("Coroutine[Any, Any, Any]", result).close()
        raise CommandResultError(
            f"{self} returned {result!r} to C, which is no result: return an int "
            f"of 32 bits, more than 0 for true, less than 0 for false, 0 to stop",
            module=self.module,
            command=self.command,
            value=cast("object", result),
        )

    def checked_code(self, result: object) -> int:
        """Return the result of an initialization function, for which ``None`` is 0."""
        return 0 if result is None else self.checked(result)
