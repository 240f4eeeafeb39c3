"""`where=` is the place in the script: every error of a configuration begins with it."""

from __future__ import annotations

import pytest
from making import make_exports
from travelling import pickled

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    FixupError,
    InterfaceWarning,
    Lifecycle,
    ParamExport,
    Registry,
    SermodError,
)

PLACE = "ser.cfg:7"


def refuse(param, _param_no):
    raise ValueError(f"no {param}")


@pytest.fixture
def core():
    core = Registry()
    core.register(
        make_exports(
            "foobar",
            CmdExport("foo", lambda msg, a: 1, 1, refuse, REQUEST_ROUTE),
            ParamExport("bar", INT_PARAM, Cell(0)),
        )
    )
    return core


CALLS = {
    "load": lambda core: core.load("nowhere", where=PLACE),
    "register": lambda core: core.register(make_exports("foobar"), where=PLACE),
    "broken exports": lambda core: core.register(make_exports("x", CmdExport("y")), where=PLACE),
    "set_param, module": lambda core: core.set_param("fobar", "bar", 1, where=PLACE),
    "set_param, name": lambda core: core.set_param("foobar", "baz", 1, where=PLACE),
    "set_param, type": lambda core: core.set_param("foobar", "bar", "x", where=PLACE),
    "set_param, value": lambda core: core.set_param("foobar", "bar", 2**40, where=PLACE),
    "modparam": lambda core: core.modparam("x.*", "bar", 1, where=PLACE),
    "modparam, pattern": lambda core: core.modparam("(", "bar", 1, where=PLACE),
    "bind, name": lambda core: core.bind("fo", route=REQUEST_ROUTE, where=PLACE),
    "bind, number": lambda core: core.bind("foo", route=REQUEST_ROUTE, where=PLACE),
    "bind, route": lambda core: core.bind("foo", "a", route=REPLY_ROUTE, where=PLACE),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestEachCall:
    def test_its_error_begins_with_the_place(self, core, call):
        with pytest.raises(SermodError) as caught:
            call(core)

        assert str(caught.value).startswith(f"{PLACE}: ")
        assert PLACE == caught.value.where

    def test_the_place_survives_pickling_and_is_there_once(self, core, call):
        with pytest.raises(SermodError) as caught:
            call(core)

        copy = pickled(caught.value)
        assert (str(caught.value), PLACE) == (str(copy), copy.where)
        assert 1 == str(copy).count(PLACE)

    def test_it_is_collected_with_its_place(self, core, call):
        with pytest.raises(ExceptionGroup) as caught, core.collect_errors():
            call(core)

        (error,) = caught.value.exceptions
        assert str(error).startswith(f"{PLACE}: ")


def test_without_a_place_nothing_is_put_in_front(core):
    with pytest.raises(SermodError) as caught:
        core.set_param("foobar", "baz", 1)

    assert str(caught.value).startswith("module 'foobar' has no parameter")
    assert caught.value.where is None


def test_a_warning_of_registration_begins_with_it():
    unreachable = make_exports("m", CmdExport("c", lambda msg: 1, 7, 0, REQUEST_ROUTE))

    with pytest.warns(InterfaceWarning, match=rf"^{PLACE}: module 'm'") as caught:
        Registry().register(unreachable, where=PLACE)

    assert PLACE == caught[0].message.where


def test_the_error_of_a_fixup_begins_with_the_place_of_the_call(core):
    core.bind("foo", "a", route=REQUEST_ROUTE, where=PLACE)

    with pytest.raises(FixupError) as caught:
        Lifecycle(core).init()

    assert f"{PLACE}: foo(\"a\") of module 'foobar': the fixup refuses parameter 1, 'a': no a" == str(caught.value)
    assert PLACE == caught.value.where
