"""`Lifecycle.init`: each `init_f` once, in load order; a failure stops the start, and cleans up what was started."""

from __future__ import annotations

import enum
import os
import threading

import pytest
from hostile import UnprintableError
from making import Journal, make_exports
from travelling import pickled

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    Lifecycle,
    LifecycleError,
    ModuleInitError,
    ParamExport,
    Registry,
    State,
)


@pytest.fixture
def journal():
    return Journal()


class Zero(enum.IntEnum):
    OK = 0


def server(journal, **inits):
    """Return a lifecycle of a module for each of *inits*, which all have a destroy_f."""
    core = Registry()
    for name, init_f in inits.items():
        core.register(make_exports(name, init_f=init_f, destroy_f=journal.hook(f"destroy {name}")))
    return Lifecycle(core)


class TestOrder:
    """In load order, each once, in the process that calls it."""

    def test_each_init_f_once_in_load_order(self, journal):
        names = ["usrloc", "acc", "tm"]
        life = server(journal, **{name: journal.hook(name, returns=0) for name in names})
        assert State.CONFIGURING is life.state
        assert life.main_pid is None

        assert life.init() is None

        assert names == journal
        assert State.INITIALISED is life.state
        assert os.getpid() == life.main_pid

    def test_parameters_are_set_before(self, journal):
        core = Registry()
        cell = Cell(0)
        parameter = ParamExport("level", INT_PARAM, cell)
        core.register(make_exports("m", parameter, init_f=lambda: journal.append(cell.load())))
        core.set_param("m", "level", 5)
        Lifecycle(core).init()

        assert [5] == journal

    def test_the_whole_life_of_two_modules(self, journal):
        """Every function of the interface, in the order in which the core would call them."""
        core = Registry()
        for name in ("a", "b"):
            core.register(
                make_exports(
                    name,
                    CmdExport(
                        f"cmd_{name}",
                        journal.hook(f"{name}.cmd", returns=int(name == "a")),
                        1,
                        journal.hook(f"{name}.fixup", returns="fixed"),
                        REQUEST_ROUTE,
                    ),
                    init_f=journal.hook(f"{name}.init"),
                    response_f=journal.hook(f"{name}.response", returns=1),
                    destroy_f=journal.hook(f"{name}.destroy"),
                    onbreak_f=journal.hook(f"{name}.onbreak"),
                    init_child_f=journal.hook(f"{name}.init_child"),
                )
            )
        route = [core.bind(f"cmd_{name}", name, route=REQUEST_ROUTE) for name in ("a", "b")]
        with Lifecycle(core) as life:
            life.init_child(1)
            life.run_route(route, "request")
            life.process_reply("reply")

        assert [
            "a.init",
            "b.init",
            ("a.fixup", "a", 1),
            ("b.fixup", "b", 1),
            ("a.init_child", 1),
            ("b.init_child", 1),
            ("a.cmd", "request", "fixed"),
            ("b.cmd", "request", "fixed"),
            ("b.onbreak", "request"),
            ("a.onbreak", "request"),
            ("b.response", "reply"),
            ("a.response", "reply"),
            "b.destroy",
            "a.destroy",
        ] == journal

    def test_modules_without_functions_are_passed_over(self, journal):
        core = Registry()
        core.register(make_exports("bare"))
        core.register(make_exports("m", init_f=journal.hook("init")))
        core.register(make_exports("bare too"))
        with Lifecycle(core) as life:
            life.init_child(1)
            assert 1 == life.run_route([], "msg")
            assert life.process_reply("msg") is True

        assert ["init"] == journal

    def test_a_server_without_modules_has_a_life_too(self):
        with Lifecycle(Registry()) as life:
            assert 1 == life.run_route([], "msg")
        assert State.DESTROYED is life.state

    @pytest.mark.parametrize("result", [0, None, Zero.OK], ids=repr)
    def test_0_and_none_are_success(self, journal, result):
        life = server(journal, m=lambda: result)
        life.init()

        assert State.INITIALISED is life.state


class TestAbort:
    """Anything but 0 or None, or an exception, stops the server; what was initialised is destroyed, newest first."""

    def failed(self, journal, init_f, expected=ModuleInitError):
        """Start five modules, of which the third fails, and return the exception."""
        ok = [journal.hook(f"init {name}") for name in "abde"]
        life = server(journal, a=ok[0], b=ok[1], c=init_f, d=ok[2], e=ok[3])
        with pytest.raises(expected) as caught:
            life.init()
        assert ["init a", "init b", "destroy b", "destroy a"] == journal
        assert State.FAILED is life.state
        return caught.value

    @pytest.mark.parametrize("code", [-1, -100, 1, 5, True, False, "0", "", "started", 0.0, 1.5, [], object], ids=repr)
    def test_a_result_that_is_no_success(self, journal, code):
        error = self.failed(journal, lambda: code)

        assert (f"init_f of module 'c' returned {code!r}; the server starts only if it returns 0 or None") == str(error)
        assert isinstance(error, RuntimeError)
        assert ("c", None, None) == (error.module, error.rank, error.traceback)
        assert code is error.code
        assert ("c", code) == (pickled(error).module, pickled(error).code)

    def test_a_coroutine(self, journal):
        """It was called, but never ran; it does not warn later that it was never awaited."""

        async def init_f():
            journal.append("ran")

        error = self.failed(journal, init_f)

        assert "coroutine" in str(error)
        assert ("coroutine", None) == (type(error.code).__name__, error.code.cr_frame)

    def test_an_exception(self, journal):
        cause = OSError("no database")

        def init_f():
            raise cause

        error = self.failed(journal, init_f)

        assert "init_f of module 'c' raised OSError: no database" == str(error)
        assert cause is error.__cause__
        assert ("c", None, None) == (error.module, error.code, error.rank)
        assert "raise cause\n" in error.traceback
        assert error.traceback.endswith("OSError: no database\n")
        assert error.traceback == pickled(error).traceback

    @pytest.mark.parametrize(
        "interrupt", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()], ids=["interrupt", "exit", "generator"]
    )
    def test_an_interrupt_passes_on_after_the_same_clean_up(self, journal, interrupt):
        def init_f():
            raise interrupt

        assert interrupt is self.failed(journal, init_f, type(interrupt))

    def test_the_first_module_has_nothing_before_it_to_destroy(self, journal):
        life = server(journal, a=lambda: -1, b=journal.hook("init b"))
        with pytest.raises(ModuleInitError):
            life.init()

        assert [] == journal

    def test_fixups_do_not_run_after_a_failure(self, journal):
        core = Registry()
        command = CmdExport("c", lambda msg, a: 1, 1, journal.hook("fixup"), REQUEST_ROUTE)
        core.register(make_exports("m", command, init_f=lambda: -1))
        core.bind("c", "x", route=REQUEST_ROUTE)
        with pytest.raises(ModuleInitError):
            Lifecycle(core).init()

        assert [] == journal

    def test_modules_without_an_init_f_are_destroyed_all_the_same(self, journal):
        """Their turn came and went well: they count as initialised."""
        core = Registry()
        core.register(make_exports("a", destroy_f=journal.hook("destroy a")))
        core.register(make_exports("b", init_f=lambda: -1))
        with pytest.raises(ModuleInitError):
            Lifecycle(core).init()

        assert ["destroy a"] == journal

    @pytest.mark.parametrize("cause", [OSError("broken"), KeyboardInterrupt()], ids=["error", "interrupt"])
    def test_clean_up_goes_on_where_a_destroy_f_raises(self, journal, cause):
        """Its exception is a note of the error that stopped the start."""
        trouble = [ValueError("first"), KeyboardInterrupt("second")]
        trouble[0].add_note("a note of its own")
        core = Registry()
        for name, failure in (("a", None), ("b", trouble[0]), ("c", None), ("d", trouble[1])):
            core.register(make_exports(name, destroy_f=journal.hook(name, raises=failure)))
        core.register(make_exports("e", init_f=journal.hook("init", raises=cause)))
        with pytest.raises((ModuleInitError, KeyboardInterrupt)) as caught:
            Lifecycle(core).init()

        assert ["init", "d", "c", "b", "a"] == journal
        assert [
            "and while cleaning up, destroy_f of module 'd' raised: KeyboardInterrupt('second')",
            "and while cleaning up, destroy_f of module 'b' raised: ValueError('first')",
        ] == caught.value.__notes__

    def test_exceptions_without_a_text(self, journal):
        """A message that cannot be made of an exception does not replace the error that stops the start."""
        core = Registry()
        core.register(make_exports("a", destroy_f=journal.hook("a", raises=UnprintableError())))
        core.register(make_exports("b", init_f=journal.hook("b", raises=UnprintableError())))
        with pytest.raises(ModuleInitError) as caught:
            Lifecycle(core).init()

        assert ["b", "a"] == journal
        assert "init_f of module 'b' raised UnprintableError: <no text: its __str__ raised RuntimeError>" == str(
            caught.value
        )
        (note,) = caught.value.__notes__
        assert note.startswith("and while cleaning up, destroy_f of module 'a' raised: <an UnprintableError ")

    def test_the_block_is_not_entered(self, journal):
        life = server(journal, a=journal.hook("init a"), b=lambda: -1)
        with pytest.raises(ModuleInitError), life:
            pytest.fail("the block must not run")

        assert ["init a", "destroy a"] == journal

    def test_there_is_no_second_try(self, journal):
        life = server(journal, m=lambda: -1)
        with pytest.raises(ModuleInitError):
            life.init()
        for call in (life.init, life.destroy, lambda: life.init_child(1), lambda: life.process_reply("msg")):
            with pytest.raises(LifecycleError, match="this one is failed: its initialisation failed") as caught:
                call()
            assert "failed" == caught.value.state
        assert [] == journal


class TestThreads:
    """``threads`` has those that an ``init_f`` started and that still run: a forked child does not have them."""

    def test_each_with_the_name_of_its_module(self, journal):
        end = threading.Event()

        def start(function):
            thread = threading.Thread(target=function)
            thread.start()
            return thread

        waiting = []
        life = server(
            journal,
            a=lambda: start(lambda: None).join(),
            b=lambda: waiting.append(start(end.wait)),
            c=journal.hook("c"),
            d=lambda: waiting.extend([start(end.wait), start(end.wait)]),
        )
        try:
            life.init()

            assert [("b", waiting[0])] == life.threads[:1]
            assert {("d", waiting[1]), ("d", waiting[2])} == {*life.threads[1:]}
            assert 3 == len(life.threads)
        finally:
            end.set()
            for thread in waiting:
                thread.join()
