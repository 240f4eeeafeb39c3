"""The specification, section 1.2, Exporting Functions: the number of parameters, the fixup and the flags."""

from __future__ import annotations

import re

import pytest
from making import Journal

from sermod import (
    REPLY_ROUTE,
    REQUEST_ROUTE,
    CmdExport,
    FixupError,
    InterfaceWarning,
    Lifecycle,
    ModuleExports,
    ParamCountError,
    Registry,
    RouteError,
    RouteFlag,
    find_export,
    find_problems,
)

NULL = CmdExport(0, 0, 0, 0, 0)
BOTH = REQUEST_ROUTE | REPLY_ROUTE


def foo(msg, p1=None, p2=None):
    return 1


def server(*cmds):
    """Return a registry of one module with these commands."""
    core = Registry()
    core.register(ModuleExports("m", [*cmds, NULL]))
    return core


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_function_has_0_1_or_2_parameters(count):
    """Section 1.2, `param_no`.

    > Number of parameters of the function. It can be 0, 1 or 2.
    """
    core = server(CmdExport("foo", foo, count, 0, REQUEST_ROUTE))

    assert count == core.bind("foo", *"ab"[:count], route=REQUEST_ROUTE).export.param_no
    with pytest.raises(ParamCountError, match=f"takes {count} parameters?"):
        core.bind("foo", *"abc"[: count + 1], route=REQUEST_ROUTE)


@pytest.mark.parametrize("count", [-1, 3, 100])
def test_another_number_hides_it_from_the_script(count):
    """Section 1.2, `param_no`.

    > The function will be not visible from the configuration script if you use another value.

    Other modules see it all the same.
    """
    command = CmdExport("foo", foo, count, 0, REQUEST_ROUTE)
    with pytest.warns(InterfaceWarning, match="unreachable-command"):
        core = server(command)

    for given in range(4):
        with pytest.raises(ParamCountError, match="a script can only write calls with 0, 1 or 2 parameters"):
            core.bind("foo", *"abc"[:given], route=REQUEST_ROUTE)
    assert command is core.find_export("foo", count)


def test_a_fixup_is_not_needed():
    """Section 1.2, `fixup`.

    > This is the function that will be used to "fixup" function parameters. Set this field to 0 if you don't need this.
    """
    core = server(CmdExport("foo", lambda msg, a: (msg, a), 1, 0, REQUEST_ROUTE))
    call = core.bind("foo", "5", route=REQUEST_ROUTE)
    with Lifecycle(core):
        assert ("msg", "5") == call.run("msg")


def test_a_fixup_is_called_for_each_occurrence():
    """Section 1.2, `fixup`.

    > If you provide pointer to a fixup function in this field, the fixup function will be called for each occurrence of
    > the exported function in the configuration script.

    It is called for each parameter of each occurrence, and for none where the script does not use the function.
    """
    journal = Journal()
    core = server(
        CmdExport("foo", foo, 2, journal.hook("foo", returns=1), REQUEST_ROUTE),
        CmdExport("unused", foo, 2, journal.hook("unused", returns=1), REQUEST_ROUTE),
    )
    for first, second in ("ab", "cd", "ab"):
        core.bind("foo", first, second, route=REQUEST_ROUTE)
    with Lifecycle(core):
        pass

    once = [("foo", "a", 1), ("foo", "b", 2)]
    assert [*once, ("foo", "c", 1), ("foo", "d", 2), *once] == journal


def test_a_regular_expression_is_compiled_by_a_fixup():
    """Section 1.2, `fixup`.

    > The fixup function can be used to perform some operation on the function parameters. For example, if one of the
    > parameters is a regular expression, you can use the fixup to compile the regular expression.

    One that is none stops the start.
    """
    compile_it = CmdExport("search", foo, 1, lambda param, number: re.compile(param), REQUEST_ROUTE)
    core = server(compile_it)
    call = core.bind("search", "^sip:", route=REQUEST_ROUTE)
    with Lifecycle(core):
        assert (re.compile("^sip:"),) == call.fixed

    core = server(compile_it)
    core.bind("search", "(", route=REQUEST_ROUTE)
    with pytest.raises(FixupError):
        Lifecycle(core).init()


def test_fixups_are_called_once_upon_startup():
    """Section 1.2, `fixup`.

    > The fixup functions are called only once - upon the server startup and so the regular expression will be compiled
    > before the server starts processing messages. When the server calls the exported function to process a SIP
    > message, the function will be given the already compiled regular expression and doesn't have to compile it again.
    """
    journal = Journal()

    def fixup(param, number):
        journal.append(("compiled", param))
        return re.compile(param)

    def search(msg, pattern):
        journal.append(("searched", msg, pattern.search(msg) is not None))
        return 1

    core = server(CmdExport("search", search, 1, fixup, REQUEST_ROUTE))
    route = [core.bind("search", "^sip:", route=REQUEST_ROUTE)]
    with Lifecycle(core) as life:
        journal.append("started")
        life.run_route(route, "sip:a@b")
        life.run_route(route, "tel:1")

    assert [("compiled", "^sip:"), "started", ("searched", "sip:a@b", True), ("searched", "tel:1", False)] == journal


@pytest.mark.parametrize("number", [5, 5.0, True, None])
def test_the_script_passes_strings_only(number):
    """Section 1.2, `fixup`.

    > the exported functions accept up to 2 parameters of type `char*`. Because of that it is not possible to pass
    > integer parameters from the script files directly. If you want to pass an integer as a parameter, you must pass it
    > as string
    """
    core = server(CmdExport("foo", foo, 1, 0, REQUEST_ROUTE))
    with pytest.raises(TypeError, match=r"must be a str, as written in a script"):
        core.bind("foo", number, route=REQUEST_ROUTE)

    assert ("5",) == core.bind("foo", "5", route=REQUEST_ROUTE).params


def test_a_fixup_converts_the_string_back_to_an_integer():
    """Section 1.2, `fixup`.

    > Fixup function can be used to convert the string back to integer.

    > Fixup is therefore ideal place for the conversion, it will be converted upon the server startup before the server
    > starts processing SIP messages. After the conversion the function will get directly the converted value.
    """
    core = server(CmdExport("add", lambda msg, a, b: a + b, 2, lambda param, number: int(param), REQUEST_ROUTE))
    route = [core.bind("add", "5", "37", route=REQUEST_ROUTE)]
    with Lifecycle(core) as life:
        assert 42 == life.run_route(route, "msg")


def test_a_function_may_be_for_other_modules_only():
    """Section 1.2, `flags`.

    > Usage of each function can be restricted. You may want to write a function that can be used by other modules but
    > cannot be called from the script.

    > If this field is set to 0, then the function can be called internally (i.e. from other modules) only.
    """
    found = []
    core = server(CmdExport("foo_int", lambda a, b: a + b, 2, 0, 0))
    core.register(ModuleExports("other", 0, 0, lambda: found.append(find_export("foo_int", 2))))
    for route in (REQUEST_ROUTE, REPLY_ROUTE, BOTH):
        with pytest.raises(RouteError, match="for other modules only, and no script can call it"):
            core.bind("foo_int", "a", "b", route=route)
    with Lifecycle(core):
        assert 3 == found[0].function(1, 2)


def test_a_function_may_be_for_requests_only_or_for_replies_only():
    """Section 1.2, `flags`.

    > If you write a function that is supposed to process SIP requests only, you may want to restrict it so it will be
    > never called for SIP replies and vice versa.
    """
    core = server(CmdExport("request", foo, 0, 0, REQUEST_ROUTE), CmdExport("reply", foo, 0, 0, REPLY_ROUTE))

    for name, wrong in (("request", REPLY_ROUTE), ("reply", REQUEST_ROUTE)):
        for route in (wrong, BOTH):
            with pytest.raises(RouteError, match="cannot be used in"):
                core.bind(name, route=route)


def test_the_flags_are_an_or_value():
    """Section 1.2, `flags`.

    > This field is OR value of different flags.
    """
    assert RouteFlag(3) == CmdExport("foo", foo, 0, 0, REQUEST_ROUTE | REPLY_ROUTE).flags
    assert isinstance(CmdExport("foo", foo, 0, 0, 1).flags, RouteFlag)


def test_two_flags_are_defined():
    """Section 1.2, `flags`.

    > Currently only `REQUEST_ROUTE` and `REPLY_ROUTE` flags are defined and used by the core.

    Others survive, since later cores define them, and are told.
    """
    assert [REQUEST_ROUTE, REPLY_ROUTE] == list(RouteFlag)
    command = CmdExport("foo", foo, 0, 0, REQUEST_ROUTE | 4)
    assert 5 == command.flags
    assert ["unknown-flag"] == [found.code for found in find_problems(ModuleExports("m", [command, NULL]))]


def test_request_route_is_for_the_main_route_block():
    """Section 1.2, `flags`.

    > If you use `REQUEST_ROUTE` flag, then the function can be called from the main route block.
    """
    core = server(CmdExport("foo", foo, 0, 0, REQUEST_ROUTE))

    assert REQUEST_ROUTE == core.bind("foo", route=REQUEST_ROUTE).route


def test_reply_route_is_for_reply_route_blocks():
    """Section 1.2, `flags`.

    > If you use `REPLY_ROUTE` flag, then the function can be called from reply route blocks
    """
    core = server(CmdExport("foo", foo, 0, 0, REPLY_ROUTE))

    assert REPLY_ROUTE == core.bind("foo", route=REPLY_ROUTE).route


def test_both_flags_are_for_anywhere_in_the_script():
    """Section 1.2, `flags`.

    > If you want to make your function callable anywhere in the script, you can use `REQUEST_ROUTE | REPLY_ROUTE`.
    """
    core = server(CmdExport("foo", foo, 0, 0, REQUEST_ROUTE | REPLY_ROUTE))

    for route in (REQUEST_ROUTE, REPLY_ROUTE, BOTH):
        assert route == core.bind("foo", route=route).route
