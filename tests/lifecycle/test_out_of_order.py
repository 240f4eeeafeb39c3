"""A call that comes too early, too late or twice is an error, and changes nothing."""

from __future__ import annotations

import asyncio

import pytest
from making import Journal, contents, make_exports
from travelling import pickled

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    Lifecycle,
    LifecycleError,
    ParamExport,
    Registry,
    State,
)

CALLS = {
    "init()": lambda life: life.init(),
    "destroy()": lambda life: life.destroy(),
    "init_child()": lambda life: life.init_child(1),
    "run_route()": lambda life: life.run_route([], "msg"),
    "run_route_async()": lambda life: asyncio.run(life.run_route_async([], "msg")),
    "process_reply()": lambda life: life.process_reply("msg"),
}
CONFIGURATION = {
    "load()": lambda core: core.load("other"),
    "register()": lambda core: core.register(make_exports("other")),
    "set_param()": lambda core: core.set_param("m", "p", 5),
    "modparam()": lambda core: core.modparam("m|n", "p", 5),
    "bind()": lambda core: core.bind("c", "x", route=REQUEST_ROUTE),
    "collect_errors()": lambda core: core.collect_errors().__enter__(),
}


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def core(journal, tmp_path):
    (tmp_path / "other.py").write_text("raise AssertionError('this must not be executed')")
    core = Registry(path=[tmp_path])
    core.register(
        make_exports(
            "m",
            CmdExport("c", journal.hook("c", returns=1), 1, 0, REQUEST_ROUTE),
            ParamExport("p", INT_PARAM, Cell(0)),
            **{hook: journal.hook(hook) for hook in ("init_f", "destroy_f", "init_child_f", "response_f")},
        )
    )
    return core


def refused(call, *, state, match):
    """Check that a call is out of order, and return nothing: its error says when it was called, and what to do."""
    with pytest.raises(LifecycleError, match=match) as caught:
        call()
    assert state == caught.value.state
    assert isinstance(caught.value, RuntimeError)
    assert vars(caught.value) == vars(pickled(caught.value))
    return caught.value.call


class TestLifeOutOfOrder:
    """Each method of a lifecycle belongs to one state."""

    @pytest.mark.parametrize("name", [name for name in CALLS if name != "init()"])
    def test_too_early(self, core, journal, name):
        life = Lifecycle(core)
        advice = "this one is configuring: call init() first, or enter the with block"

        assert name == refused(lambda: CALLS[name](life), state="configuring", match=advice.replace("()", r"\(\)"))
        assert [] == journal
        assert State.CONFIGURING is life.state

    def test_init_twice(self, core, journal):
        with Lifecycle(core) as life:
            assert "init()" == refused(life.init, state="initialised", match=r"init\(\) can run only once")
            assert ["init_f"] == journal
            assert State.INITIALISED is life.state

    @pytest.mark.parametrize("name", CALLS)
    def test_too_late(self, core, journal, name):
        with Lifecycle(core) as life:
            pass
        journal.clear()

        assert name == refused(lambda: CALLS[name](life), state="destroyed", match="its modules are cleaned up")
        assert [] == journal

    @pytest.mark.parametrize("name", CALLS)
    def test_from_within_an_init_f(self, core, journal, name):
        """The life is not there yet, but has begun."""

        def init_f():
            match = r"this one is being initialised: wait until init\(\) has returned"
            assert name == refused(lambda: CALLS[name](life), state="being initialised", match=match)
            journal.append("refused")

        core.register(make_exports("n", init_f=init_f))
        life = Lifecycle(core)
        life.init()

        assert ["init_f", "refused"] == journal
        assert State.INITIALISED is life.state

    def test_a_second_lifecycle_over_one_registry(self, core):
        life = Lifecycle(core)
        match = "the registry already belongs to another Lifecycle; make a registry for each"

        assert "Lifecycle()" == refused(lambda: Lifecycle(core), state="configuring", match=match)
        with life:
            assert "Lifecycle()" == refused(lambda: Lifecycle(core), state="initialised", match=match)
        assert "Lifecycle()" == refused(lambda: Lifecycle(core), state="destroyed", match=match)
        assert State.DESTROYED is life.state


class TestConfigurationOutOfOrder:
    """Registration, parameters and binding belong to the time before `init` begins."""

    @pytest.mark.parametrize("name", CONFIGURATION)
    def test_between_lifecycle_and_init_is_early_enough(self, core, name):
        core.register(make_exports("n", ParamExport("p", INT_PARAM, Cell(0))))
        Lifecycle(core)
        if name == "load()":
            with pytest.raises(ImportError, match="this must not be executed"):
                CONFIGURATION[name](core)
        else:
            CONFIGURATION[name](core)

    @pytest.mark.parametrize("name", CONFIGURATION)
    def test_after_init(self, core, name):
        with Lifecycle(core):
            before = contents(core)
            match = "comes too late: the lifecycle is initialised; load modules, set parameters and bind calls before"
            assert name == refused(lambda: CONFIGURATION[name](core), state="initialised", match=match)
            assert before == contents(core)

    @pytest.mark.parametrize("name", CONFIGURATION)
    def test_after_destroy(self, core, name):
        with Lifecycle(core):
            before = contents(core)

        assert name == refused(lambda: CONFIGURATION[name](core), state="destroyed", match="the lifecycle is destroyed")
        assert before == contents(core)

    @pytest.mark.parametrize("name", CONFIGURATION)
    def test_after_a_failed_init(self, core, name):
        core.register(make_exports("n", init_f=lambda: -1))
        with pytest.raises(RuntimeError):
            Lifecycle(core).init()
        before = contents(core)

        assert name == refused(lambda: CONFIGURATION[name](core), state="failed", match="the lifecycle is failed")
        assert before == contents(core)

    @pytest.mark.parametrize("hook", ["init_f", "fixup"])
    @pytest.mark.parametrize("name", CONFIGURATION)
    def test_from_within_an_init_f_or_a_fixup(self, core, journal, name, hook):
        def too_late(param=None, number=None):
            before = contents(core)
            match = "comes too late: the lifecycle is being initialised; "
            assert name == refused(lambda: CONFIGURATION[name](core), state="being initialised", match=match)
            assert before == contents(core)
            journal.append("refused")
            return param

        hooks = {"init_f": too_late} if hook == "init_f" else {}
        fixup = too_late if hook == "fixup" else 0
        core.register(make_exports("n", CmdExport("d", lambda msg, a: 1, 1, fixup, REQUEST_ROUTE), **hooks))
        core.bind("d", "x", route=REQUEST_ROUTE)
        with Lifecycle(core):
            assert ["init_f", "refused"] == journal

    def test_look_ups_are_for_all_times(self, core):
        def all_of_them():
            return [
                core.find_module("m"),
                core.find_export("c", 1),
                core.require_export("c", 1),
                core.find_param("m", "p", INT_PARAM),
                [*core],
                len(core),
                "m" in core,
            ]

        before = all_of_them()
        with Lifecycle(core):
            assert before == all_of_them()
        assert before == all_of_them()
        assert None not in before
