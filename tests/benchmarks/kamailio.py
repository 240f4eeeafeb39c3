"""The processor time that Kamailio takes for a request, with sermod and with the same answer written without it.

Needs Debian's ``kamailio`` and ``kamailio-python3-modules``; without them it measures nothing.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from measure import Row

SUPPORT = Path(__file__).parents[1] / "support"
REQUESTS = 1_000
AT_ONCE = 32
REPEATS = 61
WITHIN = 20.0
# Debian's allocators check themselves all the time, which would hide the difference.
ALLOCATORS = ("-X", "fm", "-x", "fm")
# With several children, each request wakes all of them, and the system decides how many of them in vain.
ONE_CHILD = "children=1"

ROUTE = """
route = [
    core.bind("mf_process_maxfwd_header", "10", route=REQUEST_ROUTE),
    core.bind("foo_req", "one", "two", route=REQUEST_ROUTE),
    core.bind("options_reply", route=REQUEST_ROUTE),
]
mod_init = Kamailio(core, request_route=route, message=MESSAGE).mod_init
"""

THREE_COMMANDS = """
import KSR
from sermod import REQUEST_ROUTE, CmdExport, Module, Registry, command, int_param
from sermod.hosts.kamailio import Kamailio

class Maxfwd(Module):
    name = "maxfwd"

    @command(REQUEST_ROUTE)
    def mf_process_maxfwd_header(self, msg, limit: int):
        value = KSR.hdr.get("Max-Forwards")
        if value is None:
            KSR.hdr.append(f"Max-Forwards: {limit}\\r\\n")
        elif int(value) > 0:
            KSR.hdr.remove("Max-Forwards")
            KSR.hdr.append(f"Max-Forwards: {int(value) - 1}\\r\\n")
        return 1

class Foobar(Module):
    name = "foobar"
    foo_bar = int_param(5)

    @command(REQUEST_ROUTE)
    def foo_req(self, msg, param1: str, param2: str):
        return 1 if self.foo_bar else -1

class Options(Module):
    name = "options"

    @command(REQUEST_ROUTE)
    def options_reply(self, msg):
        if msg.Method != "OPTIONS":
            KSR.sl.sl_send_reply(501, "Not Implemented")
            return 1
        KSR.hdr.append_to_reply("Allow: OPTIONS\\r\\n")
        KSR.hdr.append_to_reply("Accept: */*\\r\\n")
        KSR.hdr.append_to_reply("Accept-Encoding: \\r\\n")
        KSR.hdr.append_to_reply("Accept-Language: en\\r\\n")
        KSR.hdr.append_to_reply("Supported: \\r\\n")
        KSR.sl.sl_send_reply(200, "OK")
        return 1

core = Registry()
for module in (Maxfwd(), Foobar(), Options()):
    core.register(module.exports)
"""

OF_THE_EXAMPLE = """
from pathlib import Path
from request import Request
from sermod import REQUEST_ROUTE, Registry
from sermod.hosts.kamailio import Kamailio

core = Registry(path=[MODULES])
for name in ("sl", "maxfwd", "foobar", "options"):
    core.load(name)
core.set_param("foobar", "foo_bar", 5)
"""

WITHOUT = """
import KSR

class Handler:
    limit = 10
    foo_bar = 5

    def child_init(self, rank):
        return 0

    def ksr_request_route(self, msg):
        value = KSR.hdr.get("Max-Forwards")
        if value is None:
            KSR.hdr.append(f"Max-Forwards: {self.limit}\\r\\n")
        elif int(value) > 0:
            KSR.hdr.remove("Max-Forwards")
            KSR.hdr.append(f"Max-Forwards: {int(value) - 1}\\r\\n")
        if not self.foo_bar:
            return -1
        if msg.Method != "OPTIONS":
            KSR.sl.sl_send_reply(501, "Not Implemented")
            return 1
        KSR.hdr.append_to_reply("Allow: OPTIONS\\r\\n")
        KSR.hdr.append_to_reply("Accept: */*\\r\\n")
        KSR.hdr.append_to_reply("Accept-Encoding: \\r\\n")
        KSR.hdr.append_to_reply("Accept-Language: en\\r\\n")
        KSR.hdr.append_to_reply("Supported: \\r\\n")
        KSR.sl.sl_send_reply(200, "OK")
        return 1

def mod_init():
    return Handler()
"""


def rows() -> list[Row]:
    """Measure."""
    program = shutil.which("kamailio", path="/usr/local/sbin:/usr/sbin")
    if program is None:
        print("kamailio is not installed: its benchmark is left out", file=sys.stderr)
        return []
    sys.path.insert(0, str(SUPPORT))
    from kamailio_server import Kamailio, processes_of
    from recorded import MODULES

    def cpu_of(server: Kamailio) -> float:
        """Return the processor time of all its processes, in seconds."""
        stats = (Path(f"/proc/{pid}/schedstat").read_text() for pid in processes_of(server.process.pid))
        return sum(int(stat.split()[0]) for stat in stats) / 1e9

    def measure(server: Kamailio) -> float:
        request, before = server.request(), cpu_of(server)
        for number in range(REQUESTS + AT_ONCE):
            if number >= AT_ONCE:
                server.client.recv(65535)
            if number < REQUESTS:
                server.send(request)
        return cpu_of(server) - before

    with ExitStack() as stack:

        def start(text: str) -> Kamailio:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            script = directory / "script_of_the_benchmark.py"
            script.write_text(text.replace("MODULES", repr(str(MODULES))))
            server = stack.enter_context(
                closing(Kamailio(program, directory, script, more=ONE_CHILD, options=ALLOCATORS))
            )
            server.ask(server.request())
            server.client.settimeout(WITHIN)
            measure(server)
            return server

        other = start(WITHOUT)
        servers = [
            start(THREE_COMMANDS + ROUTE.replace("MESSAGE", "None")),
            start(OF_THE_EXAMPLE + ROUTE.replace("MESSAGE", "Request")),
        ]
        rounds = [([measure(one) for one in servers], measure(other)) for _ in range(REPEATS)]
    what = "CPU time of a request to Kamailio, three commands"
    return [
        Row(
            f"{what}{kind}",
            "the same answer, straight against KSR",
            statistics.median(ours[at] for ours, _ in rounds) / REQUESTS,
            statistics.median(theirs for _, theirs in rounds) / REQUESTS,
            statistics.median(ours[at] / theirs for ours, theirs in rounds),
            goal,
        )
        for at, (kind, goal) in enumerate([("", "at most 1.10"), (" of the example", "no goal")])
    ]
