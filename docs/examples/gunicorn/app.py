"""A WSGI application that runs a route for each request, in each worker of gunicorn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sermod import REQUEST_ROUTE, Lifecycle, Registry
from sermod.hosts.gunicorn import ServerHooks

MODULES = Path(__file__).parents[1] / "sip_server" / "modules"


class HttpRequest:
    """A request on its way through the route, with its answer.

    Args:
        environ: The environment of the request (PEP 3333).
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        hops: str = environ.get("HTTP_MAX_FORWARDS", "")
        self.max_forwards = int(hops) if hops.isdecimal() else None
        self.status = "404 Not Found"  # if no command answers
        self.headers = [("Content-Length", "0")]

    def append_to_reply(self, name: str, value: str) -> None:
        """Add a header to the answer."""
        self.headers.append((name, value))

    def reply(self, code: int, phrase: str) -> None:
        """Make the answer."""
        self.status = f"{code} {phrase}"
        self.headers.append(("Max-Forwards", str(self.max_forwards)))  # so that the client sees it


core = Registry[HttpRequest](path=[MODULES])
with core.collect_errors():
    for name in ("sl", "maxfwd", "foobar", "options"):
        core.load(name)
    core.set_param("foobar", "foo_bar", 5)
    route = [
        core.bind("mf_process_maxfwd_header", "10", route=REQUEST_ROUTE),
        core.bind("foo_req", "one", "two", route=REQUEST_ROUTE),
        core.bind("options_reply", route=REQUEST_ROUTE),
    ]
life = Lifecycle(core)
hooks = ServerHooks(life)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer one request. Called in a worker."""
    request = HttpRequest(environ)
    life.run_route(route, request)
    start_response(request.status, request.headers)
    return []
