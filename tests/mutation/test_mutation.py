"""The command for mutation testing, on a package of one function."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PACKAGE = "def is_allowed(number):\n    return number < 10\n"
TESTS = """
from small.limits import is_allowed

def test_limits():
    assert is_allowed(9) is True
    assert is_allowed(100) is False
"""
ACCEPTED = """
# A comment.

small/limits.py is_allowed
- return number < 10
+ return number < 11
# This line is accepted, so that the test sees an accepted one.
"""


@pytest.fixture
def tree(tmp_path):
    """Make a package, its tests, and what the command reads about them; return their directory."""
    files = {
        "pytest.ini": "[pytest]\n",
        "small/limits.py": PACKAGE,
        "tests/test_limits.py": TESTS,
        "tests/mutation/selection.toml": '"small/" = [["tests/test_limits.py"]]\n',
        "tests/mutation/accepted.txt": ACCEPTED,
    }
    for name, text in files.items():
        file = tmp_path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "tree"


def mutation(tree):
    """Run the command on a tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run(
        [sys.executable, HERE, "--root", tree, "--only", "small"],
        check=False,
        capture_output=True,
        text=True,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # the small tests need none, so they start sooner
    )


def test_a_mutant_that_no_test_finds_survives_and_one_that_a_test_finds_is_killed(tree):
    """`<=` survives and is shown, `None` is killed, and the accepted mutant is not tried."""
    run = mutation(tree)
    assert 1 == run.returncode, run.stderr
    shown, _, summary = run.stdout.rpartition("\n\n")
    assert (
        "small/limits.py:2: comparison\nsmall/limits.py is_allowed\n- return number < 10\n+ return number <= 10"
        == shown
    ), run.stdout
    assert "1 killed, 0 by time-out, 1 survived; 1 accepted" in summary
    assert PACKAGE == (tree / "small/limits.py").read_text(encoding="utf-8")


def test_tests_that_fail_without_a_mutant_are_no_measure(tree):
    with (tree / "tests/test_limits.py").open("a", encoding="utf-8") as file:
        file.write("\ndef test_something_else():\n    assert False\n")
    run = mutation(tree)
    assert (2, "") == (run.returncode, run.stdout)
    assert "test_something_else" in run.stderr


SOURCES = [
    ("if a < b: pass", {"if a <= b: pass", "if not (a < b): pass"}),
    ("x = a is not None", {"x = a is None"}),
    ("x = a and (b)", {"x = a or (b)", "x = a", "x = (b)"}),
    ("x = (a or b\n  or c)", {"x = (a and b", "and c)", "x = (b", "x = (a or b)"}),
    ("x = not (a)", {"x = (a)"}),
    ("x = -a + b", {"x = a + b", "x = -a - b"}),
    ("x = 5, True", {"x = 6, True", "x = 5, False"}),
    ("def f():\n    return g(\n        1.5,\n        a)", {"return None", "a, 1.5)"}),
    ("def f():\n    return True", {"return False"}),
    ("for a in b:\n    if a: break", {"if not (a): break", "if a: continue"}),
    ("a.b = f(a)\nf(b)", {"pass"}),
    ("f(a, key=b)", {"pass", "f(a)"}),
    ("raise a", {"pass"}),
    ("@cache\ndef f(): pass", {""}),
    ("x = [a for a in b if a]", {"x = [a for a in b if not (a)]"}),
    ('x = f"{a + b}", "text"', set()),
    ("def f(a: int | None) -> A[0]: ...", set()),
    ("if TYPE_CHECKING:\n    import a\n    b = 1", set()),
    ("if a:  # pragma: no cover\n    b = 1", set()),
    ("@overload\ndef f(a=1): ...", set()),
    ("T = TypeVar('T', covariant=True)", set()),
    ("x = cast(A, b)", set()),
]


@pytest.mark.parametrize(("source", "expected"), SOURCES, ids=[source.replace("\n", " ") for source, _ in SOURCES])
def test_mutants(tmp_path, source, expected):
    """A line becomes each line that has one mistake, and what only type checkers read stays."""
    spec = importlib.util.spec_from_file_location("mutants", HERE / "mutants.py")
    mutants = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutants)
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    assert expected == {mutant.after for mutant in mutants.mutants_of(tmp_path, "a.py")}
