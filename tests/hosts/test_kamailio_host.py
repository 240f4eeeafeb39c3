"""What the object does that Kamailio calls, held against a stand-in for Kamailio in this process."""

from __future__ import annotations

import logging
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
    """Kamailio, which is one for each process: what it has is forgotten at the end of the test."""

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
    """A module with a command for each route, which do what the message is, and with every hook."""

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
    return [core.bind("act", route=kind)]


class TestRequestRoute:
    @pytest.mark.parametrize("result", [1, -1, 5])
    def test_the_result_is_kamailios(self, ksr, core, result):
        handler = Kamailio(core, request_route=route_of(core)).mod_init()
        assert result == handler.ksr_request_route(result)

    def test_zero_runs_onbreak(self, ksr, core, journal):
        handler = Kamailio(core, request_route=route_of(core)).mod_init()
        assert 0 == handler.ksr_request_route(0)
        assert ["init_f", ("command", 0), ("onbreak_f", 0)] == journal

    def test_the_message_is_what_the_script_makes_of_it(self, ksr, core):
        """Without that it is Kamailio's own."""
        handler = Kamailio(core, request_route=route_of(core), message=len).mod_init()
        assert 3 == handler.ksr_request_route("abc")

    @pytest.mark.parametrize(
        ("on_error", "replies"), [("500", [("reply", 500, "Server Internal Error")]), ("drop", [])]
    )
    def test_an_exception_is_logged_and_answered_as_the_script_says(self, ksr, core, journal, on_error, replies):
        handler = Kamailio(core, request_route=route_of(core), on_error=on_error).mod_init()
        assert -1 == handler.ksr_request_route(ValueError("with a \0 and a \udcff"))
        level, text = journal[2]
        assert "err" == level
        assert text.startswith(
            "sermod: ksr_request_route failed in command 'act' of module 'acting': ValueError: with a \\0 and a \\udcff"
            "\nTraceback (most recent call last):\n"
        )
        assert replies == journal[3:]

    def test_the_function_is_named_that_was_called_first(self, ksr, journal):
        """A command that calls another's function is the one that the route has called."""

        def inner(msg):
            raise msg

        def outer(msg):
            return inner(msg)

        core = Registry()
        core.register(
            make_exports("m", CmdExport("inner", inner, 0, 0, 0), CmdExport("outer", outer, 0, 0, REQUEST_ROUTE))
        )
        handler = Kamailio(core, request_route=[core.bind("outer", route=REQUEST_ROUTE)]).mod_init()
        handler.ksr_request_route(ValueError())
        assert "failed in command 'outer' of module 'm'" in journal[0][1]

    def test_a_route_that_fails_by_itself(self, ksr, core, journal):
        """Then no module is to blame."""
        handler = Kamailio(core, request_route=lambda msg: 1 // msg, on_error="drop").mod_init()
        assert -1 == handler.ksr_request_route(0)
        assert journal[-1][1].startswith("sermod: ksr_request_route failed: ZeroDivisionError: ")

    def test_the_end_of_the_script_passes(self, ksr, core):
        """`exit()` in a script is no error."""
        handler = Kamailio(core, request_route=lambda _: sys.exit()).mod_init()
        with pytest.raises(SystemExit):
            handler.ksr_request_route("msg")


class TestReplyRoute:
    def test_without_anything_to_do_there_is_none(self, ksr, core):
        """So Kamailio does not call it."""
        handler = Kamailio(core, request_route=()).mod_init()
        assert not hasattr(handler, "ksr_reply_route")

    def test_a_module_drops(self, ksr, journal):
        core = Registry()
        core.register(make_exports("m", response_f=lambda msg: msg))
        handler = Kamailio(core, request_route=()).mod_init()
        assert 1 == handler.ksr_reply_route(1)
        assert [] == journal
        assert 0 == handler.ksr_reply_route(0)
        assert ["drop"] == journal

    @pytest.mark.parametrize(("msg", "result"), [(1, 1), (-1, -1), (0, 0)])
    def test_the_route_drops(self, ksr, core, journal, msg, result):
        route = route_of(core, REPLY_ROUTE)
        handler = Kamailio(core, request_route=(), reply_route=route, message=lambda msg: msg).mod_init()
        assert result == handler.ksr_reply_route(msg)
        assert ("drop" in journal) == (msg == 0)

    def test_an_exception_drops(self, ksr, core, journal):
        """What a module was to look at, and could not, does not go on."""
        handler = Kamailio(core, request_route=(), reply_route=lambda msg: 1 // msg).mod_init()
        assert 0 == handler.ksr_reply_route(0)
        assert journal[-2][1].startswith("sermod: ksr_reply_route failed: ZeroDivisionError: ")
        assert "drop" == journal[-1]


class TestOtherRoutes:
    def test_they_have_the_names_that_the_script_gives_them(self, ksr, core, journal):
        """With the name of the event, where Kamailio tells it."""
        route = route_of(core)
        routes = {"ksr_branch_one": route, "ksr_event": route}
        handler = Kamailio(core, request_route=(), routes=routes, message=lambda msg: msg).mod_init()
        assert 7 == handler.ksr_branch_one(7)
        assert 8 == handler.ksr_event(8, "tm:local-request")
        assert -1 == handler.ksr_event(ValueError("no"), "tm:local-request")
        assert "sermod: ksr_event failed in command 'act' of module 'acting': ValueError: no" in journal[-1][1]

    @pytest.mark.parametrize("name", ["ksr_request_route", "ksr_reply_route", "child_init", "no name"])
    def test_other_names_are_none(self, core, name):
        with pytest.raises(ValueError, match=f"^Kamailio\\(routes=...\\): '{name}' is no name for a route of yours"):
            Kamailio(core, request_route=(), routes={name: ()})


class TestModInit:
    def test_outside_of_kamailio(self, core):
        with pytest.raises(RuntimeError, match=r"this is not Kamailio: .* run python -m sermod.hosts.kamailio_check"):
            Kamailio(core, request_route=()).mod_init()

    def test_an_outcome_that_there_is_not(self, core):
        with pytest.raises(ValueError, match=r'takes "500" or "drop" \(got 500\)$'):
            Kamailio(core, request_route=(), on_error=500)

    def test_a_registry_has_one_host(self, core):
        Kamailio(core, request_route=())
        with pytest.raises(LifecycleError):
            Kamailio(core, request_route=())

    def test_without_the_module_that_sends_replies(self, ksr, core, journal):
        """Nothing is initialised."""
        del ksr.sl
        with pytest.raises(RuntimeError, match=r"write loadmodule \"sl.so\", or on_error='drop'"):
            Kamailio(core, request_route=()).mod_init()
        assert [] == journal

    def test_an_initialization_that_fails(self, ksr, core):
        core.register(make_exports("bad", init_f=lambda: -1))
        with pytest.raises(ModuleInitError):
            Kamailio(core, request_route=()).mod_init()

    def test_warnings(self, ksr, journal):
        """What Python has shown on a standard error that nobody sees is in Kamailio's log, and so are threads."""
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
    def test_every_rank_comes_through(self, ksr, core, journal, rank):
        handler = Kamailio(core, request_route=()).mod_init()
        assert 0 == handler.child_init(rank)
        assert ("init_child_f", rank) == journal[-1]

    @pytest.mark.parametrize(
        ("error", "says"),
        [
            (OSError("gone"), "ChildInitError: init_child_f of module 'bad' in rank 2 raised OSError: gone"),
            (SystemExit(3), "SystemExit: 3"),
        ],
        ids=["error", "exit"],
    )
    def test_one_that_fails(self, ksr, core, journal, error, says):
        """Kamailio is told by a negative number, and its log by the whole text."""

        def init_child_f(rank):
            raise error

        core.register(make_exports("bad", init_child_f=init_child_f))
        handler = Kamailio(core, request_route=()).mod_init()
        assert -1 == handler.child_init(2)
        level, text = journal[-1]
        assert ("err", f"sermod: rank 2 could not be initialised: {says}") == (level, text.splitlines()[0])
        assert text.endswith(f"{says}\n")


class TestReload:
    """Kamailio runs the script again in one process, and calls mod_init and child_init of what comes of it."""

    def test_in_a_process_that_was_forked(self, ksr, core, journal, monkeypatch):
        """The modules that it was forked with are another process's to clean up; those of its own are its."""
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
        """It is logged, and the new modules are there."""
        handlers = []
        for _ in range(2):
            core = Registry()
            core.register(make_exports("m", destroy_f=lambda: 1 // 0))
            handlers.append(Kamailio(core, request_route=()).mod_init())
        first = "sermod: the clean-up of the modules that are replaced failed: ExceptionGroup: "
        assert [("err", True)] == [(level, text.startswith(first)) for level, text in journal]
        assert handlers[0] is not handlers[1]

    def test_one_that_exits(self, ksr, core, journal):
        """Nothing that a module raises gets through to Kamailio."""
        handler = Kamailio(core, request_route=()).mod_init()
        again = Registry()
        again.register(make_exports("leaving", init_f=lambda: sys.exit(1)))
        assert handler is Kamailio(again, request_route=()).mod_init()
        assert "since the new ones failed: SystemExit: 1" in journal[-1][1]

    def test_one_that_fails(self, ksr, core, journal):
        """The process goes on with what it has: raising would make Kamailio call what it has let go of."""
        host = Kamailio(core, request_route=route_of(core))
        handler = host.mod_init()
        assert 0 == handler.child_init(3)
        journal.clear()
        assert handler is host.mod_init()
        assert 0 == handler.child_init(3)
        assert 1 == handler.ksr_request_route(1)
        (level, text), command = journal
        assert ("err", ("command", 1)) == (level, command)
        assert "keeps the modules that it has, since the new ones failed: LifecycleError: init() wants" in text


HOOKS = ("init_f", "init_child_f", "destroy_f")


@contextmanager
def logging_untouched():
    """Give the root logger as it is in a process where nobody has set logging up: pytest has, for each test."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class TestLog:
    def test_it_takes_over_logging_where_nobody_has(self, ksr, core, journal):
        with logging_untouched():
            Kamailio(core, request_route=()).mod_init()
            logging.getLogger("some").info("told")
            logging.getLogger("some").debug("not told")
        assert ("info", "some: told\n") == journal[-1]

    def test_it_leaves_logging_alone_otherwise(self, ksr, core, journal):
        """A script may want its log elsewhere."""
        with logging_untouched() as root:
            root.addHandler(handler := logging.NullHandler())
            Kamailio(core, request_route=()).mod_init()
            assert [handler] == root.handlers

    @pytest.mark.parametrize(
        ("debug", "level"), [(-5, 50), (-2, 50), (-1, 40), (0, 30), (1, 21), (2, 20), (3, 10), (5, 10)]
    )
    def test_the_level_is_kamailios(self, ksr, core, debug, level):
        ksr.get_debug = lambda: debug
        with logging_untouched() as root:
            Kamailio(core, request_route=()).mod_init()
            assert level == root.level

    def test_a_record_that_cannot_be_written(self, ksr, journal, monkeypatch):
        """It is told as logging tells of such things, and nothing is raised."""
        handler = LogHandler(ksr)
        monkeypatch.setattr(handler, "handleError", lambda record: journal.append(record.msg))
        handler.handle(logging.LogRecord("some", 20, __file__, 1, "%d", ("no number",), None))
        assert ["%d"] == journal


class TestCheck:
    def test_a_good_script(self, tmp_path, monkeypatch, capsys):
        """It may ask Kamailio things, and import what is beside it, and is not initialised."""
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
        ("text", "says"),
        [
            ("", "it has no function mod_init; write mod_init = Kamailio(...).mod_init"),
            ("from sermod import *\nRegistry().load('nothing')\n", "there is no module 'nothing'"),
            ("1 // 0\n", "ZeroDivisionError"),
        ],
        ids=["mod_init", "module", "exception"],
    )
    def test_a_bad_script(self, tmp_path, text, says):
        file = tmp_path / "bad.py"
        file.write_text(text)
        (mistake,) = find_mistakes(file)
        assert says in mistake

    def test_as_a_program(self, tmp_path, monkeypatch, capsys):
        """All that is wrong with a configuration is told at once."""
        file = tmp_path / "bad.py"
        file.write_text(
            "from sermod import *\ncore = Registry()\nwith core.collect_errors():\n"
            "    core.load('nothing')\n    core.bind('nothing', route=1)\n"
        )
        monkeypatch.setattr(sys, "argv", ["kamailio_check", str(file)])
        assert 1 == main()
        assert [str(file)] * 2 == [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()]


def test_mpath():
    """Several directories, with colons in between, and one at an end does no harm."""
    assert ["/usr/lib/a/", "/etc/b"] == mpath("/usr/lib/a/:/etc/b:")
