"""The work of the processes of a pool. The main process imports it, and each process that inherits nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pooled import PooledLife

from sermod import REQUEST_ROUTE, Lifecycle, Registry

MODULES = Path(__file__).parents[1] / "sip_server" / "modules"


@dataclass
class Request:
    """A request, which is sent to a process of the pool and comes back with its answer."""

    method: str
    max_forwards: int | None = None
    answer: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    rank: int | None = None

    def append_to_reply(self, name: str, value: str) -> None:
        """Add a header to the answer."""
        self.headers[name] = value

    def reply(self, code: int, phrase: str) -> None:
        """Make the answer."""
        self.answer = f"{code} {phrase}"


core = Registry[Request](path=[MODULES])
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
process = PooledLife(life)


def begin(ranks: str) -> None:
    """Initialise a process of the pool."""
    process.begin(ranks)


def handle(request: Request) -> Request:
    """Answer one request. Called in a process of the pool."""
    process.run_route(route, request)
    request.rank = life.rank
    return request
