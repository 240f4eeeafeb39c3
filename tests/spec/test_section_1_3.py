"""The specification, section 1.3, Exporting Parameters: statement by statement."""

from __future__ import annotations

import attrs
import pytest

from sermod import (
    INT_PARAM,
    STR_PARAM,
    Cell,
    CmdExport,
    ModuleExports,
    ParamExport,
    ParamType,
    ParamTypeError,
    Registry,
    find_problems,
    pointer_to,
    scan,
)

NULL = ParamExport(0, 0, 0)


def codes(*params):
    """Return the codes of what validation finds in an array of parameters."""
    return [found.code for found in find_problems(ModuleExports("m", 0, params))]


@pytest.mark.parametrize("params", [0, [NULL]], ids=["null", "terminator-alone"])
def test_a_module_may_export_no_parameter(params):
    """Section 1.3.

    > Each module can provide zero or more parameters, which can affect the module's behaviour.
    """
    core = Registry()
    core.register(ModuleExports("m", 0, params))

    assert () == core.find_module("m").exports.parameters


def test_parameters_affect_the_modules_behaviour():
    """Section 1.3.

    > Each module can provide zero or more parameters, which can affect the module's behaviour.
    """
    variables = {f"p{number}": number for number in range(20)}
    core = Registry()
    params = [ParamExport(name, INT_PARAM, pointer_to(variables, name)) for name in variables]
    core.register(ModuleExports("m", [CmdExport("sum", lambda: sum(variables.values())), CmdExport()], [*params, NULL]))
    for name in variables:
        core.set_param("m", name, 1)

    assert 20 == core.find_export("sum", 0).function()


@pytest.mark.parametrize("entry", ["foo", ("foo", 0, 0), Cell(0), CmdExport()], ids=type)
def test_a_parameter_is_described_by_a_structure(entry):
    """Section 1.3.

    > Each parameter exported by a module must be described by `param_export_t` structure.
    """
    with pytest.raises(TypeError, match=r"ModuleExports\.params\[0\]: takes a ParamExport"):
        ModuleExports("m", 0, [entry])


def test_the_structures_are_an_array():
    """Section 1.3.

    > Structures describing all exported parameters are arranged into an array and pointer to the array is then passed
    > to the core.
    """
    params = [ParamExport("a", INT_PARAM, Cell(0)), ParamExport("b", STR_PARAM, Cell("")), NULL]
    exports = ModuleExports("m", 0, params)

    assert tuple(params) == exports.params
    with pytest.raises(TypeError, match=r"ModuleExports\.params: takes an array of ParamExport entries"):
        ModuleExports("m", 0, params[0])


def test_the_last_element_is_null_in_all_its_fields():
    """Section 1.3.

    > The last element of the array must contain 0 in all its fields

    A string parameter has type 0 too: it is the name that makes the difference.
    """
    text = ParamExport("text", STR_PARAM, Cell(None))
    assert 0 == text.type
    assert [] == codes(text, NULL)
    assert ["not-terminated"] == codes(text)
    for almost in (ParamExport(0, INT_PARAM), ParamExport(0, 0, Cell(0))):
        assert "half-null" in codes(text, almost)


def test_the_core_stops_scanning_at_the_last_element():
    """Section 1.3.

    > this element serves as the mark telling the core that this is the very last element and it must stop scanning the
    > array (This is same as in array of exported functions).
    """
    params = [ParamExport("a", INT_PARAM, Cell(0)), NULL, ParamExport("hidden", INT_PARAM, Cell(0)), NULL]

    assert params[:1] == list(scan(params))
    assert tuple(params[:1]) == ModuleExports("m", 0, params).parameters
    assert ["after-terminator"] == codes(*params)


def test_the_fields_of_the_structure_and_their_order():
    """Section 1.3.

    > Each exported parameter is described by the following structure

    > struct param_export_ { char* name; modparam_t type; void* param_pointer; };
    """
    assert ["name", "type", "param_pointer"] == [field.name for field in attrs.fields(ParamExport)]
    cell = Cell(0)
    entry = ParamExport("foo", 1, cell)
    assert ("foo", INT_PARAM, cell) == (entry.name, entry.type, entry.param_pointer)


def test_the_name_is_what_the_script_uses():
    """Section 1.3, `name`.

    > This is null-terminated name of the parameter as it will be used in the scripts. Usually this is the same as the
    > name of the variable holding the value.

    Usually, and not always.
    """
    variables = {"same": 0, "own_name": 0}
    core = Registry()
    params = [
        ParamExport("same", INT_PARAM, pointer_to(variables, "same")),
        ParamExport("other", INT_PARAM, pointer_to(variables, "own_name")),
        NULL,
    ]
    core.register(ModuleExports("m", 0, params))
    core.set_param("m", "same", 1)
    core.set_param("m", "other", 2)

    assert {"same": 1, "own_name": 2} == variables
    assert ["nul-in-name"] == codes(ParamExport("a\0b", INT_PARAM, Cell(0)), NULL)
    assert ["empty-name"] == codes(ParamExport("", INT_PARAM, Cell(0)), NULL)


def test_two_types_are_defined():
    """Section 1.3, `type`.

    > Type of the parameter. Currently only two types are defined.
    """
    assert {STR_PARAM, INT_PARAM} == set(ParamType)
    assert ["unknown-type"] == codes(ParamExport("a", 2, Cell(0)), NULL)


def test_int_param_is_for_integer_parameters():
    """Section 1.3, `type`.

    > `INT_PARAM` for integer parameters (corresponding variable must be of type `int`)
    """
    cell = Cell(0)
    core = Registry()
    core.register(ModuleExports("m", 0, [ParamExport("a", INT_PARAM, cell), NULL]))
    core.set_param("m", "a", 5)

    assert 5 == cell.load()
    with pytest.raises(ParamTypeError, match=r"takes an int \(INT_PARAM\)"):
        core.set_param("m", "a", "5")
    for wrong in ("0", None, True, 2**31, 1.0):
        assert ["wrong-variable-type"] == codes(ParamExport("a", INT_PARAM, Cell(wrong)), NULL)


def test_str_param_is_for_string_parameters():
    """Section 1.3, `type`.

    > `STR_PARAM` for string parameters (corresponding variable must be of type `char*`)

    A `char*` may be null, and so may the variable.
    """
    for initial in ("old", "", None):
        cell = Cell(initial)
        core = Registry()
        core.register(ModuleExports("m", 0, [ParamExport("a", STR_PARAM, cell), NULL]))
        core.set_param("m", "a", "new")

        assert "new" == cell.load()
        with pytest.raises(ParamTypeError, match=r"takes a str \(STR_PARAM\)"):
            core.set_param("m", "a", 5)
    for wrong in (0, b"old", "a\0b"):
        assert ["wrong-variable-type"] == codes(ParamExport("a", STR_PARAM, Cell(wrong)), NULL)


def test_the_pointer_points_to_the_variable():
    """Section 1.3, `param_pointer`.

    > Pointer to the corresponding variable (stored as `void*` pointer, make sure that the variable has appropriate type
    > depending on the type of the parameter !).

    It points to one that exists.
    """
    variables = {}
    pointer = pointer_to(variables, "later")
    assert ["null-pointer"] == codes(ParamExport("a", INT_PARAM, pointer), NULL)
    assert ["null-pointer"] == codes(ParamExport("a", INT_PARAM, 0), NULL)
    variables["later"] = "text"
    assert ["wrong-variable-type"] == codes(ParamExport("a", INT_PARAM, pointer), NULL)
    variables["later"] = 0
    assert [] == codes(ParamExport("a", INT_PARAM, pointer), NULL)
    with pytest.raises(TypeError, match=r"ParamExport\.param_pointer: takes a Pointer"):
        ParamExport("a", INT_PARAM, variables["later"] + 1)
