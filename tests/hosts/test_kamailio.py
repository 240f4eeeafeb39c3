"""The modules in a stock Kamailio, which runs as a process of its own, and the answers that a client gets from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import sipp
from kamailio_server import EXAMPLE, PYTHON_PATH, WITHIN, Kamailio, processes_of
from needs import need
from recorded import check_life, read

from sermod import PROC_MAIN, PROC_TCP_MAIN, PROC_TIMER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests read about processes in /proc")

RPC = """
loadmodule "ctl.so"
loadmodule "kex.so"
modparam("ctl", "binrpc", "unix:DIRECTORY/rpc")
"""

BEGIN = """\
import logging, os
from request import Request
from recorded import bind_route, make_core
from sermod import *
from sermod.hosts.kamailio import Kamailio
RECORD = os.environ["RECORD"]
"""


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Return the file in which the functions of the modules record that they run."""
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return tmp_path / "record"


@pytest.fixture
def script(tmp_path, record):
    """Return a function that writes a script for Kamailio: the imports that every test needs, and the given text."""

    def script(text: str):
        file = tmp_path / "script_of_the_test.py"
        file.write_text(BEGIN + textwrap.dedent(text))
        return file

    return script


@pytest.fixture
def start(tmp_path):
    """Return a function that starts Kamailio with a script; it is stopped at the end of the test."""
    program = need("kamailio")
    started = []

    def start(script, *, more="", **options) -> Kamailio:
        started.append(Kamailio(program, tmp_path, script, more=more.replace("DIRECTORY", str(tmp_path)), **options))
        return started[-1]

    yield start
    for kamailio in started:
        kamailio.close()


SCRIPT = """
def init_child_f(rank):
    logging.getLogger("ready").info("rank %d", rank)

core = make_core(RECORD, ModuleExports("ready", init_child_f=init_child_f))
mod_init = Kamailio(core, request_route=bind_route(core), message=Request).mod_init
"""


def all_ready(kamailio: Kamailio) -> None:
    """Wait until every process that Kamailio announces is initialised."""
    line = kamailio.wait_for("main(): processes (at least): ")
    for _ in range(int(line.partition("(at least): ")[2].split()[0])):
        kamailio.wait_for("ready: rank")


class TestLife:
    def test_the_functions_run_in_the_order_of_every_host(self, start, script, record):
        """Each process is initialised for the rank that Kamailio gives it; no `destroy_f` runs."""
        kamailio = start(script(SCRIPT), tcp=True)
        all_ready(kamailio)
        answers = [kamailio.ask(kamailio.request()) for _ in range(3)]
        assert 0 == kamailio.end()

        assert [200] * 3 == [answer.code for answer in answers]
        entries = read(record)
        ranks = [entry.rank for entry in entries if entry.rank is not None and entry.module == "sl"]
        assert {1, 2, PROC_MAIN, PROC_TIMER, PROC_TCP_MAIN} <= {*ranks}
        loaded = ("sl", "maxfwd_module", "foobar", "options", "ready")
        check_life(entries, ranks, requests=3, destroyed=False, loaded=loaded)
        main = {entry.pid for entry in entries if entry.rank == 0}
        assert main == {entry.pid for entry in entries if entry.function == "init_f"}

    def test_kamailio_ends_when_a_child_dies(self, start, script):
        """As the core of 2003 did."""
        kamailio = start(script(SCRIPT))
        all_ready(kamailio)
        children = sorted({*kamailio.processes()} - {kamailio.process.pid})
        os.kill(children[0], signal.SIGKILL)

        assert 0 != kamailio.end(signal.SIGCHLD)
        assert [] == processes_of(kamailio.process.pid)


class TestExample:
    """docs/examples/kamailio, as the page shows it."""

    def test_it_answers(self, start):
        """The answers show what each module does."""
        kamailio = start(EXAMPLE / "sip.py")
        answer = kamailio.ask(kamailio.request())
        assert (200, "OPTIONS", "application/sdp") == (answer.code, answer.headers["Allow"], answer.headers["Accept"])
        assert 483 == kamailio.ask(kamailio.request(max_forwards=0)).code
        assert 501 == kamailio.ask(kamailio.request("INVITE")).code
        assert 0 == kamailio.end()

    @pytest.mark.parametrize("calls", [4_000, pytest.param(20_000, marks=pytest.mark.slow)])
    def test_no_call_fails(self, start, tmp_path, calls):
        """SIPp sends thousands of OPTIONS; each is answered with 200."""
        program = need("sipp")
        kamailio = start(EXAMPLE / "sip.py")
        kamailio.ask(kamailio.request())
        with sipp.starting(program, tmp_path, calls) as call:
            status = call(kamailio.host_port).wait(sipp.WITHIN)
        counted = sipp.counted(tmp_path)
        assert (0, 0, calls) == (status, counted["FailedCall"], counted["SuccessfulCall"]), counted
        assert 0 == kamailio.end()


class TestRequests:
    def test_0_stops_the_route(self, start, script, record):
        """As in the core: 0 ends the route, `onbreak_f` runs, and Kamailio handles the request no further."""
        kamailio = start(
            script("""
            def stop(msg):
                msg.reply(299, "Stopped")
                return 0

            def onbreak(msg):
                logging.getLogger("stopper").warning("onbreak of a %s", msg.method)

            core = make_core(
                RECORD,
                ModuleExports("stopper", [CmdExport("stop", stop, 0, 0, 1), CmdExport()], onbreak_f=onbreak),
            )
            route = [core.bind("stop", route=REQUEST_ROUTE), *bind_route(core)]
            mod_init = Kamailio(core, request_route=route, message=Request).mod_init
            """)
        )
        assert 299 == kamailio.ask(kamailio.request()).code
        assert "WARNING" in kamailio.wait_for("stopper: onbreak of a OPTIONS")
        assert 0 == kamailio.end()
        assert ["stop"] == [entry.function for entry in read(record) if not entry.function.endswith("_f")]

    FAILING = """
    def fail(msg, how):
        if msg.method == "OPTIONS":
            raise ValueError(f"it fails {how}")
        msg.reply(200, "OK")
        return 1

    core = Registry()
    core.register(ModuleExports("failing", [CmdExport("fail", fail, 1, 0, REQUEST_ROUTE), CmdExport()]))
    route = [core.bind("fail", "on purpose", route=REQUEST_ROUTE, where="script:7")]
    mod_init = Kamailio(core, request_route=route, message=Request, on_error=ON_ERROR).mod_init
    """

    def test_a_command_that_raises_is_answered_with_500(self, start, script):
        """The log has the call, its place, its module and the traceback; the next request is handled."""
        kamailio = start(script(self.FAILING.replace("ON_ERROR", '"500"')))
        assert 500 == kamailio.ask(kamailio.request()).code
        call = """in fail("on purpose") at script:7, module 'failing'"""
        first = kamailio.wait_for(f"sermod: ksr_request_route failed {call}: ValueError: it fails on purpose")
        assert "ERROR" in first
        kamailio.wait_for("Traceback")
        kamailio.wait_for('raise ValueError(f"it fails {how}")')
        kamailio.wait_for("ValueError: it fails on purpose")
        assert call == kamailio.wait_for(call).strip()
        assert 200 == kamailio.ask(kamailio.request("INFO")).code
        assert 0 == kamailio.end()
        assert "SystemError" not in kamailio.log

    def test_a_command_that_raises_drops_the_request(self, start, script):
        """With `on_error="drop"` the client gets no answer."""
        kamailio = start(script(self.FAILING.replace("ON_ERROR", '"drop"')))
        assert 200 == kamailio.ask(kamailio.request("INFO")).code
        kamailio.send(kamailio.request())
        kamailio.wait_for("sermod: ksr_request_route failed in fail(")
        assert 200 == kamailio.ask(kamailio.request("INFO")).code
        assert 0 == kamailio.end()


class TestReplies:
    def test_they_are_forwarded_or_dropped(self, start, script):
        """A reply is forwarded unless a module or the reply route returns 0 or raises."""
        kamailio = start(
            script("""
            def response_f(msg):
                return msg.Status != "181"

            def look(msg):
                if msg.Status == "183":
                    raise ValueError("183 is unknown")
                return 0 if msg.Status == "182" else 1

            core = Registry()
            cmds = [CmdExport("look", look, 0, 0, REPLY_ROUTE), CmdExport()]
            core.register(ModuleExports("looking", cmds, response_f=lambda msg: int(response_f(msg))))
            route = [core.bind("look", route=REPLY_ROUTE)]
            mod_init = Kamailio(core, request_route=lambda msg: 1, reply_route=route, on_error="drop").mod_init
            """)
        )
        here = "{}:{}".format(*kamailio.client.getsockname())
        replies = {
            code: "\r\n".join(
                [
                    f"SIP/2.0 {code} Whatever",
                    f"Via: SIP/2.0/UDP {kamailio.host_port};branch=z9hG4bK-a",
                    f"Via: SIP/2.0/UDP {here};branch=z9hG4bK-b",
                    "From: <sip:client@127.0.0.1>;tag=1",
                    "To: <sip:test@127.0.0.1>;tag=2",
                    "Call-ID: reply@test",
                    f"CSeq: {code} INVITE",
                    "Content-Length: 0",
                    "",
                    "",
                ]
            ).encode()
            for code in (180, 181, 182, 183, 184)
        }
        kamailio.client.settimeout(0.5)
        first = b""
        until = time.monotonic() + WITHIN
        while not first and time.monotonic() < until:  # until Kamailio listens
            kamailio.send(replies[180])
            try:
                first = kamailio.client.recv(65535)
            except (TimeoutError, ConnectionRefusedError):
                assert kamailio.process.poll() is None, kamailio.log
        assert first.startswith(b"SIP/2.0 180 ")
        assert kamailio.host_port.encode() not in first
        for code in (181, 182, 183):
            kamailio.send(replies[code])
        kamailio.wait_for("sermod: ksr_reply_route failed in look(), module 'looking': ValueError: 183 is unknown")
        kamailio.client.settimeout(WITHIN)
        kamailio.send(replies[184])
        while (got := kamailio.client.recv(65535)).startswith(b"SIP/2.0 180 "):
            pass  # several were sent
        assert got.startswith(b"SIP/2.0 184 ")
        assert 0 == kamailio.end()


class TestStartUp:
    """Kamailio does not start, and its log says why."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                """
                core = make_core(RECORD, ModuleExports("broken", init_f=lambda: -1))
                mod_init = Kamailio(core, request_route=bind_route(core), message=Request).mod_init
                """,
                "init_f of module 'broken' returned -1",
            ),
            (
                """
                core = make_core(RECORD)
                core.set_param("foobar", "foo_baz", 5)
                """,
                "module 'foobar' has no parameter 'foo_baz'",
            ),
            (
                """
                core = make_core(RECORD)
                core.bind("foo_req", "one", route=REQUEST_ROUTE, where="script:9")
                """,
                "takes 2 parameters (got 1)",
            ),
        ],
        ids=["init_f", "parameter", "call"],
    )
    def test_in_the_main_process(self, start, script, text, message):
        """An `init_f` that fails, an unknown parameter, a wrong call."""
        kamailio = start(script(text))
        kamailio.wait_for(message)
        assert 0 != kamailio.wait()

    def test_in_one_process(self, start, script):
        """An `init_child_f` that fails in one rank ends Kamailio; the log has module, rank and cause."""
        kamailio = start(
            script("""
            def init_child_f(rank):
                if rank == 2:
                    raise OSError("no database for rank 2")

            core = make_core(RECORD, ModuleExports("broken", init_child_f=init_child_f))
            mod_init = Kamailio(core, request_route=bind_route(core), message=Request).mod_init
            """)
        )
        kamailio.wait_for("sermod: rank 2 could not be initialised: ChildInitError: init_child_f of module 'broken' in")
        kamailio.wait_for("OSError: no database for rank 2")
        kamailio.end(signal.SIGCHLD)
        assert [] == processes_of(kamailio.process.pid)

    def test_its_own_check_does_not_look_at_scripts(self, start, script, tmp_path):
        """`kamailio -c` initialises no module, so it reports nothing; `kamailio_check` does."""
        file = script("""
        core = make_core(RECORD)
        with core.collect_errors():
            core.bind("foo_req", "one", route=REQUEST_ROUTE, where="script:10")
            core.set_param("foobar", "foo_baz", 5)
        """)
        kamailio = start(file)
        assert 0 != kamailio.wait()
        checked = subprocess.run([*kamailio.command, "-c"], capture_output=True, timeout=WITHIN, check=False)
        assert 0 == checked.returncode

        command = [sys.executable, "-m", "sermod.hosts.kamailio_check", str(file)]
        environment = {**os.environ, "PYTHONPATH": PYTHON_PATH}
        checked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WITHIN, check=False)
        assert 1 == checked.returncode, checked
        first, second = checked.stdout.splitlines()
        assert [True, True] == [line.startswith(f"{file}: ") for line in (first, second)]
        assert "takes 2 parameters (got 1)" in first
        assert "script:10" in first
        assert "module 'foobar' has no parameter 'foo_baz'; did you mean 'foo_bar'?" in second


class TestLog:
    def test_levels(self, start, script):
        """Kamailio's log has the records of Python with their levels, except those below its own level."""
        kamailio = start(
            script("""
            def init_f():
                for level in (10, 20, 25, 30, 40, 50):
                    logging.getLogger("noisy").log(level, "of level %d, \\0 and \\udcff", level)

            cmds = [CmdExport("odd-name", print, 0, 0, REQUEST_ROUTE), CmdExport()]
            core = make_core(RECORD, ModuleExports("noisy", cmds, init_f=init_f))
            mod_init = Kamailio(core, request_route=bind_route(core), message=Request).mod_init
            """)
        )
        for level, number in (("INFO", 20), ("NOTICE", 25), ("WARNING", 30), ("ERROR", 40), ("CRITICAL", 50)):
            line = kamailio.wait_for("noisy: of level")
            assert f"noisy: of level {number}, \\0 and \\udcff" in line
            assert f" {level}: " in line
        kamailio.wait_for("unscriptable-name")
        kamailio.ask(kamailio.request())
        assert 0 == kamailio.end()


class TestReload:
    """After the RPC `app_python.reload`, each process runs the script again with its next message."""

    def test_each_process_has_new_modules(self, start, script, record):
        """Each becomes the main process of its new modules, and destroys them at the next reload."""
        kamailio = start(script(SCRIPT), more=RPC)
        all_ready(kamailio)
        program = need("kamcmd")
        kamailio.ask(kamailio.request())
        before = read(record)
        main = before[0].pid
        for _ in range(2):
            kamailio.rpc("app_python.reload", program)
            record.unlink()
            # Each child reloads with its next message, and the system decides which child gets one.
            done: set[int] = set()
            until = time.monotonic() + WITHIN
            while len(done) < 2:
                assert 200 == kamailio.ask(kamailio.request()).code
                entries = read(record)
                done = {entry.pid for entry in entries if entry.rank in (1, 2) and entry.module == "ready"}
                assert time.monotonic() < until, f"only {done} have reloaded"
        assert main not in done
        loaded = ["sl", "maxfwd_module", "foobar", "options", "ready"]
        expected = [(name, "init_f") for name in loaded]
        expected += [(name, "destroy_f") for name in reversed(loaded)]
        expected += [(name, "init_child_f") for name in loaded]
        for pid in done:
            noted = [(entry.module, entry.function) for entry in entries if entry.pid == pid]
            assert expected == [(module, function) for module, function in noted if function.endswith("_f")]
        assert 0 == kamailio.end()

    def test_a_process_keeps_its_modules_where_the_new_ones_fail(self, start, script, record):
        """The log has the error, and the process answers as before."""
        file = script(SCRIPT)
        kamailio = start(file, more=RPC)
        all_ready(kamailio)
        program = need("kamcmd")
        text = file.read_text().replace('"ready", init', '"ready", init_f=lambda: -1, init')
        file.write_text(text)
        kamailio.rpc("app_python.reload", program)
        assert 200 == kamailio.ask(kamailio.request()).code
        kamailio.wait_for("keeps its modules, since the new ones failed: ModuleInitError: init_f of module")
        for _ in range(10):
            assert 200 == kamailio.ask(kamailio.request()).code
        assert 0 == kamailio.end()
