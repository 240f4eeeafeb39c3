"""The children of the example server: ranks, restarts, signals, the end."""

from __future__ import annotations

import os
import re
import signal
import sys

import pytest
from example_server import CONFIG, Server, options, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests read about processes in /proc")

HOLDING = """
import os
from sermod import *

def hold(msg):
    print("held", flush=True)
    with open(os.environ["SERMOD_TEST_FIFO"]):
        return 1

exports = ModuleExports("holding", null_terminated(CmdExport("hold", hold, 0, 0, REQUEST_ROUTE)))
"""


@pytest.fixture
def changed(configured):
    """Write the example's configuration with lines of it replaced."""

    def changed(**lines: str):
        text = CONFIG.read_text().replace('"modules"', '"MODULES"')
        for key, value in lines.items():
            text, count = re.subn(f"^{key} = .*", f"{key} = {value}", text, flags=re.MULTILINE)
            assert 1 == count
        return configured(text)

    return changed


def kill(server: Server, rank: int) -> int:
    """Kill the child of that rank, and return its process id once the server has reported its end."""
    pid = server.children()[rank]
    os.kill(pid, signal.SIGKILL)
    server.wait_for(f"child {rank} (pid {pid}) has ended: SIGKILL ended it")
    return pid


class TestRanks:
    def test_each_is_initialised_and_is_a_process(self, start):
        """Four children, with the ranks 1 to 4, of the one main process."""
        server = start()
        assert [1, 2, 3, 4] == sorted(server.children())
        assert [f"child nr. {rank} initializing" for rank in (1, 2, 3, 4)] == sorted(
            line for line in server.lines if line.startswith("child nr. ")
        )
        main = server.process.pid
        assert dict.fromkeys(server.children().values(), main) == {
            pid: parent for pid, parent in server.processes().items() if pid != main
        }

    def test_as_many_as_the_configuration_says(self, start, changed):
        server = start(changed(children="2"))
        assert [1, 2] == sorted(server.children())
        assert 0 == server.end()
        assert ["child 1", "child 2", "in all"] == [line.partition(":")[0] for line in server.lines[-3:]]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_none(self, start, changed, number):
        """One process does all the work, as the child of rank 1."""
        server = start(changed(children="0"))
        assert "child nr. 1 initializing" in server.lines
        assert [server.process.pid] == [*server.processes()]
        assert "sermod-example (child 1)" == server.ask(options(server.client)).headers["Server"]
        assert 0 == server.end(number)
        assert 1 == server.counts()["answered"]
        assert 1 == server.lines.count("foo module cleaning up")


class TestRestarts:
    def test_a_child_that_was_killed_comes_back(self, start):
        """A new child is initialised in its rank; the other children stay, and the counts of the killed one remain."""
        server = start()
        before = server.children()
        for _ in range(20):
            assert server.is_well()
        for rank in before:
            others = {**server.children(), rank: None}
            kill(server, rank)
            server.wait_for(") is ready")
            assert others == {**server.children(), rank: None}
            assert 2 == server.lines.count(f"child nr. {rank} initializing")
        after = server.children()
        assert before.keys() == after.keys()
        assert not {*before.values()} & {*after.values()}
        assert server.is_well()
        assert 0 == server.end()
        assert 21 == server.counts()["requests"]
        assert 1 == server.lines.count("foo module cleaning up")

    def test_too_many_deaths_end_it(self, start, changed):
        """The server ends in order, and reports how the last one died."""
        server = start(changed(max_restarts="1", within="1000"))
        kill(server, 3)
        server.wait_for("child 3 is restarted")
        server.wait_for(") is ready")
        pid = kill(server, 3)
        assert 1 == server.wait()
        assert any(line.startswith(f"sip_server: child 3 (pid {pid}) ") for line in server.lines)
        assert 1 == server.lines.count("foo module cleaning up")
        assert 0 == server.counts()["received"]

    def test_without_restarts_the_first_death_ends_it(self, start, configured):
        """As in SER."""
        server = start(configured("restart = false"))
        kill(server, 2)
        assert 1 == server.wait()
        assert any(line.startswith("sip_server: child 2 (pid ") for line in server.lines)


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_in_order(self, start, number):
        """The clean-up of each module runs once, newest first, and the exit status is 0."""
        server = start()
        assert server.is_well()
        assert 0 == server.end(number)
        order = ["foo module cleaning up", "agents: cleaning up"]
        assert order == [line for line in server.lines if line.endswith("cleaning up")]
        assert 1 == server.counts()["answered"]

    def test_many_signals_are_one(self, start):
        server = start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            server.process.send_signal(number)
        assert 0 == server.wait()
        assert 1 == server.lines.count("foo module cleaning up")
        assert not any("Traceback" in line for line in server.lines)

    def test_a_terminal_signals_every_process(self, start):
        """As with Ctrl-C: the server ends in order, and no child counts as dead."""
        server = start()
        assert server.is_well()
        os.killpg(server.process.pid, signal.SIGINT)
        assert 0 == server.wait()
        assert 1 == server.lines.count("foo module cleaning up")
        assert [] == [line for line in server.lines if "Traceback" in line or "restart" in line]
        assert 1 == server.counts()["answered"]

    def test_in_the_background_it_ignores_what_a_terminal_signals(self, start):
        """The children inherit that SIGINT is ignored."""
        server = start(background=True)
        children = server.children()
        os.killpg(server.process.pid, signal.SIGINT)
        for _ in range(20):
            assert server.is_well()
        assert children == server.children()
        assert 0 == server.end()
        assert not any("restart" in line for line in server.lines)

    def test_the_message_at_hand_is_finished(self, start, configured, tmp_path, monkeypatch):
        """A child that is asked to end in the middle of a message answers it first."""
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        monkeypatch.setenv("SERMOD_TEST_FIFO", str(fifo))
        text = """
module_path = [".", "MODULES"]
modules = ["holding", "sl", "options"]
request_route = [{call = ["hold"]}, {call = ["options_reply"]}]
"""
        server = start(configured(text, holding=HOLDING))
        server.send(options(server.client))
        server.wait_for("held")
        server.process.terminate()
        for _ in range(3):
            server.wait_for("has ended: it exited with code 0")
        with fifo.open("w"):
            pass
        assert 200 == server.receive().code
        assert 0 == server.wait()
        assert 1 == server.counts()["answered"]

    def test_no_child_outlives_the_main_process(self, start):
        """When the main process is killed, its children end."""
        server = start()
        assert 5 == len(server.processes())
        assert -signal.SIGKILL == server.end(signal.SIGKILL)

    def test_a_signal_during_start_up(self, configured):
        """The modules are initialised and cleaned up, and nothing is forked."""
        source = """
import os, signal
from sermod import ModuleExports

def mod_init():
    os.kill(os.getpid(), signal.SIGTERM)
    print("initialised")

def destroy():
    print("cleaned up")

exports = ModuleExports("impatient", 0, 0, mod_init, 0, destroy)
"""
        file = configured("modules = ['impatient']\nmodule_path = ['.']", impatient=source)
        result = run("--serve", "--port", "0", "--config", file)
        assert 0 == result.returncode
        assert ["initialised", "cleaned up"] == result.stdout.splitlines()[:2]
        assert ["stopping: SIGTERM arrived"] == result.stderr.splitlines()[:1]

    def test_another_signal_does_not_end_the_server(self, start, configured):
        """A module may handle other signals, in a child as well."""
        source = """
import signal
import sys
from sermod import ModuleExports

def child_init(rank):
    signal.signal(signal.SIGUSR1, lambda *_: print(f"user signal in {rank}"))

exports = ModuleExports("listening", 0, 0, 0, 0, 0, 0, child_init)
"""
        text = """
modules = ["sl", "options", "listening"]
module_path = [".", "MODULES"]
request_route = [{call = ["options_reply"]}]
"""
        server = start(configured(text, listening=source))
        os.kill(server.children()[2], signal.SIGUSR1)
        server.wait_for("user signal in 2")
        assert server.is_well()
        assert 0 == server.end()
