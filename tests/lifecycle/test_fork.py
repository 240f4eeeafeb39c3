"""The main process is the one that called `init`; what a forked child may do, and may not (real forks)."""

from __future__ import annotations

import os
import re

import pytest
from forked import in_child
from making import Journal, make_exports

from sermod import REQUEST_ROUTE, CmdExport, Lifecycle, LifecycleError, Registry

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def core(journal):
    core = Registry()
    for name in ("a", "b"):
        core.register(
            make_exports(
                name,
                CmdExport(f"stop_{name}", journal.hook(f"stop_{name}", returns=0), 0, 0, REQUEST_ROUTE),
                init_f=journal.hook(f"init {name}"),
                response_f=journal.hook(f"response {name}", returns=1),
                destroy_f=journal.hook(f"destroy {name}"),
                onbreak_f=journal.hook(f"onbreak {name}"),
                init_child_f=journal.hook(f"init_child {name}"),
            )
        )
    return core


def test_children_initialise_themselves_and_process_messages(core, journal):
    """Each has its own rank, and what it does stays in it."""
    action = core.bind("stop_a", route=REQUEST_ROUTE)
    with Lifecycle(core) as life:
        journal.clear()

        def child(rank):
            life.init_child(rank)
            return [life.run_route([action], "request"), life.process_reply("reply"), [*journal]]

        for rank in (1, 2):
            assert [
                0,
                True,
                [
                    ("init_child a", rank),
                    ("init_child b", rank),
                    ("stop_a", "request"),
                    ("onbreak b", "request"),
                    ("onbreak a", "request"),
                    ("response b", "reply"),
                    ("response a", "reply"),
                ],
            ] == in_child(lambda rank=rank: child(rank))
        assert [] == journal

    assert ["destroy b", "destroy a"] == journal


def test_destroy_in_a_child_is_an_error(core, journal):
    with Lifecycle(core) as life:
        main_pid = os.getpid()

        def child():
            assert main_pid == life.main_pid
            with pytest.raises(LifecycleError) as caught:
                life.destroy()
            return os.getpid(), str(caught.value), caught.value.state, caught.value.call, [*journal]

        pid, message, state, call, written = in_child(child)

        assert (
            f"destroy() belongs to the main process, {main_pid}, and this is process {pid}; a child just exits"
        ) == message
        assert ("initialised", "destroy()") == (state, call)
        assert ["init a", "init b"] == written
    assert ["init a", "init b", "destroy b", "destroy a"] == journal


@pytest.mark.parametrize("error", [None, ValueError("in the child")], ids=["at-its-end", "by-an-exception"])
def test_leaving_the_block_in_a_child_does_nothing(core, journal, error):
    """Clean-up is the main process's, also where a child falls out of the block that it was forked in."""
    life = Lifecycle(core)
    life.__enter__()

    def child():
        assert not life.__exit__(type(error), error, None)
        return str(life.state), [*journal]

    assert ("initialised", ["init a", "init b"]) == in_child(child)
    assert "initialised" == life.state
    life.__exit__(None, None, None)
    assert ["init a", "init b", "destroy b", "destroy a"] == journal


def test_a_child_has_a_rank_of_its_own(core, journal):
    """What the process that forked it was initialised for does not count, the same rank included."""
    with Lifecycle(core) as life:
        life.init_child(1)

        def child():
            before = life.rank
            life.init_child(1)
            return before, life.rank

        assert (None, 1) == in_child(child)
        assert 1 == life.rank


def test_closing_is_for_every_process(core, journal):
    """Only the main process cleans up, once, and only what was initialised."""
    life = Lifecycle(core)
    life.close()
    life.init()

    def child():
        life.close()
        return [*journal]

    assert ["init a", "init b"] == in_child(child)
    life.close()
    life.close()
    assert ["init a", "init b", "destroy b", "destroy a"] == journal


def test_a_child_may_have_a_life_of_its_own(core, journal):
    """The process that calls `init` is the main process, also where another one has made the lifecycle."""
    life = Lifecycle(core)

    def child():
        with life:
            assert os.getpid() == life.main_pid
        return [*journal]

    assert ["init a", "init b", "destroy b", "destroy a"] == in_child(child)
    assert [] == journal
    assert life.main_pid is None
    assert "configuring" == life.state


def test_registration_in_a_child_is_too_late(core):
    with Lifecycle(core):

        def child():
            with pytest.raises(LifecycleError, match=re.escape("register() comes too late")):
                core.register(make_exports("c"))
            return len(core)

        assert 2 == in_child(child)
