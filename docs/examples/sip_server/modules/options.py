"""Answers OPTIONS (RFC 3261, section 11.2), and says of every other method that the server does not have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sermod import REQUEST_ROUTE, STR_PARAM, CmdExport, ModuleExports, ParamExport, find_export, pointer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from message import SipRequest

accept = "*/*"
accept_encoding = ""
accept_language = "en"
supported = ""

send_reply: Callable[[SipRequest, int, str], int]


def options_reply(msg: SipRequest) -> int:
    """Answer OPTIONS with 200 and what the server can do, other methods with 501."""
    if msg.method != "OPTIONS":
        return send_reply(msg, 501, "Not Implemented")
    result = send_reply(msg, 200, "OK")
    if msg.answer is not None:
        headers = msg.answer.headers
        headers.set("Allow", "OPTIONS")
        headers.set("Accept", accept)
        headers.set("Accept-Encoding", accept_encoding)
        headers.set("Accept-Language", accept_language)
        headers.set("Supported", supported)
    return result


def mod_init() -> int:
    """Look up the function of module sl that sends replies: a look-up belongs here, not where each message passes."""
    global send_reply  # noqa: PLW0603 - a module in the C shape keeps its state in its variables
    export = find_export("sl_send_reply", 2)
    if export is None or not export.function:
        print("options: it needs sl_send_reply; load module sl")
        return -1
    send_reply = export.function
    print("options: found sl_send_reply")
    return 0


cmds = [
    CmdExport("options_reply", options_reply, 0, 0, REQUEST_ROUTE),
    CmdExport(0, 0, 0, 0, 0),
]

params = [
    ParamExport("accept", STR_PARAM, pointer_to(globals(), "accept")),
    ParamExport("accept_encoding", STR_PARAM, pointer_to(globals(), "accept_encoding")),
    ParamExport("accept_language", STR_PARAM, pointer_to(globals(), "accept_language")),
    ParamExport("supported", STR_PARAM, pointer_to(globals(), "supported")),
    ParamExport(0, 0, 0),
]

exports = ModuleExports("options", cmds, params, mod_init, 0, 0, 0, 0)
