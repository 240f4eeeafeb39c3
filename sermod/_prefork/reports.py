"""What children tell the main process: that one is ready, or what went wrong in it.

One pipe serves all children. Whatever a child writes goes in frames that a pipe takes whole, so that those of several
children never mix: the child's number, the kind of the frame, and what it holds.
"""

from __future__ import annotations

import os
import select
import struct
from typing import Final, TypeAlias

from sermod.errors import ChildInitError

Failure: TypeAlias = ChildInitError | str
"""What went wrong in a child: an ``init_child_f``, or something else, as the text of a traceback."""

_HEAD: Final = struct.Struct("=IBH")
_ATOMIC: Final = getattr(select, "PIPE_BUF", 512)
_ROOM: Final = _ATOMIC - _HEAD.size
_READY: Final = 1
_FAILURE: Final = 2


class Reports:
    """The pipe, in the main process and in each child.

    Attributes:
        writable: The descriptor of the end that children write to.
    """

    def __init__(self) -> None:
        import pickle  # slow to import; and not later, since a child in trouble may be unable to

        self._dumps, self._loads = pickle.dumps, pickle.loads
        self.writable: int
        self._readable, self.writable = os.pipe()
        os.set_blocking(self._readable, False)
        self._failures: dict[int, bytes] = {}

    # In a child -----------------------------------------------------------------------------------------------------

    def ready(self, child: int) -> None:
        """Tell that a child is ready."""
        os.write(self.writable, _HEAD.pack(child, _READY, 0))

    def failed(self, child: int, failure: Failure) -> None:
        """Tell what went wrong in a child, which then ends."""
        data = self._dumps(failure)
        for start in range(0, len(data), _ROOM):
            part = data[start : start + _ROOM]
            os.write(self.writable, _HEAD.pack(child, _FAILURE, len(part)) + part)

    # In the main process --------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """Return the descriptor that is readable once a child has told something."""
        return self._readable

    def read(self) -> list[int]:
        """Take what was told.

        Returns:
            The children that are ready.
        """
        data = b""
        while True:
            try:
                data += os.read(self._readable, 65536)
            except BlockingIOError:  # so the last frame is a whole one
                break
        ready: list[int] = []
        start = 0
        while start < len(data):
            child, kind, size = _HEAD.unpack_from(data, start)
            start += _HEAD.size
            if kind == _READY:
                ready.append(child)
            else:
                self._failures[child] = self._failures.get(child, b"") + data[start : start + size]
            start += size
        return ready

    def failure_of(self, child: int) -> Failure | None:
        """Return what a child that has ended told of its failure; ``None`` where it told none, or not all of it."""
        data = self._failures.pop(child, None)
        if data is None:
            return None
        try:
            failure: Failure = self._loads(data)
        except Exception:  # noqa: BLE001 - a child that is killed while it writes leaves half of it behind
            return None
        return failure

    def close(self) -> None:
        """Close both ends."""
        os.close(self._readable)
        os.close(self.writable)
