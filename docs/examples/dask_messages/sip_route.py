"""The work on the recorded messages: the modules of the example server, and a route that calls them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from recorded_messages import Part, read_messages

from sermod import REQUEST_ROUTE, Lifecycle, Registry, Route

SIP_SERVER = Path(__file__).parents[1] / "sip_server"
sys.path.append(str(SIP_SERVER))  # for the class of the messages

from message import MalformedError, SipReply, SipRequest, parse  # noqa: E402 - it is in the directory above

SOURCE = "127.0.0.1", 5060
"""The address that the messages came from."""


def configure() -> tuple[Registry[Any], Route[SipRequest]]:
    """Load the modules, set their parameters, and bind the calls of the route."""
    core: Registry[Any] = Registry(path=[SIP_SERVER / "modules"])
    for name in ("sl", "maxfwd", "options", "foobar"):
        core.load(name)
    core.set_param("foobar", "foo_bar", 5)
    count_hops = core.bind("mf_process_maxfwd_header", "10", route=REQUEST_ROUTE)
    refuse = core.bind("sl_send_reply", "483", "Too Many Hops", route=REQUEST_ROUTE)
    foo = core.bind("foo_req", "one", "two", route=REQUEST_ROUTE)
    answer = core.bind("options_reply", route=REQUEST_ROUTE)

    def route(msg: SipRequest) -> int:
        if count_hops.run(msg) < 0:
            refuse.run(msg)
            return 0
        if foo.run(msg) < 0:
            return 0
        result: int = answer.run(msg)
        return result

    return core, route


def count(life: Lifecycle[Any], route: Route[SipRequest], part: Part) -> Counter[str]:
    """Run the route for each message of a part, and count the outcomes."""
    counts: Counter[str] = Counter()
    for data in read_messages(part):
        counts.update(_outcomes(life, route, data))
    return counts


def _outcomes(life: Lifecycle[Any], route: Route[SipRequest], data: bytes) -> list[str]:
    try:
        msg = parse(data, SOURCE)
    except MalformedError:
        return ["messages", "malformed"]
    if isinstance(msg, SipReply):
        return ["messages", "left unanswered"]
    before = msg.max_forwards
    life.run_route(route, msg)
    answer = f"{msg.answer.code} {msg.answer.phrase}" if msg.answer else "left unanswered"
    return ["messages", answer, f"Max-Forwards {_change(before, msg.max_forwards)}"]


def _change(before: int | None, after: int | None) -> str:
    return "added" if before is None else "left at 0" if before == after else "counted down"
