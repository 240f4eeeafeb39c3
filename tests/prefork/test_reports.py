"""What children tell goes through one pipe, whole or not at all."""

import os

import pytest
from hosting import hosting

from sermod import ChildInitError
from sermod._prefork.reports import Reports


@pytest.fixture
def reports():
    reports = Reports()
    yield reports
    reports.close()


def test_ready(reports):
    reports.ready(3)
    reports.ready(70_000)
    assert [3, 70_000] == reports.read()
    assert [] == reports.read()


def test_failures(reports):
    """Text and errors arrive as they were, and once."""
    reports.failed(1, "Traceback " * 2000)
    reports.failed(2, ChildInitError("it failed", module="a", code=-1, rank=2))
    assert [] == reports.read()
    assert "Traceback " * 2000 == reports.failure_of(1)
    error = reports.failure_of(2)
    assert ("it failed", "a", -1, 2) == (str(error), error.module, error.code, error.rank)
    assert [None, None] == [reports.failure_of(1), reports.failure_of(2)]


def test_half_of_it(reports, monkeypatch):
    """What a child tells that is killed while it tells is left out."""
    write, parts = os.write, []

    def write_one(descriptor, data):
        parts.append(data)
        if len(parts) == 1:
            write(descriptor, data)

    monkeypatch.setattr(os, "write", write_one)
    reports.failed(1, "Traceback " * 2000)
    assert 1 < len(parts)
    assert [] == reports.read()
    assert reports.failure_of(1) is None


def test_many_at_once(reports):
    """Frames of several children never mix."""

    def host_of(tell):
        pids = []
        for number in range(1, 5):  # nobody reads meanwhile: a pipe has room for these
            pid = os.fork()
            if pid == 0:
                for _ in range(5):
                    reports.ready(number)
                reports.failed(number, str(number) * 5_000)
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        return sorted(reports.read()), [reports.failure_of(number) for number in range(1, 5)]

    with hosting(host_of) as host:
        ready, failures = host.value()
    assert sorted([*range(1, 5)] * 5) == ready
    assert [str(number) * 5_000 for number in range(1, 5)] == failures
