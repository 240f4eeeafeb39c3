"""Answers OPTIONS (RFC 3261, section 11.2), and says of every other method that the server does not have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sermod import REQUEST_ROUTE, Module, command, find_export, str_param

if TYPE_CHECKING:
    from collections.abc import Callable

    from message import SipRequest


class Options(Module):
    """Says what the server can do. Needs module sl."""

    name = "options"
    accept = str_param("*/*", doc="The types of body that the server takes.")
    accept_encoding = str_param("", doc="The encodings of a body that it takes.")
    accept_language = str_param("en", doc="The languages that it takes.")
    supported = str_param("", doc="The extensions of SIP that it supports.")

    _send_reply: Callable[[SipRequest, int, str], int]

    def mod_init(self) -> int:
        """Look up the function of module sl that sends replies: a look-up belongs here, not where messages pass."""
        export = find_export("sl_send_reply", 2)
        if export is None or not export.function:
            print("options: it needs sl_send_reply; load module sl")
            return -1
        self._send_reply = export.function
        print("options: found sl_send_reply")
        return 0

    @command(REQUEST_ROUTE)
    def options_reply(self, msg: SipRequest) -> int:
        """Answer OPTIONS with 200 and what the server can do, other methods with 501."""
        if msg.method != "OPTIONS":
            return self._send_reply(msg, 501, "Not Implemented")
        msg.append_to_reply("Allow", "OPTIONS")
        msg.append_to_reply("Accept", self.accept)
        msg.append_to_reply("Accept-Encoding", self.accept_encoding)
        msg.append_to_reply("Accept-Language", self.accept_language)
        msg.append_to_reply("Supported", self.supported)
        return self._send_reply(msg, 200, "OK")


exports = Options().exports
