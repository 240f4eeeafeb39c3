"""Looks at what sent a reply: drops those of banned software, and hides the name of the rest from whoever asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sermod import REPLY_ROUTE, Module, command, str_param

if TYPE_CHECKING:
    from message import SipReply


class Agents(Module):
    """Keeps replies of banned software away, and the names of all other software to itself."""

    name = "agents"
    banned = str_param("", doc="A regular expression, searched for in Server and User-Agent; empty: nobody is banned.")

    _pattern: re.Pattern[str] | None = None

    def mod_init(self) -> None:
        """Compile the regular expression; one that is wrong stops the server before it has begun."""
        self._pattern = re.compile(self.banned, re.IGNORECASE) if self.banned else None
        print(f"agents: replies are dropped that come from {self.banned or 'nobody'}")

    def response(self, msg: SipReply) -> int:
        """Return 0, "drop it", for a reply of banned software, otherwise 1."""
        return 0 if self._pattern is not None and msg.agent and self._pattern.search(msg.agent) else 1

    @command(REPLY_ROUTE)
    def hide_agent(self, msg: SipReply) -> int:
        """Take the headers out that name the software."""
        msg.headers.remove("Server")
        msg.headers.remove("User-Agent")
        return 1

    def destroy(self) -> None:
        """Say that the end has come."""
        print("agents: cleaning up")


exports = Agents().exports
