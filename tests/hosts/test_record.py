"""The record by which the hosts are compared, of a life without another program: in one process, and of a `Prefork`."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest
from recorded import bind_route, check_life, make_core, read

from sermod import Lifecycle, Prefork


def options():
    return SimpleNamespace(method="OPTIONS", max_forwards=70, append_to_reply=lambda *_: None, reply=lambda *_: None)


def test_one_process(tmp_path):
    """One process runs every function of the modules."""
    core = make_core(tmp_path / "record")
    route = bind_route(core)
    with Lifecycle(core) as life:
        life.init_child(1)
        for _ in range(2):
            assert 1 == life.run_route(route, options())

    check_life(read(tmp_path / "record"), [1], requests=2, destroyed=True)


def test_children(tmp_path):
    """Each process of a `Prefork` runs its functions of the modules."""
    core = make_core(tmp_path / "record")
    route = bind_route(core)
    life = Lifecycle(core)

    def worker(_rank):
        life.run_route(route, options())
        os.write(writing, b".")
        signal.pause()

    reading, writing = os.pipe()
    server = Prefork(life, worker, 3)
    server.start()
    answered = 0
    while answered < 3:
        answered += len(os.read(reading, 3))
    server.stop()
    os.close(reading)
    os.close(writing)

    check_life(read(tmp_path / "record"), [1, 2, 3], requests=3, destroyed=True)


@pytest.mark.parametrize(
    ("ranks", "requests", "destroyed"), [([1, 2], 1, True), ([1], 2, True), ([1], 1, False)], ids=str
)
def test_a_record_with_other_ranks_or_numbers_fails(tmp_path, ranks, requests, destroyed):
    """`check_life` refuses a rank, a request or a clean-up too few or too many."""
    core = make_core(tmp_path / "record")
    route = bind_route(core)
    with Lifecycle(core) as life:
        life.init_child(1)
        life.run_route(route, options())

    with pytest.raises(AssertionError):
        check_life(read(tmp_path / "record"), ranks, requests=requests, destroyed=destroyed)
