"""The example server with modules that fail."""

from __future__ import annotations

import pytest
from example_server import options, ringing

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

    @pytest.mark.parametrize(("command", "error"), [("fail", "ZeroDivisionError"), ("say_nothing", "TypeError")])
    def test_a_command_that_fails_gives_500(self, faulty, command, error):
        """The failure is reported and counted, and the server goes on."""
        server = faulty(command)
        for _ in range(2):
            answer = server.ask(options(server.client))
            assert (500, "Server Internal Error") == (answer.code, answer.phrase)
        server.wait_for(": the request route failed for OPTIONS")
        server.wait_for(error)
        assert 0 == server.end()
        counts = server.counts()
        assert (2, 2, 2) == (counts["requests"], counts["answered"], counts["errors"])

    def test_a_command_that_takes_away_what_the_answer_needs(self, faulty):
        """The server cannot even answer with 500, and goes on."""
        server = faulty("spoil")
        server.send(options(server.client))
        server.wait_for("could not be handled")
        assert 0 == server.end()
        assert 0 == server.counts()["answered"]

    def test_a_response_function_that_fails(self, faulty):
        """The reply is not forwarded, and the server goes on."""
        server = faulty("fail")
        server.send(ringing(server.text, "{}:{}".format(*server.client.getsockname())))
        server.wait_for("could not be handled")
        assert server.is_well()
        assert 0 == server.end()
        counts = server.counts()
        assert (1, 0, 2) == (counts["replies"], counts["forwarded"], counts["errors"])
