"""`Lifecycle.init_child`: each `init_child_f` in load order, with the rank, in the process that calls it."""

from __future__ import annotations

import enum
import os

import pytest
from making import Journal, make_exports
from travelling import pickled

from sermod import (
    PROC_FIFO,
    PROC_MAIN,
    PROC_TCP_MAIN,
    PROC_TIMER,
    ChildInitError,
    Lifecycle,
    LifecycleError,
    Registry,
    State,
)


@pytest.fixture
def journal():
    return Journal()


def server(**children):
    """Return an initialised lifecycle of a module for each of *children*."""
    core = Registry()
    for name, init_child_f in children.items():
        core.register(make_exports(name, init_child_f=init_child_f))
    life = Lifecycle(core)
    life.init()
    return life


class TestRanks:
    """A rank is an integer: 1, 2, 3 for the children, others for special processes."""

    @pytest.mark.parametrize("rank", [1, 2, 64, PROC_MAIN, PROC_TIMER, PROC_FIFO, PROC_TCP_MAIN, -127])
    def test_it_is_handed_to_every_module_in_load_order(self, journal, rank):
        life = server(**{name: journal.hook(name) for name in "abc"})

        assert life.init_child(rank) is None
        assert [("a", rank), ("b", rank), ("c", rank)] == journal
        assert State.INITIALISED is life.state

    def test_the_ranks_of_special_processes(self):
        assert (0, -1, -2, -4) == (PROC_MAIN, PROC_TIMER, PROC_FIFO, PROC_TCP_MAIN)

    @pytest.mark.parametrize("rank", [None, "1", 1.0, True, False, [1]], ids=repr)
    def test_what_is_no_int_is_no_rank(self, journal, rank):
        life = server(a=journal.hook("a"))

        with pytest.raises(TypeError) as caught:
            life.init_child(rank)

        assert f"init_child(): the rank must be an int (got {rank!r})" == str(caught.value)
        assert [] == journal

    def test_one_process_may_have_several_roles(self, journal):
        """Where nothing is forked, it acts as a child beside what it is anyway."""
        life = server(a=journal.hook("a"))
        assert life.rank is None
        life.init_child(1)
        life.init_child(PROC_MAIN)

        assert [("a", 1), ("a", 0)] == journal
        assert PROC_MAIN == life.rank

    def test_a_process_has_each_role_once(self, journal):
        """A second call is a mistake of the host."""
        life = server(a=journal.hook("a"))
        life.init_child(1)

        with pytest.raises(LifecycleError) as caught:
            life.init_child(1)

        message = f"init_child(1): process {os.getpid()} is already initialised for rank 1; call it once"
        assert message == str(caught.value)
        assert ("initialised", "init_child()") == (caught.value.state, caught.value.call)
        assert [("a", 1)] == journal


class Code(enum.IntEnum):
    BAD = -3
    OK = 0
    GOOD = 3


class TestResults:
    """A negative code, a result that is no code, or an exception ends the child."""

    @pytest.mark.parametrize("result", [0, None, 1, 100, Code.OK, Code.GOOD], ids=repr)
    def test_success(self, journal, result):
        life = server(a=lambda rank: result, b=journal.hook("b"))
        life.init_child(1)

        assert [("b", 1)] == journal

    @pytest.mark.parametrize("code", [-1, -100, Code.BAD, True, False, "0", "", 0.0, -1.0, []], ids=repr)
    def test_a_result_that_is_no_success(self, journal, code):
        life = server(a=journal.hook("a"), b=lambda rank: code, c=journal.hook("c"))

        with pytest.raises(ChildInitError) as caught:
            life.init_child(2)

        error = caught.value
        assert (
            f"init_child_f of module 'b' in rank 2 returned {code!r}; a child starts only if it returns 0, a positive "
            "number or None"
        ) == str(error)
        assert isinstance(error, RuntimeError)
        assert ("b", 2, None) == (error.module, error.rank, error.traceback)
        assert code is error.code
        assert [("a", 2)] == journal
        assert ("b", 2, code) == (pickled(error).module, pickled(error).rank, pickled(error).code)

    def test_a_coroutine(self, journal):
        async def init_child_f(rank):
            journal.append("ran")

        with pytest.raises(ChildInitError, match="returned <coroutine object"):
            server(a=init_child_f).init_child(1)

        assert [] == journal

    def test_an_exception(self, journal):
        cause = OSError("no database")
        life = server(a=journal.hook("a", raises=cause), b=journal.hook("b"))

        with pytest.raises(ChildInitError) as caught:
            life.init_child(3)

        error = caught.value
        assert "init_child_f of module 'a' in rank 3 raised OSError: no database" == str(error)
        assert cause is error.__cause__
        assert ("a", 3, None) == (error.module, error.rank, error.code)
        assert error.traceback.endswith("OSError: no database\n")
        assert [("a", 3)] == journal

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(3)], ids=["interrupt", "exit"])
    def test_an_interrupt_passes_on_as_it_is(self, journal, interrupt):
        life = server(a=journal.hook("a", raises=interrupt), b=journal.hook("b"))

        with pytest.raises(type(interrupt)) as caught:
            life.init_child(1)

        assert interrupt is caught.value
        assert [("a", 1)] == journal

    def test_a_failure_leaves_the_lifecycle_as_it_was(self):
        """It is the child that ends; the main process still has its clean-up to do."""
        journal = Journal()
        core = Registry()
        core.register(make_exports("a", init_child_f=lambda rank: -1, destroy_f=journal.hook("destroy")))
        with Lifecycle(core) as life:
            with pytest.raises(ChildInitError):
                life.init_child(1)
            assert State.INITIALISED is life.state
            assert [] == journal

        assert ["destroy"] == journal
