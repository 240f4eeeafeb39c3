"""Stateless replies, for the script and for other modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sermod import REQUEST_ROUTE, CmdExport, ModuleExports

if TYPE_CHECKING:
    from message import SipRequest


def sl_send_reply(msg: SipRequest, code: int, phrase: str) -> int:
    """Answer the request; an earlier answer is replaced.

    Args:
        msg: The request.
        code: The status code.
        phrase: The reason phrase.

    Returns:
        1.
    """
    msg.reply(code, phrase)
    return 1


def fixup_code(param: str, param_no: int) -> int | str:
    """Make a number of the first parameter, once, at start-up.

    Raises:
        ValueError: It is no status code of a final reply.
    """
    if param_no != 1:
        return param
    if not (len(param) == 3 and param.isascii() and param.isdecimal() and "2" <= param[0] <= "6"):  # noqa: PLR2004
        msg = f"a final status code is a number from 200 to 699 (got {param!r})"
        raise ValueError(msg)
    return int(param)


cmds = [
    CmdExport("sl_send_reply", sl_send_reply, 2, fixup_code, REQUEST_ROUTE),
    CmdExport(0, 0, 0, 0, 0),
]

exports = ModuleExports("sl", cmds, 0, 0, 0, 0, 0, 0)
