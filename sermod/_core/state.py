"""The states of a lifecycle."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """The states of a lifecycle."""

    CONFIGURING = "configuring"
    """Modules may be loaded, parameters set, calls bound."""
    INITIALISED = "initialised"
    """Every ``init_f`` and every fixup has run: messages may be processed."""
    DESTROYED = "destroyed"
    """Every ``destroy_f`` has run."""
    FAILED = "failed"
    """The initialisation failed, and the modules that were initialised are destroyed again."""


INITIALISING: Final = "being initialised"
"""The state in messages while ``init`` runs, for the functions that it calls."""

ADVICE: Final[dict[str, str]] = {
    State.CONFIGURING: "call init() first, or enter the with block",
    INITIALISING: "wait until init() has returned",
    State.INITIALISED: "init() can run only once",
    State.DESTROYED: "its modules are cleaned up; make a new registry and a new lifecycle",
    State.FAILED: "its initialisation failed; make a new registry and a new lifecycle",
}
"""What to do in each state about a call that needs another one, for messages."""
