"""Looks at what sent a reply: drops those of banned software, and hides the name of the rest from whoever asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sermod import REPLY_ROUTE, STR_PARAM, CmdExport, ModuleExports, ParamExport, pointer_to

if TYPE_CHECKING:
    from message import SipReply

# A regular expression that is searched for in a reply's Server or User-Agent header. None bans nobody.
banned: str | None = None

pattern: re.Pattern[str] | None = None


def response(msg: SipReply) -> int:
    """Return 0, "drop it", for a reply of banned software, otherwise 1."""
    return 0 if pattern is not None and msg.agent and pattern.search(msg.agent) else 1


def hide_agent(msg: SipReply) -> int:
    """Take the headers out that name the software."""
    msg.headers.remove("Server")
    msg.headers.remove("User-Agent")
    return 1


def mod_init() -> int:
    """Compile the regular expression; one that is wrong stops the server before it has begun."""
    global pattern  # noqa: PLW0603 - a module in the C shape keeps its state in its variables
    pattern = re.compile(banned, re.IGNORECASE) if banned else None
    print(f"agents: replies are dropped that come from {banned or 'nobody'}")
    return 0


def destroy() -> None:
    """Say that the end has come."""
    print("agents: cleaning up")


cmds = [
    CmdExport("hide_agent", hide_agent, 0, 0, REPLY_ROUTE),
    CmdExport(0, 0, 0, 0, 0),
]

params = [
    ParamExport("banned", STR_PARAM, pointer_to(globals(), "banned")),
    ParamExport(0, 0, 0),
]

exports = ModuleExports("agents", cmds, params, mod_init, response, destroy, 0, 0)
