"""Mutation testing: ``python tests/mutation [--sample 300] [--seed 1] [--only FILE ...]``.

Makes one small mistake after the other in a copy of the package, runs the tests of that file, and prints the mistakes
that no test finds. Needs the dependency group ``test``. README.md beside this file says how to read the result.

Exit status: 0: each mutant is killed or accepted; 1: some survived; 2: the tests fail without a mutant, or the command
line is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import queue
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import Mutant, mutants_of
from running import Baseline, Outcome, Selection, Tree, is_in, read_selections, selection_of

PACKAGES = ("sermod/_core", "sermod/_classes", "sermod/_interface", "sermod/testing")
"""What is mutated if the command line does not say it."""


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python tests/mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=300, help="how many mutants (default: %(default)s; 0: all)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the sample (default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="FILE", help="a file or folder to mutate, and no other")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=2, help="how many mutants are tested at a time")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2], help="the tree (default: this one)")
    options = parser.parse_args()
    root = options.root.resolve()
    accepted = read_accepted(root / "tests/mutation/accepted.txt")
    mutants = [mutant for file in files_in(root, options.only or PACKAGES) for mutant in mutants_of(root, file)]
    if not mutants:
        parser.error(f"nothing to mutate in {', '.join(options.only or PACKAGES)} of {root}")
    sample = mutants
    if 0 < options.sample < len(mutants):
        sample = random.Random(options.seed).sample(mutants, options.sample)  # noqa: S311 - to choose, not to hide
    tried = [mutant for mutant in sample if mutant.key not in accepted]
    say(f"{len(mutants)} mutants, {len(sample)} in the sample, {len(sample) - len(tried)} of these accepted")
    if not options.only:
        for key in sorted(accepted.keys() - {mutant.key for mutant in mutants}):
            say(f"accepted.txt: there is no such mutant any more\n{shown(key)}")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
        outcomes = try_all(root, Path(directory), tried, options.jobs)
    if outcomes is None:
        return 2
    survivors = [outcome.mutant for outcome in outcomes if outcome.how == "survived"]
    for mutant in survivors:
        print(f"{mutant.file}:{mutant.line}: {mutant.kind}\n{shown(mutant.key)}")
    counts = Counter(outcome.how for outcome in outcomes)
    print(
        f"{len(outcomes)} tried with seed {options.seed} in {time.perf_counter() - start:.0f} s: "
        f"{counts['killed']} killed, {counts['time-out']} by time-out, {counts['survived']} survived; "
        f"{len(sample) - len(tried)} accepted"
    )
    return 1 if survivors else 0


def say(text: str) -> None:
    """Print a line on progress."""
    print(text, file=sys.stderr, flush=True)


def shown(key: tuple[str, str, str]) -> str:
    """Return a mutant as ``accepted.txt`` has it, without a reason."""
    place, before, after = key
    return f"{place}\n- {before}\n{f'+ {after}'.rstrip()}\n"


def files_in(root: Path, names: Iterable[str]) -> list[str]:
    """Return the Python files of files and folders, by their names from the root."""
    paths = [root / name for name in names]
    files = itertools.chain.from_iterable([path] if path.is_file() else sorted(path.rglob("*.py")) for path in paths)
    return [file.relative_to(root).as_posix() for file in files]


def read_accepted(file: Path) -> dict[tuple[str, str, str], str]:
    """Return the reason for each accepted mutant, by its key.

    An entry is the file and the function, the line with ``-`` and ``+`` in front, and a reason with ``#`` in front,
    which may go on in more lines. Entries are separated by an empty line; one that begins with ``#`` is a comment.
    """
    accepted = {}
    for entry in file.read_text(encoding="utf-8").split("\n\n") if file.exists() else ():
        lines = entry.strip().splitlines()
        if not lines or lines[0].startswith("#"):
            continue
        place, before, after, *reason = lines
        if not (before.startswith("-") and after.startswith("+") and reason):
            raise SystemExit(f"{file}: an entry is a place, a line with '-', one with '+', and a reason:\n{entry}")
        accepted[place, before[1:].strip(), after[1:].strip()] = "\n".join(reason)
    return accepted


def try_all(root: Path, directory: Path, mutants: list[Mutant], jobs: int) -> list[Outcome] | None:
    """Test each mutant; return the outcomes, or ``None`` if the tests fail without a mutant."""
    selections = read_selections(root)
    chosen = [(mutant, selection_of(mutant.file, selections)) for mutant in mutants]
    free: queue.SimpleQueue[Tree] = queue.SimpleQueue()
    for number in range(jobs):
        free.put(Tree(root, directory / f"tree{number}"))
    named = {name for _, selection in chosen for stage in selection.stages for name in stage}
    baseline = Baseline(directory / "durations.json")
    outcomes: list[Outcome] = []
    lock = threading.Lock()

    def measure(name: str) -> bool:
        tree = free.get()
        try:
            failures = tree.measure(name, baseline)
        finally:
            free.put(tree)
        say(failures or f"{name} takes {baseline.seconds([name]):.1f} s without a mutant")
        return not failures

    def test(mutant: Mutant, selection: Selection) -> None:
        tree = free.get()
        try:
            outcome = tree.test(mutant, selection, baseline)
        finally:
            free.put(tree)
        with lock:
            outcomes.append(outcome)
            number = f"{len(outcomes)}/{len(mutants)}"
        say(f"{number} {outcome.how} in {outcome.seconds:.1f} s: {mutant.file}:{mutant.line}: {mutant.kind}")

    with ThreadPoolExecutor(jobs) as pool:
        # Once each: a folder and not its files as well.
        whole = sorted(name for name in named if not any(is_in(name, other) for other in named - {name}))
        if not all(list(pool.map(measure, whole))):
            say("the tests fail without a mutant; mend them first")
            return None
        list(pool.map(test, *zip(*chosen, strict=True)) if chosen else ())
    return sorted(outcomes, key=lambda outcome: (outcome.mutant.file, outcome.mutant.line))


if __name__ == "__main__":
    sys.exit(main())
