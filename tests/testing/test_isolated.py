"""A harness whose module is in a child process: a crash there is a failed test, and the test run goes on."""

from __future__ import annotations

import ctypes
import faulthandler
import inspect
import os
import signal
from enum import IntFlag
from pathlib import Path

import pytest
from c_messages import Message
from crashing import Crashing
from forked import in_child
from making import make_exports

from sermod import (
    REQUEST_ROUTE,
    ChildDiedError,
    ChildInitError,
    CmdExport,
    FixupError,
    LifecycleError,
    Module,
    ModuleInitError,
    command,
    int_param,
)
from sermod.testing import FakeMessage, ForkedChild, IsolatedHarness, ModuleHarness


@pytest.fixture
def harness():
    with ModuleHarness(Crashing, isolate=True, timeout=30) as made:
        yield made


class Counting(Module):
    """Changes messages and its own parameter."""

    name = "counting"
    step = int_param(1)

    @command(REQUEST_ROUTE)
    def count(self, msg: Message) -> int:
        msg.counter += self.step
        return msg.counter

    @command(REQUEST_ROUTE)
    def pass_on(self, msg: object) -> int:
        return 1

    @command(REQUEST_ROUTE)
    def step_now(self, msg: object) -> int:
        return self.step

    @command(REQUEST_ROUTE)
    def stop(self, msg: object) -> int:
        return 0

    def mod_init(self) -> int:
        return -3 if self.step < 0 else 0

    def child_init(self, rank: int) -> int:
        self.step = rank
        return 0 if rank < 9 else -1

    def onbreak(self, msg: FakeMessage) -> None:
        msg.broken = True

    def response(self, msg: Message) -> int:
        return int(msg.counter > 0)


class TestCalls:
    """The calls of any harness."""

    def test_it_is_another_process(self, harness):
        assert isinstance(harness, IsolatedHarness)
        assert harness.function("pid", 0)("msg") not in {os.getpid(), None}

    def test_call(self, harness):
        assert 5 == harness.call("returns", "5")

    def test_call_fixed(self, harness):
        assert 5 == harness.call_fixed("returns", 5)

    def test_run_route(self, harness):
        assert 0 == harness.run_route([("returns", "5"), ("returns", "0")])

    def test_replies_and_parameters(self):
        with ModuleHarness(Counting, params={"step": 5}, isolate=True) as harness:
            assert 5 == harness.call("count", msg=Message(0))
            assert [True, False] == [harness.reply(Message(counter)) for counter in (1, 0)]

    def test_init_child(self):
        with ModuleHarness(Counting, isolate=True) as harness:
            harness.init_child(7)
            assert 7 == harness.rank
            assert 7 == harness.call("count", msg=Message(0))
            with pytest.raises(ChildInitError):
                harness.init_child(9)

    def test_what_is_refused(self, harness):
        with pytest.raises(FixupError, match=r'ser.cfg:3: returns\("x"\)'):
            harness.call("returns", "x", where="ser.cfg:3")

    def test_the_route_is_one_that_the_command_has(self):
        class Stage(IntFlag):
            DATA = 8

        exports = make_exports("some", CmdExport("foo", lambda msg: 5, 0, 0, Stage.DATA))
        with ModuleHarness(exports, route_flags=Stage, isolate=True) as harness:
            assert [5, 5, 5] == [harness.call("foo"), harness.call_fixed("foo"), harness.run_route([("foo",)])]

    def test_pairs_of_parameters_and_of_commands(self):
        with ModuleHarness(
            Counting, params=[("step", 5), ("step", 2)], provides=[(("~there", 0), lambda msg: 7)], isolate=True
        ) as harness:
            assert [2, 7] == [harness.call("step_now"), harness.function("~there", 0)(FakeMessage())]

    def test_what_is_provided_and_what_is_missing(self):
        with ModuleHarness(Crashing, provides={("~there", 0): lambda msg: 7}, isolate=True) as harness:
            assert 7 == harness.function("~there", 0)(None)
            assert ["~missing"] == [each.name for each in harness.missing]
            harness.init_child(1)
            assert ["~missing", "~missing_in_child"] == [each.name for each in harness.missing]
        with ModuleHarness(Crashing, isolate=True) as harness:
            assert ["~there", "~missing"] == [each.name for each in harness.missing]

    def test_events(self, harness):
        harness.call("returns", "5")
        event = harness.events[-1]

        assert ("command", "returns", 5, True) == (event.function, event.command, event.result, event.ended)
        assert os.getpid() != event.pid

    def test_a_failed_start(self):
        with pytest.raises(ModuleInitError) as failed, ModuleHarness(Counting, params={"step": -1}, isolate=True):
            pass
        assert -3 == failed.value.code


class TestMessages:
    """The caller sees what the call has changed in the message, as without isolation."""

    def test_a_structure(self):
        with ModuleHarness(Counting, isolate=True) as harness:
            msg = Message(41)
            harness.call("count", msg=msg)

        assert 42 == msg.counter

    def test_a_bytearray(self):
        class Filling(Module):
            name = "filling"

            @command(REQUEST_ROUTE)
            def fill(self, msg: bytearray) -> int:
                msg[:] = b"x" * len(msg)
                return 1

        with ModuleHarness(Filling, isolate=True) as harness:
            msg = bytearray(3)
            harness.call("fill", msg=msg)

        assert b"xxx" == msg

    def test_a_fake_one(self):
        with ModuleHarness(Counting, isolate=True) as harness:
            msg = FakeMessage(gone=1)
            harness.run_route([("stop",)], msg)
            again = FakeMessage()
            harness.onbreak(again)

        assert FakeMessage(gone=1, broken=True) == msg
        assert FakeMessage(broken=True) == again

    def test_a_fake_one_that_cannot_come_back(self):
        """What the module has put into it cannot be pickled: the call succeeds, and the caller's stays as it was."""

        class Marking(Module):
            name = "marking"

            @command(REQUEST_ROUTE)
            def mark(self, msg: FakeMessage) -> int:
                msg.mark = lambda: 1
                return 1

        msg = FakeMessage(gone=1)
        with ModuleHarness(Marking, isolate=True) as harness:
            assert 1 == harness.call("mark", msg=msg)

        assert FakeMessage(gone=1) == msg

    @pytest.mark.parametrize("msg", ["text", b"bytes", 5])
    def test_one_that_does_not_change(self, msg):
        with ModuleHarness(Counting, isolate=True) as harness:
            assert 1 == harness.call("pass_on", msg=msg)


class TestCrashes:
    @pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
    def test_a_signal(self, harness, number):
        """The error has the signal and the command, and the harness has ended; another harness works."""
        with pytest.raises(
            ChildDiedError, match=f"while it ran command 'killed' of module 'crashing': {number.name} ended it"
        ) as died:
            harness.call("killed", str(int(number)))
        assert number.name == died.value.signal
        with pytest.raises(LifecycleError, match=r"call\(\) on the harness of Crashing, whose process has ended; make"):
            harness.call("returns", "5")
        with ModuleHarness(Crashing, isolate=True) as another:
            assert 5 == another.call("returns", "5")

    def test_an_endless_loop(self):
        class Looping(Module):
            name = "looping"

            @command(REQUEST_ROUTE)
            def loop(self, msg: object) -> int:
                while True:
                    signal.pause()

        expected = "did not finish command 'loop' of module 'looping' within 0.2 s and was killed"
        with (
            ModuleHarness(Looping, isolate=True, timeout=0.2) as harness,
            pytest.raises(ChildDiedError, match=expected),
        ):
            harness.call("loop")

    def test_in_init(self):
        class Dying(Module):
            name = "dying"

            def mod_init(self) -> int:
                os.kill(os.getpid(), signal.SIGSEGV)
                return 0

        with (
            pytest.raises(ChildDiedError, match="ended while it ran init_f of module 'dying': SIGSEGV ended it"),
            ModuleHarness(Dying, isolate=True),
        ):
            pass


class TestLife:
    @pytest.mark.parametrize("name", ["exports", "module", "instance", "bind", "run_route_async", "forked"])
    def test_what_stays_in_the_process(self, harness, name):
        assert hasattr(ModuleHarness, name)
        with pytest.raises(AttributeError, match=rf"IsolatedHarness\.{name}: the module is in another process; make"):
            getattr(harness, name)

    def test_a_name_that_no_harness_has(self, harness):
        with pytest.raises(AttributeError, match=r"IsolatedHarness\.calls: there is no such attribute"):
            harness.calls  # noqa: B018

    def test_a_function_as_a_route(self, harness):
        with pytest.raises(TypeError, match=r"run_route\(\) in a child process takes the calls as tuples"):
            harness.run_route(lambda msg: 1)

    def test_without_a_context(self):
        harness = ModuleHarness(Counting, isolate=True)
        assert 0 == harness.call("stop")
        harness.close()
        harness.close()

        with pytest.raises(
            LifecycleError, match=r"call\(\) on the harness of Counting, which is closed; make another harness"
        ):
            harness.call("stop")

    def test_never_started(self):
        ModuleHarness(Counting, isolate=True).close()

    def test_never_closed(self):
        harness = ModuleHarness(Counting, isolate=True)
        child = harness._started("this test")
        kept = [harness]
        del harness
        with pytest.warns(ResourceWarning, match="was never closed"):
            kept.clear()
        child.close()

    def test_destroy_runs_in_the_process(self, tmp_path):
        class Leaving(Module):
            name = "leaving"

            def destroy(self) -> None:
                (tmp_path / "destroyed").write_text(str(os.getpid()))

        with ModuleHarness(Leaving, isolate=True):
            pass

        assert str(os.getpid()) != (tmp_path / "destroyed").read_text()

    def test_a_destroy_that_fails(self):
        class Failing(Module):
            name = "failing"

            def destroy(self) -> None:
                raise ValueError("wrong")

        with pytest.raises(ExceptionGroup, match="clean-up"), ModuleHarness(Failing, isolate=True):
            pass

    def test_a_fork_of_the_test_leaves_it_alone(self):
        """Leaving the context in another process does nothing."""
        with ModuleHarness(Counting, isolate=True) as harness:

            def child():
                harness.close()
                return "closed"

            assert "closed" == in_child(child)
            assert 0 == harness.call("stop")

    def test_the_fixture(self, module_harness):
        assert 0 == module_harness(Counting, isolate=True).call("stop")

    def test_by_its_own_name(self):
        with IsolatedHarness(Counting) as harness:
            assert "<IsolatedHarness of Counting, started>" == repr(harness)
            assert 0 == harness.call("stop")

    def test_its_signature_is_that_of_the_other_without_isolate(self):
        """As ``help()`` shows them."""
        here, isolated = (dict(inspect.signature(each).parameters) for each in (ModuleHarness, IsolatedHarness))

        assert here.pop("isolate").default is False
        assert {*here.items()} == {*isolated.items()}
        assert {"target", "params", "provides", "imports", "timeout"} <= here.keys()

    def test_the_calls_have_one_signature(self):
        """A harness, an isolated harness and a child take the same arguments."""
        for name in ("call", "call_fixed", "function", "reply", "onbreak"):
            here, *others = (
                inspect.signature(getattr(each, name)) for each in (ModuleHarness, IsolatedHarness, ForkedChild)
            )
            assert [here, here] == others

    def test_a_derived_class_cannot_be_isolated(self):
        """It would run in this process."""

        class Derived(ModuleHarness):
            pass

        with pytest.raises(TypeError, match=r"Derived\(isolate=True\): only ModuleHarness itself takes that"):
            Derived(Counting, isolate=True)

    def test_without_isolation(self):
        with ModuleHarness(Counting, isolate=False) as harness:
            assert ["count", "pass_on", "step_now", "stop"] == [each.name for each in harness.exports.commands]


class TestCompiled:
    """Modules in C, given by their path."""

    @pytest.fixture
    def build(self, tmp_path):
        from compiling import SOURCES, compile_module

        return lambda name: compile_module(Path(SOURCES) / f"{name}.c", tmp_path)

    @pytest.mark.parametrize("isolate", [False, True])
    def test_calls(self, build, isolate):
        with ModuleHarness(build("fixups"), isolate=isolate) as harness:
            msg = Message(1)

            assert [6, 9] == [harness.call("add", "5", msg=msg), harness.call("add", "1", "2", msg=msg)]
            assert 9 == msg.counter
            assert 1 == harness.call("is_null", "x")
            with pytest.raises(FixupError):
                harness.call("add", "many", msg=msg)

    def test_a_message_with_attributes_is_none_for_c(self, build):
        with ModuleHarness(build("foobar")) as harness:
            assert 1 == harness.call("foo_req", "a", "b")
            with pytest.raises(TypeError, match="is not an address"):
                harness.call("foo_req", "a", "b", msg=FakeMessage(method="OPTIONS"))

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("segv", "ended while it ran command 'segv' of module 'misbehaving': SIGSEGV ended it"),
            ("stop", "ended while it ran command 'stop' of module 'misbehaving': SIGABRT ended it"),
            ("leave", "ended while it ran command 'leave' of module 'misbehaving': it exited with code 3"),
            ("loop", "did not finish command 'loop' of module 'misbehaving' within 0.5 s and was killed"),
        ],
    )
    def test_what_c_does_to_a_process(self, build, name, expected):
        with ModuleHarness(build("misbehaving"), isolate=True, timeout=0.5) as harness:
            assert 1 == harness.call("well")
            with pytest.raises(ChildDiedError, match=expected):
                harness.call(name)

    def test_the_stack_of_the_test_run_is_not_shown(self, build, tmp_path):
        """The fault handler that pytest sets would report the crash as the end of the test run."""
        module = build("misbehaving")

        def child():
            with (tmp_path / "stacks").open("w") as file:
                faulthandler.enable(file)
                with ModuleHarness(module, isolate=True) as harness, pytest.raises(ChildDiedError):
                    harness.call("segv")
                faulthandler.disable()
            return (tmp_path / "stacks").read_text()

        assert "" == in_child(child)

    def test_a_crash_in_init(self, build, monkeypatch):
        monkeypatch.setenv("CRASH_IN_INIT", "1")
        expected = "ended while it ran init_f of module 'misbehaving': SIGSEGV ended it"

        with pytest.raises(ChildDiedError, match=expected), ModuleHarness(build("misbehaving"), isolate=True):
            pass

    def test_what_c_prints_is_not_lost(self, build, capfd):
        libc = ctypes.CDLL(None)
        full = 0  # _IOFBF; where PYTHONUNBUFFERED is set, C does not buffer at all
        assert 0 == libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, full, 4096)
        with ModuleHarness(build("misbehaving"), isolate=True) as harness:
            harness.call("well")

        assert "all is well\n" == capfd.readouterr().out

    def test_each_harness_has_variables_of_its_own(self, build):
        path = build("foobar")
        with ModuleHarness(path, params={"foo_bar": 5}) as harness:
            assert 5 == harness.function("foo_int", 2)(None)
        with ModuleHarness(path) as harness:
            assert 0 == harness.function("foo_int", 2)(None)

    def test_it_is_rebuilt(self, tmp_path):
        """A test run that compiles again at the same path tests what it compiled last."""
        from compiling import compile_text

        for answer in (1, 2):
            path = compile_text(
                f"""
#include <sermod.h>
static int answer(struct sip_msg *msg, char *a, char *b)
{{
	return {answer} + (msg != 0) + (a != 0) + (b != 0);
}}
static cmd_export_t cmds[] = {{{{"answer", answer, 0, 0, REQUEST_ROUTE}}, {{0, 0, 0, 0, 0}}}};
struct module_exports exports = {{"again", cmds, 0, 0, 0, 0, 0, 0}};
""",
                tmp_path,
                "again",
            )
            with ModuleHarness(path) as harness:
                assert answer == harness.call("answer")


def test_a_fake_message_is_a_null_pointer_for_c():
    echo = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda address: address)

    assert echo(FakeMessage()) is None
    with pytest.raises(ctypes.ArgumentError):
        echo(FakeMessage(method="OPTIONS"))
