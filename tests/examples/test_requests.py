"""What the example server answers: real datagrams, sent to four children at one socket."""

from __future__ import annotations

import subprocess

import pytest
import sipmessage
from example_server import WITHIN, message, new_socket, options


class TestRequests:
    def test_options_is_answered_with_what_the_server_can_do(self, server):
        answer = server.ask(options(server.client, "Max-Forwards: 70"))
        assert (200, "OK") == (answer.code, answer.phrase)
        headers = {name: answer.headers.get(name) for name in answer.headers.keys()}  # noqa: SIM118 - they are no dict
        assert headers.pop("To").startswith("<sip:test@127.0.0.1>;tag=")
        assert headers.pop("Server") in [f"sermod-example (child {rank})" for rank in (1, 2, 3, 4)]
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
        server.wait_for(": Max-Forwards was None, is 10")

    def test_max_forwards_is_counted_down(self, server):
        assert 200 == server.ask(options(server.client, "Max-Forwards: 1")).code
        server.wait_for(": Max-Forwards was 1, is 0")

    @pytest.mark.parametrize("method", ["INVITE", "BYE", "REGISTER", "UNHEARD-OF"])
    def test_other_methods_are_not_implemented(self, server, method):
        assert 501 == server.ask(options(server.client, method=method)).code

    def test_ack_is_never_answered(self, server):
        server.send(options(server.client, method="ACK"))
        server.wait_for("ACK gets no answer")
        assert server.is_well()

    def test_vias_come_back_as_they_were(self, server):
        """Also those that the parser would write in another form."""
        top = 'SIP / 2.0 / UDP {}:{};x="a,b";branch=z9hG4bK*a\'b'.format(*server.client.getsockname())
        below = "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK~,SIP/2.0/UDP [2001:db8::1]"
        answer = server.ask(options(server.client, via=f"v: {top} ,{below}"))
        assert [top, *below.split(",")] == answer.headers.getlist("Via")

    def test_rport_is_filled_in_and_answered_to(self, server):
        """RFC 3581: the answer goes to the source of the request."""
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
        """They are odd, and valid (RFC 4475)."""
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


class TestSipsak:
    def test_it_gets_its_answer(self, server, need):
        """An independent client gets an answer."""
        command = [need("sipsak"), "-vv", "-s", f"sip:test@{server.text}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)
        assert 0 == result.returncode, result.stdout
        assert "SIP/2.0 200 OK" in result.stdout
