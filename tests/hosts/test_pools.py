"""Process pools as hosts: the examples, and the lifecycle of modules in both kinds of pool and each start method."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from recorded import COMMANDS, LOADED, check_life, read

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "pools"
PROGRAM = ROOT / "tests" / "support" / "pool_program.py"
WITH_FAULTY = (*LOADED, "faulty")
REQUESTS = 6
SECONDS = 120

METHODS = ["fork", "spawn", "forkserver"]
POOLS = [(kind, method) for kind in ("executor", "pool") for method in METHODS]


def run(file, *arguments, cwd, fork_among_threads=False):
    """Run a program to its end, and return its output, both streams together."""
    # Python 3.12 and later warn if a process with threads forks, and a pool has threads.
    warnings = "default" if fork_among_threads else "error"
    command = [sys.executable, "-W", warnings, str(file), *arguments]
    # Coverage handles SIGTERM in Python, some time after the signal, so that it would not end a waiting process.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert 0 == done.returncode, done.stdout
    return done.stdout


def printed(output, what):
    """Return a value that the program has printed."""
    return ast.literal_eval(re.search(rf"^{what}: (.*)$", output, re.MULTILINE)[1])


def check_each(entries, ranks, *, requests):
    """Check a record of processes that each initialise and clean up the modules."""
    processes = defaultdict(list)
    for entry in entries:
        processes[entry.pid].append(entry)
    seen = []
    for of_process in processes.values():
        (rank,) = {entry.rank for entry in of_process} - {None}
        seen.append(rank)
        done = sum(entry.function == COMMANDS[0] for entry in of_process)
        requests -= done
        check_life(of_process, [rank], requests=done, destroyed=True, loaded=WITH_FAULTY)
    assert 0 == requests
    assert Counter(ranks) == Counter(seen)


@pytest.fixture(scope="module", params=POOLS, ids="-".join)
def pool(request, tmp_path_factory):
    """Run each pool once: a task whose command fails, one task for each process at a time, and the requests."""
    kind, method = request.param
    directory = tmp_path_factory.mktemp(kind)
    output = run(PROGRAM, kind, method, "0", "command", cwd=directory)
    return SimpleNamespace(method=method, output=output, record=directory / "record")


class TestExamples:
    """The examples of the page, as they are."""

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("program", ["executor.py", "pool.py"])
    def test_it_answers(self, program, method):
        """Each request is answered, and every initialised module is cleaned up."""
        replaced = method == "fork" and program == "pool.py"
        output = run(EXAMPLE / program, method, cwd=EXAMPLE, fork_among_threads=replaced)

        assert "{('200 OK', 69)}" in output
        initialised = output.count("foo module initializing")
        assert initialised == output.count("foo module cleaning up")
        assert (initialised == 1) == (method == "fork")


class TestLife:
    """A pool that forks is like a server of children; otherwise each process is a main process of its own."""

    def test_record(self, pool):
        """Each process has a rank from 1 to their number."""
        assert [1, 2, 3] == printed(pool.output, "met")
        entries = [entry for entry in read(pool.record) if entry.function != "fail"]
        if pool.method == "fork":
            check_life(entries, [1, 2, 3], requests=REQUESTS, destroyed=True, loaded=WITH_FAULTY)
        else:
            check_each(entries, [1, 2, 3], requests=REQUESTS)

    @pytest.mark.parametrize(("kind", "method"), [pair for pair in POOLS if pair != ("executor", "fork")])
    def test_processes_that_are_replaced(self, tmp_path, kind, method):
        """Each successor gets a free rank, so none is above the number of processes."""
        output = run(PROGRAM, kind, method, "1", "", cwd=tmp_path, fork_among_threads=method == "fork")

        handled = printed(output, "handled")
        assert {*handled} <= {1, 2, 3}
        entries = read(tmp_path / "record")
        ranks = [entry.rank for entry in entries if (entry.module, entry.function) == ("sl", "init_child_f")]
        assert {*ranks} <= {1, 2, 3}
        assert len(ranks) >= REQUESTS
        if method == "fork":
            check_life(entries, ranks, requests=REQUESTS, destroyed=True, loaded=WITH_FAULTY)
        else:
            check_each(entries, ranks, requests=REQUESTS)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_process_that_is_killed(self, tmp_path, method):
        """Its rank is free again, and a `multiprocessing.Pool` starts another process."""
        output = run(PROGRAM, "pool", method, "0", "killed", cwd=tmp_path, fork_among_threads=method == "fork")

        assert [1, 2, 3] == printed(output, "met")
        assert {*printed(output, "handled")} <= {1, 2, 3}

    @pytest.mark.parametrize("method", METHODS)
    def test_a_process_of_an_executor_that_is_killed(self, tmp_path, method):
        """The pool ends; where processes are forked, the main process cleans up."""
        output = run(PROGRAM, "executor", method, "0", "killed", cwd=tmp_path)

        assert printed(output, "failed").startswith("BrokenProcessPool: ")
        functions = [entry.function for entry in read(tmp_path / "record") if entry.module == "faulty"]
        assert (method == "fork") == ("destroy_f" in functions)


class TestFaults:
    """Errors are raised where a result is waited for."""

    # Where processes are forked, init_f runs before there is a pool, of whichever kind.
    @pytest.mark.parametrize(("kind", "method"), [pair for pair in POOLS if pair != ("pool", "fork")])
    def test_init_f(self, tmp_path, kind, method):
        """No request is handled; the error names the module."""
        output = run(PROGRAM, kind, method, "0", "init_f", cwd=tmp_path)

        assert printed(output, "failed").startswith("ModuleInitError: init_f of module 'faulty' returned -7")
        assert {"init_f", "destroy_f"} == {entry.function for entry in read(tmp_path / "record")}

    @pytest.mark.parametrize(("kind", "method"), POOLS)
    def test_init_child_f(self, tmp_path, kind, method):
        """The first task of the process raises the error, which names module and rank."""
        output = run(PROGRAM, kind, method, "0", "init_child_f", cwd=tmp_path)

        assert printed(output, "failed").startswith(
            "ChildInitError: init_child_f of module 'faulty' in rank 2 returned -8"
        )
        functions = [entry.function for entry in read(tmp_path / "record") if entry.module == "faulty"]
        assert functions.count("init_f") == functions.count("destroy_f")

    def test_command(self, pool):
        """The task raises its exception, and the process goes on."""
        assert "ValueError: the command fails for 1" == printed(pool.output, "task")
        assert 1 == sum(entry.function == "fail" for entry in read(pool.record))
        assert [1, 2, 3] == printed(pool.output, "met")
        assert REQUESTS == len(printed(pool.output, "handled"))

    def test_parameter(self, tmp_path):
        """The main process raises the error before it makes a pool, whatever its kind."""
        with pytest.raises(AssertionError, match="module 'foobar' has no parameter 'foo_baz'; did you mean 'foo_bar'"):
            run(PROGRAM, "executor", "spawn", "0", "parameter", cwd=tmp_path)
        assert not (tmp_path / "record").exists()
