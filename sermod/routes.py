"""The kinds of route in which a command may be used (spec, section 1.2, ``flags``)."""

from __future__ import annotations

from enum import IntFlag
from typing import Final


class RouteFlag(IntFlag):
    """The OR of the kinds of route in which the script may call a command; 0 means other modules only.

    Bits that the spec does not define survive, since later cores define more of them.
    """

    REQUEST_ROUTE = 1
    REPLY_ROUTE = 2


REQUEST_ROUTE: Final = RouteFlag.REQUEST_ROUTE
"""The command may be called from the main route block, for SIP requests."""
REPLY_ROUTE: Final = RouteFlag.REPLY_ROUTE
"""The command may be called from reply route blocks, for SIP replies."""


def route_names(flags: int) -> str:
    """Return the names of the routes in *flags*, as a module's author writes them: ``REQUEST_ROUTE | 0x8``."""
    known = [flag for flag in RouteFlag if flags & flag]
    rest = int(flags) & ~sum(known)
    names = [*(str(flag.name) for flag in known), *([hex(rest)] if rest else [])]
    return " | ".join(names) or "no route"
