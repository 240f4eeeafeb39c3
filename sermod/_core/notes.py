"""The note on an exception that names the call, or the hook of a module, out of which it passed."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Final, cast

from sermod._core.action import Action


class _Note(str):
    """A note that this file wrote. A copy of it, also in another process, is a plain ``str``.

    Attributes:
        trace: The id of the traceback that the exception had when the note was written.
    """

    __slots__ = ("trace",)
    trace: int

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def note_call(error: Exception, action: Action[Any], more: str = "") -> None:
    """Note on an exception the call as the script has it, its place, and its module.

    Called in the ``except`` clause around the call, in the process that handles the message. An exception has at most
    one note of this kind. If a command runs another route, the note of the inner call stays. If the same exception is
    raised again later, for example by a connection pool that keeps its failure, the note of the new call replaces that
    of the earlier one. An exception that refuses notes stays as it is.

    Args:
        error: The exception.
        action: The call.
        more: The end of the note.
    """
    with suppress(Exception):  # an exception class of a module's author may raise anything here
        _write(error, f"in {action}, module {action.module!r}{more}")


def note_hook(error: Exception, hook: str, module: str) -> None:
    """Note on an exception a hook and its module, as :func:`note_call` notes a call.

    Args:
        error: The exception.
        hook: The field of the hook in ``ModuleExports``.
        module: The name of the module.
    """
    with suppress(Exception):
        _write(error, f"in {hook} of module {module!r}")


def call_note(error: BaseException) -> str | None:
    """Return the note of :func:`note_call` or :func:`note_hook` on an exception; ``None`` where it has none."""
    with suppress(Exception):
        return next((str(note) for note in error.__notes__ if isinstance(note, _Note)), None)
    return None


def _write(error: Exception, text: str) -> None:
    trace = cast("TracebackType", error.__traceback__)
    note = _Note(text)
    note.trace = id(trace)
    notes: list[object] = getattr(error, "__notes__", [])
    for index, earlier in enumerate(notes):
        if isinstance(earlier, _Note):
            if not _has_passed(trace, earlier.trace):
                notes[index] = note
            return
    error.add_note(note)


def _has_passed(trace: TracebackType, earlier: int) -> bool:
    """Return whether an exception has passed the place of an earlier note on its way to the frame that caught it.

    Otherwise it was raised again: the frames of the earlier time then follow in its traceback, behind a frame that did
    not call them.

    Args:
        trace: The traceback of the exception, which begins with the frame that caught it.
        earlier: The id of the traceback that it had when the earlier note was written.
    """
    below = trace.tb_next
    while below is not None and _is_called_from(trace.tb_frame, below.tb_frame):
        if id(below) == earlier:
            return True
        trace, below = below, below.tb_next
    return False


def _is_called_from(caller: FrameType, frame: FrameType) -> bool:
    back = frame.f_back
    return caller is back or caller is frame or (back is None and _COROUTINES_LOSE_THEIR_CALLER)


_COROUTINES_LOSE_THEIR_CALLER: Final = sys.version_info < (3, 12)
"""Whether a coroutine that has ended no longer has the frame that awaited it.

Then every coroutine counts as awaited by the frame before it, so that the note of an inner call stays. If coroutines
raise one exception several times, the first note may stay as well.
"""
