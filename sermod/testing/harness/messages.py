"""A message for those who need only something to pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

TYPE_CHECKING = False


class FakeMessage(SimpleNamespace):
    """A message that has what the test gives it, and nothing else.

    Args:
        attributes: What a module may ask of it, read or write. Two are equal where all of that is.

    Example:
        >>> msg = FakeMessage(method="OPTIONS", max_forwards=10)
        >>> msg.max_forwards -= 1
        >>> msg
        FakeMessage(method='OPTIONS', max_forwards=9)
    """

    @property
    def _as_parameter_(self) -> int:
        """What a command in C gets: a null pointer for a message in which there is nothing."""
        if vars(self):
            raise AttributeError("what is in it, C cannot read: give a bytearray, or a ctypes structure", obj=self)
        return 0

    if TYPE_CHECKING:

        def __init__(self, **attributes: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> NoReturn:
            """Say what the message lacks."""
            msg = f"this FakeMessage has no {name!r}; where the module needs it, write FakeMessage({name}=...)"
            raise AttributeError(msg, name=name, obj=self)


def message(msg: Any) -> Any:
    """Return a message for a call: the one that is given, or else a new one."""
    return FakeMessage() if msg is None else msg
