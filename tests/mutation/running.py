"""Runs the tests of a mutant, in a copy of the tree."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import attrs
from mutants import Mutant

HERE = Path(__file__).parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "_build", "build", "dist", "*.egg-info")
MEMORY = 8_000_000
"""How many kilobytes of memory a test process may have: a mutant may allocate without end."""


@attrs.frozen
class Selection:
    """The tests for the files whose names begin alike.

    Attributes:
        stages: The arguments of one run of pytest each; a run follows if those before it have passed.
    """

    stages: tuple[tuple[str, ...], ...]


@attrs.frozen
class Outcome:
    """What became of a mutant.

    Attributes:
        mutant: The mutant.
        how: ``killed`` by a test, killed by the ``time-out``, or ``survived``.
        seconds: How long that took.
    """

    mutant: Mutant
    how: str
    seconds: float


def read_selections(root: Path) -> dict[str, Selection]:
    """Return the tests by the beginning of a file's name."""
    table = tomllib.loads((root / "tests/mutation/selection.toml").read_text(encoding="utf-8"))
    return {beginning: Selection(tuple(map(tuple, stages))) for beginning, stages in table.items()}


def selection_of(file: str, selections: dict[str, Selection]) -> Selection:
    """Return the tests of a file: those of the longest beginning of its name.

    Raises:
        LookupError: There is none.
    """
    beginnings = [beginning for beginning in selections if file.startswith(beginning)]
    if not beginnings:
        raise LookupError(f"selection.toml has no tests for {file}; add a row")
    return selections[max(beginnings, key=len)]


class Baseline:
    """How long each test takes without a mutant.

    Args:
        file: Where the durations go, for the runs of mutants.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seconds: dict[str, float] = {}
        self._start = 0.0
        self._lock = threading.Lock()

    def add(self, seconds: dict[str, float], run: float) -> None:
        """Add the tests of a run, and how long the whole run took, the start of pytest included."""
        with self._lock:
            self._seconds |= seconds
            self._start = max(self._start, run - sum(seconds.values()))
            self.file.write_text(json.dumps(self._seconds), encoding="utf-8")

    def seconds(self, stage: Sequence[str]) -> float:
        """Return how long a stage takes without a mutant."""
        return self._start + sum(
            each for test, each in self._seconds.items() if any(is_in(test, name) for name in stage)
        )


def is_in(test: str, name: str) -> bool:
    """Return whether a test, or a file of tests, is in the file or folder *name*, or is that itself."""
    return test.startswith((f"{name}/", f"{name}::")) or test == name


class Tree:
    """A copy of the tree, in which one mutant at a time is tested.

    Args:
        root: The tree.
        directory: Where the copy goes.
    """

    def __init__(self, root: Path, directory: Path) -> None:
        self._directory = directory
        shutil.copytree(root, directory, ignore=LEFT_OUT)

    def measure(self, name: str, baseline: Baseline) -> str:
        """Run the tests of a file or folder without a mutant; return what pytest printed if one fails."""
        durations = self._directory / "durations.json"
        start = time.perf_counter()
        status, output = self._run([name], None, ("-q", "--tb=short", f"--durations-to={durations}"))
        if status:
            return f"{output}\npytest has ended with status {status}"
        baseline.add(json.loads(durations.read_text(encoding="utf-8")), time.perf_counter() - start)
        return ""

    def test(self, mutant: Mutant, selection: Selection, baseline: Baseline) -> Outcome:
        """Run the tests of a mutant until one fails."""
        start = time.perf_counter()
        file = self._directory / mutant.file
        unmutated = file.read_bytes()
        how = "survived"
        try:
            _write(file, mutant.source)
            for stage in selection.stages:
                limit = 20 + 4 * baseline.seconds(stage)
                status, _ = self._run(stage, limit, ("-qx", "--tb=no", f"--durations-from={baseline.file}"))
                if status:
                    how = "time-out" if status < 0 else "killed"
                    break
        finally:
            _write(file, unmutated)
        return Outcome(mutant, how, time.perf_counter() - start)

    def _run(self, tests: Sequence[str], limit: float | None, options: Sequence[str]) -> tuple[int, str]:
        """Run pytest; return its exit status, negative if it took too long, and its output."""
        # PYTHONPATH comes before the package that is installed, in the programs of the tests as well.
        environment = os.environ | {"PYTHONPATH": f"{self._directory}{os.pathsep}{HERE}"}
        pytest = [sys.executable, "-m", "pytest", "-p", "mutation_plugin", "-p", "no:cacheprovider"]
        basetemp = f"--basetemp={self._directory}.tmp"
        # No process of a run, children of tests included, uses the processor for longer than the whole run may take.
        processor = "unlimited" if limit is None else str(int(limit))
        shell = f'ulimit -t {processor} && ulimit -v {MEMORY} && exec "$@"'
        with tempfile.TemporaryFile() as output:  # not a pipe, which a child that outlives the run would keep open
            process = subprocess.Popen(
                ["/bin/sh", "-c", shell, "sh", *pytest, *options, basetemp, *tests],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            ended = os.pidfd_open(process.pid)
            try:
                select.select([ended], [], [], limit)
            finally:
                os.close(ended)
                # Not waited for yet, so the group is still the run's: what its tests left is killed with it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(0)
            return process.returncode, output.read().decode(errors="replace")


def _write(file: Path, source: bytes) -> None:
    """Write a source, and see to it that Python compiles it anew: the time of a file has the resolution of a second."""
    file.write_bytes(source)
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()
