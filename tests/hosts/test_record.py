"""The record that the hosts are compared by, written where no other program has a part: by a `Prefork` and by hand."""

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
    """Where nothing is forked, one process has the whole life."""
    core = make_core(tmp_path / "record")
    route = bind_route(core)
    with Lifecycle(core) as life:
        life.init_child(1)
        for _ in range(2):
            assert 1 == life.run_route(route, options())

    check_life(read(tmp_path / "record"), [1], requests=2, destroyed=True)


def test_children(tmp_path):
    """Our own server of children has the whole life, in each process its part of it."""
    core = make_core(tmp_path / "record")
    route = bind_route(core)
    life = Lifecycle(core)

    def worker(_rank):
        life.run_route(route, options())
        os.write(tell, b".")
        signal.pause()

    told, tell = os.pipe()
    server = Prefork(life, worker, 3)
    server.start()
    answered = 0
    while answered < 3:
        answered += len(os.read(told, 3))
    server.stop()
    os.close(told)
    os.close(tell)

    check_life(read(tmp_path / "record"), [1, 2, 3], requests=3, destroyed=True)


@pytest.mark.parametrize(
    ("ranks", "requests", "destroyed"), [([1, 2], 1, True), ([1], 2, True), ([1], 1, False)], ids=str
)
def test_it_is_held_against_what_is_expected(tmp_path, ranks, requests, destroyed):
    """A life with too little or too much in it is none."""
    core = make_core(tmp_path / "record")
    route = bind_route(core)
    with Lifecycle(core) as life:
        life.init_child(1)
        life.run_route(route, options())

    with pytest.raises(AssertionError):
        check_life(read(tmp_path / "record"), ranks, requests=requests, destroyed=destroyed)
