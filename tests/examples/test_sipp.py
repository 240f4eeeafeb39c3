"""The example server under the load of SIPp, an independent client, while its children are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import sipp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the test reads about processes in /proc")

KILL_EVERY = 0.2


@pytest.mark.parametrize("calls", [4_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_no_call_fails_while_children_are_killed(start, need, tmp_path, calls):
    """SIPp sends again what a killed child has lost, and another child answers; at the end each rank has one child."""
    server = start(trace=False)
    main = server.process.pid
    chance = random.Random(3)  # noqa: S311 - the same each time
    with sipp.starting(need("sipp"), tmp_path, calls) as call:
        caller = call(server.text)
        until = time.monotonic() + sipp.WITHIN
        kills = 0
        while True:
            try:
                status = caller.wait(KILL_EVERY)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > until:
                    pytest.fail(f"SIPp has not ended within {sipp.WITHIN} s")
            rank, pid = chance.choice([*server.children().items()])
            os.kill(pid, signal.SIGKILL)
            server.wait_for(f"child {rank} (pid {pid}) has ended: SIGKILL ended it")
            server.wait_for(") is ready")
            kills += 1

    counted = sipp.counted(tmp_path)
    assert (0, 0, calls) == (status, counted["FailedCall"], counted["SuccessfulCall"]), counted
    assert kills >= calls / sipp.RATE / KILL_EVERY / 4  # with fewer, the test would show little

    # The system has the same children as the server reports, and no zombie.
    children = server.children()
    assert [1, 2, 3, 4] == sorted(children)
    assert {main: os.getpid(), **dict.fromkeys(children.values(), main)} == server.processes()

    assert 0 == server.end()
    assert {} == server.processes()
    counts = {rank: server.counts(f"child {rank}") for rank in (1, 2, 3, 4)}
    assert all(row["answered"] for row in counts.values())
    total = server.counts()
    assert calls <= total["received"] <= calls + counted["Retransmissions"]
    # A child that is killed may have taken a request without answering it, or answered without counting it: one each.
    assert 0 <= total["received"] - total["answered"] <= kills
    assert (0, 0) == (total["malformed"], total["errors"])
