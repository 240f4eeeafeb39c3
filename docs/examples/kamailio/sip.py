"""The script that Kamailio loads: modules, their parameters, and the calls of the request route."""

from pathlib import Path

from request import Request

from sermod import REQUEST_ROUTE, Registry
from sermod.hosts.kamailio import Kamailio

MODULES = Path(__file__).parents[1] / "sip_server" / "modules"

core: Registry[Request] = Registry(path=[MODULES])
with core.collect_errors():
    for name in ("sl", "maxfwd", "foobar", "options"):
        core.load(name)
    core.set_param("foobar", "foo_bar", 5)
    core.set_param("options", "accept", "application/sdp")
    count_down = core.bind("mf_process_maxfwd_header", "10", route=REQUEST_ROUTE)
    too_many_hops = core.bind("sl_send_reply", "483", "Too Many Hops", route=REQUEST_ROUTE)
    foo_req = core.bind("foo_req", "one", "two", route=REQUEST_ROUTE)
    options_reply = core.bind("options_reply", route=REQUEST_ROUTE)
    core.check()


def request_route(msg: Request) -> int:
    """Answer a request, unless it has made too many hops."""
    if count_down.run(msg) < 0:
        too_many_hops.run(msg)
        return 0
    foo_req.run(msg)
    result: int = options_reply.run(msg)
    return result


mod_init = Kamailio(core, request_route=request_route, message=Request).mod_init
