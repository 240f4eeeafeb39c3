"""The object that Kamailio calls, tested in this process with a stand-in for Kamailio."""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from making import Journal, make_exports

from sermod import REPLY_ROUTE, REQUEST_ROUTE, CmdExport, InterfaceWarning, LifecycleError, ModuleInitError, Registry
from sermod.hosts import kamailio
from sermod.hosts.kamailio import Kamailio, LogHandler, mpath
from sermod.hosts.kamailio_check import find_mistakes, main


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def ksr(monkeypatch, journal):
    """Stand in for Kamailio, as in a process that has not called `mod_init` yet."""

    def log(level):
        return lambda text: journal.append((level, text))

    ksr = SimpleNamespace(
        **{level: log(level) for level in ("crit", "err", "warn", "notice", "info", "dbg")},
        sl=SimpleNamespace(sl_send_reply=lambda code, phrase: journal.append(("reply", code, phrase))),
        set_drop=lambda: journal.append("drop"),
        get_debug=lambda: 2,
    )
    monkeypatch.setitem(sys.modules, "KSR", ksr)
    monkeypatch.setattr(kamailio, "_process", kamailio._Process())
    return ksr


@pytest.fixture
def core(journal):
    """Return a registry of a module whose command raises or returns the message, and which has every hook."""

    def act(msg):
        journal.append(("command", msg))
        if isinstance(msg, Exception):
            raise msg
        return msg

    core = Registry()
    core.register(
        make_exports(
            "acting",
            CmdExport("act", act, 0, 0, REQUEST_ROUTE | REPLY_ROUTE),
            init_f=journal.hook("init_f"),
            init_child_f=journal.hook("init_child_f"),
            onbreak_f=journal.hook("onbreak_f"),
            destroy_f=journal.hook("destroy_f"),
        )
    )
    return core


def route_of(core, kind=REQUEST_ROUTE):
    return [core.bind("act", route=kind, where="script:1")]


class TestRequestRoute:
    @pytest.mark.parametrize("result", [1, -1, 5])
    def test_the_result_goes_to_kamailio(self, ksr, core, result):
        handler = Kamailio(core, request_route=route_of(core)).mod_init()
        assert result == handler.ksr_request_route(result)

    def test_zero_runs_onbreak(self, ksr, core, journal):
        handler = Kamailio(core, request_route=route_of(core)).mod_init()
        assert 0 == handler.ksr_request_route(0)
        assert ["init_f", ("command", 0), ("onbreak_f", 0)] == journal

    def test_the_script_makes_the_message(self, ksr, core):
        """The commands get what `message=` returns for Kamailio's object."""
        handler = Kamailio(core, request_route=route_of(core), message=len).mod_init()
        assert 3 == handler.ksr_request_route("abc")

    @pytest.mark.parametrize(
        ("on_error", "replies"), [("500", [("reply", 500, "Server Internal Error")]), ("drop", [])]
    )
    def test_an_exception_is_logged_and_answered_as_the_script_says(self, ksr, core, journal, on_error, replies):
        handler = Kamailio(core, request_route=route_of(core), on_error=on_error).mod_init()
        assert 0 == handler.child_init(1)
        journal.clear()
        assert -1 == handler.ksr_request_route(ValueError("with a \0 and a \udcff"))
        level, text = journal[1]
        assert "err" == level
        assert text.startswith(
            "sermod: ksr_request_route failed in act() at script:1, module 'acting': ValueError: with a \\0 and a "
            "\\udcff\nTraceback (most recent call last):\n"
        )
        assert text.endswith("\nin act() at script:1, module 'acting'\n")
        assert replies == journal[2:]

    def test_commands_that_one_decorator_made(self, ksr, journal):
        """The log names the one that failed, although both have the same code."""

        def decorated(function):
            @functools.wraps(function)
            def command(msg):
                return function(msg)

            return command

        core = Registry()
        good, bad = decorated(lambda msg: 1), decorated(lambda msg: 1 // msg)
        core.register(
            make_exports("m", CmdExport("good", good, 0, 0, REQUEST_ROUTE), CmdExport("bad", bad, 0, 0, REQUEST_ROUTE))
        )
        route = [core.bind(name, route=REQUEST_ROUTE) for name in ("good", "bad")]
        Kamailio(core, request_route=route, on_error="drop").mod_init().ksr_request_route(0)
        assert journal[-1][1].startswith("sermod: ksr_request_route failed in bad(), module 'm': ZeroDivisionError: ")

    def test_an_exception_without_a_text(self, ksr, core, journal):
        """Its `__str__` raises, and the log has the rest."""

        class TextlessError(Exception):
            def __str__(self):
                raise RuntimeError

        handler = Kamailio(core, request_route=route_of(core)).mod_init()
        assert -1 == handler.ksr_request_route(TextlessError())
        assert ": TextlessError: <no text: its __str__ raised RuntimeError>\nTraceback" in journal[2][1]

    def test_a_route_that_fails_by_itself(self, ksr, core, journal):
        """No call of a module is named, since there was none."""
        handler = Kamailio(core, request_route=lambda msg: 1 // msg, on_error="drop").mod_init()
        assert -1 == handler.ksr_request_route(0)
        assert journal[-1][1].startswith("sermod: ksr_request_route failed: ZeroDivisionError: ")

    def test_the_end_of_the_script_passes(self, ksr, core):
        """`exit()` in a script is no error."""
        handler = Kamailio(core, request_route=lambda _: sys.exit()).mod_init()
        with pytest.raises(SystemExit):
            handler.ksr_request_route("msg")


class TestReplyRoute:
    def test_without_response_f_and_reply_route_there_is_no_method(self, ksr, core):
        """Kamailio then forwards replies without calling Python."""
        handler = Kamailio(core, request_route=()).mod_init()
        assert not hasattr(handler, "ksr_reply_route")

    def test_a_response_f_drops_with_0(self, ksr, journal):
        core = Registry()
        core.register(make_exports("m", response_f=lambda msg: msg))
        handler = Kamailio(core, request_route=()).mod_init()
        assert 1 == handler.ksr_reply_route(1)
        assert [] == journal
        assert 0 == handler.ksr_reply_route(0)
        assert ["drop"] == journal

    @pytest.mark.parametrize(("msg", "result"), [(1, 1), (-1, -1), (0, 0)])
    def test_the_route_drops_with_0(self, ksr, core, journal, msg, result):
        route = route_of(core, REPLY_ROUTE)
        handler = Kamailio(core, request_route=(), reply_route=route, message=lambda msg: msg).mod_init()
        assert result == handler.ksr_reply_route(msg)
        assert ("drop" in journal) == (msg == 0)

    def test_an_exception_drops(self, ksr, core, journal):
        """A reply that no route could handle is not forwarded."""
        handler = Kamailio(core, request_route=(), reply_route=lambda msg: 1 // msg).mod_init()
        assert 0 == handler.ksr_reply_route(0)
        assert journal[-2][1].startswith("sermod: ksr_reply_route failed: ZeroDivisionError: ")
        assert "drop" == journal[-1]

    def test_an_exception_of_a_response_f(self, ksr, journal):
        """The log names the hook and its module, and the reply is dropped."""
        core = Registry()
        core.register(make_exports("m", response_f=lambda msg: 1 // msg))
        assert 0 == Kamailio(core, request_route=()).mod_init().ksr_reply_route(0)
        (_, text), drop = journal
        assert text.startswith("sermod: ksr_reply_route failed in response_f of module 'm': ZeroDivisionError: ")
        assert "drop" == drop


class TestOtherRoutes:
    def test_they_have_the_names_that_the_script_gives_them(self, ksr, core, journal):
        """Kamailio passes the name of the event to some of them."""
        route = route_of(core)
        routes = {"ksr_branch_one": route, "ksr_event": route}
        handler = Kamailio(core, request_route=(), routes=routes, message=lambda msg: msg).mod_init()
        assert 0 == handler.child_init(1)
        assert 7 == handler.ksr_branch_one(7)
        assert 8 == handler.ksr_event(8, "tm:local-request")
        assert -1 == handler.ksr_event(ValueError("no"), "tm:local-request")
        assert "sermod: ksr_event failed in act() at script:1, module 'acting': ValueError: no" in journal[-1][1]

    @pytest.mark.parametrize("name", ["ksr_request_route", "ksr_reply_route", "child_init", "no name"])
    def test_reserved_names_and_what_is_no_identifier_are_refused(self, core, name):
        with pytest.raises(ValueError, match=rf"^Kamailio\(routes=\.\.\.\) takes .* \(got '{name}'\)$"):
            Kamailio(core, request_route=(), routes={name: ()})


class TestModInit:
    def test_outside_of_kamailio(self, core):
        with pytest.raises(RuntimeError, match=r"this is not Kamailio: .* run python -m sermod.hosts.kamailio_check"):
            Kamailio(core, request_route=()).mod_init()

    def test_an_unknown_on_error(self, core):
        with pytest.raises(ValueError, match=r'takes "500" or "drop" \(got 500\)$'):
            Kamailio(core, request_route=(), on_error=500)

    def test_a_registry_belongs_to_one_host(self, core):
        Kamailio(core, request_route=())
        with pytest.raises(LifecycleError):
            Kamailio(core, request_route=())

    def test_without_module_sl(self, ksr, core, journal):
        """No module is initialised."""
        del ksr.sl
        with pytest.raises(RuntimeError, match=r"write loadmodule \"sl.so\", or on_error='drop'"):
            Kamailio(core, request_route=()).mod_init()
        assert [] == journal

    def test_an_init_f_that_fails(self, ksr, core):
        core.register(make_exports("bad", init_f=lambda: -1))
        with pytest.raises(ModuleInitError):
            Kamailio(core, request_route=()).mod_init()

    def test_warnings(self, ksr, journal):
        """Kamailio's log has the warnings of registration, and names threads that an `init_f` started."""
        go = threading.Event()

        def init_f():
            threading.Thread(target=go.wait, name="early").start()

        core = Registry()
        with pytest.warns(InterfaceWarning):
            core.register(make_exports("odd", CmdExport("odd-name", print, 0, 0, REQUEST_ROUTE), init_f=init_f))
        Kamailio(core, request_route=()).mod_init()
        go.set()
        assert ["warn", "warn"] == [level for level, _ in journal]
        assert ["unscriptable-name" in journal[0][1], "thread 'early'" in journal[1][1]] == [True, True]


class TestChildInit:
    @pytest.mark.parametrize("rank", [1, 0, -1, -4])
    def test_each_rank_reaches_the_modules(self, ksr, core, journal, rank):
        handler = Kamailio(core, request_route=()).mod_init()
        assert 0 == handler.child_init(rank)
        assert ("init_child_f", rank) == journal[-1]

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (OSError("gone"), "ChildInitError: init_child_f of module 'bad' in rank 2 raised OSError: gone"),
            (SystemExit(3), "SystemExit: 3"),
        ],
        ids=["error", "exit"],
    )
    def test_an_init_child_f_that_fails(self, ksr, core, journal, error, message):
        """Kamailio gets a negative number, and its log the whole error."""

        def init_child_f(rank):
            raise error

        core.register(make_exports("bad", init_child_f=init_child_f))
        handler = Kamailio(core, request_route=()).mod_init()
        assert -1 == handler.child_init(2)
        level, text = journal[-1]
        assert ("err", f"sermod: rank 2 could not be initialised: {message}") == (level, text.splitlines()[0])
        assert text.endswith(f"{message}\n")


class TestReload:
    """Kamailio runs the script again in one process, and calls the new `mod_init` and `child_init` there."""

    def test_in_a_process_that_was_forked(self, ksr, core, journal, monkeypatch):
        """It cleans up the modules that it initialised itself, not those that it inherited."""
        first = Kamailio(core, request_route=())
        first.mod_init().child_init(3)
        monkeypatch.setattr(first.life, "_main_pid", -1)
        hosts = [first]
        for number in (1, 2):
            again = Registry()
            again.register(make_exports(f"m{number}", **{name: journal.hook(f"{name} {number}") for name in HOOKS}))
            hosts.append(Kamailio(again, request_route=()))
            assert 0 == hosts[-1].mod_init().child_init(3)
        assert [
            "init_f",
            ("init_child_f", 3),
            "init_f 1",
            ("init_child_f 1", 3),
            "init_f 2",
            "destroy_f 1",
            ("init_child_f 2", 3),
        ] == journal

    def test_a_clean_up_that_fails(self, ksr, journal):
        """It is logged, and the process has the new modules."""
        handlers = []
        for _ in range(2):
            core = Registry()
            core.register(make_exports("m", destroy_f=lambda: 1 // 0))
            handlers.append(Kamailio(core, request_route=()).mod_init())
        first = "sermod: the clean-up of the replaced modules failed: ExceptionGroup: "
        assert [("err", True)] == [(level, text.startswith(first)) for level, text in journal]
        assert handlers[0] is not handlers[1]

    def test_an_init_f_that_exits(self, ksr, core, journal):
        """No exception of a module reaches Kamailio, `SystemExit` included."""
        handler = Kamailio(core, request_route=()).mod_init()
        again = Registry()
        again.register(make_exports("leaving", init_f=lambda: sys.exit(1)))
        assert handler is Kamailio(again, request_route=()).mod_init()
        assert "since the new ones failed: SystemExit: 1" in journal[-1][1]

    def test_an_initialisation_that_fails(self, ksr, core, journal):
        """The process keeps its modules: after an exception Kamailio would call the object that it has released."""
        host = Kamailio(core, request_route=route_of(core))
        handler = host.mod_init()
        assert 0 == handler.child_init(3)
        journal.clear()
        assert handler is host.mod_init()
        assert 0 == handler.child_init(3)
        assert 1 == handler.ksr_request_route(1)
        (level, text), command = journal
        assert ("err", ("command", 1)) == (level, command)
        assert "keeps its modules, since the new ones failed: LifecycleError: init() " in text


HOOKS = ("init_f", "init_child_f", "destroy_f")


@contextmanager
def logging_untouched():
    """Yield the root logger as it is before logging is set up; pytest sets it up for each test."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class TestLog:
    def test_it_sets_up_logging(self, ksr, core, journal):
        with logging_untouched():
            Kamailio(core, request_route=()).mod_init()
            logging.getLogger("some").info("written")
            logging.getLogger("some").debug("not written")
        assert ("info", "some: written\n") == journal[-1]

    def test_it_keeps_the_logging_of_the_script(self, ksr, core, journal):
        """A script may send its log elsewhere."""
        with logging_untouched() as root:
            root.addHandler(handler := logging.NullHandler())
            Kamailio(core, request_route=()).mod_init()
            assert [handler] == root.handlers

    @pytest.mark.parametrize(
        ("debug", "level"), [(-5, 50), (-2, 50), (-1, 40), (0, 30), (1, 21), (2, 20), (3, 10), (5, 10)]
    )
    def test_the_level_is_that_of_kamailio(self, ksr, core, debug, level):
        ksr.get_debug = lambda: debug
        with logging_untouched() as root:
            Kamailio(core, request_route=()).mod_init()
            assert level == root.level

    def test_a_record_that_cannot_be_written(self, ksr, journal, monkeypatch):
        """It is reported as every handler of logging reports it, and nothing is raised."""
        handler = LogHandler(ksr)
        monkeypatch.setattr(handler, "handleError", lambda record: journal.append(record.msg))
        handler.handle(logging.LogRecord("some", 20, __file__, 1, "%d", ("no number",), None))
        assert ["%d"] == journal


TWO_MISTAKES = """\
import sermod
core = sermod.Registry()
with core.collect_errors():
    core.set_param("nothing", "a", 1)
    core.bind("nothing", route=1)
"""


class TestCheck:
    def test_a_good_script(self, tmp_path, monkeypatch, capsys):
        """It may call Kamailio and import a file beside it, and no module is initialised."""
        (tmp_path / "neighbour.py").write_text("level = 3")
        file = tmp_path / "good.py"
        file.write_text(
            "import KSR, neighbour\nfrom sermod import *\nfrom sermod.hosts.kamailio import Kamailio\n"
            "assert KSR.pv.get('$var(x)')\n"
            "core = Registry()\ncore.register(ModuleExports('m', init_f=lambda: -1))\n"
            "mod_init = Kamailio(core, request_route=()).mod_init\n"
        )
        monkeypatch.setattr(sys, "argv", ["kamailio_check", str(file)])
        before = [*sys.path]
        assert 0 == main()
        assert f"{file}: no errors\n" == capsys.readouterr().out
        assert ("KSR" in sys.modules, before) == (False, sys.path)
        sys.modules.pop("neighbour", None)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "the script has no function mod_init; write mod_init = Kamailio(...).mod_init"),
            ("from sermod import *\nRegistry().load('nothing')\n", "'nothing'"),
            ("1 // 0\n", "ZeroDivisionError"),
        ],
        ids=["mod_init", "module", "exception"],
    )
    def test_a_bad_script(self, tmp_path, text, message):
        file = tmp_path / "bad.py"
        file.write_text(text)
        (mistake,) = find_mistakes(file)
        assert message in mistake

    def test_several_mistakes(self, tmp_path):
        """Each has a text: an error of sermod its message, any other its traceback; a note counts the rest."""
        file = tmp_path / "bad.py"
        file.write_text(
            "from sermod import *\n"
            "def missing():\n"
            "    try:\n"
            "        Registry().load('nothing')\n"
            "    except LoadError as error:\n"
            "        return error\n"
            "def broken():\n"
            "    try:\n"
            "        1 // 0\n"
            "    except ZeroDivisionError as error:\n"
            "        return error\n"
            "errors = ExceptionGroup('mistakes', [missing(), broken()])\n"
            "errors.add_note('and 2 more')\n"
            "raise errors\n"
        )
        missing, broken, more = find_mistakes(file)
        assert "'nothing'" in missing
        assert "Traceback" not in missing
        assert f'File "{file}", line 9, in broken' in broken
        assert "and 2 more" == more

    def test_the_module_ksr_is_put_back(self, tmp_path, ksr):
        """The stand-in replaces it while the script runs."""
        file = tmp_path / "good.py"
        file.write_text("import KSR\nmod_init = KSR.nothing_that_kamailio_has\n")
        assert [] == find_mistakes(file)
        assert ksr is sys.modules["KSR"]

    @pytest.mark.parametrize(
        ("text", "status", "lines"),
        [
            (
                TWO_MISTAKES,
                1,
                ["'nothing'", "'nothing'"],
            ),
            ("def mod_init(): pass\n", 0, ["no errors"]),
        ],
        ids=["bad", "good"],
    )
    def test_as_a_program(self, tmp_path, text, status, lines):
        """It prints a line for each mistake of a configuration, and exits with 1 if there is one."""
        file = tmp_path / "script.py"
        file.write_text(text)
        command = [sys.executable, "-m", "sermod.hosts.kamailio_check", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert status == done.returncode, done.stderr
        found = done.stdout.splitlines()
        assert len(lines) == len(found)
        for line, part in zip(found, lines, strict=True):
            assert line.startswith(f"{file}: ")
            assert part in line


def test_mpath():
    """Directories are separated by colons, and a colon at the end is allowed."""
    assert ["/usr/lib/a/", "/etc/b"] == mpath("/usr/lib/a/:/etc/b:")
