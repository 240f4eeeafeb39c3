"""The specification, section 1.8, Example - Simple Module Interface: it carries over line by line, and runs."""

from __future__ import annotations

import pytest

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Lifecycle,
    LoadError,
    ModuleInitError,
    Registry,
    RouteError,
)

FOOBAR = """
from sermod import INT_PARAM, REQUEST_ROUTE, STR_PARAM, CmdExport, ModuleExports, ParamExport, pointer_to

def foo_req(msg, param1, param2):
    print(f"foo_req({param1}, {param2}) of {msg}: {foo_bar}, {bar_foo}")
    return 1

def foo_int(msg, param1, param2):
    return 1

cmds = [
    CmdExport("foo_req", foo_req, 2, 0, REQUEST_ROUTE),
    CmdExport("foo_int", foo_int, 2, 0, 0),
    CmdExport(0, 0, 0, 0),
]

foo_bar = 0
bar_foo = "default value"

params = [
    ParamExport("foo_bar", INT_PARAM, pointer_to(globals(), "foo_bar")),
    ParamExport("bar_foo", STR_PARAM, pointer_to(globals(), "bar_foo")),
    ParamExport(0, 0, 0),
]

def mod_init():
    print("foo module initializing")

def child_init(rank):
    print(f"child nr. {rank} initializing")
    return 0

def destroy():
    print("foo module cleaning up")

exports = ModuleExports(
    "foobar",    # Module name
    cmds,        # Exported functions
    params,      # Exported parameters
    mod_init,    # Module initialization function
    0,           # Response function
    destroy,     # Clean-up function
    0,           # On Cancel function
    child_init,  # Per-child init function
)
"""


@pytest.fixture
def core(tmp_path):
    """Give a registry that has loaded the example."""
    (tmp_path / "foobar.py").write_text(FOOBAR)
    core = Registry(path=[tmp_path])
    core.load("foobar")
    return core


def loaded(tmp_path, old, new):
    """Return a registry that has loaded the example with a change."""
    assert old in FOOBAR
    (tmp_path / "changed.py").write_text(FOOBAR.replace(old, new))
    core = Registry(path=[tmp_path])
    core.load("changed")
    return core


def test_one_function_is_for_requests_and_the_other_internal(core):
    """Section 1.8.

    > The module will export two functions - `foo_req` which will be processing SIP requests and `foo_int` which is an
    > internal function that can be called by other modules only.
    """
    assert ["foo_req", "foo_int"] == [command.name for command in core.find_module("foobar").exports.commands]
    assert "foobar" == core.bind("foo_req", "a", "b", route=REQUEST_ROUTE).module
    with pytest.raises(RouteError, match="it can be used in REQUEST_ROUTE"):
        core.bind("foo_req", "a", "b", route=REPLY_ROUTE)
    with pytest.raises(RouteError, match="for other modules only"):
        core.bind("foo_int", "a", "b", route=REQUEST_ROUTE)
    assert 1 == core.find_export("foo_int", 2).function("msg", "a", "b")


def test_both_functions_take_two_parameters(core):
    """Section 1.8.

    > Both functions will take 2 parameters.
    """
    assert [2, 2] == [command.param_no for command in core.find_module("foobar").exports.commands]


def test_two_parameters_of_two_types(core):
    """Section 1.8.

    > The module will also have two parameters, `foo_bar` of type integer and `bar_foo` of type string.
    """
    assert 0 == core.find_param("foobar", "foo_bar", INT_PARAM).param_pointer.load()
    assert "default value" == core.find_param("foobar", "bar_foo", STR_PARAM).param_pointer.load()
    core.set_param("foobar", "foo_bar", 5)
    core.set_param("foobar", "bar_foo", "other value")
    assert 5 == core.find_param("foobar", "foo_bar", INT_PARAM).param_pointer.load()
    assert "other value" == core.find_param("foobar", "bar_foo", STR_PARAM).param_pointer.load()


def test_both_initialization_functions_and_clean_up(core, capsys):
    """Section 1.8.

    > We will also create both initialization functions and a clean-up function
    """
    with Lifecycle(core) as life:
        life.init_child(1)
        life.init_child(2)

    assert [
        "foo module initializing",
        "child nr. 1 initializing",
        "child nr. 2 initializing",
        "foo module cleaning up",
    ] == capsys.readouterr().out.splitlines()


def test_everything_is_put_into_the_exports_structure(core, capsys):
    """Section 1.8.

    > And finally we put everything into the exports structure

    > And that's it.
    """
    core.set_param("foobar", "foo_bar", 5)
    route = [core.bind("foo_req", "a", "b", route=REQUEST_ROUTE)]
    with Lifecycle(core) as life:
        life.init_child(1)
        assert 1 == life.run_route(route, "INVITE")
        assert life.process_reply("200 OK") is True

    assert [
        "foo module initializing",
        "child nr. 1 initializing",
        "foo_req(a, b) of INVITE: 5, default value",
        "foo module cleaning up",
    ] == capsys.readouterr().out.splitlines()


def test_slip_the_flag_of_another_name(tmp_path):
    """Section 1.8.

    > {"foo_req", foo_req, 2, 0, ROUTE_REQUEST},

    The text of the specification calls it REQUEST_ROUTE, and so does the core.
    """
    with pytest.raises(LoadError, match="name 'ROUTE_REQUEST' is not defined"):
        loaded(tmp_path, "2, 0, REQUEST_ROUTE", "2, 0, ROUTE_REQUEST")


def test_slip_the_value_in_the_place_of_its_address(tmp_path):
    """Section 1.8.

    > {"bar_foo", STR_PARAM, bar_foo },

    A C compiler takes it, and the core would write into the string.
    """
    with pytest.raises(LoadError, match=r"ParamExport\.param_pointer: takes a Pointer, such as pointer_to\(\) returns"):
        loaded(tmp_path, 'pointer_to(globals(), "bar_foo")', "bar_foo")


def test_slip_an_initialization_function_without_a_return(tmp_path):
    r"""Section 1.8.

    > static int mod_init(void) { printf("foo module initializing\n"); }

    In C its result is whatever was there; in Python it is None, which is success. A forgotten value is not.
    """
    Lifecycle(loaded(tmp_path, "", "")).init()
    core = loaded(tmp_path, '    print("foo module initializing")', '    return "done"')
    with pytest.raises(ModuleInitError, match="returned 'done'"):
        Lifecycle(core).init()


@pytest.mark.parametrize("terminator", ["CmdExport(0, 0, 0, 0)", "CmdExport(0, 0, 0, 0, 0)", "CmdExport()"])
def test_slip_a_short_terminator(tmp_path, terminator):
    """Section 1.8.

    > {0, 0, 0, 0}

    What is left out of an initialiser is 0, as in C.
    """
    core = loaded(tmp_path, "CmdExport(0, 0, 0, 0)", terminator)

    assert 2 == len(core.find_module("foobar").exports.commands)
    assert () == core.find_module("foobar").problems
