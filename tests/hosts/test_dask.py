"""The example docs/examples/dask_messages: modules on the workers of a Dask cluster."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from needs import need_package
from recorded import check_life, read
from sources import write

from sermod import ChildInitError, LifecycleError, ModuleInitError, UnknownParamError

need_package("distributed")

from count_messages import count_in_one_process, count_on_worker  # noqa: E402 - they need what is needed above
from dask_cluster import (  # noqa: E402
    WITHIN,
    answer,
    cluster_of,
    configure_in_one_thread,
    configure_killing,
    configure_nothing,
    configure_recorded,
    configure_wrong,
)
from dask_modules import modules_on  # noqa: E402
from distributed import KilledWorker  # noqa: E402
from recorded_messages import parts_of, read_messages, write_messages  # noqa: E402
from sip_route import configure  # noqa: E402

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "dask_messages" / "count_messages.py"
PAGE = ROOT / "docs" / "host-dask.md"

MESSAGES = 2_000
"""Enough for both workers; the example itself takes as many as there are to be."""
IN_THE_MIDDLE = "1234@127.0.0.1"
"""The Call-ID of one of them."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cluster of two workers for all tests that leave it so; none of its processes is left in the end."""
    with cluster_of(2, tmp_path_factory.mktemp("workers")) as cluster:
        yield cluster
        pids = cluster.client.run(os.getpid).values()
    assert [] == [pid for pid in {*pids, *cluster.pids} if Path(f"/proc/{pid}").exists()]


@pytest.fixture
def cluster(shared):
    shared.client.wait_for_workers(2, timeout=WITHIN)
    yield shared
    shared.scale(2)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    file = tmp_path_factory.mktemp("recorded") / "messages"
    write_messages(file, MESSAGES)
    return parts_of(file, MESSAGES // 20)


@pytest.fixture(scope="module")
def expected(parts):
    return count_in_one_process(parts)


def count_on(cluster, parts):
    futures = cluster.client.map(count_on_worker, parts, pure=False)
    return sum((future.result(timeout=WITHIN) for future in futures), Counter())


class TestLife:
    def test_each_worker_has_the_whole_life(self, cluster, tmp_path):
        """Nothing is inherited: each process is its own main process, and initialises, works and cleans up."""
        record = tmp_path / "record"
        with modules_on(cluster.client, functools.partial(configure_recorded, str(record))):
            lives = [cluster.ask(address, answer, 3) for address in cluster.client.run(os.getpid)]

        assert [1, 2] == sorted(rank for rank, _ in lives)
        entries = read(record)
        assert {pid for _, pid in lives} == {entry.pid for entry in entries}
        for rank, pid in lives:
            check_life([entry for entry in entries if entry.pid == pid], [rank], requests=3, destroyed=True)

    def test_it_ends_with_the_cluster(self, tmp_path):
        """Who closes the cluster instead of leaving the block has the modules cleaned up nevertheless."""
        record = tmp_path / "record"
        with cluster_of(1, tmp_path / "workers") as cluster:
            block = modules_on(cluster.client, functools.partial(configure_recorded, str(record)))
            block.__enter__()
            cluster.ask(cluster.addresses[0], answer, 1)
        check_life(read(record), [1], requests=1, destroyed=True)

    def test_one_message_at_a_time(self, tmp_path):
        """A worker with several threads is refused: modules expect none."""
        with (
            cluster_of(1, tmp_path, threads_per_worker=2) as cluster,
            pytest.raises(LifecycleError, match=r"has 2 threads; start workers with threads_per_worker=1"),
            modules_on(cluster.client, configure),
        ):
            pytest.fail("it has begun")

    def test_it_runs_in_the_thread_of_the_tasks(self, cluster):
        """What is opened in one function of a module is used in the others by the same thread."""
        with modules_on(cluster.client, configure_in_one_thread):
            for address in cluster.client.run(os.getpid):
                cluster.ask(address, answer, 2)

    def test_there_are_no_modules_outside_of_the_block(self, cluster):
        with pytest.raises(LifecycleError, match=r"inside modules_on\(\)"):
            cluster.ask(next(iter(cluster.client.run(os.getpid))), answer, 1)


class TestRanks:
    def test_they_are_unique(self, tmp_path):
        """Workers that start at once have different ranks; one that replaces a dead one has that one's."""
        record = tmp_path / "record"
        with (
            cluster_of(0, tmp_path / "workers") as cluster,
            modules_on(cluster.client, functools.partial(configure_recorded, str(record))),
        ):
            cluster.scale(3)
            lives = {address: cluster.ask(address, answer, 1) for address in cluster.addresses}
            assert [1, 2, 3] == sorted(rank for rank, _ in lives.values())

            killed = next(pid for rank, pid in lives.values() if rank == 2)
            os.kill(killed, signal.SIGKILL)
            address = cluster.join()
            lives[address] = cluster.ask(address, answer, 1)
            assert 2 == lives[address][0]

        entries = read(record)
        assert 4 == len({pid for _, pid in lives.values()})
        for rank, pid in lives.values():
            own = [entry for entry in entries if entry.pid == pid]
            check_life(own, [rank], requests=1, destroyed=pid != killed)
        assert not any(entry.function == "destroy_f" for entry in entries if entry.pid == killed)


class TestCounts:
    def test_they_are_those_of_one_process(self, cluster, parts, expected):
        with modules_on(cluster.client, configure):
            assert expected == count_on(cluster, parts)
        assert MESSAGES == expected["messages"]

    def test_they_are_the_same_after_a_kill(self, cluster, parts, expected, tmp_path):
        """A message kills the process that handles it, in the middle of a part: the part is counted again, once."""
        once = tmp_path / "killed"
        with modules_on(cluster.client, functools.partial(configure_killing, IN_THE_MIDDLE, str(once))):
            assert expected == count_on(cluster, parts)
            assert once.exists()
            cluster.join()

    def test_what_kills_every_worker_is_an_error(self, cluster, parts, monkeypatch):
        """A part is not tried for ever."""
        monkeypatch.setattr(cluster.local.scheduler, "allowed_failures", 1)
        with modules_on(cluster.client, functools.partial(configure_killing, IN_THE_MIDDLE, None)):
            with pytest.raises(KilledWorker, match="2 different workers"):
                count_on(cluster, parts)
            for _ in range(2):
                cluster.join()


def join_and_run(cluster, function):
    """Have a third worker, and a task on it."""
    cluster.scale(3)
    cluster.ask(cluster.addresses[-1], function, 1)


def cleaned_up(record):
    """Return the processes that have cleaned up, as often as they have."""
    return [entry.pid for entry in read(record) if (entry.module, entry.function) == ("sl", "destroy_f")]


OWN_ERROR = ["class OwnError(Exception):", "    pass"]
"""An exception that nobody but the worker can make."""


class TestStartUp:
    @pytest.fixture
    def failing(self, tmp_path):
        """What writes a module, and configures a core with it."""

        def failing(*lines, more):
            file = write(tmp_path / "failing.py", *lines, more=more)
            return functools.partial(configure_recorded, str(tmp_path / "record"), str(file))

        return failing

    def test_init_f_fails(self, cluster, failing):
        """It is told as it would be in one process: with module and code."""
        configure = failing("def init():", "    return -1", more="init_f=init")
        with pytest.raises(ModuleInitError, match="returned -1") as caught, modules_on(cluster.client, configure):
            pytest.fail("it has begun")

        assert ("failing", -1, None) == (caught.value.module, caught.value.code, caught.value.rank)
        assert re.search(r"in worker \d at tcp://127\.0\.0\.1:\d+, process \d+", caught.value.__notes__[0])

    def test_init_f_raises(self, cluster, failing, tmp_path):
        """The traceback comes as text: what was raised is of a class that is not to be had at the client."""
        configure = failing(*OWN_ERROR, "def init():", "    raise OwnError('no database')", more="init_f=init")
        with (
            pytest.raises(ModuleInitError, match="raised OwnError: no database") as caught,
            modules_on(cluster.client, configure),
        ):
            pytest.fail("it has begun")

        assert "failing" == caught.value.module
        assert "failing.py" in caught.value.traceback
        assert "in init\n" in caught.value.traceback
        assert caught.value.traceback.rstrip() in caught.value.__notes__
        ended = [entry.module for entry in read(tmp_path / "record") if entry.function == "destroy_f"]
        assert Counter(["sl", "maxfwd_module", "foobar", "options"] * 2) == Counter(ended)

    def test_init_child_f_raises_in_one_rank(self, cluster, failing, tmp_path):
        """The other worker is cleaned up as well: a server starts with all its children, or does not."""
        configure = failing(
            *OWN_ERROR,
            "def init_child(rank):",
            "    if rank == 2:",
            "        raise OwnError('no socket')",
            more="init_child_f=init_child",
        )
        with (
            pytest.raises(ChildInitError, match="in rank 2 raised OwnError: no socket") as caught,
            modules_on(cluster.client, configure),
        ):
            pytest.fail("it has begun")

        assert ("failing", 2) == (caught.value.module, caught.value.rank)
        assert "in init_child\n" in caught.value.traceback
        ended = [
            entry.pid for entry in read(tmp_path / "record") if (entry.module, entry.function) == ("sl", "destroy_f")
        ]
        assert {*cluster.client.run(os.getpid).values()} == {*ended}
        assert 2 == len(ended)

    def test_a_parameter_is_wrong(self, cluster):
        configure = functools.partial(configure_wrong, "foobar", "foo_baz")
        with (
            pytest.raises(UnknownParamError, match="did you mean 'foo_bar'") as caught,
            modules_on(cluster.client, configure),
        ):
            pytest.fail("it has begun")

        assert "foobar" == caught.value.module

    def test_a_worker_dies_in_it(self, cluster, failing):
        """That is a failed start as well, and the worker that replaces it is left in peace."""
        configure = failing(
            "import os",
            "def init_child(rank):",
            "    if rank == 2:",
            "        os._exit(3)",
            more="init_child_f=init_child",
        )
        with pytest.raises(OSError, match="tcp://127"), modules_on(cluster.client, configure):
            pytest.fail("it has begun")

        with pytest.raises(LifecycleError, match="no modules"):
            cluster.ask(cluster.join(), answer, 1)

    @pytest.mark.parametrize("asked", [True, False])
    def test_it_fails_in_a_worker_that_joins_later(self, cluster, failing, asked):
        """Dask does not report it: a task there fails with it, and so does the end of the block if there was none."""
        configure = failing(
            *OWN_ERROR,
            "def init_child(rank):",
            "    if rank == 3:",
            "        raise OwnError('no socket')",
            more="init_child_f=init_child",
        )
        expected = "in rank 3 raised OwnError: no socket"
        with pytest.raises(ChildInitError, match=expected) as caught, modules_on(cluster.client, configure):
            join_and_run(cluster, answer if asked else abs)

        assert ("failing", 3) == (caught.value.module, caught.value.rank)
        assert "in init_child\n" in caught.value.traceback

    def test_it_fails_with_an_error_of_another_kind(self, cluster):
        """What the client may not be able to make again comes as text, with its traceback."""
        told = r"(?s)in worker .*Traceback .* in configure_nothing\n.*OwnError: no file"
        with pytest.raises(RuntimeError, match=told), modules_on(cluster.client, configure_nothing):
            pytest.fail("it has begun")

    def test_the_clean_up_fails(self, cluster, failing):
        """That is told at the end of the block, as text."""
        configure = failing(*OWN_ERROR, "def destroy():", "    raise OwnError('no disk')", more="destroy_f=destroy")
        told = r"(?s)in worker .* in destroy\n.*OwnError: no disk\n.*destroy_f of module 'failing' raised"
        with pytest.raises(RuntimeError, match=told), modules_on(cluster.client, configure):
            pass

    def test_both_fail(self, cluster, failing):
        """What fails in the clean-up after a failed start is a note to the error of that."""
        configure = failing(
            *OWN_ERROR,
            "def init_child(rank):",
            "    return -1 if rank == 2 else 0",
            "def destroy():",
            "    raise OwnError('no disk')",
            more="init_child_f=init_child, destroy_f=destroy",
        )
        with (
            pytest.raises(ChildInitError, match="in rank 2 returned -1") as caught,
            modules_on(cluster.client, configure),
        ):
            pytest.fail("it has begun")

        notes = [note for note in caught.value.__notes__ if "while cleaning up" in note]
        assert 1 <= len(notes) <= 2
        assert "no disk" in notes[0]

    def test_the_block_fails(self, cluster, failing, tmp_path):
        """Its own error comes out, and the modules are cleaned up."""
        configure = failing(more="")
        with pytest.raises(KeyError, match="own"), modules_on(cluster.client, configure):
            raise KeyError("own")

        ended = [
            entry.pid for entry in read(tmp_path / "record") if (entry.module, entry.function) == ("sl", "destroy_f")
        ]
        assert {*cluster.client.run(os.getpid).values()} == {*ended}


class TestExample:
    def test_messages_depend_on_the_seed(self, tmp_path):
        """The same seed gives the same file, and parts are all of it."""
        for name, seed in [("one", 1), ("same", 1), ("other", 2)]:
            write_messages(tmp_path / name, 1000, seed)
        files = {name: (tmp_path / name).read_bytes() for name in ("one", "same", "other")}
        assert files["one"] == files["same"] != files["other"]
        parts = parts_of(tmp_path / "one", 300)
        assert [300, 300, 300, 100] == [part.messages for part in parts]
        messages = [message for part in parts for message in read_messages(part)]
        assert files["one"] == b"".join(len(message).to_bytes(4) + message for message in messages)

    @pytest.mark.parametrize("messages", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
    def test_it_counts(self, messages):
        """One process, a cluster, and a cluster that loses a worker count the same: by default, what the page shows."""
        options = [] if messages == 100_000 else ["--messages", str(messages)]
        command = [sys.executable, "-W", "error", str(EXAMPLE), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

        assert 0 == done.returncode, done.stderr
        assert "Restarting worker" in done.stderr
        rows = dict(cells_of(done.stdout))
        columns = [
            *zip(*(map(int, cells) for title, cells in rows.items() if title not in {"", "seconds"}), strict=True)
        ]
        assert 3 == len(columns)
        assert columns[0] == columns[1] == columns[2]
        assert [str(messages)] * 3 == rows["messages"]
        shown = dict(cells_of(PAGE.read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]))
        assert shown.keys() == rows.keys()
        if not options:
            assert {**rows, "seconds": None} == {**shown, "seconds": None}


def cells_of(table):
    """Return the title of each row of a table of three columns, and its cells."""
    lines = [re.split(r"\s{2,}", line.rstrip()) for line in table.splitlines()]
    return [(title, cells) for title, *cells in lines if len(cells) == 3]
