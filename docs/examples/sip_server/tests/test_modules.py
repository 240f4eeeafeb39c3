"""Each module of the server alone: no server, no socket, no other module."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sermod import REPLY_ROUTE, REQUEST_ROUTE, FixupError, ModuleInitError
from sermod.testing import ModuleHarness, check_module

MODULES = Path(__file__).parents[1] / "modules"


def request(method: str = "OPTIONS", max_forwards: int | None = 70) -> Any:
    """Return a request with what the modules use of one."""
    replies: list[tuple[int, str]] = []
    headers: dict[str, str] = {}

    def reply(code: int, phrase: str) -> None:
        replies.append((code, phrase))

    return SimpleNamespace(
        method=method,
        max_forwards=max_forwards,
        append_to_reply=headers.__setitem__,
        reply=reply,
        headers=headers,
        replies=replies,
    )


class TestMaxfwd:
    @pytest.mark.parametrize(
        ("before", "result", "after"), [(None, 1, 10), (70, 1, 69), (1, 1, 0), (0, -1, 0), (255, 1, 254)]
    )
    def test_it_adds_or_decrements_the_header(self, before: int | None, result: int, after: int) -> None:
        """It returns false where no hops are left."""
        msg = request(max_forwards=before)
        with ModuleHarness(MODULES / "maxfwd.py") as harness:
            assert result == harness.call("mf_process_maxfwd_header", "10", msg=msg, route=REQUEST_ROUTE)
        assert after == msg.max_forwards

    @pytest.mark.parametrize("limit", ["256", "-1", "ten", ""])
    def test_an_invalid_limit_is_refused_at_the_start(self, limit: str) -> None:
        """The error has the range."""
        with ModuleHarness(MODULES / "maxfwd.py") as harness, pytest.raises(FixupError, match="from 0 to 255"):
            harness.call("mf_process_maxfwd_header", limit, msg=request(), route=REQUEST_ROUTE)


class TestSl:
    def test_it_answers(self) -> None:
        """The fixup has made a number of the text in the script."""
        msg = request()
        with ModuleHarness(MODULES / "sl.py") as harness:
            assert 1 == harness.call("sl_send_reply", "483", "Too Many Hops", msg=msg, route=REQUEST_ROUTE)
        assert [(483, "Too Many Hops")] == msg.replies

    def test_a_provisional_code_is_refused(self) -> None:
        """Only a final reply is stateless."""
        with ModuleHarness(MODULES / "sl.py") as harness, pytest.raises(FixupError, match="from 200 to 699"):
            harness.call("sl_send_reply", "180", "Ringing", msg=request(), route=REQUEST_ROUTE)


class TestOptions:
    @pytest.mark.parametrize(
        ("method", "reply", "allow"),
        [("OPTIONS", (200, "OK"), "OPTIONS"), ("INVITE", (501, "Not Implemented"), None)],
    )
    def test_it_answers_options_alone(self, method: str, reply: tuple[int, str], allow: str | None) -> None:
        """A stand-in sends the replies: the module needs nothing else of module sl."""
        sent: list[tuple[int, str]] = []

        def send_reply(_msg: object, code: int, phrase: str) -> int:
            sent.append((code, phrase))
            return 1

        harness = ModuleHarness(MODULES / "options.py")
        harness.provide("sl_send_reply", 2, send_reply)
        with harness:
            msg = request(method)
            assert 1 == harness.call("options_reply", msg=msg, route=REQUEST_ROUTE)
        assert [reply] == sent
        assert allow == msg.headers.get("Allow")

    def test_it_does_not_start_without_sl(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It prints which module is missing."""
        with pytest.raises(ModuleInitError), ModuleHarness(MODULES / "options.py"):
            pass
        assert "options: sl_send_reply is missing; load module sl\n" == capsys.readouterr().out


class TestAgents:
    @pytest.mark.parametrize(
        ("agent", "forwarded"), [("friendly-scanner/1.8", False), ("a telephone", True), (None, True)]
    )
    def test_replies_of_banned_software_are_dropped(self, agent: str | None, forwarded: bool) -> None:
        """The parameter is a regular expression that ignores case."""
        with ModuleHarness(MODULES / "agents.py", params={"banned": "Friendly-Scanner|sipvicious"}) as harness:
            assert forwarded == harness.reply(SimpleNamespace(agent=agent))

    def test_it_hides_the_software(self) -> None:
        """Both headers that name software are removed."""
        removed: list[str] = []
        msg = SimpleNamespace(headers=SimpleNamespace(remove=removed.append))
        with ModuleHarness(MODULES / "agents.py") as harness:
            assert 1 == harness.call("hide_agent", msg=msg, route=REPLY_ROUTE)
        assert ["Server", "User-Agent"] == removed


@pytest.mark.parametrize("module", ["maxfwd", "sl", "agents", "foobar"])
def test_the_interface_is_kept(module: str) -> None:
    """The ready-made checks find no problem."""
    results = check_module(MODULES / f"{module}.py")
    assert [] == [str(result) for result in results if not result.ok]
