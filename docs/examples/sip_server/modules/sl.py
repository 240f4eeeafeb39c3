"""Sends stateless replies, for the script and for other modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from sermod import REQUEST_ROUTE, Module, command
from sermod.fixups import int_between

if TYPE_CHECKING:
    from message import SipRequest

FinalCode = Annotated[int, int_between(200, 699)]


class Sl(Module):
    """Answers requests, and keeps no state about them."""

    name = "sl"

    @command(REQUEST_ROUTE)
    def sl_send_reply(self, msg: SipRequest, code: FinalCode, phrase: str) -> int:
        """Answer the request; the answer replaces an earlier one.

        Args:
            msg: The request.
            code: The status code of a final reply.
            phrase: The reason phrase.

        Returns:
            1.
        """
        msg.reply(code, phrase)
        return 1


exports = Sl().exports
