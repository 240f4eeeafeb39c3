"""The example server, docs/examples/sip_server, as a process of its own: real datagrams, real signals."""

from __future__ import annotations

import queue
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import sipmessage

from sermod import REQUEST_ROUTE, FixupError, Lifecycle, Registry

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "sip_server"
PYTHON = [sys.executable, "-W", "error"]
MODULES = EXAMPLE / "modules"
WITHIN = 10


class Server:
    """A running server, its output line by line, and a client's socket."""

    def __init__(self, config: Path = EXAMPLE / "server.toml", *options: str):
        command = [*PYTHON, EXAMPLE, "--serve", "--trace", "--port", "0", "--config", config, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._unread: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        host, port = self.wait_for("listening on ").removeprefix("listening on ").split(":")
        self.address = (host, int(port))
        self.client = new_socket()
        self.text = f"{host}:{port}"

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            self._unread.put(line.rstrip())
        self._unread.put(None)

    def wait_for(self, text: str) -> str:
        """Return the next line with *text* in it; those before it are passed over."""
        passed = []
        while True:
            try:
                line = self._unread.get(timeout=WITHIN)
            except queue.Empty:
                pytest.fail(f"the server did not say {text!r} within {WITHIN} s, only {passed}")
            if line is None:
                pytest.fail(f"the server ended without saying {text!r}, only {passed}")
            if text in line:
                return line
            passed.append(line)

    def send(self, data: bytes) -> None:
        self.client.sendto(data, self.address)

    def ask(self, data: bytes) -> sipmessage.Response:
        self.send(data)
        return self.receive()

    def receive(self) -> sipmessage.Response:
        return sipmessage.Message.parse(self.client.recv(65535))

    def is_well(self) -> bool:
        """Whether it answers the next request, and has sent nothing before that."""
        self.number = getattr(self, "number", 0) + 1
        call_id = f"well-{self.number}"
        return self.ask(options(self.client, call_id=call_id)).headers["Call-ID"] == call_id

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(WITHIN)
        self._reader.join(WITHIN)
        return status

    def counts(self) -> dict[str, int]:
        """What the server counted, after its end."""
        line = next(line for line in self.lines if line.startswith("child 1: ") and line.endswith(" errors"))
        pairs = (pair.split() for pair in line.removeprefix("child 1: ").split(", "))
        return {name: int(count) for count, name in pairs}

    def close(self) -> None:
        self.process.kill()
        self.wait()
        self.process.stdout.close()
        self.client.close()


def new_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(WITHIN)
    return sock


@pytest.fixture(scope="module")
def server():
    """One server for all tests that leave it as it was."""
    running = Server()
    yield running
    running.close()


@pytest.fixture
def start():
    """Start servers that end with the test."""
    running = []

    def start(*args) -> Server:
        running.append(Server(*args))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def configured(tmp_path):
    """Write a configuration file, and modules of the test's own beside it."""

    def configured(text: str, **modules: str) -> Path:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)
        file = tmp_path / "test.toml"
        file.write_text(text.replace("MODULES", str(MODULES)))
        return file

    return configured


def message(first: str, *headers: str, body: bytes = b"", common: bool = True) -> bytes:
    if common:
        headers = (*headers, "From: <sip:me@127.0.0.1>;tag=me")
    return "\r\n".join([first, *headers, "", ""]).encode() + body


def options(
    client: socket.socket, *headers: str, method="OPTIONS", call_id="1@test", to="<sip:test@127.0.0.1>", via=None
):
    via = via or "Via: SIP/2.0/UDP {}:{};branch=z9hG4bK1".format(*client.getsockname())
    mandatory = (via, f"To: {to}", f"Call-ID: {call_id}", f"CSeq: 7 {method}")
    return message(f"{method} sip:test@127.0.0.1 SIP/2.0", *mandatory, *headers)


def ringing(*vias: str, agent: str = "Server: a telephone", body: bytes = b"") -> bytes:
    headers = (
        *(f"Via: SIP/2.0/UDP {via}" for via in vias),
        "To: <sip:a@b>;tag=x",
        "Call-ID: r",
        "CSeq: 1 INVITE",
        agent,
    )
    return message("SIP/2.0 180 Ringing", *headers, f"Content-Length: {len(body)}", body=body)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*PYTHON, EXAMPLE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)


class TestDemonstration:
    def test_ends_by_itself_in_order(self):
        """Started without arguments it ends within ten seconds, with status 0."""
        result = run()
        assert (0, "") == (result.returncode, result.stderr)
        assert "client: --- everything came back as it should\n" in result.stdout
        assert "1 malformed, 0 keepalives, 0 errors\n" in result.stdout

    def test_shows_the_order_of_the_module_functions(self):
        """Every function of a module's life is in the transcript once, in its place."""
        lines = run().stdout.splitlines()
        order = [
            "server: options: found sl_send_reply",
            "server: foo module initializing (foo_bar=5, bar_foo='set in server.toml')",
            "server: child nr. 1 initializing",
            "client: --- a good OPTIONS",
            'server: child 1: mf_process_maxfwd_header("10") at server.toml:26 returned 1',
            "server: child 1: options_reply() at server.toml:33 returned 1",
            "client: receives SIP/2.0 200 OK",
            'server: child 1: sl_send_reply("483", "Too Many Hops") at server.toml:26 returned 1',
            "client: receives SIP/2.0 483 Too Many Hops",
            "client: receives SIP/2.0 501 Not Implemented",
            "client: receives SIP/2.0 180 Ringing",
            "server: child 1: 180 is dropped by a module",
            "server: foo module cleaning up",
            "server: agents: cleaning up",
            "the server has ended in order",
        ]
        following = iter(lines)
        assert [] == [line for line in order if line not in following]
        assert 3 == lines.count("client: receives nothing")
        for once in ("foo module initializing", "child nr. 1 initializing", "foo module cleaning up"):
            assert 1 == sum(once in line for line in lines)

    def test_places_in_the_configuration_are_those_of_the_calls(self):
        lines = (EXAMPLE / "server.toml").read_text().splitlines()
        assert "mf_process_maxfwd_header" in lines[25]
        assert "options_reply" in lines[32]

    def test_fails_where_an_answer_is_another_one(self, configured):
        """Its exit status tells that something else came back than what was expected."""
        file = configured(
            """
            module_path = ["MODULES"]
            modules = ["sl", "options"]
            [[request_route]]
            call = ["options_reply"]
            """
        )
        result = run("--config", file)
        assert 1 == result.returncode
        assert "client: UNEXPECTED: it should have been 483" in result.stdout
        assert "FAILED: something else came back than what was expected\n" in result.stdout

    def test_fails_where_the_server_does_not_start(self, configured):
        result = run("--config", configured("modules = ['nowhere']"))
        assert 1 == result.returncode
        assert "there is no module 'nowhere'" in result.stdout
        assert "FAILED: the server did not start (exit status 2)" in result.stdout


class TestRequests:
    def test_options_is_answered_with_what_the_server_can_do(self, server):
        answer = server.ask(options(server.client, "Max-Forwards: 70"))
        assert (200, "OK") == (answer.code, answer.phrase)
        headers = {name: answer.headers.get(name) for name in answer.headers.keys()}  # noqa: SIM118 - they are no dict
        assert headers.pop("To").startswith("<sip:test@127.0.0.1>;tag=")
        assert {
            "Via": "SIP/2.0/UDP {}:{};branch=z9hG4bK1".format(*server.client.getsockname()),
            "From": "<sip:me@127.0.0.1>;tag=me",
            "Call-ID": "1@test",
            "CSeq": "7 OPTIONS",
            "Allow": "OPTIONS",
            "Accept": "application/sdp",
            "Accept-Encoding": "",
            "Accept-Language": "en",
            "Supported": "",
            "Server": "sermod-example (child 1)",
            "Content-Length": "0",
        } == headers

    def test_a_retransmission_gets_the_same_tag(self, server):
        first, again = (server.ask(options(server.client)).headers["To"] for _ in range(2))
        assert first == again
        assert first != server.ask(options(server.client, call_id="another")).headers["To"]

    def test_a_tag_that_is_there_stays(self, server):
        assert "<sip:a@b>;tag=there" == server.ask(options(server.client, to="<sip:a@b>;tag=there")).headers["To"]

    def test_no_more_hops(self, server):
        answer = server.ask(options(server.client, "Max-Forwards: 0"))
        assert (483, "Too Many Hops") == (answer.code, answer.phrase)

    def test_max_forwards_is_added(self, server):
        assert 200 == server.ask(options(server.client)).code
        server.wait_for("child 1: Max-Forwards was None, is 10")

    def test_max_forwards_is_counted_down(self, server):
        assert 200 == server.ask(options(server.client, "Max-Forwards: 1")).code
        server.wait_for("child 1: Max-Forwards was 1, is 0")

    @pytest.mark.parametrize("method", ["INVITE", "BYE", "REGISTER", "UNHEARD-OF"])
    def test_other_methods_are_not_implemented(self, server, method):
        assert 501 == server.ask(options(server.client, method=method)).code

    def test_ack_is_never_answered(self, server):
        server.send(options(server.client, method="ACK"))
        server.wait_for("ACK gets no answer")
        assert server.is_well()

    def test_vias_come_back_as_they_were(self, server):
        """Also those that the parser would write otherwise."""
        top = 'SIP / 2.0 / UDP {}:{};x="a,b";branch=z9hG4bK*a\'b'.format(*server.client.getsockname())
        below = "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK~,SIP/2.0/UDP [2001:db8::1]"
        answer = server.ask(options(server.client, via=f"v: {top} ,{below}"))
        assert [top, *below.split(",")] == answer.headers.getlist("Via")

    def test_rport_is_filled_in_and_answered_to(self, server):
        """RFC 3581: the answer goes where the request came from, whatever the Via says."""
        answer = server.ask(options(server.client, via="Via: SIP/2.0/UDP 192.0.2.1:9;rport ;branch=z9"))
        port = server.client.getsockname()[1]
        assert f"SIP/2.0/UDP 192.0.2.1:9;rport={port} ;branch=z9;received=127.0.0.1" == answer.headers["Via"]

    def test_without_rport_the_port_of_the_via_counts(self, server):
        with new_socket() as other:
            server.send(
                options(server.client, via="Via: SIP/2.0/UDP 192.0.2.1:{1};branch=z9".format(*other.getsockname()))
            )
            answer = sipmessage.Message.parse(other.recv(65535))
        assert answer.headers["Via"].endswith(";branch=z9;received=127.0.0.1")

    def test_compact_and_folded_headers(self, server):
        """What RFC 4475 calls valid, however odd it looks."""
        request = message(
            "OPTIONS sip:test@127.0.0.1 SIP/2.0",
            "v : SIP/2.0/UDP {}:{}".format(*server.client.getsockname()),
            "  ;branch=z9hG4bK2",
            "t:\t<sip:test@127.0.0.1>",
            "i: folded",
            "CSeq: 0009",
            "\t OPTIONS",
        )
        answer = server.ask(request)
        assert (200, "folded") == (answer.code, answer.headers["Call-ID"])

    def test_what_follows_the_body_is_cut_off(self, server):
        assert 200 == server.ask(options(server.client, "Content-Length: 1") + b"12345").code


class TestReplies:
    def test_one_that_came_by_this_way_is_forwarded(self, server):
        """Without the server's Via and the name of the software, its body untouched."""
        with new_socket() as other:
            server.send(ringing(server.text, "{}:{}".format(*other.getsockname()), body=b"\xff\r\n\r\n\0"))
            reply = sipmessage.Message.parse(other.recv(65535))
        assert (180, "Ringing", b"\xff\r\n\r\n\0") == (reply.code, reply.phrase, reply.body)
        assert ["SIP/2.0/UDP {}:{}".format(*other_name(reply))] == reply.headers.getlist("Via")
        assert reply.server is None

    def test_received_and_rport_say_where_to(self, server):
        port = server.client.getsockname()[1]
        server.send(ringing(server.text, f"192.0.2.1:9;received=127.0.0.1;rport={port}"))
        assert 180 == server.receive().code

    @pytest.mark.parametrize("agent", ["Server: Friendly-Scanner 2", "User-Agent: x sipvicious"])
    def test_banned_software_is_dropped(self, server, agent):
        server.send(ringing(server.text, "{}:{}".format(*server.client.getsockname()), agent=agent))
        server.wait_for("180 is dropped by a module")
        assert server.is_well()

    @pytest.mark.parametrize(
        "vias",
        [
            pytest.param(["192.0.2.1:5060", "CLIENT"], id="another server's"),
            pytest.param(["127.0.0.1", "CLIENT"], id="another port"),
            pytest.param(["SERVER"], id="nothing below"),
            pytest.param(["SERVER", "192.0.2.1:5060"], id="another machine"),
            pytest.param(["SERVER", "[::1]:5060"], id="IPv6"),
            pytest.param(["SERVER", "localhost:5060"], id="a name"),
        ],
    )
    def test_what_cannot_be_forwarded_is_dropped(self, server, vias):
        client = "{}:{}".format(*server.client.getsockname())
        server.send(ringing(*(via.replace("SERVER", server.text).replace("CLIENT", client) for via in vias)))
        server.wait_for("180 is dropped: ")
        assert server.is_well()

    def test_the_reply_route_may_drop(self, start, configured):
        """A call of the reply route that returns 0 drops the reply."""
        file = configured(
            """
            module_path = [".", "MODULES"]
            modules = ["sl", "options", "no_replies"]
            [[request_route]]
            call = ["options_reply"]
            [[reply_route]]
            call = ["no_reply"]
            """,
            no_replies=(
                "from sermod import *\n"
                "cmds = [CmdExport('no_reply', lambda msg: 0, 0, 0, REPLY_ROUTE), CmdExport()]\n"
                "exports = ModuleExports('no_replies', cmds)\n"
            ),
        )
        server = start(file)
        server.send(ringing(server.text, "{}:{}".format(*server.client.getsockname())))
        server.wait_for("180 is dropped by the reply route")
        assert server.is_well()


def other_name(reply: sipmessage.Response) -> tuple[str, int]:
    return reply.via[0].host, reply.via[0].port


def without(name: str) -> bytes:
    """A good OPTIONS that lacks one header."""
    headers = ["Via: SIP/2.0/UDP 127.0.0.1", "To: <sip:a@b>", "From: <sip:a@b>;tag=1", "Call-ID: 1", "CSeq: 1 OPTIONS"]
    kept = [header for header in headers if not header.startswith(f"{name}:")]
    assert len(kept) == len(headers) - 1
    return message("OPTIONS sip:a@b SIP/2.0", *kept, common=False)


def wrong(header: str) -> bytes:
    """A good OPTIONS, but for one header."""
    name = header.partition(":")[0]
    if name in ("Via", "To", "From", "Call-ID", "CSeq"):
        return without(name).replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode())
    return without("Via").replace(b"\r\n\r\n", f"\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n{header}\r\n\r\n".encode())


LARGEST = 65507
"""The most octets that fit into a UDP datagram over IPv4."""

MALFORMED = {
    "NULs": b"\0\0\0\0",
    "spaces": b"    ",
    "a word": b"hello",
    "another protocol": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a line alone": b"OPTIONS sip:a@b SIP/2.0\r\n",
    "no headers": b"OPTIONS sip:a@b SIP/2.0\r\n\r\n",
    "another version": without("Via").replace(b"SIP/2.0", b"SIP/7.0", 1),
    "no version": b"OPTIONS sip:a@b\r\n\r\n",
    "spaces in the URI": wrong("Via: SIP/2.0/UDP a").replace(b"sip:a@b SIP", b"sip:a@b; lr SIP"),
    "the URI in brackets": wrong("Via: SIP/2.0/UDP a").replace(b"sip:a@b SIP", b"<sip:a@b> SIP"),
    "line ends of Unix": without("Via").replace(b"\r\n", b"\n"),
    "no colon": wrong("Nothing"),
    "an empty name": wrong(": nothing").replace(b"Via: S", b"Vi: S"),
    "cut off": wrong("Via: SIP/2.0/UDP 127.0.0.1")[:-20],
    "no Via": without("Via"),
    "no To": without("To"),
    "no From": without("From"),
    "no Call-ID": without("Call-ID"),
    "no CSeq": without("CSeq"),
    "an empty To": wrong("To:"),
    "To is no address": wrong("To: <<<"),
    "To without its end": wrong('To: "a <sip:a@b>'),
    "To, far too long": wrong(f"To: <tel:{'1' * 40000}!>"),
    "CSeq is no number": wrong("CSeq: one OPTIONS"),
    "CSeq of an absurd number": wrong(f"CSeq: {'9' * 5000} OPTIONS"),
    "CSeq of another method": wrong("CSeq: 1 INVITE"),
    "Via is none": wrong("Via: nothing"),
    "Via has an absurd port": wrong("Via: SIP/2.0/UDP 127.0.0.1:99999"),
    "Via has an absurd rport": wrong("Via: SIP/2.0/UDP 127.0.0.1;rport=many"),
    "Via has a parameter of a treacherous name": wrong("Via: SIP/2.0/UDP 127.0.0.1;self=1"),
    "Via lacks its end": wrong('Via: SIP/2.0/UDP 127.0.0.1;a="b'),
    "Max-Forwards is no number": wrong("Max-Forwards: many"),
    "Max-Forwards is negative": wrong("Max-Forwards: -1"),
    "Max-Forwards is absurd": wrong("Max-Forwards: 300"),
    "Content-Length is no number": wrong("Content-Length: long"),
    "Content-Length is negative": wrong("Content-Length: -1"),
    "the body is cut": wrong("Content-Length: 9999") + b"the beginning",
    "a NUL in a header": wrong("Subject: a\0b"),
    "a bare line feed in a header": wrong("Subject: a\nVia: b"),
    "no UTF-8": wrong("Subject: x").replace(b"x\r\n", b"\xff\r\n"),
    "a reply of an absurd code": wrong("Via: SIP/2.0/UDP a").replace(b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 9999 What"),
    "a reply without a code": wrong("Via: SIP/2.0/UDP a").replace(b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 OK OK"),
    "a URI without end": b"OPTIONS tel:" + b"1" * (LARGEST - 30) + b"! SIP/2.0\r\n\r\n",
    "headers without end": b"OPTIONS sip:a@b SIP/2.0\r\n" + b"".join(b"%x:\r\n" % n for n in range(8000)) + b"\r\n",
    "64 KiB of NULs": bytes(LARGEST),
    "64 KiB of random octets": random.Random(1).randbytes(LARGEST),  # noqa: S311 - the same each time
    "64 KiB of parentheses": b"(" * LARGEST,
}


class TestMalformed:
    @pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
    def test_it_is_dropped(self, server, data):
        """It is reported, nothing is sent back, and the server goes on."""
        server.send(data)
        server.wait_for(f"{len(data)} octets are dropped, they are no SIP message: ")
        assert server.is_well()

    def test_each_is_counted(self, start):
        """And nothing else is: the counters add up."""
        server = start()
        for data in MALFORMED.values():
            server.send(data)
            server.wait_for("no SIP message")
        for keepalive in (b"", b"\r\n", b"\r\n\r\n"):
            server.send(keepalive)
        assert server.is_well()
        assert 0 == server.end()
        expected = dict.fromkeys(("replies", "forwarded", "dropped", "errors"), 0)
        expected |= {"malformed": len(MALFORMED), "keepalives": 3, "requests": 1, "answered": 1}
        assert expected | {"received": len(MALFORMED) + 4} == server.counts()

    def test_random_octets(self, start):
        """A thousand datagrams of random octets, and of good requests with random octets in them, stop nothing."""
        chance = random.Random(2)  # noqa: S311 - the same each time
        server = start()
        good = options(server.client)
        for number in range(1000):
            data = bytearray(chance.randbytes(chance.randrange(2000)) if number % 2 else good)
            for _ in range(3 if data[:7] == b"OPTIONS" else 0):
                data[chance.randrange(len(data))] = chance.randrange(256)
            server.send(bytes(data))
            if number % 20 == 0:  # no more than the socket's buffer holds
                server.send(options(server.client, call_id=f"mark-{number}"))
                while server.receive().headers["Call-ID"] != f"mark-{number}":
                    pass
        assert 0 == server.end()
        counts = server.counts()
        assert 0 == counts["errors"]
        assert counts["received"] == sum(counts[name] for name in ("requests", "replies", "malformed", "keepalives"))
        assert counts["malformed"] > 500


FAULTY = """
from sermod import *

def fail(msg):
    1 / 0

def say_nothing(msg):
    return None

def spoil(msg):
    msg.headers.remove("From")
    msg.reply(200, "OK")
    return 1

def response(msg):
    raise RuntimeError("no replies, please")

cmds = [
    CmdExport("fail", fail, 0, 0, REQUEST_ROUTE),
    CmdExport("say_nothing", say_nothing, 0, 0, REQUEST_ROUTE),
    CmdExport("spoil", spoil, 0, 0, REQUEST_ROUTE),
    CmdExport(),
]
exports = ModuleExports("faulty", cmds, 0, 0, response)
"""


class TestFaultyModules:
    @pytest.fixture
    def faulty(self, start, configured):
        def faulty(command):
            text = f'modules = ["faulty"]\nmodule_path = ["."]\n[[request_route]]\ncall = ["{command}"]'
            return start(configured(text, faulty=FAULTY))

        return faulty

    @pytest.mark.parametrize(("command", "says"), [("fail", "ZeroDivisionError"), ("say_nothing", "TypeError")])
    def test_a_command_that_fails_gives_500(self, faulty, command, says):
        """The failure is reported and counted, and the server goes on."""
        server = faulty(command)
        for _ in range(2):
            answer = server.ask(options(server.client))
            assert (500, "Server Internal Error") == (answer.code, answer.phrase)
        server.wait_for("child 1: the request route failed at OPTIONS")
        server.wait_for(says)
        assert 0 == server.end()
        counts = server.counts()
        assert (2, 2, 2) == (counts["requests"], counts["answered"], counts["errors"])

    def test_a_command_that_takes_away_what_the_answer_needs(self, faulty):
        """Not even the 500 can be made; the server goes on."""
        server = faulty("spoil")
        server.send(options(server.client))
        server.wait_for("could not be handled")
        assert 0 == server.end()
        assert 0 == server.counts()["answered"]

    def test_a_response_function_that_fails(self, faulty):
        """The reply goes no further; the server goes on."""
        server = faulty("fail")
        server.send(ringing(server.text, "{}:{}".format(*server.client.getsockname())))
        server.wait_for("could not be handled")
        assert server.is_well()
        assert 0 == server.end()
        counts = server.counts()
        assert (1, 0, 2) == (counts["replies"], counts["forwarded"], counts["errors"])


class TestCheck:
    def test_a_good_configuration(self):
        result = run("--check")
        assert (0, f"{EXAMPLE / 'server.toml'}: no errors\n", "") == (result.returncode, result.stdout, result.stderr)

    def test_all_errors_at_once(self, configured):
        """Whoever wrote them sees them together, each with its place or its name, and a way out."""
        file = configured(
            """\
modules = ["sl", "maxfwd", "foobar", "nowhere", "broken"]
module_path = [".", "MODULES"]
request_rout = []
[listen]
host = "localhost"
port = 65536
[params.foobar]
foo_baz = 1
foo_bar = "5"
[params.missing]
x = 1
[[request_route]]
call = ["mf_process_maxfwd_header"]
or_else = [["sl_send_replay", "483", "Too Many Hops"], []]
[[request_route]]
call = ["foo_int", "a", "b"]
otherwise = []
[[reply_route]]
call = ["foo_req", "a", 5]
[[reply_route]]
call = ["foo_req", "a", "b"]
""",
            broken="1 / 0",
        )
        for result in (run("--check", "--config", file), run("--serve", "--config", file)):
            assert (2, "") == (result.returncode, result.stdout)
            title, *errors = result.stderr.replace("\n    ", " ").splitlines()
            assert f"{file}: {len(errors)} errors" == title
            for number, text in enumerate(
                [
                    "there is no 'request_rout'",
                    "listen.host: an IPv4 address, in quotes (got 'localhost')",
                    "listen.port: a number from 0 to 65535 (got 65536)",
                    "test.toml:13: a call is a command's name and its parameters",
                    "test.toml:16: takes call and or_else (got otherwise)",
                    "test.toml:19: must be a list of strings, in quotes (got ['foo_req', 'a', 5])",
                    "there is no module 'nowhere'",
                    "ZeroDivisionError",
                    "module 'foobar' has no parameter 'foo_baz'; did you mean 'foo_bar'?",
                    "parameter 'foo_bar' of module 'foobar' takes an int",
                    "'missing'",
                    "'mf_process_maxfwd_header' at test.toml:13 takes 1",
                    "'sl_send_replay' at test.toml:13",
                    "'foo_int' at test.toml:16 is for other modules only",
                    "'foo_req' at test.toml:21 cannot be used in REPLY_ROUTE",
                ]
            ):
                assert text in errors[number]
            assert 15 == len(errors)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('modules = ["\n', "at line 1, column 13"),
            ("modules = 'sl'", "modules: must be a list (got 'sl')"),
            ("modules = [1]", "modules: must be a list of strings, in quotes (got [1])"),
            ("params = 1", "params: must be a table (got 1)"),
            ("params.sl = 1", "params.sl: must be a table (got 1)"),
            ("request_route = [{call = []}]", "test.toml:request_route[0]: a call is a command's name"),
            ("listen.port = true", "listen.port: a number from 0 to 65535 (got True)"),
            ("listen.host = 1", "listen.host: an IPv4 address, in quotes (got 1)"),
        ],
    )
    def test_what_the_file_may_not_say(self, configured, text, says):
        result = run("--check", "--config", configured(text))
        assert (2, "") == (result.returncode, result.stdout)
        assert says in result.stderr
        assert "Traceback" not in result.stderr

    def test_a_file_that_is_not_there(self, tmp_path):
        result = run("--check", "--config", tmp_path / "none.toml")
        assert 2 == result.returncode
        assert f"{tmp_path / 'none.toml'}: 1 error\n" in result.stderr


class TestStart:
    def refused(self, file, *options):
        result = run("--serve", "--port", "0", "--config", file, *options)
        assert 1 == result.returncode
        assert "Traceback" not in result.stderr
        return result

    @pytest.mark.parametrize("value", ["256", "ten", "-1", ""])
    def test_a_parameter_that_the_fixup_refuses(self, configured, value):
        """The server does not start, and the modules that were initialised are cleaned up."""
        file = configured(
            f"""\
modules = ["maxfwd", "agents"]
module_path = ["MODULES"]
[[request_route]]
call = ["mf_process_maxfwd_header", "{value}"]
"""
        )
        result = self.refused(file)
        assert f"Max-Forwards is a number from 0 to 255 (got {value!r})" in result.stderr
        assert "at test.toml:4" in result.stderr
        assert result.stdout.endswith("agents: cleaning up\n")

    def test_a_regular_expression_that_is_none(self, configured):
        file = configured("modules = ['agents']\nmodule_path = ['MODULES']\nparams.agents.banned = '('")
        assert "init_f of module 'agents' raised" in self.refused(file).stderr

    def test_a_module_that_another_one_needs(self, configured):
        result = self.refused(configured("modules = ['options']\nmodule_path = ['MODULES']"))
        assert "options: it needs sl_send_reply; load module sl\n" == result.stdout
        assert "init_f of module 'options' returned -1" in result.stderr

    def test_an_address_in_use(self):
        """No module is initialised before the server has its address."""
        with new_socket() as taken:
            port = taken.getsockname()[1]
            result = self.refused(EXAMPLE / "server.toml", "--port", str(port))
        assert f"cannot listen on 127.0.0.1:{port}: " in result.stderr
        assert "" == result.stdout

    def test_a_port_that_does_not_exist(self):
        assert "65535" in self.refused(EXAMPLE / "server.toml", "--port", "65536").stderr

    def test_a_module_by_its_path(self, start, configured):
        """A name with a separator is a path, from the directory of the configuration file."""
        source = "from sermod import *\nexports = ModuleExports('by_path', 0, 0, lambda: print('found'))"
        server = start(configured("modules = ['./by_path.py']", by_path=source))
        assert "found" in server.lines


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_in_order(self, start, number):
        """The clean-up of each module runs once, newest first, and the exit status is 0."""
        server = start()
        assert server.is_well()
        assert 0 == server.end(number)
        assert ["foo module cleaning up", "agents: cleaning up"] == server.lines[-2:]
        assert 1 == server.lines.count("foo module cleaning up")
        assert 1 == server.counts()["answered"]

    def test_many_signals_are_one(self, start):
        server = start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            server.process.send_signal(number)
        assert 0 == server.wait()
        assert 1 == server.lines.count("foo module cleaning up")
        assert not any("Traceback" in line for line in server.lines)

    def test_a_signal_during_start_up(self, start, configured):
        """It is noted: initialization runs to its end, and the clean-up after it."""
        source = """
import os, signal
from sermod import ModuleExports

def mod_init():
    os.kill(os.getpid(), signal.SIGTERM)

def destroy():
    print("cleaned up")

exports = ModuleExports("impatient", 0, 0, mod_init, 0, destroy)
"""
        server = start(configured("modules = ['impatient']\nmodule_path = ['.']", impatient=source))
        assert 0 == server.wait()
        assert "cleaned up" == server.lines[-1]

    def test_another_signal_ends_nothing(self, start, configured):
        """A module may handle signals of its own."""
        source = """
import signal
from sermod import ModuleExports

def mod_init():
    signal.signal(signal.SIGUSR1, lambda *_: print("user signal"))

exports = ModuleExports("listening", 0, 0, mod_init)
"""
        text = """
modules = ["sl", "options", "listening"]
module_path = [".", "MODULES"]
request_route = [{call = ["options_reply"]}]
"""
        server = start(configured(text, listening=source))
        server.process.send_signal(signal.SIGUSR1)
        server.wait_for("user signal")
        assert server.is_well()
        assert 0 == server.end()


class TestSipsak:
    def test_it_gets_its_answer(self, server, need):
        """A client that others wrote gets what it asked for."""
        command = [need("sipsak"), "-vv", "-s", f"sip:test@{server.text}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)
        assert 0 == result.returncode, result.stdout
        assert "SIP/2.0 200 OK" in result.stdout


class TestMaxfwd:
    """The module alone: no server, no socket, no other module."""

    @pytest.fixture
    def core(self):
        core = Registry(path=[MODULES])
        core.load("maxfwd")
        return core

    def process(self, core, value, limit="10"):
        action = core.bind("mf_process_maxfwd_header", limit, route=REQUEST_ROUTE)
        msg = SimpleNamespace(max_forwards=value)
        with Lifecycle(core) as life:
            return life.run_route([action], msg), msg.max_forwards

    def test_it_keeps_the_name_that_it_had(self, core):
        assert ["maxfwd_module"] == [module.name for module in core]

    @pytest.mark.parametrize(
        ("before", "result", "after"), [(None, 1, 10), (70, 1, 69), (1, 1, 0), (0, -1, 0), (255, 1, 254)]
    )
    def test_what_it_does(self, core, before, result, after):
        """It adds the header, or counts it down, and is false where there are no hops left."""
        assert (result, after) == self.process(core, before)

    @pytest.mark.parametrize("limit", ["0", "255", "070"])
    def test_what_it_takes(self, core, limit):
        assert (1, int(limit)) == self.process(core, None, limit)

    @pytest.mark.parametrize("limit", ["256", "-1", "1.5", "ten", "", " 10", "\uff11\uff10", "1_0"])
    def test_what_it_refuses_at_start_up(self, core, limit):
        with pytest.raises(FixupError, match="from 0 to 255") as caught:
            self.process(core, None, limit)
        assert ("maxfwd_module", 1, limit) == (caught.value.module, caught.value.param_no, caught.value.value)
