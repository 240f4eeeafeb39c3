"""What is buffered for standard output and standard error, by Python and by others in this process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Final

_others: Final[list[Callable[[], object]]] = []


def flush_also(function: Callable[[], object]) -> None:
    """Have :func:`flush` call *function*, too: whoever loads something with buffers of its own says so, once.

    Args:
        function: Writes out what is buffered.
    """
    _others.append(function)


def flush() -> None:
    """Write out all that is buffered, before a fork and at a child's end.

    What a process has in its buffers when it forks, its children have as well, and would write again; and a child that
    ends by ``os._exit`` loses what is in them.
    """
    for stream in (sys.stdout, sys.stderr):
        # A stream may be None, closed, or lead to a reader that is gone; print() is the one to complain of that.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
    for function in _others:
        function()
