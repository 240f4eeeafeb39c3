"""A plugin for the test runs of a mutant: the quick tests come first, and no test looks for the simplest failure."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import hypothesis
import pytest

seconds = defaultdict(float)


def pytest_addoption(parser):
    """Add the options that ``running.py`` gives."""
    parser.addoption("--durations-from", type=Path, help="a file with the duration of each test, in seconds")
    parser.addoption("--durations-to", type=Path, help="where to write this file")


@pytest.hookimpl(trylast=True)
def pytest_configure():
    """Let a property test report the first failure that it finds, the same in each run."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", deadline=None, database=None, derandomize=True, phases=phases)
    hypothesis.settings.load_profile("mutation")


def pytest_collection_modifyitems(config, items):
    """Order the tests by their duration without a mutant, roughly, so that those of one file stay together."""
    file = config.option.durations_from
    if file:
        known = json.loads(file.read_text(encoding="utf-8"))
        items.sort(key=lambda item: sum(known.get(item.nodeid, 0.0) > limit for limit in (0.05, 0.5, 2)))


def pytest_runtest_logreport(report):
    """Note how long a test takes."""
    seconds[report.nodeid] += report.duration


def pytest_sessionfinish(session):
    """Write the durations down."""
    file = session.config.option.durations_to
    if file:
        file.write_text(json.dumps(seconds), encoding="utf-8")
