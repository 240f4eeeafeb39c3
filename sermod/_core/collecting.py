"""What is wrong with a configuration: raised call by call, or all of it together."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType

from sermod.errors import SermodError


class Mistakes:
    """Decides about the error of a call that is made in its context.

    Usually the error passes. While the block of :meth:`together` runs, it is kept, and the program goes on behind the
    call's context.
    """

    def __init__(self) -> None:
        self._kept: list[Exception] | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool:
        if self._kept is None or not isinstance(error, SermodError):
            return False
        self._kept.append(error)
        return True

    @contextmanager
    def together(self) -> Generator[None]:
        """Keep the errors of all calls in the block, and raise them at its end.

        Raises:
            ExceptionGroup: There were some. An exception that ends the block itself is the last in it.
        """
        kept: list[Exception] = []
        outer, self._kept = self._kept, kept
        try:
            yield
        except Exception as error:
            if not kept:
                raise
            kept.append(error)
        finally:
            self._kept = outer
        if kept:
            count = "a mistake" if len(kept) == 1 else f"{len(kept)} mistakes"
            raise ExceptionGroup(f"the configuration has {count}", kept)
