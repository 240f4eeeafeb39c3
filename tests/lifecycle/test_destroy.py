"""`Lifecycle.destroy`: each `destroy_f` once, newest module first, whatever the others raise; and `with`."""

from __future__ import annotations

import pytest
from making import Journal, make_exports

from sermod import Lifecycle, LifecycleError, Registry, State


@pytest.fixture
def journal():
    return Journal()


def server(**destroys):
    """Return a lifecycle of a module for each of *destroys*."""
    core = Registry()
    for name, destroy_f in destroys.items():
        core.register(make_exports(name, destroy_f=destroy_f))
    return Lifecycle(core)


class TestDestroy:
    """It runs every clean-up function, and raises all that failed."""

    def test_newest_first_and_once(self, journal):
        life = server(**{name: journal.hook(name) for name in "abc"})
        life.init()
        assert [] == journal

        assert life.destroy() is None

        assert ["c", "b", "a"] == journal
        assert State.DESTROYED is life.state

    @pytest.mark.parametrize("result", [-1, 0, 5, False, "anything"])
    def test_it_returns_no_value_and_none_is_looked_at(self, result):
        life = server(m=lambda: result)
        life.init()

        assert life.destroy() is None

    def test_two_of_five_that_raise_do_not_keep_the_others_from_running(self, journal):
        failures = {"b": OSError("b is broken"), "d": KeyError("d")}
        life = server(**{name: journal.hook(name, raises=failures.get(name)) for name in "abcde"})
        life.init()

        with pytest.raises(ExceptionGroup) as caught:
            life.destroy()

        assert ["e", "d", "c", "b", "a"] == journal
        assert "the clean-up of modules failed" == caught.value.message
        assert (failures["d"], failures["b"]) == caught.value.exceptions
        assert ["destroy_f of module 'd' raised"] == failures["d"].__notes__
        assert ["destroy_f of module 'b' raised"] == failures["b"].__notes__
        assert State.DESTROYED is life.state

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(1)], ids=["interrupt", "exit"])
    def test_an_interrupt_does_not_keep_the_others_from_running_either(self, journal, interrupt):
        failures = {"b": OSError("broken"), "c": interrupt}
        life = server(**{name: journal.hook(name, raises=failures.get(name)) for name in "abc"})
        life.init()

        with pytest.raises(BaseExceptionGroup) as caught:
            life.destroy()

        assert ["c", "b", "a"] == journal
        assert (interrupt, failures["b"]) == caught.value.exceptions
        assert not isinstance(caught.value, Exception)

    def test_twice_is_an_error_also_after_failures(self, journal):
        life = server(a=journal.hook("a", raises=OSError()), b=journal.hook("b"))
        life.init()
        with pytest.raises(ExceptionGroup):
            life.destroy()

        with pytest.raises(LifecycleError, match="its modules are cleaned up; make a new registry") as caught:
            life.destroy()

        assert ("destroyed", "destroy()") == (caught.value.state, caught.value.call)
        assert ["b", "a"] == journal

    def test_from_within_a_destroy_f_is_twice_too(self, journal):
        def destroy_f():
            with pytest.raises(LifecycleError):
                life.destroy()
            journal.append("b")

        life = server(a=journal.hook("a"), b=destroy_f)
        life.init()
        life.destroy()

        assert ["b", "a"] == journal


class TestWith:
    """`init` on entry, `destroy` on exit, if that has not been done."""

    def test_the_block_runs_between_the_two(self, journal):
        core = Registry()
        core.register(make_exports("m", init_f=journal.hook("init"), destroy_f=journal.hook("destroy")))
        life = Lifecycle(core)
        with life as entered:
            journal.append("block")
            assert life is entered
            assert State.INITIALISED is life.state

        assert ["init", "block", "destroy"] == journal
        assert State.DESTROYED is life.state

    @pytest.mark.parametrize("error", [ValueError("in the block"), KeyboardInterrupt(), SystemExit(2)], ids=repr)
    def test_an_exception_in_the_block_passes_on_after_clean_up(self, journal, error):
        with pytest.raises(type(error)) as caught, server(a=journal.hook("a"), b=journal.hook("b")):
            raise error

        assert error is caught.value
        assert ["b", "a"] == journal

    def test_an_exception_in_the_block_is_the_context_of_those_of_clean_up(self, journal):
        error, failure = ValueError("in the block"), OSError("in clean-up")
        with pytest.raises(ExceptionGroup) as caught, server(m=journal.hook("m", raises=failure)):
            raise error

        assert (failure,) == caught.value.exceptions
        assert error is caught.value.__context__

    def test_what_the_block_has_destroyed_is_not_destroyed_again(self, journal):
        with server(m=journal.hook("m")) as life:
            life.destroy()

        assert ["m"] == journal

    def test_it_cannot_be_entered_twice(self, journal):
        life = server(m=journal.hook("m"))
        with life, pytest.raises(LifecycleError, match="init"):
            life.__enter__()
        with pytest.raises(LifecycleError, match="its modules are cleaned up"):
            life.__enter__()

        assert ["m"] == journal
