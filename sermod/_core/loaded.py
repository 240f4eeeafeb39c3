"""A module in a registry."""

from __future__ import annotations

from typing import Generic

import attrs

from sermod._interface.exports import ModuleExports, MsgT
from sermod._problems import Problem


@attrs.frozen(eq=False)
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
