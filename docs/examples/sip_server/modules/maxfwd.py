"""Max-Forwards (RFC 3261, section 16.6), as the module of that name does it in SER."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from sermod import REQUEST_ROUTE, Module, command
from sermod.fixups import int_between

if TYPE_CHECKING:
    from message import SipRequest


class Maxfwd(Module):
    """Ends loops: counts the header down that says how many hops a request may still make."""

    # The file is maxfwd, the module's name is another, as in SER: only this one counts once it is loaded.
    name = "maxfwd_module"

    @command(REQUEST_ROUTE)
    def mf_process_maxfwd_header(self, msg: SipRequest, limit: Annotated[int, int_between(0, 255)]) -> int:
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


exports = Maxfwd().exports
