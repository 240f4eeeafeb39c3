"""Coroutine functions that are never awaited: they have not run, and sermod says so at once."""

from __future__ import annotations

import pytest
from making import make_exports

from sermod import REQUEST_ROUTE, CmdExport, CommandResultError, FixupError, Lifecycle, Registry


async def coroutine_function(*_arguments):
    """Would do something, if it were awaited."""


def initialised(**hooks):
    core = Registry()
    core.register(make_exports("m", **hooks))
    life = Lifecycle(core)
    life.init()
    return life


def test_an_onbreak_function_that_is_one_is_refused():
    """`run_route` says that the hook has not run; its asynchronous twin awaits it."""
    life = initialised(onbreak_f=coroutine_function)

    with pytest.raises(CommandResultError, match=r"^onbreak_f of module 'm' is a coroutine function and has not run"):
        life.run_route(lambda _msg: 0, "msg")


def test_a_clean_up_function_that_is_one_is_refused():
    """The error comes out with the other errors of the clean-up."""
    life = initialised(destroy_f=coroutine_function)

    with pytest.raises(ExceptionGroup) as caught:
        life.destroy()

    (error,) = caught.value.exceptions
    assert isinstance(error, CommandResultError)
    assert ("m", "destroy_f") == (error.module, error.command)


def test_a_fixup_that_is_one_is_refused():
    """A coroutine is no fixed value."""
    core = Registry()
    core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, coroutine_function, REQUEST_ROUTE)))
    core.bind("c", "x", route=REQUEST_ROUTE)

    with pytest.raises(
        FixupError, match="for parameter 1, 'x', the fixup returned a coroutine, which is never awaited"
    ):
        Lifecycle(core).init()
