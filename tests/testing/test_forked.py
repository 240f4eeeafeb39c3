"""A real child of a harness: calls return and raise what they did in it, and a crash is an error with the command."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from pathlib import Path

import pytest
from crashing import Crashing, UnpicklableError
from travelling import pickled

from sermod import REPLY_ROUTE, REQUEST_ROUTE, ChildDiedError, ChildInitError, FixupError, LifecycleError
from sermod.testing import FakeMessage, MissingExport, ModuleHarness, RemoteError
from sermod.testing.harness.child_process import ChildProcess, run_in_child


def there(msg):
    return 7


@pytest.fixture
def harness():
    with ModuleHarness(Crashing, provides={("~there", 0): there}) as made:
        yield made


@pytest.fixture
def interrupts():
    """Handle SIGINT as Python does, also where whatever started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def child(harness):
    return harness.forked(3)


class TestCalls:
    """The calls of the harness run in another process."""

    def test_it_is_another_process_of_that_rank(self, harness, child):
        assert child.pid not in (os.getpid(), None)
        assert 3 == child.rank
        assert child.pid == child.function("pid", 0)("msg")
        assert harness.rank is None
        assert f"<ForkedChild of rank 3, process {child.pid}>" == repr(child)

    def test_call(self, child):
        assert 5 == child.call("returns", "5")
        assert 5 == child.call("returns", "5", route=REPLY_ROUTE)

    def test_the_message_as_the_call_left_it(self, child):
        """It is a copy: the parent's message stays as it is."""
        msg = FakeMessage()
        assert child.message is None
        child.call("returns", "5", msg=msg)

        assert FakeMessage(number=5) == child.message
        assert FakeMessage() == msg

    def test_call_fixed(self, child):
        assert 5 == child.call_fixed("returns", 5)

    def test_run_route(self, child):
        assert 0 == child.run_route([("returns", "5"), ("returns", "0")], FakeMessage(), route=REQUEST_ROUTE)
        assert FakeMessage(number=0, broken=True) == child.message

    def test_a_function_as_a_route(self, child):
        with pytest.raises(TypeError, match=r"run_route\(\) in a child process takes the calls as tuples"):
            child.run_route(lambda msg: 1)

    def test_a_huge_message(self, child):
        """It is larger than the buffer of the connection, both ways."""
        assert 5 == child.call("returns", "5", msg=FakeMessage(body="x" * 5_000_000))
        assert 5_000_000 == len(child.message.body)

    def test_reply(self, child):
        assert [True, False] == [child.reply(FakeMessage(drop=drop)) for drop in (False, True)]

    def test_onbreak(self, child):
        child.onbreak(FakeMessage())

        assert child.message.broken

    def test_what_a_script_is_refused_is_refused(self, child):
        with pytest.raises(FixupError, match=r'ser.cfg:3: returns\("x"\)') as caught:
            child.call("returns", "x", where="ser.cfg:3")
        assert "number" == caught.value.param_name

    def test_a_function_that_is_not_there(self, child):
        with pytest.raises(LookupError, match="no loaded module exports command 'nowhere'"):
            child.function("nowhere", 2)

    def test_two_children(self, harness):
        first, second = harness.forked(1), harness.forked(2)

        assert [1, 2] == [first.call("returns", "1"), second.call("returns", "2")]
        assert first.pid != second.pid
        assert harness.instance.level == 1

    def test_what_it_did_not_find_is_reported(self, harness):
        assert (MissingExport("~missing", 3),) == harness.missing
        harness.forked(1)

        assert (MissingExport("~missing", 3), MissingExport("~missing_in_child", 1, REQUEST_ROUTE)) == harness.missing


class TestEvents:
    """The calls in a child are recorded as well, with its rank and its process."""

    def test_in_order(self, harness):
        first = harness.forked(1)
        first.call("returns", "5", msg=FakeMessage(a=1))
        second = harness.forked(2)
        first.call("returns", "6")
        with pytest.raises(KeyError):
            second.call("raises")

        assert [
            ("init_f", None, os.getpid(), 0),
            ("init_child_f", 1, first.pid, 0),
            ("fixup", 1, first.pid, 5),
            ("command", 1, first.pid, 5),
            ("init_child_f", 2, second.pid, 0),
            ("fixup", 1, first.pid, 6),
            ("command", 1, first.pid, 6),
            ("command", 2, second.pid, None),
        ] == [(each.function, each.rank, each.pid, each.result) for each in harness.events]
        assert (FakeMessage(a=1), 5) == harness.events[3].args
        assert isinstance(harness.events[-1].error, KeyError)
        assert all(each.ended for each in harness.events)

    def test_what_cannot_be_pickled_is_recorded_as_text(self, harness, child):
        with pytest.raises(RemoteError):
            child.function("lock", 0)(5)
        with pytest.raises(RemoteError):
            child.call("raises_unpicklable")

        lock, raises = [each for each in harness.events if each.function == "command"]
        assert lock.result.startswith("<unlocked _thread.lock object")
        assert "UnpicklableError('one and two')" == repr(raises.error)

    def test_calls_from_threads(self, harness, child):
        child.function("in_thread", 1)("msg", 5)

        assert 6 == len([each for each in harness.events if each.function == "command" and each.ended])


class TestRaising:
    """An exception is raised in the parent, with the child's traceback."""

    def test_the_exception_itself(self, child):
        with pytest.raises(KeyError) as caught:
            child.call("raises")

        assert (child.pid,) == caught.value.args
        call, note = caught.value.__notes__
        assert "in raises(), module 'crashing'" == call
        assert note.startswith(f"in the child of rank 3, process {child.pid}:\nTraceback (most recent call last):\n")
        assert "raise KeyError(os.getpid())" in note

    def test_it_goes_on(self, child):
        with pytest.raises(KeyError):
            child.call("raises")

        assert 5 == child.call("returns", "5")

    def test_one_that_cannot_be_pickled(self, child):
        with pytest.raises(RemoteError) as caught:
            child.call("raises_unpicklable")

        kind = f"{UnpicklableError.__module__}.UnpicklableError: one and two"
        assert f"call('raises_unpicklable') raised an exception that cannot be pickled: {kind}" == str(caught.value)
        assert (kind, 3, child.pid) == (caught.value.kind, caught.value.rank, caught.value.pid)
        assert 'raise UnpicklableError("one", "two")' in caught.value.__notes__[0]

    def test_a_result_that_cannot_be_pickled(self, child):
        with pytest.raises(
            RemoteError, match=r"returned <unlocked _thread\.lock object.*, which cannot be pickled; return a"
        ):
            child.function("lock", 0)("msg")

    @pytest.mark.parametrize("msg", [threading.Lock(), lambda: 0])
    def test_a_message_that_cannot_be_pickled(self, child, msg):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
            child.call("returns", "5", msg=msg)

        assert ["messages and arguments for a child process must be picklable"] == caught.value.__notes__
        assert 5 == child.call("returns", "5")

    def test_a_message_that_cannot_be_pickled_after_the_call(self, child):
        """The call returns its result all the same."""
        msg = FakeMessage()

        assert 3 == child.call("keeps", msg=msg)
        assert child.message is None

    def test_the_exception_for_that_can_be_pickled(self):
        """A traceback shows the path from which it is imported."""
        error = RemoteError("no", kind="KeyError", rank=3, pid=7)

        assert ("no", "KeyError", 3, 7) == (
            str(pickled(error)),
            pickled(error).kind,
            pickled(error).rank,
            pickled(error).pid,
        )
        assert "sermod.testing.RemoteError: no\n" == traceback.format_exception_only(error)[-1]

    def test_a_failed_child_init(self, harness):
        with pytest.raises(ChildInitError, match="in rank 13 returned -7") as caught:
            harness.forked(13)

        assert (13, -7) == (caught.value.rank, caught.value.code)


class TestDying:
    """If a child ends during a call, the error says how and in which command."""

    def died(self, child, *call):
        with pytest.raises(ChildDiedError) as caught:
            child.call(*call)
        error = caught.value
        assert (3, child.pid) == (error.rank, error.pid)
        return str(error).removeprefix(f"the child of rank 3 (process {child.pid}) "), error.exitcode, error.signal

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR1])
    def test_by_a_signal(self, child, number):
        expected = f"ended while it ran command 'killed' of module 'crashing': {number.name} ended it"

        assert (expected, None, number.name) == self.died(child, "killed", str(int(number)))

    def test_by_a_signal_without_a_name(self, child):
        number = signal.SIGRTMIN + 1
        expected = f"ended while it ran command 'killed' of module 'crashing': signal {number} ended it"

        assert (expected, None, f"signal {number}") == self.died(child, "killed", str(number))

    @pytest.mark.parametrize(("code", "exitcode"), [("3", 3), ("0", 0), ("", 0), ("oh", 1)])
    def test_by_exit(self, child, code, exitcode):
        expected = f"ended while it ran command 'exits' of module 'crashing': it exited with code {exitcode}"

        assert (expected, exitcode, None) == self.died(child, "exits", code)

    @pytest.mark.usefixtures("interrupts")
    def test_by_an_interrupt(self, child):
        """As from the keyboard, whose signal reaches every process."""
        assert 130 == self.died(child, "killed", str(int(signal.SIGINT)))[1]

    def test_in_the_middle_of_a_message(self):
        def serve(channel):
            channel._socket.sendall(pickle.dumps("x" * 1000)[:500])

        child = ChildProcess.start(3, serve)
        with pytest.raises(ChildDiedError, match="ended while it ran it: it exited with code 0"):
            child.receive(60, lambda: "it")

    def test_the_time_limit_of_the_harness_is_the_default(self):
        with ModuleHarness(Crashing, timeout=0.2) as harness, pytest.raises(ChildDiedError, match=r"within 0\.2 s"):
            harness.forked(3).call("hangs")

    def test_too_slowly(self, harness):
        with harness.forked(3, timeout=0.2) as child:
            text, exitcode, name = self.died(child, "hangs")

        expected = "did not finish command 'hangs' of module 'crashing' within 0.2 s and was killed"
        assert f"{expected}; find out what it waits for, or give a longer timeout=" == text
        assert (None, "SIGKILL") == (exitcode, name)

    def test_between_calls(self, child):
        """The next call reports it."""
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert ("ended while it ran call(): SIGKILL ended it", None, "SIGKILL") == self.died(child, "returns", "5")

    def test_nothing_more_can_be_called(self, child):
        self.died(child, "exits", "3")

        with pytest.raises(
            LifecycleError, match=rf"call\(\) on <ForkedChild of rank 3, process {child.pid}, ended>; fork"
        ):
            child.call("returns", "5")

    def test_in_a_way_that_cannot_be_known(self, child):
        """The system keeps no exit status for a process that ignores SIGCHLD."""
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            text, exitcode, name = self.died(child, "exits", "3")
        finally:
            signal.signal(signal.SIGCHLD, before)

        assert text.startswith("ended while it ran command 'exits' of module 'crashing': ")
        assert "SIGCHLD is ignored" in text
        assert (None, None) == (exitcode, name)


class TestEnding:
    """It ends without ``destroy_f``, which only the main process runs."""

    def test_with_its_block(self, harness):
        with harness.forked(1) as child:
            pass

        assert f"<ForkedChild of rank 1, process {child.pid}, ended>" == repr(child)
        with pytest.raises(ChildProcessError):
            os.waitpid(child.pid, 0)

    def test_with_the_harness(self):
        with ModuleHarness(Crashing) as harness:
            children = [harness.forked(rank) for rank in (1, 2)]

        assert ["ended>", "ended>"] == [repr(child).rpartition(" ")[2] for child in children]
        assert "destroy_f" not in [each.function for each in harness.events if each.pid != os.getpid()]

    def test_a_second_time_is_nothing(self, child):
        child.close()
        child.close()

    def test_one_that_was_killed_meanwhile(self, child):
        os.kill(child.pid, signal.SIGKILL)
        child.close()

    def test_one_that_does_not_end(self, harness):
        child = harness.forked(1, timeout=0.2)
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(ChildDiedError, match=r"did not end within 0.2 s and was killed"):
            child.close()

    def test_one_that_does_not_read(self, harness):
        """The message is larger than the buffer of the connection."""
        child = harness.forked(1, timeout=0.2)
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(ChildDiedError, match=r"did not finish call\(\) within 0.2 s and was killed"):
            child.call("returns", "5", msg=FakeMessage(body="x" * 10_000_000))

    def test_the_others_are_ended_all_the_same(self):
        harness = ModuleHarness(Crashing)
        children = [harness.forked(rank, timeout=0.2) for rank in (1, 2, 3)]
        os.kill(children[1].pid, signal.SIGSTOP)
        with pytest.raises(ChildDiedError):
            harness.close()

        assert ["ended>"] * 3 == [repr(child).rpartition(" ")[2] for child in children]

    def test_no_descriptor_stays_open(self, harness):
        """Whether a child is closed, killed, or ends by itself."""
        before = {*Path("/dev/fd").iterdir()}
        harness.forked(1).close()
        killed = harness.forked(2)
        os.kill(killed.pid, signal.SIGKILL)
        killed.close()
        with pytest.raises(ChildDiedError):
            harness.forked(3).call("exits", "0")

        assert {*Path("/dev/fd").iterdir()} <= before

    def test_output_comes_out_once(self, harness, capfd):
        """The child does not write what was in the parent's buffers as well."""
        sys.stdout.write("once")
        harness.forked(1).close()
        sys.stdout.write("\n")

        assert "once\n" == capfd.readouterr().out


class TestForking:
    """The process of a child."""

    def test_a_system_without_fork(self, harness, monkeypatch):
        monkeypatch.delattr(os, "fork")
        with pytest.raises(NotImplementedError, match=r"this system has no fork\(\)"):
            harness.forked(1)

    def test_beside_a_thread(self, harness):
        """Python 3.12 and later warn of that fork; the harness does not."""
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        try:
            assert 5 == harness.forked(1).call("returns", "5")
        finally:
            stop.set()
            thread.join()

    def test_a_child_whose_parent_is_gone_ends(self):
        """It finds the connection closed."""
        fork = ChildProcess.start(1, lambda channel: channel.receive())
        fork.channel.close()

        assert (130, None) == fork.wait()

    def test_a_child_whose_own_code_fails_prints_a_traceback(self, capfd):
        def serve(channel):
            raise RuntimeError("no")

        fork = ChildProcess.start(1, serve)
        assert (1, None) == fork.wait()
        assert "RuntimeError: no" in capfd.readouterr().err

    def test_without_standard_output(self, monkeypatch):
        monkeypatch.setattr("sys.stdout", None)

        assert 5 == run_in_child(lambda: 5, timeout=60, call="it")

    def test_an_interrupt_of_the_parent_kills_the_child(self, monkeypatch):
        fork = ChildProcess.start(1, lambda channel: channel.receive())

        def interrupt(timeout):
            raise KeyboardInterrupt

        monkeypatch.setattr(fork.channel, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fork.receive(60, lambda: "it")
        assert fork.has_ended

    def test_running_a_function(self):
        def fails():
            raise KeyError("x")

        assert os.getpid() != run_in_child(os.getpid, timeout=60, call="it")
        with pytest.raises(KeyError):
            run_in_child(fails, timeout=60, call="it")
        with pytest.raises(ChildDiedError, match="ended while it ran it: it exited with code 3"):
            run_in_child(lambda: os._exit(3), timeout=60, call="it")

    def test_a_result_without_a_repr(self):
        """The message has its class."""

        class Shy:
            def __reduce__(self):
                raise TypeError("no")

            def __repr__(self):
                raise RuntimeError("no")

        with pytest.raises(RemoteError, match="it returned <a Shy whose repr raised RuntimeError>, which cannot be"):
            run_in_child(Shy, timeout=60, call="it")
