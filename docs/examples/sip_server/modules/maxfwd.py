"""Max-Forwards (RFC 3261, section 16.6), as the module of that name does it in SER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sermod import REQUEST_ROUTE, CmdExport, ModuleExports

if TYPE_CHECKING:
    from message import SipRequest

LARGEST = 255


def mf_process_maxfwd_header(msg: SipRequest, limit: int) -> int:
    """Count Max-Forwards down, or add it.

    Args:
        msg: The request.
        limit: The value that the header gets where it is missing.

    Returns:
        1, or -1 where the header is 0 already: the request has made too many hops.
    """
    value = msg.max_forwards
    if value is None:
        msg.max_forwards = limit
        return 1
    if value == 0:
        return -1
    msg.max_forwards = value - 1
    return 1


def fixup_limit(param: str, _param_no: int) -> int:
    """Make a number of the parameter, once, at start-up.

    Raises:
        ValueError: It is no number from 0 to 255.
    """
    if not (param.isascii() and param.isdecimal()) or int(param) > LARGEST:
        msg = f"Max-Forwards is a number from 0 to {LARGEST} (got {param!r})"
        raise ValueError(msg)
    return int(param)


cmds = [
    CmdExport("mf_process_maxfwd_header", mf_process_maxfwd_header, 1, fixup_limit, REQUEST_ROUTE),
    CmdExport(0, 0, 0, 0, 0),
]

# The file is maxfwd, the module's name is another, as in SER: only this one counts once it is loaded.
exports = ModuleExports("maxfwd_module", cmds, 0, 0, 0, 0, 0, 0)
