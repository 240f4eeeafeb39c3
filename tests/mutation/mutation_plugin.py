"""A plugin for the test runs of a mutant: the quick tests come first, and no test looks for the simplest failure."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import hypothesis
import pytest

DURATIONS = "SERMOD_MUTATION_DURATIONS"
"""The environment variable with the name of the file that has the duration of each test, in seconds."""

seconds = defaultdict(float)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Let a property test report the first failure that it finds, the same in each run."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", deadline=None, database=None, derandomize=True, phases=phases)
    hypothesis.settings.load_profile("mutation")


def pytest_collection_modifyitems(items):
    """Order the tests by their duration in the run without a mutant, roughly, so that fixtures stay shared."""
    file = Path(os.environ[DURATIONS])
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    items.sort(key=lambda item: sum(known.get(item.nodeid, 0.0) > limit for limit in (0.05, 0.5, 2)))


def pytest_runtest_logreport(report):
    """Note how long a test takes."""
    seconds[report.nodeid] += report.duration


def pytest_sessionfinish(exitstatus):
    """Write the durations down, if all tests pass."""
    file = Path(os.environ[DURATIONS])
    if exitstatus == 0 and not file.exists():
        file.write_text(json.dumps(seconds), encoding="utf-8")
