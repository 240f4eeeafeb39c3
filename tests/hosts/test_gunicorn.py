"""gunicorn as the host: the life of the modules in its processes, their ranks, and what becomes of each fault."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gunicorn_server import HOOKS, configuration, gunicorn
from recorded import LOADED, check_life, read

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "gunicorn"
PAGE = Path(__file__).parents[2] / "docs" / "host-gunicorn.md"
WITH_FAULTY = (*LOADED, "faulty")

OWN_LIFE = configuration(
    *HOOKS,
    of="""
from sermod import Lifecycle, Registry
from sermod.hosts.gunicorn import ServerHooks
hooks = ServerHooks(Lifecycle(Registry()))
""",
)
"""A configuration that makes another lifecycle each time it is read."""


def check(directory, ranks, *, requests, destroyed=True):
    check_life(read(directory / "record"), ranks, requests=requests, destroyed=destroyed, loaded=WITH_FAULTY)


class TestLife:
    """The arbiter is the main process, and each worker a child."""

    @pytest.mark.parametrize("options", [[], ["--preload"], ["--threads", "2"]], ids=" ".join)
    def test_record(self, tmp_path, options):
        """Whether the application is loaded before the fork or after it, each function runs in its process."""
        with gunicorn(tmp_path, "--workers", "3", *options) as server:
            pids = server.ready(3)
            answers = [server.request() for _ in range(20)]
            assert 0 == server.stop()

        assert {1, 2, 3} == pids.keys()
        assert {200} == {status for status, _ in answers}
        assert {headers["Rank"] for _, headers in answers} <= {"1", "2", "3"}
        check(tmp_path, [1, 2, 3], requests=20)
        assert 1 == server.lines.count("initialised, once")

    def test_a_reload_replaces_the_workers(self, tmp_path):
        """After SIGHUP each rank has a new process; the modules are initialised in the arbiter once, all the same."""
        with gunicorn(tmp_path, "--workers", "3") as server:
            before = server.ready(3)
            assert 200 == server.request()[0]
            for _ in range(2):
                server.send(signal.SIGHUP)
                after = server.ready(3)
                assert {1, 2, 3} == after.keys()
                assert {*before.values()}.isdisjoint(after.values())
                before = after
            assert 200 == server.request()[0]
            assert 0 == server.stop()

        check(tmp_path, [1, 2, 3] * 3, requests=2)

    def test_what_is_buffered_is_written_before_a_worker_can_be_killed(self, tmp_path):
        """A worker that does not end, for a thread that does not, loses nothing of what it has printed."""
        with gunicorn(tmp_path, "--graceful-timeout", "1", fault="stays") as server:
            server.ready(1)
            assert 0 == server.stop()

        assert 1 == server.lines.count("this worker stays")


class TestRanks:
    """They are 1 to the number of workers, whatever happens to these."""

    def test_workers_that_are_killed(self, tmp_path):
        """Each gets a successor with its rank: one at a time, and all of them together."""
        with gunicorn(tmp_path, "--workers", "3") as server:
            pids = server.ready(3)
            for turn in range(12):
                rank = turn % 3 + 1
                os.kill(pids.pop(rank), signal.SIGKILL)
                pids |= server.ready(1)
                assert {1, 2, 3} == pids.keys()
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
            assert {1, 2, 3} == server.ready(3).keys()
            assert 200 == server.request()[0]
            assert 0 == server.stop()

        check(tmp_path, [1, 2, 3] * 6, requests=1)

    def test_workers_that_have_answered_enough(self, tmp_path):
        """Each gets a successor with its rank, or with another that is free."""
        with gunicorn(tmp_path, "--workers", "2", "--max-requests", "1") as server:
            assert {1, 2} == server.ready(2).keys()
            ranks = []
            for _ in range(6):
                assert 200 == server.request()[0]
                ranks += server.ready(1)
            assert 0 == server.stop()

        assert {*ranks} <= {1, 2}
        check(tmp_path, [1, 2, *ranks], requests=6)

    def test_more_workers_and_fewer(self, tmp_path):
        """A worker more has the next rank; the successor of one less has that one's."""
        with gunicorn(tmp_path, "--workers", "2") as server:
            pids = server.ready(2)
            server.send(signal.SIGTTIN)
            pids |= server.ready(1)
            assert {1, 2, 3} == pids.keys()
            server.send(signal.SIGTTOU)
            gone = int(server.wait_for(r"Worker exiting \(pid: (\d+)\)")[1])
            server.send(signal.SIGTTIN)
            (back,) = server.ready(1)
            assert gone == pids[back]
            assert 0 == server.stop()

        check(tmp_path, [1, 2, 3, back], requests=0)


class TestFaults:
    """What goes wrong is in gunicorn's log, and has the consequence that it has in gunicorn."""

    def test_init_f(self, tmp_path):
        """The server does not come up, leaves nothing behind, and says which module it was, and why."""
        with gunicorn(tmp_path, "--pid", "pid", fault="init_f") as server:
            assert 1 == server.end()

        assert "init_f of module 'faulty' raised ValueError: there is no licence" in server.output
        assert "[ERROR] The modules are not initialised" in server.output
        assert 'raise ValueError("there is no licence")' in server.output
        assert "Booting worker" not in server.output
        assert not (tmp_path / "pid").exists()

    def test_init_child_f(self, tmp_path):
        """A worker that cannot be initialised stops gunicorn, and the modules are cleaned up."""
        with gunicorn(tmp_path, "--workers", "3", "--graceful-timeout", "5", fault="init_child_f") as server:
            assert 3 == server.end()

        said = "init_child_f of module 'faulty' in rank 2 raised ValueError: there is no second licence"
        assert f"sermod.errors.ChildInitError: {said}" in server.output
        assert "Reason: Worker failed to boot." in server.output
        destroyed = [entry.module for entry in read(tmp_path / "record") if entry.function == "destroy_f"]
        assert [*reversed(WITH_FAULTY)] == destroyed

    def test_destroy_f(self, tmp_path):
        """It is in the log, and in the exit status."""
        with gunicorn(tmp_path, fault="destroy_f") as server:
            server.ready(1)
            assert 1 == server.stop()

        assert "[ERROR] The clean-up of modules failed" in server.output
        assert "destroy_f of module 'faulty' raised" in server.output
        assert "the licence cannot be given back" in server.output

    def test_command(self, tmp_path):
        """The request is answered with 500, and the worker goes on."""
        with gunicorn(tmp_path) as server:
            server.ready(1)
            assert 500 == server.request("/fail")[0]
            assert 200 == server.request("/")[0]
            assert 0 == server.stop()

        assert "ValueError: the command fails" in server.output
        assert 1 == server.output.count("is ready in")

    def test_parameter(self, tmp_path):
        """The server does not come up, and says what there is."""
        with gunicorn(tmp_path, fault="parameter") as server:
            assert 1 == server.end()

        assert "module 'foobar' has no parameter 'foo_baz'; did you mean 'foo_bar'?" in server.output

    def test_thread_before_the_fork(self, tmp_path):
        """It is a warning in gunicorn's log."""
        with gunicorn(tmp_path, fault="thread", warnings="ignore") as server:
            server.ready(1)
            assert 0 == server.stop()

        assert re.search(r"\[WARNING\] .*started the thread 'of-init_f', which still runs", server.output)

    @pytest.mark.parametrize("forgotten", HOOKS)
    def test_a_hook_that_the_configuration_lacks(self, tmp_path, forgotten):
        """The server does not come up, and says what to add."""
        config = configuration(*(name for name in HOOKS if name != forgotten))
        with gunicorn(tmp_path, config=config) as server:
            assert 0 < server.end()

        call = "pre_fork()" if forgotten == "when_ready" else "when_ready()"
        lacks = f"{call} needs the other hooks as well, and the configuration of gunicorn lacks {forgotten}: add "
        assert f"{lacks}{forgotten} = hooks.{forgotten}" in server.output
        assert not (tmp_path / "record").exists()

    def test_a_worker_whose_arbiter_knows_of_nothing(self, tmp_path):
        """A configuration with `post_fork` alone is told of all the others, in one worker."""
        with gunicorn(tmp_path, config=configuration("post_fork")) as server:
            assert 3 == server.end()

        assert "the configuration of gunicorn lacks when_ready, pre_fork, worker_exit, on_exit: add " in server.output

    def test_another_lifecycle_after_a_reload(self, tmp_path):
        """A configuration that makes the lifecycle itself cannot be reloaded, which is said."""
        with gunicorn(tmp_path, config=OWN_LIFE) as server:
            server.ready(1)
            server.send(signal.SIGHUP)
            assert 0 < server.end()

        assert "make it in a file that the configuration imports" in server.output


class TestExample:
    """The example of the page runs as it stands."""

    def test_it_answers_as_the_page_shows(self):
        """The answer has what the modules have put there."""
        text = PAGE.read_text(encoding="utf-8")
        shown = re.search(r"^\$ curl .*\n(HTTP/1.1 200 OK\n(?:[\w-]+:.*\n)+)", text, re.MULTILINE)[1]
        # Workers that have not answered may still be starting at the end, and then do not hear that it is the end.
        with gunicorn(EXAMPLE, "--graceful-timeout", "5", config=None, app="app:application") as server:
            server.listen()
            status, headers = server.request(Max_Forwards="3")
            assert 501 == server.request(method="GET")[0]
            assert 0 == server.stop()

        assert 200 == status
        expected = [line.split(": ") for line in shown.splitlines()[1:]]
        assert dict(expected) == {name: headers[name] for name, _ in expected}
        for line in ("foo module initializing", "child nr. [123] initializing", "foo module cleaning up"):
            assert re.search(line, server.output)

    def test_its_configuration_is_checked(self):
        """`--check-config` loads the modules, sets their parameters and binds their calls, and ends."""
        command = [sys.executable, "-m", "gunicorn", "--check-config"]
        subprocess.run(command, cwd=EXAMPLE, check=True, timeout=60)
