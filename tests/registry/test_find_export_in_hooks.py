"""`sermod.find_export` looks in the registry of the module whose function this thread is running, and nowhere else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from making import make_exports

import sermod
from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    CmdExport,
    Lifecycle,
    LifecycleError,
    ModuleInitError,
    ParamExport,
    Pointer,
    Registry,
)

OUTSIDE = r"find_export\('~db_query', 2\) was called outside of hooks and fixups: call it in mod_init, and keep"


def database():
    """Return a module that has a function for other modules."""
    return make_exports(
        "mysql",
        CmdExport("~db_query", lambda table, key: f"{table}[{key}]", 2),
        CmdExport("query", lambda msg: 1, 0, 0, REQUEST_ROUTE),
    )


class Finder:
    """A module that looks a command of another one up, in each of its functions."""

    def __init__(self):
        self.found = []

    def look_up(self):
        self.found.append(sermod.find_export("~db_query", 2))
        return 0

    def exports(self, **hooks):
        def fixup(param, number):
            self.look_up()
            return param

        return make_exports(
            "finder",
            CmdExport("find", lambda msg, param: self.look_up(), 1, fixup, REQUEST_ROUTE),
            **hooks,
        )


def assert_refused():
    with pytest.raises(LifecycleError, match=OUTSIDE) as caught:
        sermod.find_export("~db_query", 2)
    assert "find_export()" == caught.value.call
    assert "outside of a module's hook" == caught.value.state
    assert isinstance(caught.value, RuntimeError)


class TestWhereItWorks:
    """In `init_f`, a fixup, `init_child_f` and `destroy_f`."""

    @pytest.mark.parametrize("newest", [True, False], ids=["after", "before"])
    def test_each_of_these_functions_sees_every_module(self, newest):
        """Also those that are initialised later."""
        core = Registry()
        finder = Finder()
        exports = finder.exports(
            init_f=finder.look_up, init_child_f=lambda rank: finder.look_up(), destroy_f=finder.look_up
        )
        for module in (database(), exports) if newest else (exports, database()):
            core.register(module)
        core.bind("find", "x", route=REQUEST_ROUTE)
        with Lifecycle(core) as life:
            assert 2 == len(finder.found), "init_f and the fixup"
            life.init_child(1)
            assert 3 == len(finder.found)

        assert [core.find_export("~db_query", 2)] * 4 == finder.found
        assert "users[7]" == finder.found[0].function("users", 7)

    def test_it_takes_name_number_of_parameters_and_flags(self):
        core = Registry()
        found = []

        def init():
            found.extend(
                [
                    sermod.find_export("query", 0, REQUEST_ROUTE),
                    sermod.find_export("~db_query", 2, REQUEST_ROUTE),
                    sermod.find_export("~db_query", 1),
                    sermod.find_export(name="none", param_no=0, flags=0),
                ]
            )

        core.register(database())
        core.register(make_exports("m", init_f=init))
        with Lifecycle(core):
            assert [core.find_export("query", 0), None, None, None] == found

    def test_in_destroy_f_of_a_failed_start(self):
        core = Registry()
        finder = Finder()
        core.register(finder.exports(destroy_f=finder.look_up))
        core.register(database())
        core.register(make_exports("bad", init_f=lambda: -1))

        with pytest.raises(ModuleInitError):
            Lifecycle(core).init()
        assert [core.find_export("~db_query", 2)] == finder.found


class TestWhereItDoesNot:
    """Anywhere else it is an error that says what to do."""

    def test_while_nothing_runs(self):
        core = Registry()
        core.register(database())

        assert_refused()
        with Lifecycle(core):
            assert_refused()
        assert_refused()

    def test_in_a_command_a_response_function_and_onbreak(self):
        core = Registry()
        ran = []

        def assert_outside(*arguments):
            assert_refused()
            ran.append(arguments)
            return 0

        core.register(database())
        core.register(
            make_exports(
                "m",
                CmdExport("c", assert_outside, 0, 0, REQUEST_ROUTE),
                response_f=assert_outside,
                onbreak_f=lambda msg: assert_outside(msg, "onbreak") and None,
            )
        )
        action = core.bind("c", route=REQUEST_ROUTE)
        with Lifecycle(core) as life:
            assert 0 == life.run_route([action], "request")
            assert life.process_reply("reply") is False

        assert [("request",), ("request", "onbreak"), ("reply",)] == ran

    def test_in_a_pointer(self):
        class Nosy(Pointer[int]):
            def load(self):
                return 0

            def store(self, value):
                assert_refused()

        core = Registry()
        core.register(database())
        core.register(make_exports("m", ParamExport("p", INT_PARAM, Nosy())))
        core.set_param("m", "p", 1)

    def test_in_another_thread(self):
        """A thread that init_f starts runs on when init_f has returned."""
        done = []

        def init():
            with ThreadPoolExecutor() as threads:
                threads.submit(assert_refused).result(60)
            done.append(True)

        core = Registry()
        core.register(database())
        core.register(make_exports("m", init_f=init))
        with Lifecycle(core):
            assert [True] == done

    @pytest.mark.parametrize("hook", ["init_f", "destroy_f", "init_child_f"])
    def test_after_a_function_that_raised(self, hook):
        core = Registry()

        def fail(*rank):
            raise RuntimeError(hook)

        def live():
            with Lifecycle(core) as life:
                life.init_child(1)

        core.register(database())
        core.register(make_exports("m", **{hook: fail}))
        with pytest.raises((RuntimeError, ExceptionGroup), match=r"init|clean-up"):
            live()

        assert_refused()


class TestSeveralRegistries:
    """Each function sees the registry of its own module, whichever runs within another."""

    def test_a_life_within_an_init_f(self):
        inner, outer = Registry(), Registry()
        seen = []

        def look_up(where):
            seen.append((where, sermod.find_export("~db_query", 2)))

        def init():
            look_up("outer, before")
            with Lifecycle(inner) as life:
                look_up("outer, during")
                life.init_child(1)
            look_up("outer, after")

        inner.register(database())
        inner.register(
            make_exports(
                "m",
                init_f=lambda: look_up("inner"),
                init_child_f=lambda rank: look_up("inner"),
                destroy_f=lambda: look_up("inner"),
            )
        )
        outer.register(database())
        outer.register(make_exports("m", init_f=init))
        Lifecycle(outer).init()

        mine, theirs = outer.find_export("~db_query", 2), inner.find_export("~db_query", 2)
        assert mine is not theirs
        assert [
            ("outer, before", mine),
            ("inner", theirs),
            ("outer, during", mine),
            ("inner", theirs),
            ("inner", theirs),
            ("outer, after", mine),
        ] == seen

    def test_an_inner_life_that_fails_leaves_the_outer_one_in_sight(self):
        inner, outer = Registry(), Registry()
        seen = []

        def init():
            with pytest.raises(ModuleInitError):
                Lifecycle(inner).init()
            seen.append(sermod.find_export("~db_query", 2))

        inner.register(make_exports("bad", init_f=lambda: -1))
        outer.register(database())
        outer.register(make_exports("m", init_f=init))
        Lifecycle(outer).init()

        assert [outer.find_export("~db_query", 2)] == seen

    def test_two_lives_in_two_threads(self):
        """Both are in their init_f at the same time, and each sees its own."""
        barrier = threading.Barrier(2, timeout=60)
        seen = {}

        def live(name):
            core = Registry()
            command = CmdExport("who", lambda: name)

            def init():
                barrier.wait()
                seen[name] = sermod.find_export("who", 0).function()
                barrier.wait()

            core.register(make_exports("m", command, init_f=init))
            with Lifecycle(core):
                pass

        with ThreadPoolExecutor() as threads:
            for life in [threads.submit(live, name) for name in ("left", "right")]:
                life.result(60)

        assert {"left": "left", "right": "right"} == seen
