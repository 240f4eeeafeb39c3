"""The specification, section 1.5, Module Clean-up: statement by statement."""

from __future__ import annotations

import os

import pytest
from forked import in_child
from making import Journal

from sermod import Lifecycle, LifecycleError, ModuleExports, Registry, find_problems


@pytest.fixture
def journal():
    return Journal()


def test_clean_up_runs_when_the_server_shuts_down(journal):
    """Section 1.5.

    > A module can also export a clean-up function that will be called by the main process when the server shuts down.

    It runs once, and a module without one needs none.
    """
    core = Registry()
    core.register(ModuleExports("m", init_f=journal.hook("init"), destroy_f=journal.hook("destroy")))
    core.register(ModuleExports("without", 0, 0, 0, 0, 0, 0, 0))
    with Lifecycle(core) as life:
        assert ["init"] == journal
    assert ["init", "destroy"] == journal
    with pytest.raises(LifecycleError):
        life.destroy()
    assert ["init", "destroy"] == journal


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_clean_up_belongs_to_the_main_process(journal):
    """Section 1.5.

    > A module can also export a clean-up function that will be called by the main process when the server shuts down.

    No child runs it, whether it tries to or just leaves.
    """
    core = Registry()
    core.register(ModuleExports("m", destroy_f=journal.hook("destroy")))
    with Lifecycle(core) as life:

        def child():
            with pytest.raises(LifecycleError, match=r"destroy\(\) belongs to the main process"):
                life.destroy()
            life.__exit__(None, None, None)
            return [*journal]

        assert [] == in_child(child)
    assert ["destroy"] == journal


def test_clean_up_takes_nothing_and_returns_nothing(journal):
    """Section 1.5.

    > The function accepts no parameters and return no value.
    """
    core = Registry()
    core.register(ModuleExports("m", destroy_f=journal.hook("destroy", returns=-1)))
    with Lifecycle(core):
        pass

    assert ["destroy"] == journal
    assert ["wrong-signature"] == [found.code for found in find_problems(ModuleExports("m", destroy_f=lambda code: 0))]
