"""Each type checker finds the mistakes in the programs of users, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from needs import need

NAMES = """
import sermod
import sermod.errors
import sermod.testing
from sermod import INT_PARAM
from sermod import Registri  # error
from sermod.testing import CheckResult
from sermod.testing import ModulHarness  # error

print(sermod.INT_PARAM, INT_PARAM, sermod.errors.FixupError, sermod.testing.CheckResult, CheckResult)
print(sermod.INT_PARM)  # error
print(sermod.errors.FixupEror)  # error
print(sermod.testing.ChekResult)  # error
"""

ATTRIBUTES = """
from sermod import REQUEST_ROUTE, Module, Registry, int_param
from sermod.testing import FakeMessage


class Foobar(Module[object]):
    name = "foobar"
    foo_bar = int_param(0)

    def mod_init(self) -> None:
        print(self.foo_bar)
        print(self.foo_baz)  # error


module = Foobar()
module.foo_bar = 5
module.foo_baz = 5  # error
print(module.foo_bar)
print(module.foo_baz)  # error

action = Registry[object]().bind("foo_req", route=REQUEST_ROUTE)
print(action.module, action.fixed, action.run(5))
print(action.modul)  # error
action.modul = "foobar"  # error

print(FakeMessage().any_attribute)
"""

TESTS = """
import pytest

from sermod import Module
from sermod.testing import Check, HarnessFactory, IsolatedHarness, ModuleHarness, Setup, parametrize_with_checks

mark: pytest.MarkDecorator = parametrize_with_checks(["foobar", Setup("foobar")])
print(mark.name)
print(parametrize_with_checks(["foobar"]).nam)  # error
parametrize_with_checks([5])  # error
parametrize_with_checks(["foobar"], expected_failures=["names"])  # error


@parametrize_with_checks([Module])
def test_interface(target: type[Module], check: Check) -> None:
    check(target)


def test_foobar(module_harness: HarnessFactory) -> None:
    harness: ModuleHarness = module_harness("foobar", {"foo_bar": 5}, timeout=5.0)
    harness.call("foo_req")
    harness.cal("foo_req")  # error
    isolated: IsolatedHarness = module_harness("foobar", isolate=True)
    isolated.bind("foo_req")  # error
    module_harness()  # error
    module_harness(5)  # error
    module_harness("foobar", parms={"foo_bar": 5})  # error
    module_harness("foobar", timeout="5")  # error


factory: HarnessFactory = ModuleHarness
"""

PROGRAMS = {"names.py": NAMES, "attributes.py": ATTRIBUTES, "tests.py": TESTS}
EXPECTED = {
    (name, number)
    for name, text in PROGRAMS.items()
    for number, line in enumerate(text.splitlines(), 1)
    if line.endswith("# error")
}

CHECKERS = {
    "mypy": (["--strict", "--python-executable", sys.executable], r"(\S+):(\d+): error: "),
    "pyright": (["--pythonpath", sys.executable], r"  .*/(\S+):(\d+):\d+ - error: "),
    "ty": (["check", "--python", sys.prefix, "--output-format", "concise"], r"(\S+):(\d+):\d+: error\["),
    "pyrefly": (
        ["check", "--preset", "default", "--python-interpreter-path", sys.executable, "--output-format", "min-text"],
        r"ERROR (\S+):(\d+):",
    ),
}
"""The arguments of each, and what it prints of an error: the file and the line."""


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_errors_are_those_in_the_comments(checker: str, tmp_path: Path) -> None:
    program = shutil.which(checker, path=str(Path(sys.executable).parent)) or need(checker)
    arguments, error = CHECKERS[checker]
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")

    done = subprocess.run(
        [program, *arguments, *PROGRAMS], capture_output=True, check=False, cwd=tmp_path, text=True, timeout=300
    )

    found = {(name, int(number)) for name, number in re.findall(rf"^{error}", done.stdout, re.MULTILINE)}
    assert (set(), 1) == (EXPECTED ^ found, done.returncode), done.stdout + done.stderr
