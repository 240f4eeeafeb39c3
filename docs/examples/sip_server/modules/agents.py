"""Drops the replies of banned software, and removes the names of other software from replies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sermod import REPLY_ROUTE, Module, command, str_param

if TYPE_CHECKING:
    from message import SipReply


class Agents(Module):
    """Drops replies by the name of the software that sent them, and hides that name."""

    name = "agents"
    banned = str_param("", doc="A regular expression for Server and User-Agent; empty: nothing is banned.")

    _pattern: re.Pattern[str] | None = None

    def mod_init(self) -> None:
        """Compile the regular expression; an invalid one keeps the server from starting."""
        self._pattern = re.compile(self.banned, re.IGNORECASE) if self.banned else None
        print(f"agents: banned software: {self.banned or 'none'}")

    def response(self, msg: SipReply) -> int:
        """Return 0 for a reply of banned software, so that it is dropped; otherwise 1."""
        return 0 if self._pattern is not None and msg.agent and self._pattern.search(msg.agent) else 1

    @command(REPLY_ROUTE)
    def hide_agent(self, msg: SipReply) -> int:
        """Remove the headers that name the software."""
        msg.headers.remove("Server")
        msg.headers.remove("User-Agent")
        return 1

    def destroy(self) -> None:
        """Print that the server ends."""
        print("agents: cleaning up")


exports = Agents().exports
