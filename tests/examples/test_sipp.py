"""The example server under the load of SIPp, a client that others wrote, while its children are killed."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what the system says of processes is in /proc")

CALLS = 20_000
RATE = 2_000
KILL_EVERY = 0.2
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


@pytest.fixture
def sipp(need, tmp_path):
    """Start SIPp; it writes what it counts into a file, and is gone at the end of the test."""
    program = need("sipp")
    started = []

    def sipp(address: str) -> subprocess.Popen[bytes]:
        (tmp_path / "options.xml").write_text(SCENARIO)
        # Nothing of it listens anywhere else than on the loopback interface.
        local = [word for option in ("-i", "-ci", "-mi") for word in (option, "127.0.0.1")]
        load = ["-m", str(CALLS), "-r", str(RATE), "-timeout", str(WITHIN), "-timeout_error"]
        files = ["-sf", "options.xml", "-trace_stat", "-stf", "counts.csv", "-trace_err", "-error_file", "errors.log"]
        with (tmp_path / "screen.log").open("wb") as screen:
            started.append(
                subprocess.Popen(
                    [program, address, "-nostdin", *local, *load, *files], cwd=tmp_path, stdout=screen, stderr=screen
                )
            )
        return started[-1]

    yield sipp
    for one in started:
        one.kill()
        one.wait()


def counted(file) -> dict[str, int]:
    """What SIPp has counted in all."""
    with file.open(newline="") as stream:
        *_, last = csv.DictReader(stream, delimiter=";")
    return {name: int(last[f"{name}(C)"]) for name in ("SuccessfulCall", "FailedCall", "Retransmissions")}


def test_no_call_fails_while_children_are_killed(start, sipp, tmp_path):
    """What a killed child has lost is sent again, and another answers it; in the end each rank is there, once."""
    server = start(trace=False)
    main = server.process.pid
    chance = random.Random(3)  # noqa: S311 - the same each time
    caller = sipp(server.text)
    until = time.monotonic() + WITHIN
    kills = 0
    while True:
        try:
            status = caller.wait(KILL_EVERY)
            break
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                pytest.fail(f"SIPp has not ended within {WITHIN} s")
        rank, pid = chance.choice([*server.children().items()])
        os.kill(pid, signal.SIGKILL)
        server.wait_for(f"child {rank} (pid {pid}) has ended: SIGKILL ended it")
        server.wait_for(") is ready")
        kills += 1

    calls = counted(tmp_path / "counts.csv")
    assert (0, 0, CALLS) == (status, calls["FailedCall"], calls["SuccessfulCall"]), calls
    assert kills >= CALLS / RATE / KILL_EVERY / 4  # it was as hard as it was meant to be

    # No child too many, none too few, no zombie: what the system says is what the server says.
    children = server.children()
    assert [1, 2, 3, 4] == sorted(children)
    assert {main: os.getpid(), **dict.fromkeys(children.values(), main)} == server.processes()

    assert 0 == server.end()
    assert {} == server.processes()
    counts = {rank: server.counts(f"child {rank}") for rank in (1, 2, 3, 4)}
    assert all(row["answered"] for row in counts.values())
    total = server.counts()
    assert CALLS <= total["received"] <= CALLS + calls["Retransmissions"]
    # A child that is killed may have taken a request without answering it, or answered without counting it: one each.
    assert 0 <= total["received"] - total["answered"] <= kills
    assert (0, 0) == (total["malformed"], total["errors"])
