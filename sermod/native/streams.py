"""What C has buffered for its standard output, and all that it writes to."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from sermod.stdio import flush_also

_taken_part: Final[list[bool]] = []


def flush() -> None:
    """Write out what C has buffered: libc's ``fflush`` of all streams.

    Called by itself before every fork, and before a child of :func:`sermod.serve` ends, once a native module is loaded.
    Who forks and ends a child by :func:`os._exit` calls it before that.
    """
    ctypes.CDLL(None).fflush(None)


def take_part() -> None:
    """Have what C has buffered written out before each fork, from now on."""
    if not _taken_part:
        _taken_part.append(True)
        flush_also(flush)
        os.register_at_fork(before=flush)
