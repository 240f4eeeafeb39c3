"""A message for tests of modules that need no real SIP message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

TYPE_CHECKING = False


class FakeMessage(SimpleNamespace):
    """A message that has the attributes which the test gives it, and no others.

    Args:
        attributes: The attributes, for the module to read and write. Two messages with equal attributes are equal.

    Example:
        >>> msg = FakeMessage(method="OPTIONS", max_forwards=10)
        >>> msg.max_forwards -= 1
        >>> msg
        FakeMessage(method='OPTIONS', max_forwards=9)
    """

    @property
    def _as_parameter_(self) -> int:
        """The argument for a command in C: a null pointer, for a message without attributes."""
        if vars(self):
            msg = "C cannot read the attributes of a FakeMessage: give the command a bytearray or a ctypes structure"
            raise AttributeError(msg, obj=self)
        return 0

    if TYPE_CHECKING:

        def __init__(self, **attributes: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> NoReturn:
            """Say that the message has no such attribute."""
            msg = f"this FakeMessage has no attribute {name!r}; if the module needs it, write FakeMessage({name}=...)"
            raise AttributeError(msg, name=name, obj=self)


def message_or_new(msg: Any) -> Any:
    """Return the message for a call: *msg*, or a new :class:`FakeMessage` if *msg* is ``None``."""
    return FakeMessage() if msg is None else msg
