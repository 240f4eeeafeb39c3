"""The suite of checks: a good module passes, and each check fails for a module that is broken in its way."""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import unittest
from pathlib import Path
from types import ModuleType

import attrs
import pytest
from making import make_exports
from sources import write
from travelling import pickled

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    Module,
    ModuleExports,
    ParamExport,
    Pointer,
    UnknownCommandError,
    command,
    find_export,
    int_param,
    list_param,
    null_terminated,
    str_param,
)
from sermod._problems import RULES
from sermod.fixups import fixup_from
from sermod.testing import CHECKS, CheckFailedError, CheckResult, Setup, Verdict, check_module
from sermod.testing.checks.interface import _GROUPS
from sermod.testing.checks.suite import _result

HERE = __file__


class Good(Module):
    """Keeps the interface."""

    name = "good"
    level = int_param(1, minimum=0, maximum=9)
    file = str_param("")

    @command(REQUEST_ROUTE)
    def limit(self, msg, number: int, text: str = ""):
        return number

    def mod_init(self):
        if self.level > 5:
            return -1
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        return 0

    def child_init(self, rank):
        self.connection = socket.socketpair()

    def destroy(self):
        self.socket.close()


def names():
    return [check.name for check in CHECKS]


def result_of(target, name, reason=None):
    """Return the result of one check alone."""
    check = next(each for each in CHECKS if each.name == name)
    return _result(check, Setup._of(target), reason)


def test_a_good_module_passes():
    results = check_module(Setup(Good, bad_params={"level": 6}, refused={"limit": [("x",), ("", "x")]}))

    assert names() == [each.name for each in results]
    assert {Verdict.PASSED} == {each.verdict for each in results}
    assert all(each.ok for each in results)


def test_one_with_nothing_in_it_has_nothing_to_be_checked():
    skipped = {
        each.name: each.message for each in check_module(ModuleExports("bare")) if each.verdict is Verdict.SKIPPED
    }

    assert {
        "parameters_at_their_limits": "the module has no parameters",
        "failed_init_leaves_nothing": "the module has no init_f",
        "fixups_are_deterministic": "the module has no fixup",
        "fixups_refuse_clearly": "the module has no fixup",
        "initialises_in_every_rank": "the module has no init_child_f",
    } == skipped


def test_each_check_has_a_name_and_says_what_it_asks_for():
    assert len({*names()}) == len(names())
    assert all(each.doc.endswith(".") for each in CHECKS)


def test_each_rule_of_the_validator_is_in_one_check():
    """The exports do not show whether ``init_f`` starts a thread; ``children_share_nothing`` finds that."""
    codes = [code for _, group in _GROUPS.values() for code in group]

    assert sorted(RULES.keys() - {"thread-before-fork"}) == sorted(codes)


# A broken module for each check, its culprit, and parts of the message ----------------------------------------------


def a_function(msg, p1=None, p2=None):
    return 1


def wrong_hook(what):
    return 0


def line_of(thing):
    return f"{HERE}:{getattr(thing, '__wrapped__', thing).__code__.co_firstlineno}"


class Threaded(Module):
    name = "threaded"

    def mod_init(self):
        self.stop = threading.Event()
        threading.Thread(target=self.stop.wait, name="a thread", daemon=True).start()

    def destroy(self):
        self.stop.set()


class Eager(Module):
    name = "eager"

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))


class Leaves(Module):
    """Does not undo what it has begun when its init fails."""

    name = "leaves"
    fails = int_param(0)

    def mod_init(self):
        self.pipe = os.pipe()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        return -self.fails


class NeverFails(Module):
    name = "never"
    fails = int_param(0)

    def mod_init(self):
        return 0


class NeedsChild(Module):
    """Cleans up what only a child makes."""

    name = "needs"

    def child_init(self, rank):
        self.made = rank

    def destroy(self):
        self.made  # noqa: B018


def fixup_random(param, number):
    return random.SystemRandom().random()


def fixup_time(param, number):
    raise ValueError(time.perf_counter_ns())


def fixup_either(param, number):
    if random.SystemRandom().random() < 0.5:
        raise ValueError("no")
    return object()


def fixup_kind(param, number):
    fixup_kind.count += 1
    return "x" if fixup_kind.count % 2 else 5


fixup_kind.count = 0


def fixup_falls(param, number):
    return {"yes": 1}[param]


def fixup_mute(param, number):
    raise ValueError


def fixup_forgets(param, number):
    param.strip()


def fixup_all(param, number):
    return param


def fixup_exits(param, number):
    sys.exit(3)


class Falls(Module):
    """Has a mistake in the fixup of a parameter, which the fixup of the command wraps."""

    name = "falls"

    @command(REQUEST_ROUTE)
    def foo(self, msg, entry: fixup_from(int, "a number") | None = None):
        return 1

    foo.__annotations__["entry"] = __import__("typing").Annotated[int, fixup_falls]
    foo = command(REQUEST_ROUTE)(lambda self, msg, entry: 1)
    foo.__annotations__["entry"] = __import__("typing").Annotated[int, fixup_falls]


class Ranked(Module):
    name = "ranked"

    def child_init(self, rank):
        return {0: -1, -1: 1 / rank if rank else 0}.get(rank, 0) if rank != -4 else [][rank]


class Connected(Module):
    name = "connected"

    def mod_init(self):
        self.pair = socket.socketpair()
        listener = socket.create_server(("127.0.0.1", 0))
        self.tcp = socket.create_connection(listener.getsockname())
        self.peer = listener.accept()[0]
        listener.close()
        self.log = open(Path(tempfile.gettempdir()) / f"sermod-{os.getpid()}", "w")  # noqa: SIM115, PTH123
        self.append = open(self.log.name, "a")  # noqa: SIM115, PTH123
        Path(self.log.name).unlink()


class Once:
    begun = False


class OnlyOnce(Module):
    name = "once"

    def mod_init(self):
        if Once.begun:
            raise RuntimeError("it has begun already")
        Once.begun = True


class OnlyOneChild(Module):
    name = "child"
    begun: list[int] = []  # noqa: RUF012 - every instance appends to it

    def child_init(self, rank):
        self.begun.append(rank)
        return 1 - len(self.begun)


class EndsOnce(Module):
    name = "ends"
    ended: list[int] = []  # noqa: RUF012 - every instance appends to it

    def destroy(self):
        self.ended.append(1)
        if len(self.ended) > 1:
            raise RuntimeError("it has ended already")


class Stubborn(Pointer):
    """Does not keep what it accepts, or does not refuse clearly."""

    def __init__(self, kind):
        self.kind = kind
        self.value = 0

    def load(self):
        return self.value

    def store(self, value):
        if self.kind == "falls" and value < 0:
            raise KeyError(value)
        if self.kind == "keeps":
            return
        if self.kind == "changes" and value > 0:
            self.kind, self.value = "refuses", 7
        if self.kind == "refuses":
            raise ValueError("no more")
        self.value = value


def stubborn(kind):
    return make_exports("stubborn", ParamExport("level", INT_PARAM, Stubborn(kind)), init_f=lambda: 0)


def exports_of(*entries, **hooks):
    return make_exports("broken", *entries, **hooks)


def script(fixup=0, name="foo", function=a_function, param_no=1, flags=REQUEST_ROUTE):
    return CmdExport(name, function, param_no, fixup, flags)


@attrs.frozen
class Broken:
    check: str
    target: object
    texts: tuple[str, ...]
    culprit: object = None


BROKEN = [
    Broken("loads", "./nowhere.py", ("the module cannot be loaded (ModuleFileNotFoundError: the module file",)),
    Broken("loads", ModuleType("empty"), ("the module cannot be loaded (NoExportsError: ",)),
    Broken(
        "terminators",
        ModuleExports("broken", [script()]),
        ("error: cmds: the array has no terminator (1 entry)", "[not-terminated]"),
        a_function,
    ),
    Broken("terminators", ModuleExports("broken", [CmdExport(), script(), CmdExport()]), ("[after-terminator]",)),
    Broken("names", exports_of(script(name="~foo")), ("is not an identifier", "[unscriptable-name]"), a_function),
    Broken("names", ModuleExports("", init_f=a_function), ("the name of the module is empty",), a_function),
    Broken("functions", exports_of(script(function=0)), ("command 'foo' has no function", "[null-function]")),
    Broken("flags", exports_of(script(flags=9)), ("has the flags 0x8, which this host does not know",), a_function),
    Broken("flags", exports_of(script(param_no=3)), ("[unreachable-command]",), a_function),
    Broken("signatures", exports_of(init_f=wrong_hook), ("init_f cannot be called as init_f()",), wrong_hook),
    Broken("duplicates", exports_of(script(), script()), ("[duplicate-command]",), a_function),
    Broken(
        "parameters",
        exports_of(ParamExport("level", INT_PARAM, Cell("x")), init_f=wrong_hook),
        ("[wrong-variable-type]",),
        wrong_hook,
    ),
    Broken(
        "does_nothing_before_init",
        Eager,
        ("loading the module leaves the socket ('127.0.0.1', ", "; do that in init_f"),
        Eager,
    ),
    Broken(
        "parameters_at_their_limits",
        stubborn("falls"),
        (
            "parameter 'level', set to -2147483648, raises KeyError(-2147483648), which is not a ValueError; ",
            "set to -1, raises",
            "; refuse values by a ValueError in the pointer's check()",
        ),
    ),
    Broken(
        "parameters_at_their_limits",
        stubborn("keeps"),
        ("set to -1, then has the value 0; parameter 'level', set to 1, then has the value 0",),
    ),
    Broken(
        "parameters_at_their_limits",
        stubborn("changes"),
        ("parameter 'level', set to 1, refuses that, but then has the value 7",),
    ),
    Broken(
        "starts",
        exports_of(init_f=lambda: 0 if find_export("~other", 2) else -1),
        (
            "the module does not start: init_f of module 'broken' returned -1",
            "the module looked up commands that no module exports: '~other' with 2 parameters",
        ),
    ),
    Broken(
        "starts",
        Setup(Good, params={"nowhere": 1}),
        ("the module does not start: module 'good' has no parameter",),
        Good.mod_init,
    ),
    Broken(
        "failed_init_leaves_nothing",
        Setup(Leaves, bad_params={"fails": 1}),
        (
            "init_f of module 'leaves' returned -1",
            "and leaves a pipe, a handler of SIGUSR1; undo in init_f what it has begun before it fails",
        ),
        Leaves.mod_init,
    ),
    Broken(
        "failed_init_leaves_nothing",
        Setup(NeverFails, bad_params={"fails": 1}),
        ("init_f succeeds with {'fails': 1}, where it must fail; return -1 from init_f",),
        NeverFails.mod_init,
    ),
    Broken(
        "failed_start_is_cleaned_up",
        NeedsChild,
        (
            "and while cleaning up, destroy_f of module 'needs' raised: AttributeError(",
            "; undo in destroy_f what init_f did, and nothing else",
        ),
        NeedsChild.destroy,
    ),
    Broken(
        "failed_start_is_cleaned_up",
        Leaves,
        ("after destroy_f there is still a pipe, a handler of",),
        Leaves.mod_init,
    ),
    Broken(
        "fixups_are_deterministic",
        exports_of(script(fixup_random)),
        (
            "two calls of the fixup of 'foo', fixup('', 1), differ: first 0.",
            ", then 0.",
            "; make the result depend on the parameter alone",
        ),
        fixup_random,
    ),
    Broken("fixups_are_deterministic", exports_of(script(fixup_time)), ("ValueError(",), fixup_time),
    Broken("fixups_are_deterministic", exports_of(script(fixup_either)), ("ValueError('no')",), fixup_either),
    Broken("fixups_are_deterministic", exports_of(script(fixup_kind)), ("first 'x', then 5;",), fixup_kind),
    Broken(
        "fixups_refuse_clearly",
        exports_of(script(fixup_falls)),
        ("the fixup of 'foo', called as fixup('', 1), raised KeyError: '', which looks like a mistake",),
        fixup_falls,
    ),
    Broken("fixups_refuse_clearly", Falls, ("raised KeyError: '', which looks",), Falls.foo),
    Broken(
        "fixups_refuse_clearly",
        exports_of(script(fixup_mute)),
        ("raised a ValueError without a text; say",),
        fixup_mute,
    ),
    Broken(
        "fixups_refuse_clearly",
        exports_of(script(fixup_forgets)),
        ("fixup('', 1), returned None; return the fixed",),
        fixup_forgets,
    ),
    Broken(
        "fixups_refuse_clearly",
        Setup(exports_of(script(fixup_all)), refused={"foo": [("x",)]}),
        ('foo("x") must be refused, and is accepted; raise ValueError in the fixup',),
        fixup_all,
    ),
    Broken(
        "fixups_refuse_clearly",
        Setup(exports_of(script(fixup_all), script(name="bar")), refused={"bar": [("x",)]}),
        ('bar("x") must be refused',),
        a_function,
    ),
    Broken(
        "fixups_refuse_clearly",
        exports_of(script(fixup_exits)),
        ("ended while it ran the check 'fixups_refuse_clearly': it exited with code 3",),
    ),
    Broken(
        "initialises_in_every_rank",
        Ranked,
        (
            "rank 0: init_child_f of module 'ranked' in rank 0 returned -1",
            "rank -1: init_child_f of module 'ranked' in rank -1 returned -1.0",
            "rank -4: init_child_f of module 'ranked' in rank -4 raised IndexError",
            "; accept every rank, and return 0",
        ),
        Ranked.child_init,
    ),
    Broken(
        "children_share_nothing",
        Connected,
        (
            "two children share the connection to a process, the connection to a process, ",
            "the connection to (",
            "the open file ",
            "; open it in each child, in init_child_f",
        ),
        Connected.mod_init,
    ),
    Broken(
        "children_share_nothing",
        Threaded,
        ("init_f starts 1 thread ('a thread'), which no child has after the fork; start threads in",),
        Threaded.mod_init,
    ),
    Broken(
        "destroy_cleans_up",
        Leaves,
        ("there is still a pipe, a handler of SIGUSR1; undo in destroy_f",),
        Leaves.mod_init,
    ),
    Broken("destroy_cleans_up", NeedsChild, ("destroy_f raised AttributeError(",), NeedsChild.destroy),
    Broken(
        "runs_twice",
        OnlyOnce,
        ("the second run in one process fails with ModuleInitError: init_f of module 'once' raised RuntimeError: ",),
        OnlyOnce.mod_init,
    ),
    Broken("runs_twice", OnlyOneChild, ("fails with ChildInitError: init_child_f of",), OnlyOneChild.child_init),
    Broken("runs_twice", EndsOnce, ("the second run in one process fails with ",), EndsOnce.destroy),
]


@pytest.mark.parametrize("broken", BROKEN, ids=[f"{each.check}-{number}" for number, each in enumerate(BROKEN)])
def test_a_broken_module_is_found_out(broken):
    found = result_of(broken.target, broken.check)

    assert Verdict.FAILED == found.verdict
    assert not found.ok
    for text in broken.texts:
        assert text in found.message
    if isinstance(broken.culprit, type):
        assert found.location.startswith(f"{HERE}:")
    elif broken.culprit is not None:
        assert line_of(broken.culprit) == found.location


def test_there_is_a_broken_module_for_each_check():
    assert {*names()} == {each.check for each in BROKEN}


class TestLocation:
    """The place in the source."""

    def test_a_class_whose_source_is_nowhere(self):
        names = {"__name__": "nowhere"}
        exec("from sermod import Module\nclass Foo(Module):\n    name = 'foo'\n", names)  # noqa: S102
        Foo = names["Foo"]  # noqa: N806
        Foo.__init__ = lambda self: self.__dict__.update(pipe=os.pipe())

        assert result_of(Foo, "does_nothing_before_init").location is None

    def test_of_a_class_it_is_its_line(self):
        line = next(
            number for number, line in enumerate(Path(HERE).read_text().splitlines(), 1) if "class Eager(" in line
        )

        assert f"{HERE}:{line}" == result_of(Eager, "does_nothing_before_init").location

    def test_a_module_without_functions_has_none(self):
        exports = make_exports("bare", ParamExport("a", STR_PARAM, Cell(5)))

        assert result_of(exports, "parameters").location is None

    def test_in_a_file_that_is_loaded(self, tmp_path):
        file = write(tmp_path / "some.py", "def init(): return -1", more="init_f=init")

        assert f"{file}:2" == result_of(file, "starts").location


class TestSkipped:
    """A check that cannot run says why, and which other check reports it."""

    def verdicts(self, target):
        return {each.name: (each.verdict, each.message) for each in check_module(target)}

    def test_what_cannot_be_loaded(self):
        found = self.verdicts("./nowhere.py")
        others = [verdict for name, (verdict, _) in found.items() if name != "loads"]

        assert {Verdict.SKIPPED} == {*others}
        assert found["terminators"][1].endswith("; see the check 'loads'")

    def test_what_is_refused(self):
        found = self.verdicts(
            exports_of(script(function=0), ParamExport("level", INT_PARAM, Cell(1)), init_f=lambda: 0)
        )

        for name in ("parameters_at_their_limits", "failed_start_is_cleaned_up"):
            assert Verdict.SKIPPED == found[name][0]
            assert found[name][1].startswith("the module is refused before init (")
        assert found["failed_init_leaves_nothing"][1].startswith("the module is refused before init (")

    def test_what_does_not_start(self):
        exports = exports_of(script(fixup_all), init_f=lambda: -1, init_child_f=lambda rank: 0)
        found = self.verdicts(exports)

        for name in ("failed_start_is_cleaned_up", "fixups_are_deterministic", "initialises_in_every_rank"):
            assert Verdict.SKIPPED == found[name][0]
            assert "see the check 'starts'" in found[name][1]
        assert "the module does not run even once" in found["runs_twice"][1]
        assert Verdict.PASSED == found["failed_init_leaves_nothing"][0]

    def test_what_requires_parameters(self):
        class Strict(Module):
            name = "strict"
            level = int_param(required=True)

            def mod_init(self):
                return 0

        found = self.verdicts(Strict)

        assert "required parameters are not set" in found["failed_init_leaves_nothing"][1]
        assert "see the check 'starts'" in found["failed_start_is_cleaned_up"][1]

    def test_what_does_not_fail_by_itself(self):
        expected = "init_f does not fail by itself; give parameters that make it fail: Setup(..., bad_params={...})"

        assert (Verdict.SKIPPED, expected) == self.verdicts(NeverFails)["failed_init_leaves_nothing"]

    def test_children_that_cannot_be_initialised(self):
        found = self.verdicts(exports_of(init_child_f=lambda rank: -1))

        assert "see the check 'initialises_in_every_rank'" in found["children_share_nothing"][1]

    def test_a_system_without_fork(self, monkeypatch):
        monkeypatch.delattr(os, "fork")
        found = self.verdicts(Good)

        assert (Verdict.SKIPPED, "this system has no fork(): run this test on Linux, macOS or another Unix") == (
            found["starts"]
        )


class TestResources:
    """Messages name what a module leaves so that its author finds it."""

    def test_a_handler_of_a_signal_without_a_name(self):
        number = signal.SIGRTMIN + 1
        exports = exports_of(init_f=lambda: signal.signal(number, signal.SIG_IGN) and 0)

        assert f"there is still a handler of signal {number}; undo" in result_of(exports, "destroy_cleans_up").message

    def test_a_socket_without_an_address(self):
        kept = []
        exports = exports_of(init_f=lambda: kept.append(socket.socket(socket.AF_UNIX)))

        assert "still the socket without an address; undo" in result_of(exports, "destroy_cleans_up").message

    def test_two_threads(self):
        stop = threading.Event()

        def init():
            for name in ("one", "two"):
                threading.Thread(target=stop.wait, name=name, daemon=True).start()

        found = result_of(exports_of(init_f=init), "children_share_nothing")

        assert "init_f starts 2 threads ('one', 'two'), which no child has after the fork" in found.message


class TestSetup:
    """The setup has what a module needs."""

    def test_what_other_modules_provide(self):
        exports = exports_of(init_f=lambda: 0 if find_export("~other", 2) else -1)
        found = result_of(Setup(exports, provides={("~other", 2): print}), "starts")

        assert Verdict.PASSED == found.verdict

    def test_a_parameter_that_is_set_several_times(self):
        """Each value of a pair is stored, in their order; a bad one replaces all of its name."""
        rules = list_param(str)

        def init():
            return 0 if [*rules] == ["a", "b"] else -1

        exports = exports_of(ParamExport("rule", STR_PARAM, rules), init_f=init)
        setup = Setup(exports, params=[("rule", "a"), ("rule", "b")], bad_params=[("rule", "b"), ("rule", "a")])

        assert Verdict.PASSED == result_of(setup, "starts").verdict
        assert Verdict.PASSED == result_of(setup, "failed_init_leaves_nothing").verdict

    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"params": "rule=a"}, TypeError, r"^params=\.\.\. takes a mapping, or pairs"),
            ({"bad_params": ["rule"]}, TypeError, r"^bad_params=\.\.\. takes pairs"),
            ({"provides": [(("c", 1), print), (("c", 1), len)]}, ValueError, "'c' with 1 parameter twice"),
        ],
        ids=["params", "bad_params", "provides"],
    )
    def test_what_is_not_understood(self, given, error, message):
        with pytest.raises(error, match=message):
            Setup(Good, **given)

    def test_what_only_a_server_has(self, tmp_path):
        """Each check imports the stand-ins, and ``sys.modules`` is what it was afterwards."""
        file = write(tmp_path / "some.py", "import tabnanny, KSR", "assert KSR == tabnanny == 'a stand-in'")
        setup = Setup(file, imports={"KSR": "a stand-in", "tabnanny": "a stand-in"})

        assert [] == [str(each) for each in check_module(setup) if not each.ok]
        assert "KSR" not in sys.modules
        assert "a stand-in" != sys.modules.get("tabnanny")

    def test_a_host_with_more_routes_and_parameters(self):
        setup = Setup(exports_of(script(param_no=3, flags=8, function=print)), route_flags=8, script_param_no=(3,))

        assert all(each.ok for each in check_module(setup))

    def test_where_to_look(self, tmp_path):
        write(tmp_path / "some.py")

        assert Verdict.PASSED == result_of(Setup("some", path=[tmp_path]), "loads").verdict

    def test_how_long_to_wait(self):
        class Slow(Module):
            name = "slow"

            def mod_init(self):
                signal.pause()

        found = result_of(Setup(Slow, timeout=0.1), "starts")

        assert Verdict.FAILED == found.verdict
        assert "did not finish the check 'starts' within 0.2 s and was killed" in found.message

    def test_a_command_to_be_refused_that_is_not_there(self):
        """It is a mistake of the caller, not of the module."""
        with pytest.raises(UnknownCommandError):
            check_module(Setup(Good, refused={"nowhere": [("x",)]}))

    def test_a_slow_end_of_a_thread_is_no_leak(self):
        class Slow(Module):
            name = "slow"

            def mod_init(self):
                self.stop = threading.Event()
                self.thread = threading.Thread(target=lambda: self.stop.wait() and time.sleep(0.05))
                self.thread.start()

            def destroy(self):
                self.stop.set()

        assert Verdict.PASSED == result_of(Slow, "destroy_cleans_up").verdict


class TestExpectedFailures:
    """An expected failure has a reason, and a pass in its place is reported."""

    def test_it_is_not_counted(self):
        results = check_module(NeedsChild, expected_failures={"destroy_cleans_up": "see ticket 5"})
        found = next(each for each in results if each.name == "destroy_cleans_up")

        assert Verdict.EXPECTED_FAILURE == found.verdict
        assert found.ok
        assert found.message.startswith("see ticket 5 (destroy_f raised AttributeError(")
        assert line_of(NeedsChild.destroy) == found.location

    def test_a_pass_is_reported(self):
        results = check_module(Good, expected_failures={"names": "who knows"})
        found = next(each for each in results if each.name == "names")

        assert Verdict.UNEXPECTED_PASS == found.verdict
        assert not found.ok
        assert "a failure was expected (who knows); remove this check from expected_failures" == found.message

    @pytest.mark.parametrize(
        ("name", "hint"),
        [("run_twice", "did you mean 'runs_twice'? The checks are: loads, "), ("xyz", "'xyz'; The checks are: loads")],
    )
    def test_a_check_that_there_is_not(self, name, hint):
        with pytest.raises(ValueError, match="expected_failures: there is no check") as caught:
            check_module(Good, expected_failures={name: "why"})

        assert hint in str(caught.value)


class TestCheck:
    """A check by itself."""

    def named(self, name):
        return next(each for each in CHECKS if each.name == name)

    def test_it_raises(self):
        with pytest.raises(CheckFailedError, match="not-terminated") as caught:
            self.named("terminators")(ModuleExports("broken", [script()]))

        assert ("terminators", line_of(a_function)) == (caught.value.check, caught.value.location)
        assert isinstance(caught.value, AssertionError)

    def test_its_exception_can_be_pickled(self):
        """A traceback shows the path from which it is imported."""
        error = CheckFailedError("it does not", check="loads", location="a.py:5")

        assert ("it does not", "loads", "a.py:5") == (
            str(pickled(error)),
            pickled(error).check,
            pickled(error).location,
        )
        assert "sermod.testing.CheckFailedError: it does not\n" == traceback.format_exception_only(error)[-1]

    def test_it_returns_nothing(self):
        assert self.named("terminators")(Good) is None

    def test_it_is_skipped_as_any_runner_understands(self):
        with pytest.raises(unittest.SkipTest, match="the module has no init_f"):
            self.named("failed_init_leaves_nothing")(ModuleExports("bare"))

    def test_its_repr(self):
        assert "Check(name='loads', doc='The module can be loaded and has exports.')" == repr(self.named("loads"))


class TestResult:
    """A result is shown as a line."""

    @pytest.mark.parametrize(
        ("result", "line"),
        [
            (CheckResult("loads", Verdict.PASSED), "passed: loads"),
            (CheckResult("loads", Verdict.FAILED, "it does not", "a.py:5"), "failed: loads (a.py:5): it does not"),
            (CheckResult("loads", Verdict.SKIPPED, "why not"), "skipped: loads: why not"),
        ],
    )
    def test_line(self, result, line):
        assert line == str(result)


def test_the_interpreter_has_its_modules_back(tmp_path):
    before = dict(sys.modules)
    check_module(write(tmp_path / "some.py"))

    assert before == dict(sys.modules)


def test_warnings_of_the_interface_are_for_their_own_check():
    """They are not raised, even if warnings are errors."""
    results = check_module(exports_of(script(name="~foo"), init_f=lambda: 0))

    assert ["names"] == [each.name for each in results if not each.ok]


def test_null_terminated_is_what_the_checks_want():
    assert all(each.ok for each in check_module(ModuleExports("fine", null_terminated(script()))))
