"""The reports of children to the main process: that one is ready, or how it failed.

One pipe serves all children. A report is written in frames that a pipe takes whole, so that those of several children
never mix: the number of the child, the kind of the frame, and its content.
"""

from __future__ import annotations

import os
import select
import struct
from typing import Final, TypeAlias

from sermod.errors import ChildInitError

Failure: TypeAlias = ChildInitError | str
"""The failure of a child: the error of an ``init_child_f``, or the text of a traceback."""

_HEAD: Final = struct.Struct("=IBH")
_ATOMIC: Final = getattr(select, "PIPE_BUF", 512)
_ROOM: Final = _ATOMIC - _HEAD.size
_READY: Final = 1
_FAILURE: Final = 2


class Reports:
    """The pipe, in the main process and in each child.

    Attributes:
        writable: The descriptor to which children write.
    """

    def __init__(self) -> None:
        import pickle  # slow to import; and not later, since a child that fails may be unable to

        self._dumps, self._loads = pickle.dumps, pickle.loads
        self.writable: int
        self._readable, self.writable = os.pipe()
        os.set_blocking(self._readable, False)
        self._failures: dict[int, bytes] = {}

    # In a child -----------------------------------------------------------------------------------------------------

    def ready(self, child: int) -> None:
        """Report that a child is ready."""
        os.write(self.writable, _HEAD.pack(child, _READY, 0))

    def failed(self, child: int, failure: Failure) -> None:
        """Report the failure of a child, which then ends."""
        data = self._dumps(failure)
        for start in range(0, len(data), _ROOM):
            part = data[start : start + _ROOM]
            os.write(self.writable, _HEAD.pack(child, _FAILURE, len(part)) + part)

    # In the main process --------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """Return the descriptor that is readable once there is a report."""
        return self._readable

    def read(self) -> list[int]:
        """Read all reports.

        Returns:
            The numbers of the children that are ready.
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
        """Return the failure that an ended child reported; ``None`` if it reported none, or not all of it."""
        data = self._failures.pop(child, None)
        if data is None:
            return None
        try:
            failure: Failure = self._loads(data)
        except Exception:  # noqa: BLE001 - a child that is killed while it writes leaves half a report
            return None
        return failure

    def close(self) -> None:
        """Close both ends."""
        os.close(self._readable)
        os.close(self.writable)
