"""`Lifecycle.process_reply`: each `response_f`, newest module first, until one says to drop the reply."""

from __future__ import annotations

import enum

import pytest
from making import Journal, make_exports

from sermod import CommandResultError, Lifecycle, Registry


class Verdict(enum.IntEnum):
    DROP = 0
    FORWARD = 1


@pytest.fixture
def journal():
    return Journal()


def server(journal, results):
    """Return an initialised lifecycle of modules whose response functions return *results*."""
    core = Registry()
    for name, result in results.items():
        core.register(make_exports(name, response_f=journal.hook(name, returns=result)))
    core.register(make_exports("without"))
    life = Lifecycle(core)
    life.init()
    return life


@pytest.mark.parametrize("result", [1, -1, 100, Verdict.FORWARD], ids=repr)
def test_a_reply_is_forwarded_where_no_function_drops_it(journal, result):
    """Each is asked, the newest first."""
    life = server(journal, dict.fromkeys("abc", result))

    assert life.process_reply("reply") is True
    assert [("c", "reply"), ("b", "reply"), ("a", "reply")] == journal


@pytest.mark.parametrize("result", [0, Verdict.DROP], ids=repr)
def test_the_first_0_drops_it_and_the_rest_are_not_asked(journal, result):
    """The rest are the older modules."""
    life = server(journal, {"a": 1, "b": result, "c": 1})

    assert life.process_reply("reply") is False
    assert [("c", "reply"), ("b", "reply")] == journal


def test_without_a_response_function_every_reply_is_forwarded(journal):
    """There is no function to ask."""
    assert server(journal, {}).process_reply("reply") is True
    assert [] == journal


@pytest.mark.parametrize("value", [True, False, None, "0", 0.0], ids=repr)
def test_what_is_no_result_is_refused(journal, value):
    """`False` would mean to drop the reply, and `None` is a forgotten return."""
    life = server(journal, {"a": 1, "b": value, "c": 1})
    with pytest.raises(CommandResultError) as caught:
        life.process_reply("reply")

    error = caught.value
    assert f"'response_f' of module 'b' returned {value!r}, which is not a result: return an int" in str(error)
    assert ("b", "response_f") == (error.module, error.command)
    assert value is error.value
    assert [("c", "reply"), ("b", "reply")] == journal


def test_a_coroutine_is_refused_and_closed(journal):
    """It does not warn later that it was never awaited."""
    core = Registry()

    async def response_f(msg):
        journal.append("ran")

    core.register(make_exports("m", response_f=response_f))
    with Lifecycle(core) as life, pytest.raises(CommandResultError) as caught:
        life.process_reply("reply")

    assert caught.value.value.cr_frame is None
    assert [] == journal


def test_an_exception_passes_on_and_the_rest_are_not_asked(journal):
    """Neither forwarding nor dropping is what the module said."""
    core = Registry()
    error = OSError("broken")
    core.register(make_exports("older", response_f=journal.hook("older", returns=1)))
    core.register(make_exports("newer", response_f=journal.hook("newer", raises=error)))
    with Lifecycle(core) as life, pytest.raises(OSError, match="broken") as caught:
        life.process_reply("reply")

    assert error is caught.value
    assert [("newer", "reply")] == journal
