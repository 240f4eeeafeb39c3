"""The replies that the example server forwards, and those that it drops."""

from __future__ import annotations

import pytest
import sipmessage
from example_server import new_socket, ringing


class TestReplies:
    def test_the_reply_to_a_forwarded_request_is_forwarded(self, server):
        """The server removes its Via and the name of the software, and leaves the body as it is."""
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
