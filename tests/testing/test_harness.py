"""A module alone: its life, its calls, and what is restored afterwards."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from enum import IntFlag
from types import ModuleType, SimpleNamespace

import pytest
from making import Journal, make_exports
from sources import write, write_lines

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    ChildInitError,
    CmdExport,
    CommandResultError,
    FixupError,
    InvalidExportsError,
    LifecycleError,
    LoadError,
    MissingParamError,
    Module,
    ModuleExports,
    ModuleInitError,
    NoExportsError,
    ParamCountError,
    ParamExport,
    ParamValueError,
    Pointer,
    RouteError,
    UnknownCommandError,
    UnknownParamError,
    command,
    find_export,
    int_param,
    null_terminated,
    pointer_to,
)
from sermod._interface.lookup import UsedFunction
from sermod.testing import FakeMessage, MissingExport, ModuleHarness


class Foobar(Module):
    name = "foobar"
    foo_bar = int_param(1, maximum=9)

    def __init__(self):
        self.fixed = 0

    @command(REQUEST_ROUTE)
    def foo_req(self, msg, limit: int, text: str = "none"):
        msg.seen = (limit, text)
        return limit * self.foo_bar

    @command(REPLY_ROUTE)
    def foo_reply(self, msg):
        return -1

    @command()
    def foo_int(self, msg, param1, param2):
        return (param1, param2)

    @command(REQUEST_ROUTE)
    def no_result(self, msg):
        return None

    def response(self, msg):
        return 0 if msg == "drop" else 1

    def onbreak(self, msg):
        msg.broken = True


class Collecting:
    """A pointer whose variable collects the values that are stored."""

    def __init__(self):
        self.values = []

    def load(self):
        return self.values[-1] if self.values else None

    def store(self, value):
        self.values.append(value)

    def snapshot(self):
        return [*self.values]

    def restore(self, snapshot):
        self.values = snapshot


class TestTarget:
    """It takes a module in each of its forms."""

    def test_a_class(self):
        with ModuleHarness(Foobar) as harness:
            assert isinstance(harness.instance, Foobar)
            assert harness.instance.exports is harness.exports
            assert "foobar" == harness.module.name

    def test_an_instance(self):
        module = Foobar()
        with ModuleHarness(module) as harness:
            assert module is harness.instance

    def test_exports(self):
        exports = ModuleExports("bare")
        with ModuleHarness(exports) as harness:
            assert exports is harness.exports
            assert harness.instance is None

    def test_a_python_module(self):
        python_module = ModuleType("some")
        python_module.exports = ModuleExports("bare")
        with ModuleHarness(python_module) as harness:
            assert "bare" == harness.module.name

    def test_a_dotted_name(self):
        with ModuleHarness("crashing") as harness:
            assert "crashing" == harness.module.name

    def test_a_path(self, tmp_path):
        file = write(tmp_path / "some.py")
        for target in (file, str(file)):
            with ModuleHarness(target) as harness:
                assert "some" == harness.module.name

    def test_a_bare_name_and_where_to_look_for_it(self, tmp_path):
        write(tmp_path / "some.py")
        with ModuleHarness("some", path=[tmp_path]) as harness:
            assert "some" == harness.module.name

    def test_a_python_module_without_exports(self):
        with pytest.raises(NoExportsError, match="the Python module 'some' has no variable 'exports' that is a Module"):
            ModuleHarness(ModuleType("some")).__enter__()

    def test_a_path_that_leads_nowhere(self):
        with pytest.raises(LoadError):
            ModuleHarness("./nowhere.py").__enter__()

    @pytest.mark.parametrize("target", [5, None, Foobar.foo_req, int])
    def test_something_else(self, target):
        with pytest.raises(TypeError, match="a module to test must be a ModuleExports, a Module"):
            ModuleHarness(target).__enter__()


class TestLife:
    """The context manager runs the whole life of the module."""

    def test_in_order(self):
        journal = Journal()
        cell = Cell(1)
        params = [ParamExport("cell", INT_PARAM, cell)]

        def init():
            journal.append(("init", cell.value))

        exports = make_exports(
            "some", *params, init_f=init, init_child_f=journal.hook("child"), destroy_f=journal.hook("destroy")
        )
        with ModuleHarness(exports, params={"cell": 5}) as harness:
            assert harness.rank is None
            harness.init_child(1)
            assert 1 == harness.rank

        assert [("init", 5), ("child", 1), "destroy"] == journal
        assert 1 == cell.value

    def test_parameters_go_by_position_too(self):
        with ModuleHarness(Foobar, {"foo_bar": 3}) as harness:
            assert 6 == harness.call("foo_req", "2")

    def test_parameters_as_pairs_are_set_in_their_order(self):
        params = [ParamExport("rule", STR_PARAM, Collecting()), ParamExport("most", INT_PARAM, Cell(0))]
        pairs = [("rule", "a"), ("most", 5), ("rule", "b")]
        with ModuleHarness(make_exports("some", *params), params=iter(pairs)):
            assert ["a", "b"] == params[0].param_pointer.values
            assert 5 == params[1].param_pointer.value

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ("rule=a", r"params=\.\.\. takes a mapping, or pairs in a list \(got 'rule=a', a str\)"),
            (5, r"params=\.\.\. takes a mapping, or pairs in a list \(got 5, an int\)"),
            (["rule"], r"params=\.\.\. takes pairs, \(name, value\), in a list \(got 'rule' in it\)"),
        ],
    )
    def test_parameters_that_are_no_pairs(self, params, message):
        with pytest.raises(TypeError, match=message):
            ModuleHarness(Foobar, params)

    def test_outside_of_a_context_the_first_call_starts_it(self):
        harness = ModuleHarness(Foobar)
        assert "<ModuleHarness of Foobar, not started>" == repr(harness)
        assert 2 == harness.call("foo_req", "2")
        assert "<ModuleHarness of Foobar, started>" == repr(harness)
        harness.close()
        harness.close()
        assert "<ModuleHarness of Foobar, closed>" == repr(harness)

    def test_it_serves_for_one_life(self):
        with ModuleHarness(Foobar) as harness:
            pass
        with pytest.raises(LifecycleError, match=r"call\(\) on the harness of Foobar, which is closed; make another"):
            harness.call("foo_req", "2")

    def test_one_that_did_not_start_is_over(self):
        harness = ModuleHarness(make_exports("some", init_f=lambda: -1))
        with pytest.raises(ModuleInitError):
            harness.call("foo")
        with pytest.raises(LifecycleError, match="is closed"):
            harness.call("foo")
        harness.close()

    def test_to_enter_it_again_is_to_go_on(self):
        """As a test may do with a harness of the fixture."""
        harness = ModuleHarness(Foobar)
        harness.call("foo_req", "2")
        with harness as again:
            assert again is harness
            assert 1 == len([each for each in harness.events if each.function == "command"])

    def test_one_that_is_never_closed_is_a_resource_warning(self):
        harness = ModuleHarness(Foobar)
        harness.call("foo_req", "2")
        text = "<ModuleHarness of Foobar, started> was never closed: use it as a context"
        with pytest.warns(ResourceWarning, match=text):  # noqa: PT031 - either may be the end of it
            del harness
            gc.collect()

    def test_one_that_never_started_is_none(self):
        ModuleHarness(Foobar)
        gc.collect()

    def test_one_that_could_not_be_made_is_none(self):
        with pytest.raises(TypeError):
            ModuleHarness()
        gc.collect()

    def test_a_failed_child_init(self):
        with ModuleHarness("crashing") as harness, pytest.raises(ChildInitError, match="returned -7"):
            harness.init_child(13)

    def test_required_parameters(self):
        class Strict(Module):
            name = "strict"
            level = int_param(required=True)

        with pytest.raises(MissingParamError):
            ModuleHarness(Strict).__enter__()
        with ModuleHarness(Strict, params={"level": 1}) as harness:
            assert 1 == harness.instance.level


class TestCall:
    """A call does what a call in a script does."""

    @pytest.fixture
    def harness(self):
        with ModuleHarness(Foobar) as made:
            yield made

    def test_checked_fixed_up_and_run(self, harness):
        msg = FakeMessage()

        assert 5 == harness.call("foo_req", "5", "x", msg=msg, route=REQUEST_ROUTE)
        assert (5, "x") == msg.seen

    def test_an_overload(self, harness):
        msg = FakeMessage()
        harness.call("foo_req", "5", msg=msg)

        assert (5, "none") == msg.seen

    @pytest.mark.parametrize(
        ("call", "options", "error"),
        [
            (("bar",), {}, UnknownCommandError),
            (("foo_req",), {}, ParamCountError),
            (("foo_req", "1"), {"route": REPLY_ROUTE}, RouteError),
            (("foo_int", "1", "2"), {}, RouteError),
            (("foo_req", "x"), {}, FixupError),
        ],
    )
    def test_what_a_script_is_refused_is_refused(self, harness, call, options, error):
        with pytest.raises(error):
            harness.call(*call, **options)
        assert [] == [each for each in harness.events if each.function == "command"]

    def test_errors_name_the_place_in_the_script(self, harness):
        with pytest.raises(FixupError, match=r"ser\.cfg:5: foo_req") as caught:
            harness.call("foo_req", "x", where="ser.cfg:5")
        assert "ser.cfg:5" == caught.value.where

    def test_a_parameter_is_a_text(self, harness):
        with pytest.raises(TypeError, match="parameter 1 must be a str"):
            harness.call("foo_req", 5)

    def test_the_route_is_the_callers(self, harness):
        assert -1 == harness.call("foo_reply", route=REPLY_ROUTE)

    def test_where_it_returns_0_onbreak_runs(self, harness):
        """As at the end of any route that returns 0."""
        msg = FakeMessage()

        assert 0 == harness.call("foo_req", "0", msg=msg)
        assert msg.broken

    def test_a_result_that_is_none(self, harness):
        with pytest.raises(CommandResultError):
            harness.call("no_result")

    def test_a_call_is_bound_once_and_run_often(self, harness):
        action = harness.bind("foo_req", "5")

        assert [5, 5] == [action.run(FakeMessage()), harness.run_route([action])]
        assert 1 == len([each for each in harness.events if each.function == "fixup"])

    def test_values_that_are_fixed_already(self, harness):
        msg = FakeMessage()

        assert 7 == harness.call_fixed("foo_req", 7, "x", msg=msg)
        assert (7, "x") == msg.seen
        assert [] == [each for each in harness.events if each.function == "fixup"]

    def test_fixed_values_for_a_command_of_the_c_shape(self):
        """A parameter that is left out is ``None``."""
        exports = make_exports(
            "some", CmdExport("foo", lambda msg, p1, p2: 5 if p2 is None else 6, 1, 0, REQUEST_ROUTE)
        )
        with ModuleHarness(exports) as harness:
            assert [5, 5] == [harness.call_fixed("foo", 1), harness.call("foo", "1")]

    def test_fixed_values_for_another_route(self, harness):
        with pytest.raises(RouteError):
            harness.call_fixed("foo_reply", route=REQUEST_ROUTE)
        assert -1 == harness.call_fixed("foo_reply", route=REPLY_ROUTE)

    def test_without_a_route_it_is_one_that_the_command_has(self, harness):
        assert [-1, -1] == [harness.call("foo_reply"), harness.call_fixed("foo_reply")]
        assert [REPLY_ROUTE, REQUEST_ROUTE] == [harness.bind("foo_reply").route, harness.bind("foo_req", "5").route]

    def test_of_several_routes_it_is_the_first(self):
        both = CmdExport("foo", lambda msg: 1, 0, 0, REQUEST_ROUTE | REPLY_ROUTE)
        with ModuleHarness(make_exports("some", both)) as harness:
            assert REQUEST_ROUTE == harness.bind("foo").route

    def test_of_overloads_it_is_that_of_the_one_which_is_called(self):
        cmds = [CmdExport("foo", lambda msg: 5, 0, 0, REPLY_ROUTE), CmdExport("foo", lambda msg, a: 6, 1, 0, 1)]
        with ModuleHarness(make_exports("some", *cmds)) as harness:
            assert [5, 6] == [harness.call("foo"), harness.call("foo", "a")]

    @pytest.mark.parametrize("name", [5, ["foo_req"]])
    def test_the_name_is_a_text(self, harness, name):
        with pytest.raises(TypeError, match="takes the name of a command first"):
            harness.call(name)

    def test_a_host_without_routes(self):
        with ModuleHarness(make_exports("some"), route_flags=0) as harness, pytest.raises(UnknownCommandError):
            harness.call_fixed("foo")

    def test_a_host_with_routes_of_its_own(self):
        class Stage(IntFlag):
            MAIL = 4
            DATA = 8

        data = CmdExport("foo", lambda msg: 5, 0, 0, Stage.DATA)
        with ModuleHarness(make_exports("some", data), route_flags=Stage) as harness:
            assert [5, 5] == [harness.call("foo"), harness.call_fixed("foo")]
            assert "DATA" == harness.bind("foo").route.name
            with pytest.raises(RouteError, match="cannot be used in MAIL; it can be used in DATA"):
                harness.call_fixed("foo", route=Stage.MAIL)

    def test_the_function_that_another_module_would_get(self, harness):
        function = harness.function("foo_int", 2)

        assert ("a", "b") == function("msg", "a", "b")
        assert harness.instance.foo_int == function
        assert function == harness.function("foo_int", 2)
        assert hash(function) == hash(harness.instance.foo_int)
        assert "foo_int" == function.__name__

    def test_a_function_that_is_not_there(self, harness):
        with pytest.raises(UnknownCommandError):
            harness.function("bar", 2)
        assert () == harness.missing

    def test_a_host_with_more_routes_and_parameters(self):
        exports = make_exports("some", CmdExport("foo", lambda msg, a, b, c: 5, 3, 0, 8))
        with ModuleHarness(exports, route_flags=8, script_param_no=(3,)) as harness:
            assert 5 == harness.call("foo", "a", "b", "c", route=8)


class TestRoute:
    """Several calls, until one returns 0."""

    @pytest.fixture
    def harness(self):
        with ModuleHarness(Foobar) as made:
            yield made

    def test_calls_as_tuples(self, harness):
        msg = FakeMessage()

        assert 0 == harness.run_route([("foo_req", "5"), ("foo_req", "0", "b"), ("foo_req", "7")], msg)
        assert ((0, "b"), True) == (msg.seen, msg.broken)

    def test_all_are_checked_before_one_runs(self, harness):
        with pytest.raises(UnknownCommandError):
            harness.run_route([("foo_req", "5"), ("bar",)])
        assert [] == [each for each in harness.events if each.function == "command"]

    def test_a_function(self, harness):
        assert 3 == harness.run_route(lambda msg: 3)

    def test_each_call_is_in_a_route_that_its_command_has(self, harness):
        calls = [("foo_req", "5"), ("foo_reply",)]

        assert -1 == harness.run_route(calls)
        assert -1 == asyncio.run(harness.run_route_async(calls))
        with pytest.raises(RouteError):
            harness.run_route(calls, route=REQUEST_ROUTE)

    def test_another_route(self, harness):
        assert -1 == harness.run_route([("foo_reply",)], route=REPLY_ROUTE)

    def test_coroutine_functions(self):
        class Async(Module):
            name = "async"

            @command(REQUEST_ROUTE)
            async def foo(self, msg, number: int):
                return number

        with ModuleHarness(Async) as harness:
            assert 5 == asyncio.run(harness.run_route_async([("foo", "5")]))
            with pytest.raises(CommandResultError):
                harness.call("foo", "5")

    def test_a_reply(self, harness):
        assert [True, False] == [harness.reply(), harness.reply("drop")]

    def test_a_reply_for_a_module_without_a_response_function(self):
        with ModuleHarness(ModuleExports("bare")) as harness:
            assert harness.reply() is True

    def test_onbreak(self, harness):
        msg = FakeMessage()
        harness.onbreak(msg)

        assert msg.broken

    def test_onbreak_of_a_module_without_one(self):
        with ModuleHarness(ModuleExports("bare")) as harness:
            harness.onbreak()
            assert [] == harness.events


class TestImports:
    """A test stands in for Python modules that only a server has."""

    SOURCE = """
from KSR import sl
from sermod import REQUEST_ROUTE, CmdExport, ModuleExports

def answer(msg, code):
    import KSR

    assert KSR.sl is sl
    sl.sl_send_reply(int(code), "OK")
    return 1

exports = ModuleExports("answering", [CmdExport("answer", answer, 1, 0, REQUEST_ROUTE), CmdExport()])
"""

    @pytest.mark.parametrize("isolate", [False, True], ids=["here", "isolated"])
    def test_they_are_what_the_module_imports(self, tmp_path, isolate):
        """When it is loaded and while it runs; afterwards they are gone."""
        file = tmp_path / "answering.py"
        file.write_text(self.SOURCE)
        told, tell = os.pipe()
        ksr = SimpleNamespace(sl=SimpleNamespace(sl_send_reply=lambda *reply: os.write(tell, repr(reply).encode())))
        with ModuleHarness(file, imports={"KSR": ksr}, isolate=isolate) as harness:
            assert 1 == harness.call("answer", "200")

        assert b"(200, 'OK')" == os.read(told, 100)
        assert "KSR" not in sys.modules
        os.close(told)
        os.close(tell)

    def test_what_they_stand_in_for_is_back(self):
        """An imported module may be replaced as well."""
        import tabnanny

        with ModuleHarness(make_exports("some"), imports={"tabnanny": "something else"}):
            assert "something else" == sys.modules["tabnanny"]
        assert tabnanny is sys.modules["tabnanny"]

    def test_one_for_a_module_of_python_that_is_not_imported_yet(self, monkeypatch):
        """Modules of Python stay imported, but a stand-in for one does not."""
        monkeypatch.delitem(sys.modules, "tabnanny", raising=False)
        with ModuleHarness(make_exports("some"), imports={"tabnanny": "something else"}):
            assert "something else" == sys.modules["tabnanny"]
        assert "tabnanny" not in sys.modules


class TestProvide:
    """A test stands in for other modules."""

    @staticmethod
    def exports(journal):
        def init():
            journal.append(find_export("~pre_auth", 0))
            find_export("~pre_auth", 1)
            find_export("~pre_auth", 1)
            journal.append(find_export("own", 0).name)

        return make_exports("some", CmdExport("own", lambda msg: 1), init_f=init)

    def test_what_is_provided_is_found(self):
        journal = []
        fake = Journal().hook("fake", returns=7)
        with ModuleHarness(self.exports(journal)).provide("~pre_auth", 0, fake) as harness:
            assert 7 == journal[0].function("msg")

        assert "own" == journal[1]
        assert (MissingExport("~pre_auth", 1),) == harness.missing
        assert [("init_f", "some"), ("command", "(provided by the test)")] == [
            (each.function, each.module) for each in harness.events
        ]

    def test_what_is_missing_is_reported(self):
        with ModuleHarness(self.exports([])) as harness:
            assert (MissingExport("~pre_auth", 0), MissingExport("~pre_auth", 1)) == harness.missing
            assert "'~pre_auth' with 1 parameter" == str(harness.missing[1])

    def test_as_an_option(self):
        journal = []
        with ModuleHarness(self.exports(journal), provides={("~pre_auth", 0): print}):
            assert print == journal[0].function

    def test_as_pairs(self):
        journal = []
        with ModuleHarness(
            self.exports(journal), provides=[(("~pre_auth", 0), print), (("~pre_auth", 1), len)]
        ) as made:
            assert print == journal[0].function
            assert () == made.missing

    def test_a_command_that_is_given_twice(self):
        pairs = [(("~pre_auth", 1), print), (("~other", 1), len), (("~pre_auth", 1), len)]
        with pytest.raises(ValueError, match=r"provides=\.\.\. has '~pre_auth' with 1 parameter twice"):
            ModuleHarness(self.exports([]), provides=pairs)

    def test_a_failed_start_says_what_was_missing(self):
        def init():
            return 0 if find_export("~pre_auth", 0) else -1

        with pytest.raises(ModuleInitError) as caught:
            ModuleHarness(make_exports("some", init_f=init)).__enter__()

        (note,) = caught.value.__notes__
        assert "no module exports: '~pre_auth' with 0 parameters; the test can provide them" in note

    @pytest.mark.parametrize(
        ("provided", "shown"),
        [(("~pre_aut", 0), "'~pre_aut' with 0 parameters"), (("~pre_auth", 1), "'~pre_auth' with 1 parameter")],
    )
    def test_a_failed_start_says_what_may_be_misspelt(self, provided, shown):
        def init():
            return 0 if find_export("~used", 0) and find_export("~pre_auth", 0) else -1

        provides = {provided: len, ("~used", 0): len, ("other", 0): len}
        with pytest.raises(ModuleInitError) as caught:
            ModuleHarness(make_exports("some", init_f=init), provides=provides).__enter__()

        asked = "'~pre_auth' with 0 parameters"
        text = (
            f"the test provides {shown}, which was not looked up; did you mean {asked} there, or {shown} in the module?"
        )
        assert text == caught.value.__notes__[-1]
        assert 2 == len(caught.value.__notes__)

    def test_what_is_declared_to_be_looked_up_must_be_there(self):
        """As for a host, before any code of the module runs."""

        class Uses:
            used_functions = (UsedFunction("~pre_auth", 0),)

            def __call__(self):
                return 0

        exports = make_exports("some", init_f=Uses())
        with pytest.raises(UnknownCommandError, match="'~pre_auth' that module 'some' uses") as caught:
            ModuleHarness(exports, provides={("~pre_aut", 0): len}).__enter__()
        assert "did you mean '~pre_auth' with 0 parameters there" in caught.value.__notes__[-1]
        with ModuleHarness(exports, provides={("~pre_auth", 0): len}) as harness:
            assert () == harness.missing

    def test_too_late(self):
        with (
            ModuleHarness(Foobar) as harness,
            pytest.raises(
                LifecycleError, match=r"provide\('~pre_auth', 0\) on the harness of Foobar, which is started; call pro"
            ),
        ):
            harness.provide("~pre_auth", 0, print)


class TestEvents:
    """All calls are recorded, in order, with rank and process."""

    def test_a_whole_life(self):
        class Loud(Foobar):
            def mod_init(self):
                return 0

            def child_init(self, rank):
                return 0

            def destroy(self):
                raise RuntimeError("no")

        harness = ModuleHarness(Loud)
        harness.init_child(1)
        msg = FakeMessage()
        harness.call("foo_req", "0", msg=msg)
        harness.reply("drop")
        harness.function("foo_int", 2)("msg", "a", "b")
        with pytest.raises(ExceptionGroup):
            harness.close()

        events = harness.events
        assert [
            ("init_f", None, (), None, 0),
            ("init_child_f", None, (1,), 1, 0),
            ("fixup", "foo_req", ("0", 1), 1, 0),
            ("command", "foo_req", (msg, 0), 1, 0),
            ("onbreak_f", None, (msg,), 1, None),
            ("response_f", None, ("drop",), 1, 0),
            ("command", "foo_int", ("msg", "a", "b"), 1, ("a", "b")),
            ("destroy_f", None, (), 1, None),
        ] == [(each.function, each.command, each.args, each.rank, each.result) for each in events]
        assert {os.getpid()} == {each.pid for each in events}
        assert all(each.ended for each in events)
        assert [7] == [number for number, each in enumerate(events) if each.error is not None]

    def test_as_text(self):
        seen = []

        def foo(msg):
            seen.append(str(harness.events[-1]))
            raise KeyError("x")

        exports = make_exports("some", CmdExport("foo", foo, 0, 0, REQUEST_ROUTE), init_f=lambda: 0)
        with ModuleHarness(exports) as harness, pytest.raises(KeyError):
            harness.call("foo", msg="msg")

        pid = os.getpid()
        assert [
            f"rank None, process {pid}: init_f of module 'some', called with (), returned 0",
            f"rank None, process {pid}: command 'foo' of module 'some', called with ('msg',), raised KeyError('x')",
        ] == [str(each) for each in harness.events]
        assert [
            f"rank None, process {pid}: command 'foo' of module 'some', called with ('msg',), has not returned"
        ] == seen

    def test_the_core_does_not_notice(self):
        """A recorded function has the signature of the function: a wrong hook is refused."""
        exports = make_exports("some", CmdExport("foo", lambda msg, a: 1, 3, 0, 0), init_f=lambda core: 0)
        with pytest.raises(InvalidExportsError, match=r"init_f cannot be called as init_f\(\)"):
            ModuleHarness(exports).__enter__()

    def test_a_function_without_a_signature(self):
        class Odd:
            def __call__(self, msg):
                return 5

            @property
            def __signature__(self):
                raise RuntimeError("no")

        with ModuleHarness(make_exports("some", CmdExport("foo", Odd(), 0, 0, REQUEST_ROUTE))) as harness:
            assert 5 == harness.call("foo")

    def test_arrays_that_are_wrong_are_refused_as_they_are(self):
        exports = ModuleExports("some", [CmdExport("foo")], [ParamExport("bar")])
        with pytest.raises(InvalidExportsError) as caught:
            ModuleHarness(exports).__enter__()

        assert {"not-terminated", "null-function", "null-pointer"} == {each.code for each in caught.value.problems}


variable = 1


class TestRestoring:
    """At the end, every parameter has its value, also after an error."""

    class Echo(Pointer):
        """Does something each time it is set."""

        def __init__(self):
            self.stored = []
            self.value = 0
            self.broken = False

        def load(self):
            return self.value

        def store(self, value):
            if self.broken:
                raise RuntimeError("no")
            self.stored.append(value)
            self.value = value

    def exports(self, *pointers, **hooks):
        entries = [ParamExport(f"param{number}", INT_PARAM, each) for number, each in enumerate(pointers)]
        return make_exports("some", *entries, **hooks)

    def test_parameters(self):
        pointers = [Cell(1), pointer_to(globals(), "variable"), self.Echo()]
        with ModuleHarness(self.exports(*pointers), params={"param0": 5, "param1": 6, "param2": 7}):
            assert [5, 6, 7] == [each.load() for each in pointers]

        assert [1, 1, 0] == [each.load() for each in pointers]

    def test_one_that_collects_its_values(self):
        """It is put back as it was: to store a value again would be one more."""
        collecting = Collecting()
        collecting.store("before")
        exports = make_exports("some", ParamExport("rule", STR_PARAM, collecting))
        with ModuleHarness(exports, params=[("rule", "a"), ("rule", "b")]):
            assert ["before", "a", "b"] == collecting.values

        assert ["before"] == collecting.values

    def test_one_that_parses_its_value(self):
        """It does not take what it loads."""

        class Parsing(Collecting):
            def store(self, value):
                self.values = [f"{int(value)} seconds"]

        parsing = Parsing()
        parsing.store("1")
        with ModuleHarness(make_exports("some", ParamExport("wait", STR_PARAM, parsing)), params={"wait": "30"}):
            assert "30 seconds" == parsing.load()

        assert "1 seconds" == parsing.load()

    def test_those_that_the_module_itself_has_changed(self):
        cell = Cell(1)

        def init():
            cell.value = 9

        with ModuleHarness(self.exports(cell, init_f=init)):
            assert 9 == cell.value
        assert 1 == cell.value

    def test_those_that_are_what_they_were_are_left_alone(self):
        echo = self.Echo()
        with ModuleHarness(self.exports(echo)):
            pass

        assert [] == echo.stored

    @pytest.mark.parametrize("hooks", [{"init_f": lambda: -1}, {"init_f": lambda: 1 / 0}])
    def test_after_a_failed_start(self, hooks):
        cell = Cell(1)
        with pytest.raises(ModuleInitError):
            ModuleHarness(self.exports(cell, **hooks), params={"param0": 5}).__enter__()

        assert 1 == cell.value

    def test_after_a_parameter_that_was_refused(self):
        cell, other = Cell(1), Cell(1)
        with pytest.raises(UnknownParamError):
            ModuleHarness(self.exports(cell, other), params={"param0": 5, "nowhere": 5}).__enter__()

        assert 1 == cell.value

    def test_after_an_error_in_the_block(self):
        cell = Cell(1)
        with pytest.raises(ZeroDivisionError), ModuleHarness(self.exports(cell), params={"param0": 5}):
            1 / 0  # noqa: B018

        assert 1 == cell.value

    def test_after_a_failed_clean_up(self):
        cell = Cell(1)

        def destroy():
            raise RuntimeError("no")

        with pytest.raises(ExceptionGroup), ModuleHarness(self.exports(cell, destroy_f=destroy), params={"param0": 5}):
            pass

        assert 1 == cell.value

    def test_one_that_cannot_be_put_back_does_not_keep_the_others(self):
        cell, echo = Cell(1), self.Echo()
        with (
            pytest.raises(ExceptionGroup, match="not every parameter has its value back") as caught,
            ModuleHarness(self.exports(echo, cell), params={"param0": 5, "param1": 5}),
        ):
            echo.broken = True

        assert 1 == cell.value
        assert ["the value of parameter 'param0' could not be restored"] == caught.value.exceptions[0].__notes__

    def test_a_null_pointer_is_for_the_validator(self):
        with pytest.raises(InvalidExportsError):
            ModuleHarness(make_exports("some", ParamExport("foo", STR_PARAM))).__enter__()

    def test_in_another_process_nothing_is_done(self):
        """A process that the test forks may leave the block: nothing is destroyed."""
        journal = Journal()
        harness = ModuleHarness(make_exports("some", destroy_f=journal.hook("destroy")))
        harness.__enter__()
        read, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            harness.close()
            os.write(write_end, str(journal).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        os.close(write_end)
        with os.fdopen(read, "rb") as stream:
            assert b"[]" == stream.read()
        harness.close()
        assert ["destroy"] == journal


class TestModules:
    """``sys.modules`` is what it was."""

    @pytest.fixture
    def package(self, tmp_path, monkeypatch):
        """The name of a module in a package that is not imported."""
        monkeypatch.syspath_prepend(tmp_path)
        write(tmp_path / "restored_package" / "module.py", "import restored_package.helper")
        write_lines(tmp_path / "restored_package" / "__init__.py", "")
        write_lines(tmp_path / "restored_package" / "helper.py", "")
        before = dict(sys.modules)
        yield "restored_package.module"
        assert before == dict(sys.modules)

    def test_after_a_dotted_name(self, package):
        with ModuleHarness(package):
            assert {"restored_package", "restored_package.helper", "restored_package.module"} <= sys.modules.keys()

    def test_after_a_path(self, tmp_path, package):
        with ModuleHarness(tmp_path / "restored_package" / "module.py"):
            assert "restored_package.helper" in sys.modules

    def test_after_what_is_imported_in_between(self, package):
        with ModuleHarness(Foobar):
            import restored_package.helper  # noqa: F401

    def test_after_a_failed_start(self, tmp_path, package):
        file = write(tmp_path / "fails.py", "import restored_package", "def init(): return -1", more="init_f=init")
        with pytest.raises(ModuleInitError):
            ModuleHarness(file).__enter__()

    def test_after_something_that_is_refused_when_it_is_registered(self, tmp_path, package):
        file = write(tmp_path / "refused.py", "import restored_package", more="cmds=[CmdExport('foo')]")
        with pytest.raises(InvalidExportsError):
            ModuleHarness(file).__enter__()

    def test_what_was_taken_away_or_exchanged_is_back(self, package):
        import json

        with ModuleHarness(Foobar):
            del sys.modules["json"]
            sys.modules["colorsys"] = ModuleType("other")
        sys.modules.pop("colorsys", None)

        assert json is sys.modules["json"]

    def test_an_attribute_of_a_package_that_was_there_is_gone(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        write_lines(tmp_path / "stays" / "__init__.py", "")
        write(tmp_path / "stays" / "module.py")
        import stays

        with ModuleHarness("stays.module"):
            assert hasattr(stays, "module")

        assert not hasattr(stays, "module")
        assert "stays" in sys.modules
        monkeypatch.delitem(sys.modules, "stays")

    def test_a_package_that_hands_out_something_else_by_that_name_keeps_it(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        write_lines(tmp_path / "stays" / "__init__.py", "")
        write(tmp_path / "stays" / "module.py", "import stays", "stays.module = 5", "import sys")
        import stays

        with ModuleHarness("stays.module"):
            stays.module = 5

        assert 5 == stays.module
        monkeypatch.delitem(sys.modules, "stays")

    def test_what_belongs_to_python_itself_stays(self, tmp_path):
        """There must not be two copies of it."""
        sys.modules.pop("wave", None)
        with ModuleHarness(write(tmp_path / "some.py", "import wave")):
            pass

        assert "wave" in sys.modules

    def test_what_can_be_loaded_only_once_stays(self, monkeypatch):
        """A package with a compiled part."""
        from importlib.machinery import ExtensionFileLoader, ModuleSpec

        package, part = ModuleType("compiled"), ModuleType("compiled.part")
        part.__spec__ = ModuleSpec("compiled.part", ExtensionFileLoader("compiled.part", "part.so"))
        with ModuleHarness(Foobar):
            monkeypatch.setitem(sys.modules, "compiled", package)
            monkeypatch.setitem(sys.modules, "compiled.part", part)

        assert (package, part) == (sys.modules["compiled"], sys.modules["compiled.part"])


def test_values_that_are_refused_are_errors_of_the_harness():
    with pytest.raises(ParamValueError):
        ModuleHarness(Foobar, params={"foo_bar": 10}).__enter__()


def test_the_arrays_are_those_that_were_written():
    """Validation finds entries after the terminator, although the functions are recorded."""
    cmds = [*null_terminated(CmdExport("foo", print)), CmdExport("bar", print)]
    with pytest.raises(InvalidExportsError, match="after-terminator"):
        ModuleHarness(ModuleExports("some", cmds)).__enter__()
