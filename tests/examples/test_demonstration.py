"""The demonstration of the example server, which is started without arguments."""

from __future__ import annotations

import re

import pytest
from example_server import EXAMPLE, run


@pytest.fixture(scope="module")
def result():
    return run()


class TestDemonstration:
    def test_ends_by_itself_in_order(self, result):
        """Started without arguments it ends by itself, with status 0."""
        assert (0, "") == (result.returncode, result.stderr)
        assert "client: --- everything came back as expected\n" in result.stdout
        assert "malformed 1, keepalives 0, errors 0\n" in result.stdout.partition("server: in all: ")[2]

    def test_shows_the_order_of_the_module_functions(self, result):
        """The transcript has every function of the modules, in its place, and as often as it must run."""
        lines = result.stdout.splitlines()
        order = [
            "server: options: found sl_send_reply",
            "server: foo module initializing (foo_bar=5, bar_foo='set in server.toml')",
            "server: listening on 127.0.0.1:N with 4 children",
            "client: --- a good OPTIONS",
            'server: child N: mf_process_maxfwd_header("10") at server.toml:35 returned 1',
            "server: child N: options_reply() at server.toml:42 returned 1",
            "client: receives SIP/2.0 200 OK",
            'server: child N: sl_send_reply("483", "Too Many Hops") at server.toml:35 returned 1',
            "client: receives SIP/2.0 483 Too Many Hops",
            "client: receives SIP/2.0 501 Not Implemented",
            "client: receives SIP/2.0 180 Ringing",
            "server: child N: 180 is dropped by a module",
            "server: foo module cleaning up",
            "server: agents: cleaning up",
            "the server has ended in order",
        ]
        following = iter(re.sub(r"(child |127\.0\.0\.1:)\d+(?=: | with )", r"\1N", line) for line in lines)
        assert [] == [line for line in order if line not in following]
        assert 3 == lines.count("client: receives nothing")
        for once in ("foo module initializing", "foo module cleaning up"):
            assert 1 == sum(once in line for line in lines)

    def test_shows_the_children(self, result):
        """Each rank is initialised before the work begins, and more than one child works."""
        lines = result.stdout.splitlines()
        listening = lines.index(next(line for line in lines if line.startswith("server: listening on ")))
        for rank in (1, 2, 3, 4):
            assert [f"server: child nr. {rank} initializing"] == [
                line for line in lines[:listening] if line.startswith(f"server: child nr. {rank} ")
            ]
        answers = [
            line for line in lines if re.fullmatch(r"client: receives answers from .*\(child [1-4]\): \d+", line)
        ]
        assert 2 <= len(answers) <= 4
        assert 2 <= sum(bool(re.match(r"server: child [1-4]: received [1-9]", line)) for line in lines)

    def test_places_in_the_configuration_are_those_of_the_calls(self):
        lines = (EXAMPLE / "server.toml").read_text().splitlines()
        assert "mf_process_maxfwd_header" in lines[34]
        assert "options_reply" in lines[41]

    def test_fails_where_an_answer_is_another_one(self, configured):
        """The exit status is 1."""
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
        assert "client: UNEXPECTED: expected 483" in result.stdout
        assert "FAILED: an answer was not the expected one\n" in result.stdout

    def test_fails_where_the_server_does_not_start(self, configured):
        result = run("--config", configured("modules = ['nowhere']"))
        assert 1 == result.returncode
        assert "there is no module 'nowhere'" in result.stdout
        assert "FAILED: the server did not start (exit status 2)" in result.stdout
