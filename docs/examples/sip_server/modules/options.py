"""Answers OPTIONS (RFC 3261, section 11.2), and every other method with 501."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sermod import REQUEST_ROUTE, Module, command, find_export, str_param

if TYPE_CHECKING:
    from collections.abc import Callable

    from message import SipRequest


class Options(Module):
    """Answers OPTIONS with what the server supports. Needs module sl."""

    name = "options"
    accept = str_param("*/*", doc="The types of body that the server accepts.")
    accept_encoding = str_param("", doc="The encodings of a body that it accepts.")
    accept_language = str_param("en", doc="The languages that it accepts.")
    supported = str_param("", doc="The extensions of SIP that it supports.")

    _send_reply: Callable[[SipRequest, int, str], int]

    def mod_init(self) -> int:
        """Look up the function of module sl that sends replies, once, and not for each message."""
        export = find_export("sl_send_reply", 2)
        if export is None or not export.function:
            print("options: sl_send_reply is missing; load module sl")
            return -1
        self._send_reply = export.function
        print("options: found sl_send_reply")
        return 0

    @command(REQUEST_ROUTE)
    def options_reply(self, msg: SipRequest) -> int:
        """Answer OPTIONS with 200 and what the server supports, other methods with 501."""
        if msg.method != "OPTIONS":
            return self._send_reply(msg, 501, "Not Implemented")
        msg.append_to_reply("Allow", "OPTIONS")
        msg.append_to_reply("Accept", self.accept)
        msg.append_to_reply("Accept-Encoding", self.accept_encoding)
        msg.append_to_reply("Accept-Language", self.accept_language)
        msg.append_to_reply("Supported", self.supported)
        return self._send_reply(msg, 200, "OK")


exports = Options().exports
