"""A request with the attributes that the modules of the example use, on top of Kamailio."""

from __future__ import annotations

from typing import Any

import KSR


class Request:
    """The request that Kamailio is handling. It handles one at a time, and ``KSR`` always refers to that.

    Args:
        msg: Kamailio's object for it.
    """

    __slots__ = ("_msg",)

    def __init__(self, msg: Any) -> None:
        self._msg = msg

    @property
    def method(self) -> str:
        """The method, ``OPTIONS`` for example."""
        method: str = self._msg.Method
        return method

    @property
    def max_forwards(self) -> int | None:
        """The number of hops that the request may still make; ``None`` without such a header."""
        value = KSR.hdr.get("Max-Forwards")
        return None if value is None else int(value)

    @max_forwards.setter
    def max_forwards(self, value: int) -> None:
        KSR.hdr.remove("Max-Forwards")
        KSR.hdr.append(f"Max-Forwards: {value}\r\n")

    def append_to_reply(self, name: str, value: str) -> None:
        """Add a header to the answer."""
        KSR.hdr.append_to_reply(f"{name}: {value}\r\n")

    def reply(self, code: int, phrase: str) -> None:
        """Answer the request."""
        KSR.sl.sl_send_reply(code, phrase)
