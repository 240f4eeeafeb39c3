"""A module in a registry, and the names by which users know it."""

from __future__ import annotations

from typing import Generic

import attrs

from sermod._interface.exports import ModuleExports, MsgT
from sermod._problems import Problem


@attrs.frozen(eq=False, repr=False)
class LoadedModule(Generic[MsgT]):
    """A module in a registry.

    Attributes:
        name: Its name, from its exports.
        exports: The exports that it passed to the core.
        origin: The file or dotted name that it was loaded from; ``None`` if it was registered from memory.
        problems: The warnings of validation.
    """

    name: str
    exports: ModuleExports[MsgT]
    origin: str | None = None
    problems: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        return f"<LoadedModule {self.name!r} from {self.origin or 'memory'}>"


def how_to_export(given: object) -> str:
    """Return how to register the exports of something that has them, as the end of a message."""
    if isinstance(given, type) and hasattr(given, "exports"):
        return f"; write register({given.__name__}().exports)"
    if isinstance(getattr(given, "exports", None), ModuleExports):
        return "; register its attribute exports"
    return ""
