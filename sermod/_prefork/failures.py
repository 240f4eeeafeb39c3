"""What went wrong: with a child, as an error; and all that went wrong by the end, as one error."""

from __future__ import annotations

import traceback
from typing import TypeAlias

from sermod._prefork.events import how_it_ended
from sermod._prefork.processes import Child, Death
from sermod.errors import ChildDiedError, ChildInitError

ChildError: TypeAlias = ChildInitError | ChildDiedError


def error_of(death: Death, module: str | None, advice: str) -> ChildError:
    """Return the error that tells of a child's end that nobody asked for.

    Args:
        death: How it ended.
        module: The module whose ``init_child_f`` it was in; ``None`` outside of any.
        advice: What follows from it, and what to do.
    """
    child, failure = death.child, death.failure
    if child.overdue is not None:
        return not_ready(child, module, child.overdue)
    if isinstance(failure, ChildInitError):
        if failure.traceback is not None:
            failure.add_note(f"in the child, pid {child.pid}:\n{failure.traceback}")
        return failure
    when = "ended unasked"
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


def not_ready(child: Child, module: str | None, timeout: float) -> ChildError:
    """Return the error that tells that a child is not ready in time, and therefore has to end.

    Args:
        child: Which one.
        module: The module whose ``init_child_f`` it is in; ``None`` outside of any.
        timeout: The time that it had, in seconds.
    """
    says = f"child {child.rank} (pid {child.pid}) is not ready after {timeout:g} seconds"
    if module is None:
        message = f"{says}, though it is in no init_child_f; see what keeps it, or give ready_timeout more"
        return ChildDiedError(message, rank=child.rank, pid=child.pid)
    message = f"{says}: it is in init_child_f of module {module!r}; make that faster, or give ready_timeout more"
    return ChildInitError(message, module=module, rank=child.rank)


class Failures:
    """What went wrong, in this order: the first is what is raised in the end, and its notes tell of the others.

    Attributes:
        first: The first, or ``None``.
    """

    def __init__(self) -> None:
        self.first: BaseException | None = None

    def add(self, error: BaseException) -> None:
        """Note one more."""
        if self.first is None:
            self.first = error
        else:
            text = "".join(traceback.format_exception(error, chain=False))
            self.first.add_note(f"and then, on the way to the end:\n{text}")

    def reraise(self) -> None:
        """Raise the first, if there is any."""
        if self.first is not None:
            raise self.first
