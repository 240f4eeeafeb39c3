"""Two registries in one process never see each other's modules."""

from __future__ import annotations

import pytest
from making import contents, make_exports

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    Lifecycle,
    ParamExport,
    Registry,
    UnknownCommandError,
    UnknownModuleError,
)

MODULE = """
from sermod import *

level = 0
messages = []

def show(msg):
    messages.append(msg)
    return level + 1

exports = ModuleExports(
    "shown",
    null_terminated(CmdExport("show", show, 0, 0, REQUEST_ROUTE)),
    null_terminated(ParamExport("level", INT_PARAM, pointer_to(globals(), "level"))),
)
"""


@pytest.fixture
def cores():
    return Registry(), Registry()


def test_a_module_of_one_is_unknown_to_the_other(cores):
    """No look-up finds it: not by its name, nor its commands, nor its parameters."""
    one, other = cores
    one.register(
        make_exports("m", CmdExport("c", lambda msg: 1, 0, 0, REQUEST_ROUTE), ParamExport("p", INT_PARAM, Cell(0)))
    )

    assert 0 == len(other)
    assert "m" not in other
    assert other.find_module("m") is None
    assert other.find_export("c", 0) is None
    assert other.find_param("m", "p", INT_PARAM) is None
    with pytest.raises(UnknownCommandError):
        other.bind("c", route=REQUEST_ROUTE)
    with pytest.raises(UnknownModuleError):
        other.set_param("m", "p", 1)
    with pytest.raises(UnknownModuleError):
        other.modparam(".*", "p", 1)
    assert 0 == one.find_param("m", "p", INT_PARAM).param_pointer.load()


def test_both_may_have_modules_and_commands_of_one_name(cores):
    """What would be a duplicate or a shadow in one registry is none in two."""
    actions = []
    for number, core in enumerate(cores):
        core.register(make_exports("m", CmdExport("c", lambda msg, number=number: number, 0, 0, REQUEST_ROUTE)))
        actions.append(core.bind("c", route=REQUEST_ROUTE))

    with Lifecycle(cores[0]), Lifecycle(cores[1]):
        assert [0, 1] == [action.run("msg") for action in actions]


def test_a_file_is_executed_anew_for_each(tmp_path):
    """So each has variables of its own."""
    (tmp_path / "shown.py").write_text(MODULE)
    cores = [Registry(path=[tmp_path]) for _ in range(2)]
    modules = [core.load("shown") for core in cores]
    cores[0].set_param("shown", "level", 5)
    actions = [core.bind("show", route=REQUEST_ROUTE) for core in cores]

    assert modules[0].origin == modules[1].origin
    assert modules[0].exports.commands[0].function is not modules[1].exports.commands[0].function
    with Lifecycle(cores[0]) as first, Lifecycle(cores[1]) as second:
        assert 6 == first.run_route([actions[0]], "a")
        assert 1 == second.run_route([actions[1]], "b")
    functions = [module.exports.commands[0].function for module in modules]
    assert [["a"], ["b"]] == [function.__globals__["messages"] for function in functions]


def test_the_same_exports_in_both_share_their_variables(cores):
    """As one object does."""
    exports = make_exports("m", ParamExport("p", INT_PARAM, Cell(0)))
    for core in cores:
        core.register(exports)
    cores[0].set_param("m", "p", 5)

    assert 5 == cores[1].find_param("m", "p", INT_PARAM).param_pointer.load()


def test_one_is_used_while_the_other_is_initialised(cores):
    """An init_f of one configures the other: neither is disturbed, and neither sees the other's modules."""
    one, other = cores
    seen = []

    def init():
        before = contents(one)
        module = other.register(make_exports("late", CmdExport("c", lambda msg: 1, 0, 0, REQUEST_ROUTE)))
        action = other.bind("c", route=REQUEST_ROUTE)
        seen.append(module)
        assert before == contents(one)
        assert one.find_export("c", 0) is None
        assert other.find_export("own", 0) is None
        with Lifecycle(other) as life:
            assert 1 == life.run_route([action], "msg")

    one.register(make_exports("m", CmdExport("own", lambda msg: 1), init_f=init))
    with Lifecycle(one):
        assert seen == list(other)
        assert ["m"] == [module.name for module in one]


def test_the_life_of_one_does_not_close_the_other(cores):
    """Configuration is over for a registry only when its own life begins."""
    one, other = cores
    with Lifecycle(one):
        assert "m" == other.register(make_exports("m")).name


def test_a_module_in_each_is_equal_to_itself_only(cores):
    """The same exports in two registries are two modules, and each can be a key."""
    exports = make_exports("shared")
    one, other = [core.register(exports) for core in cores]
    assert one != other
    assert {one: 1, other: 2}[one] == 1
