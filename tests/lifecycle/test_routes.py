"""What can be run as a route: anything else is an error that says how to write one."""

from __future__ import annotations

import asyncio
import re

import pytest
from making import make_exports

from sermod import REQUEST_ROUTE, CmdExport, Lifecycle, Registry


def life_with(function=lambda msg: 1, **hooks):
    core = Registry()
    core.register(make_exports("m", CmdExport("c", function, 0, 0, REQUEST_ROUTE), **hooks))
    action = core.bind("c", route=REQUEST_ROUTE, where="ser.cfg:5")
    life = Lifecycle(core)
    life.init()
    return life, action


def run(life, route, how):
    return life.run_route(route, "m") if how == "run_route" else asyncio.run(life.run_route_async(route, "m"))


both = pytest.mark.parametrize("how", ["run_route", "run_route_async"])


@both
class TestRefused:
    def test_names_instead_of_calls(self, how):
        life, _ = life_with()

        with pytest.raises(TypeError, match=r"bound calls \(got 'c', a str, in it\); bind each call"):
            run(life, ["c"], how)

    def test_one_call(self, how):
        life, action = life_with()

        with pytest.raises(TypeError, match=re.escape("(got one call, c() at ser.cfg:5); write [action]")):
            run(life, action, how)

    def test_nothing_to_iterate_over(self, how):
        life, _ = life_with()

        with pytest.raises(TypeError, match=r"or a function of the message \(got None, a NoneType\)"):
            run(life, None, how)

    @pytest.mark.parametrize(
        "make",
        [iter, lambda calls: (each for each in calls), lambda calls: map(id, calls)],
        ids=["iter", "generator", "map"],
    )
    def test_an_iterator(self, how, make):
        """It would be empty for the second message."""
        life, action = life_with()

        with pytest.raises(TypeError, match="runs for every message, and an iterator only once"):
            run(life, make([action]), how)


@both
class TestRun:
    @pytest.mark.parametrize(
        "make",
        [list, tuple, lambda calls: {calls[0]: None}, lambda calls: {*calls}],
        ids=["list", "tuple", "dict", "set"],
    )
    def test_what_can_be_iterated_over_again(self, how, make):
        life, action = life_with()
        route = make([action])

        assert [1, 1] == [run(life, route, how), run(life, route, how)]


@both
class TestForgottenInitChild:
    """The note on an exception says that no `init_child_f` has run."""

    def broken(self, msg):
        raise AttributeError("'NoneType' object has no attribute 'execute'")

    def test_the_note_says_so(self, how):
        life, action = life_with(self.broken, init_child_f=lambda rank: 0)

        with pytest.raises(AttributeError) as caught:
            run(life, [action], how)

        (note,) = caught.value.__notes__
        assert note.startswith("in c() at ser.cfg:5, module 'm'; this process was initialised for no rank")

    def test_after_init_child_it_does_not(self, how):
        life, action = life_with(self.broken, init_child_f=lambda rank: 0)
        life.init_child(1)

        with pytest.raises(AttributeError) as caught:
            run(life, [action], how)

        assert ["in c() at ser.cfg:5, module 'm'"] == caught.value.__notes__

    def test_where_no_module_has_one_it_does_not(self, how):
        life, action = life_with(self.broken)

        with pytest.raises(AttributeError) as caught:
            run(life, [action], how)

        assert ["in c() at ser.cfg:5, module 'm'"] == caught.value.__notes__
