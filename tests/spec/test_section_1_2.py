"""The specification, section 1.2, Exporting Functions: the array, the structure, its name and its function."""

from __future__ import annotations

import attrs
import pytest
from making import Journal

from sermod import (
    REQUEST_ROUTE,
    CmdExport,
    InvalidExportsError,
    Lifecycle,
    ModuleExports,
    ParamExport,
    Registry,
    RouteError,
    find_problems,
    scan,
)

NULL = CmdExport(0, 0, 0, 0, 0)


def foo(msg, p1, p2):
    return 1


def codes(*cmds):
    """Return the codes of what validation finds in an array of commands."""
    return [found.code for found in find_problems(ModuleExports("m", cmds))]


@pytest.mark.parametrize("cmds", [0, [NULL]], ids=["null", "terminator-alone"])
def test_a_module_may_export_no_function(cmds):
    """Section 1.2.

    > Each module can provide zero or more functions, which can be used in the configuration file or by other modules
    > internally.
    """
    core = Registry()
    core.register(ModuleExports("m", cmds))

    assert () == core.find_module("m").exports.commands


def test_a_module_may_export_many_functions():
    """Section 1.2.

    > Each module can provide zero or more functions, which can be used in the configuration file or by other modules
    > internally.
    """
    core = Registry()
    cmds = [*(CmdExport(f"foo{number}", foo, 2, 0, REQUEST_ROUTE) for number in range(100)), NULL]
    core.register(ModuleExports("m", cmds))
    calls = [core.bind(command.name, "a", "b", route=REQUEST_ROUTE) for command in cmds[:-1]]

    assert [*cmds[:-1]] == [call.export for call in calls]
    assert [*cmds[:-1]] == [core.find_export(command.name, 2) for command in cmds[:-1]]


@pytest.mark.parametrize("entry", [foo, "foo", ("foo", foo, 2, 0, REQUEST_ROUTE), ParamExport()], ids=type)
def test_a_function_is_described_by_a_structure(entry):
    """Section 1.2.

    > Each function exported by a module must be described by `cmd_export_t` structure.
    """
    with pytest.raises(TypeError, match=r"ModuleExports\.cmds\[0\]: takes a CmdExport"):
        ModuleExports("m", [entry])


def test_the_structures_are_an_array():
    """Section 1.2.

    > Structures describing all exported functions are arranged into an array and pointer to the array is then passed to
    > the core.
    """
    cmds = [CmdExport("foo", foo, 2), CmdExport("bar", foo, 2), NULL]
    exports = ModuleExports("m", cmds)

    assert tuple(cmds) == exports.cmds
    with pytest.raises(TypeError, match=r"ModuleExports\.cmds: takes an array of CmdExport entries"):
        ModuleExports("m", cmds[0])


def test_the_last_element_is_null_in_all_its_fields():
    """Section 1.2.

    > The last element of the array must contain 0 in all its fields
    """
    assert [] == codes(CmdExport("foo", foo, 2), NULL)
    assert ["not-terminated"] == codes(CmdExport("foo", foo, 2))
    assert ["not-terminated"] == codes()
    for almost in (CmdExport(0, foo), CmdExport(0, 0, 2), CmdExport(0, 0, 0, foo), CmdExport(0, 0, 0, 0, 1)):
        assert "half-null" in codes(CmdExport("foo", foo, 2), almost)
    with pytest.raises(InvalidExportsError):
        Registry().register(ModuleExports("m", [CmdExport("foo", foo, 2)]))


def test_the_core_stops_scanning_at_the_last_element():
    """Section 1.2.

    > this element serves as the mark telling the core that this is the very last element and it must stop scanning the
    > array
    """
    cmds = [CmdExport("foo", foo, 2), NULL, CmdExport("hidden", foo, 2), NULL]

    assert cmds[:1] == list(scan(cmds))
    assert tuple(cmds[:1]) == ModuleExports("m", cmds).commands
    assert ["after-terminator"] == codes(*cmds)


def test_the_fields_of_the_structure_and_their_order():
    """Section 1.2.

    > Each exported function is described by the following structure

    > struct cmd_export_ { char* name; cmd_function function; int param_no; fixup_function fixup; int flags; };
    """
    assert ["name", "function", "param_no", "fixup", "flags"] == [field.name for field in attrs.fields(CmdExport)]

    def fixup(param, param_no):
        return param

    entry = CmdExport("foo", foo, 2, fixup, 1)
    assert ("foo", foo, 2, fixup, 1) == (entry.name, entry.function, entry.param_no, entry.fixup, entry.flags)


def test_the_name_is_what_the_core_knows_a_function_by():
    """Section 1.2, `name`.

    > This is the name under which the function will be visible to the core. Usually it is the same as the name of the
    > corresponding function.

    Usually, and not always.
    """
    core = Registry()
    usual, other = CmdExport("foo", foo, 2), CmdExport("bar", foo, 2)
    core.register(ModuleExports("m", [usual, other, NULL]))

    assert usual is core.find_export(foo.__name__, 2)
    assert other is core.find_export("bar", 2)


def test_the_name_is_a_c_string():
    """Section 1.2, `name`.

    > char* name; /* null terminated command name */
    """
    assert ["nul-in-name"] == codes(CmdExport("fo\0o", foo, 2), NULL)
    assert ["empty-name"] == codes(CmdExport("", foo, 2), NULL)
    with pytest.raises(TypeError, match=r"CmdExport\.name"):
        CmdExport(b"foo", foo, 2)


def test_a_function_is_given_the_message_and_two_parameters():
    """Section 1.2, `function`.

    > typedef int (*cmd_function)(struct sip_msg*, char*, char*);

    > The first parameter is a SIP message being processed, the other 2 parameters are given from the configuration
    > file.
    """
    journal = Journal()
    core = Registry()

    def c_shape(msg, p1, p2):
        journal.append((msg, p1, p2))
        return 1

    cmds = [CmdExport(f"foo{count}", c_shape, count, 0, REQUEST_ROUTE) for count in range(3)]
    core.register(ModuleExports("m", [*cmds, NULL]))
    route = [core.bind(f"foo{count}", *"ab"[:count], route=REQUEST_ROUTE) for count in range(3)]
    with Lifecycle(core) as life:
        life.run_route(route, "INVITE")

    assert [("INVITE", None, None), ("INVITE", "a", None), ("INVITE", "a", "b")] == journal


def test_a_function_of_the_script_has_this_synopsis():
    """Section 1.2, `function`.

    > typedef int (*cmd_function)(struct sip_msg*, char*, char*);

    What can neither be called so, nor with just the parameters of the call, is refused. The result is an int.
    """
    for wrong in (lambda: 1, lambda msg, a, b, c: 1, lambda msg, *, key: 1):
        assert ["wrong-signature"] == codes(CmdExport("foo", wrong, 2, 0, REQUEST_ROUTE), NULL)

    core = Registry()
    core.register(ModuleExports("m", [CmdExport("foo", lambda msg: "yes", 0, 0, REQUEST_ROUTE), NULL]))
    call = core.bind("foo", route=REQUEST_ROUTE)
    with Lifecycle(core) as life, pytest.raises(TypeError, match="returned 'yes', which is not a result"):
        life.run_route([call], "msg")


def test_internal_functions_may_have_another_synopsis():
    """Section 1.2, `function`.

    > From time to time you might need to export a function that has different synopsis. This can happen if you export
    > functions that are supposed to be called by other modules only and must not be called from the configuration
    > script.

    > In this case you will have to do type-casting otherwise the compiler will complain and will not compile your
    > module.

    No cast is needed.
    """

    def db_query(connection, *, table, columns=("id",)):
        return (connection, table, columns)

    core = Registry()
    core.register(ModuleExports("mysql", [CmdExport("~db_query", db_query, 6), NULL]))

    assert (5, "users", ("id",)) == core.find_export("~db_query", 6).function(5, table="users")
    with pytest.raises(RouteError, match="for other modules only"):
        core.bind("~db_query", route=REQUEST_ROUTE)


def test_wrong_parameters_are_an_exception():
    """Section 1.2, `function`.

    > Don't use this unless you know what are you doing ! The server might crash if you pass wrong parameters to the
    > function later !
    """
    core = Registry()
    core.register(ModuleExports("m", [CmdExport("~one", lambda argument: argument, 1), NULL]))
    function = core.find_export("~one", 1).function

    with pytest.raises(TypeError):
        function()
    with pytest.raises(TypeError):
        function(1, 2)
