"""Max-Forwards (RFC 3261, section 16.6), as the module of that name does it in SER."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from sermod import REQUEST_ROUTE, Module, command
from sermod.fixups import int_between

if TYPE_CHECKING:
    from message import SipRequest


class Maxfwd(Module):
    """Ends loops: decrements the header with the number of hops that a request may still make."""

    # As in SER, the name differs from that of the file; once the module is loaded, only this name counts.
    name = "maxfwd_module"

    @command(REQUEST_ROUTE)
    def mf_process_maxfwd_header(self, msg: SipRequest, limit: Annotated[int, int_between(0, 255)]) -> int:
        """Decrement Max-Forwards, or add it.

        Args:
            msg: The request.
            limit: The value for a header that is missing.

        Returns:
            1; -1 where the header is already 0, so that the request has made too many hops.
        """
        value = msg.max_forwards
        if value is None:
            msg.max_forwards = limit
            return 1
        if value == 0:
            return -1
        msg.max_forwards = value - 1
        return 1


exports = Maxfwd().exports
