"""SIPp, a SIP client that others wrote: thousands of OPTIONS, each of which is to be answered with 200."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

Start = Callable[[str], "subprocess.Popen[bytes]"]

RATE = 2_000
WITHIN = 120
"""Seconds that all calls together never take, however slow the machine."""

# What is not answered is sent again after half a second, a second, two seconds and so on (RFC 3261, section 17.1.2).
SCENARIO = """\
<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="OPTIONS">
  <send retrans="500"><![CDATA[

    OPTIONS sip:test@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
    To: <sip:test@[remote_ip]:[remote_port]>
    Call-ID: [call_id]
    CSeq: 1 OPTIONS
    Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
"""


@contextmanager
def starting(program: str, directory: Path, calls: int, *, rate: int = RATE) -> Generator[Start]:
    """Give a function that starts SIPp against an address; it is gone when the block is left.

    Args:
        program: Where SIPp is.
        directory: Where it writes what it counts.
        calls: How many requests it sends.
        rate: How many of them in a second.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start(address: str) -> subprocess.Popen[bytes]:
        (directory / "options.xml").write_text(SCENARIO)
        # Nothing of it listens anywhere else than on the loopback interface.
        local = [word for option in ("-i", "-ci", "-mi") for word in (option, "127.0.0.1")]
        load = ["-m", str(calls), "-r", str(rate), "-timeout", str(WITHIN), "-timeout_error"]
        files = ["-sf", "options.xml", "-trace_stat", "-stf", "counts.csv", "-trace_err", "-error_file", "errors.log"]
        command = [program, address, "-nostdin", *local, *load, *files]
        with (directory / "screen.log").open("wb") as screen:
            started.append(subprocess.Popen(command, cwd=directory, stdout=screen, stderr=screen))
        return started[-1]

    try:
        yield start
    finally:
        for one in started:
            one.kill()
            one.wait()


def counted(directory: Path) -> dict[str, int]:
    """Return what SIPp has counted in all."""
    with (directory / "counts.csv").open(newline="") as stream:
        *_, last = csv.DictReader(stream, delimiter=";")
    return {name: int(last[f"{name}(C)"]) for name in ("SuccessfulCall", "FailedCall", "Retransmissions")}
