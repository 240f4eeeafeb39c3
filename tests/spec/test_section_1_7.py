"""The specification, section 1.7, exports Structure - Assembling the Pieces Together: statement by statement."""

from __future__ import annotations

import os

import attrs
import pytest
from forked import in_child
from making import Journal

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    Lifecycle,
    ModuleExports,
    NoExportsError,
    ParamExport,
    Registry,
    find_problems,
)

CMDS = [CmdExport("c", lambda msg: 0, 0, 0, REQUEST_ROUTE), CmdExport()]
PARAMS = [ParamExport("p", INT_PARAM, Cell(0)), ParamExport()]


@pytest.fixture
def journal():
    return Journal()


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("", "has no variable 'exports'"),
        ("export = 1", "has no variable 'exports'"),
        ("exports = 'm'", "has a variable 'exports' that is a str, not a ModuleExports"),
        ("exports = {'name': 'm'}", "has a variable 'exports' that is a dict, not a ModuleExports"),
    ],
    ids=["nothing", "another-name", "text", "mapping"],
)
def test_a_module_has_a_variable_named_exports(tmp_path, source, wrong):
    """Section 1.7.

    > Each module must have variable named `exports` which is structure `module_exports`.
    """
    (tmp_path / "m.py").write_text(source)
    core = Registry(path=[tmp_path])
    with pytest.raises(NoExportsError, match=wrong):
        core.load("m")
    assert 0 == len(core)

    (tmp_path / "m.py").write_text("import sermod\nexports = sermod.ModuleExports('m')")
    assert "m" == core.load("m").name


def test_exports_is_looked_up_immediately_after_loading(tmp_path):
    """Section 1.7.

    > The variable will be looked up by the core immediately after it loads the module.

    A module cannot hand it in later, nor replace it.
    """
    (tmp_path / "m.py").write_text("import sermod\nexports = sermod.ModuleExports('m', destroy_f=print)")
    core = Registry(path=[tmp_path])
    module = core.load("m")

    assert isinstance(module.exports, ModuleExports)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        module.exports.name = "n"


def test_the_structure_contains_everything_the_core_needs(journal):
    """Section 1.7.

    > The structure contains pointers to both arrays (functions, parameters), pointers to both initialization functions,
    > destroy function and the callbacks. So the structure contains everything the core will need.
    """
    hooks = {
        field: journal.hook(field, returns=0)
        for field in ("init_f", "response_f", "destroy_f", "onbreak_f", "init_child_f")
    }
    core = Registry()
    core.register(ModuleExports("m", CMDS, PARAMS, **hooks))
    core.set_param("m", "p", 5)
    route = [core.bind("c", route=REQUEST_ROUTE)]
    with Lifecycle(core) as life:
        life.init_child(1)
        life.run_route(route, "request")
        life.process_reply("reply")

    assert ["init_f", ("init_child_f", 1), ("onbreak_f", "request"), ("response_f", "reply"), "destroy_f"] == journal
    assert 5 == core.find_param("m", "p", INT_PARAM).param_pointer.load()


def test_the_fields_of_the_structure_and_their_order(journal):
    """Section 1.7.

    > The structure looks like the follows

    > struct module_exports{ char* name; cmd_export_t* cmds; param_export_t* params; init_function init_f;
    > response_function response_f; destroy_function destroy_f; onbreak_function onbreak_f; child_init_function
    > init_child_f; };

    The comments of the listing are left out.
    """
    fields = ["name", "cmds", "params", "init_f", "response_f", "destroy_f", "onbreak_f", "init_child_f"]
    assert fields == [field.name for field in attrs.fields(ModuleExports)]

    functions = [journal.hook(field) for field in fields[3:]]
    exports = ModuleExports("m", CMDS, PARAMS, *functions)
    assert ["m", tuple(CMDS), tuple(PARAMS), *functions] == [getattr(exports, field) for field in fields]


def test_the_name_of_the_module():
    """Section 1.7, `name`.

    > Null terminated name of the module
    """
    core = Registry()

    assert "m" == core.register(ModuleExports("m")).name
    for name, code in (("", "empty-name"), (None, "empty-name"), ("a\0b", "nul-in-name")):
        assert [code] == [found.code for found in find_problems(ModuleExports(name))]


def test_the_array_of_exported_functions():
    """Section 1.7, `cmds`.

    > Pointer to the array of exported functions

    > null terminated array of the exported commands
    """
    assert tuple(CMDS) == ModuleExports("m", CMDS).cmds
    assert ModuleExports("m", 0).cmds is None
    assert ["not-terminated"] == [found.code for found in find_problems(ModuleExports("m", CMDS[:1]))]


def test_the_array_of_exported_parameters():
    """Section 1.7, `params`.

    > Pointer to the array of exported parameters

    > null terminated array of the exported module parameters
    """
    assert tuple(PARAMS) == ModuleExports("m", 0, PARAMS).params
    assert ModuleExports("m", 0, 0).params is None
    assert ["not-terminated"] == [found.code for found in find_problems(ModuleExports("m", 0, PARAMS[:1]))]


def test_the_module_initialization_function(journal):
    """Section 1.7, `init_f`.

    > Pointer to the module initialization function
    """
    core = Registry()
    core.register(ModuleExports("m", init_f=journal.hook("init_f")))
    Lifecycle(core).init()

    assert ["init_f"] == journal
    assert ["wrong-signature"] == [found.code for found in find_problems(ModuleExports("m", init_f=lambda msg: 0))]


@pytest.mark.parametrize(("answer", "forwarded"), [(1, True), (0, False)], ids=["yes", "no"])
def test_the_function_processing_responses(journal, answer, forwarded):
    """Section 1.7, `response_f`.

    > Pointer to function processing responses

    > function used for responses, returns yes or no; can be null
    """
    core = Registry()
    core.register(ModuleExports("with", response_f=journal.hook("response_f", returns=answer)))
    core.register(ModuleExports("without", 0, 0, 0, 0))
    with Lifecycle(core) as life:
        assert forwarded is life.process_reply("reply")

    assert [("response_f", "reply")] == journal


def test_the_module_clean_up_function(journal):
    """Section 1.7, `destroy_f`.

    > Pointer to the module clean-up function

    > function called when the module should be "destroyed"
    """
    core = Registry()
    core.register(ModuleExports("m", destroy_f=journal.hook("destroy_f")))
    with Lifecycle(core):
        assert [] == journal

    assert ["destroy_f"] == journal


def test_the_onbreak_function(journal):
    """Section 1.7, `onbreak_f`.

    > TBD

    The core calls it when a 0 ends a route.
    """
    core = Registry()
    core.register(ModuleExports("m", CMDS, 0, onbreak_f=journal.hook("onbreak_f")))
    route = [core.bind("c", route=REQUEST_ROUTE)]
    with Lifecycle(core) as life:
        life.run_route([], "first")
        life.run_route(route, "second")

    assert [("onbreak_f", "second")] == journal


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_the_per_child_initialization_function():
    """Section 1.7, `init_child_f`.

    > Pointer to the per-child initialization function

    > function called by all processes after the fork

    The main process calls it too, with a rank of its own, where the host wants that.
    """
    ranks = []
    core = Registry()
    core.register(ModuleExports("m", init_child_f=ranks.append))
    with Lifecycle(core) as life:

        def child(rank):
            life.init_child(rank)
            return ranks

        assert [[1], [2]] == [in_child(lambda rank=rank: child(rank)) for rank in (1, 2)]
        life.init_child(0)
        assert [0] == ranks
