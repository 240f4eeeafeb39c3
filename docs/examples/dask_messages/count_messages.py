"""Runs a route over recorded SIP messages: in one process, on a Dask cluster, and on one that loses a worker."""

# Only a part of distributed has annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from dask_modules import modules_here, modules_on
from distributed import Client, Future, LocalCluster, wait
from recorded_messages import Part, parts_of, write_messages
from sip_route import configure, count

from sermod import Lifecycle

MESSAGES = 100_000
PARTS = 50
WORKERS = 2
WITHIN = 120
"""Seconds after which the program fails: nothing takes that long."""
ALLOWED_FAILURES = 3
"""How often a part is tried again if its worker dies; after that Dask gives it up as the cause."""


def main() -> None:
    """Count in three ways, and print the counts as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="the number of messages (default: %(default)s)")
    messages: int = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "messages"
        write_messages(file, messages)
        parts = parts_of(file, max(1, messages // PARTS))
        ways: dict[str, Callable[[], Counter[str]]] = {
            "one process": lambda: count_in_one_process(parts),
            f"{WORKERS} workers": lambda: count_on_cluster(parts, directory),
            "one of them killed": lambda: count_on_cluster(parts, directory, kill=True),
        }
        columns: dict[str, Counter[str]] = {}
        seconds: list[float] = []
        for title, way in ways.items():
            begin = time.monotonic()
            columns[title] = way()
            seconds.append(time.monotonic() - begin)
    print_row("", *columns)
    for outcome in sorted(set[str]().union(*columns.values())):
        print_row(outcome, *(counts[outcome] for counts in columns.values()))
    print_row("seconds", *(f"{each:.1f}" for each in seconds))


def count_in_one_process(parts: Sequence[Part]) -> Counter[str]:
    """Count without Dask, in this process, which acts as a child."""
    core, route = configure()
    with Lifecycle(core) as life:
        life.init_child(1)
        return sum((count(life, route, part) for part in parts), Counter[str]())


def count_on_cluster(parts: Sequence[Part], directory: str, *, kill: bool = False) -> Counter[str]:
    """Count on a cluster on this machine.

    Args:
        parts: The parts of the file with the messages.
        directory: A directory for files of the workers.
        kill: Whether a worker is killed in the middle of the work.
    """
    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # a free port: also without a dashboard there is an HTTP server
            local_directory=directory,
            scheduler_kwargs={"dashboard": False, "allowed_failures": ALLOWED_FAILURES},
        ) as cluster,
        Client(cluster) as client,
        modules_on(client, configure),
    ):
        futures = client.map(count_on_worker, parts, pure=False)
        if kill:
            kill_a_worker(client, futures)
        # Only the results of tasks count. If a worker is lost, its tasks run again on another.
        return sum((future.result(timeout=WITHIN) for future in futures), Counter[str]())


def count_on_worker(part: Part) -> Counter[str]:
    """Count one part. Called as a task, in a worker."""
    modules = modules_here()
    return count(modules.life, modules.route, part)


def kill_a_worker(client: Client, futures: Sequence[Future[Counter[str]]]) -> None:
    """Kill a worker that has tasks, once the first part is done."""
    wait(futures, timeout=WITHIN, return_when="FIRST_COMPLETED")
    pids = cast("dict[str, int]", client.run(os.getpid))
    tasks = cast("dict[str, Sequence[str]]", client.processing())
    busy = next(worker for worker, keys in tasks.items() if keys)
    os.kill(pids[busy], signal.SIGKILL)


def print_row(title: str, *cells: object) -> None:
    """Print a row of the table."""
    print(f"{title:<26}", *(f"{cell!s:>20}" for cell in cells))


if __name__ == "__main__":  # the workers import this file as well
    main()
