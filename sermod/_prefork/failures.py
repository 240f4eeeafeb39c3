"""Errors for failed children, and the collector of errors raised while the server stops."""

from __future__ import annotations

import traceback
from typing import TypeAlias

from sermod._forking import how_it_ended
from sermod._prefork.processes import Child, Death
from sermod._problems import add_note
from sermod.errors import ChildDiedError, ChildInitError

ChildError: TypeAlias = ChildInitError | ChildDiedError


def error_for_death(death: Death, module: str | None, advice: str) -> ChildError:
    """Return the error for a child that ended although it was not asked to.

    Args:
        death: The end of the child.
        module: The module whose ``init_child_f`` was running in it, or ``None``.
        advice: The consequence, and what to do.
    """
    child, failure = death.child, death.failure
    if child.overdue is not None:
        return error_for_timeout(child, module, child.overdue)
    if isinstance(failure, ChildInitError):
        if failure.traceback is not None:
            failure.add_note(f"in the child, pid {child.pid}:\n{failure.traceback}")
        return failure
    when = "ended although it was not asked to"
    if not child.ready:
        when = "ended before it was ready" + (f", in init_child_f of module {module!r}" if module else "")
    how = how_it_ended(death.exitcode, death.signal)
    error = ChildDiedError(
        f"child {child.rank} (pid {child.pid}) {when}: {how}; {advice}",
        rank=child.rank,
        pid=child.pid,
        exitcode=death.exitcode,
        signal=death.signal,
        traceback=failure,
    )
    if failure is not None:
        error.add_note(f"in the child, pid {child.pid}:\n{failure}")
    return error


def error_for_timeout(child: Child, module: str | None, timeout: float) -> ChildError:
    """Return the error for a child that has not become ready in time, and is ended for it.

    Args:
        child: The child.
        module: The module whose ``init_child_f`` is running in it, or ``None``.
        timeout: The time that it had, in seconds.
    """
    says = f"child {child.rank} (pid {child.pid}) is not ready after {timeout:g} seconds"
    if module is None:
        message = f"{says}, and is in no init_child_f; see what keeps it, or give a longer ready_timeout"
        return ChildDiedError(message, rank=child.rank, pid=child.pid)
    message = f"{says}: it is in init_child_f of module {module!r}; make that faster, or give a longer ready_timeout"
    return ChildInitError(message, module=module, rank=child.rank)


class Failures:
    """The errors of a server in their order: the first is raised at the end, with the others as its notes.

    Attributes:
        first: The first error, or ``None``.
    """

    def __init__(self) -> None:
        self.first: BaseException | None = None

    def add(self, error: BaseException) -> None:
        """Add an error."""
        if self.first is None:
            self.first = error
        else:
            text = "".join(traceback.format_exception(error, chain=False))
            add_note(self.first, f"and then, while the server stopped:\n{text}")

    def reraise(self) -> None:
        """Raise the first error, if there is one."""
        if self.first is not None:
            raise self.first
