"""`set_param`, the script's `modparam`: a value that fits reaches the module's variable, and no other value does."""

from __future__ import annotations

import enum

import pytest
from making import contents, make_exports
from travelling import pickled

from sermod import (
    INT_PARAM,
    STR_PARAM,
    Cell,
    CmdExport,
    ModuleExports,
    ParamExport,
    ParamTypeError,
    ParamValueError,
    Pointer,
    Registry,
    UnknownModuleError,
    UnknownParamError,
    pointer_to,
)


class Percentage(Pointer[int]):
    """A pointer that takes numbers up to 100 only, and does something when it is set."""

    def __init__(self):
        self.value = 0
        self.journal = []

    def load(self):
        return self.value

    def store(self, value):
        self.journal.append(("store", value))
        self.value = value

    def check(self, value):
        self.journal.append(("check", value))
        if not 0 <= value <= 100:
            raise ValueError(f"{value} is no percentage")


class Failing(Pointer[int]):
    """A pointer whose store fails."""

    def __init__(self, error):
        self.error = error

    def load(self):
        return 7

    def store(self, value):
        raise self.error


@pytest.fixture
def number():
    return Cell(3)


@pytest.fixture
def text():
    return Cell("old")


@pytest.fixture
def core(number, text):
    core = Registry()
    core.register(
        make_exports(
            "dispatcher",
            ParamExport("retries", INT_PARAM, number),
            ParamExport("dst_avps", STR_PARAM, text),
            ParamExport("either", INT_PARAM, Cell(0)),
            ParamExport("either", STR_PARAM, Cell(None)),
        )
    )
    core.register(make_exports("bare"))
    return core


def refused(core, error, module, name, value):
    """Check that a value is refused and nothing changed, and return the exception."""
    before = contents(core)
    with pytest.raises(error) as caught:
        core.set_param(module, name, value)
    assert before == contents(core)
    return caught.value


class TestValuesThatAreTaken:
    """What fits is stored, as often as it is set."""

    @pytest.mark.parametrize("value", [0, 5, -1, 2**31 - 1, -(2**31)])
    def test_an_int(self, core, number, value):
        assert core.set_param("dispatcher", "retries", value) is None
        assert value == number.load()

    @pytest.mark.parametrize("value", ["", "new", "ünï", "a\nb"])
    def test_a_str(self, core, text, value):
        core.set_param("dispatcher", "dst_avps", value)

        assert value == text.load()

    def test_the_last_value_stays(self, core, number):
        for value in (1, 9, 4):
            core.set_param("dispatcher", "retries", value)

        assert 4 == number.load()

    def test_an_int_enum_is_an_int(self, core, number):
        class Level(enum.IntEnum):
            HIGH = 9

        core.set_param("dispatcher", "retries", Level.HIGH)

        assert 9 == number.load()

    def test_the_type_chooses_among_parameters_of_one_name(self, core):
        core.set_param("dispatcher", "either", 5)
        core.set_param("dispatcher", "either", "five")

        assert 5 == core.find_param("dispatcher", "either", INT_PARAM).param_pointer.load()
        assert "five" == core.find_param("dispatcher", "either", STR_PARAM).param_pointer.load()

    def test_a_variable_of_a_namespace_and_an_attribute(self):
        class Place:
            attribute = "old"

        namespace = {"variable": 1}
        core = Registry()
        core.register(
            make_exports(
                "m",
                ParamExport("variable", INT_PARAM, pointer_to(namespace, "variable")),
                ParamExport("attribute", STR_PARAM, pointer_to(Place, "attribute")),
            )
        )
        core.set_param("m", "variable", 2)
        core.set_param("m", "attribute", "new")

        assert {"variable": 2} == namespace
        assert "new" == Place.attribute

    def test_exports_with_parameters_only_or_commands_only(self):
        core = Registry()
        cell = Cell(0)
        core.register(ModuleExports("a", 0, [ParamExport("x", INT_PARAM, cell), ParamExport()]))
        core.register(ModuleExports("b", [CmdExport("c", lambda msg: 1), CmdExport()]))
        core.set_param("a", "x", 1)

        assert 1 == cell.load()
        assert () == refused(core, UnknownParamError, "b", "x", 1).available


class TestPointersOfOnesOwn:
    """A pointer may check a value before any is stored, and do something when it is set."""

    @pytest.fixture
    def pointer(self):
        return Percentage()

    @pytest.fixture
    def core(self, pointer):
        core = Registry()
        core.register(make_exports("load", ParamExport("limit", INT_PARAM, pointer)))
        return core

    def test_check_comes_before_store(self, core, pointer):
        core.set_param("load", "limit", 90)

        assert [("check", 90), ("store", 90)] == pointer.journal
        assert 90 == pointer.value

    def test_what_check_refuses_is_not_stored(self, core, pointer):
        error = refused(core, ParamValueError, "load", "limit", 101)

        assert ("the value 101 for parameter 'limit' of module 'load' is refused: 101 is no percentage") == str(error)
        assert ("load", "limit", 101) == (error.module, error.param, error.value)
        assert isinstance(error.__cause__, ValueError)
        assert [("check", 101)] == pointer.journal

    def test_check_sees_only_values_of_the_right_type_and_range(self, core, pointer):
        refused(core, ParamTypeError, "load", "limit", "50")
        refused(core, ParamValueError, "load", "limit", 2**31)

        assert [] == pointer.journal

    def test_an_error_in_check_itself_passes_on(self, core, pointer):
        """A bug in a pointer is not a mistake of the caller."""

        def broken(value):
            raise KeyError("bug")

        pointer.check = broken
        error = refused(core, KeyError, "load", "limit", 1)

        assert ("bug",) == error.args
        assert [] == pointer.journal

    def test_a_store_that_fails(self):
        core = Registry()
        cause = OSError("disk full")
        core.register(make_exports("log", ParamExport("file", INT_PARAM, Failing(cause))))
        error = refused(core, ParamValueError, "log", "file", 1)

        assert "the value 1 for parameter 'file' of module 'log' cannot be stored: OSError: disk full" == str(error)
        assert ("log", "file", 1) == (error.module, error.param, error.value)
        assert cause is error.__cause__

    def test_a_pointer_that_cannot_be_read_any_more(self):
        core = Registry()
        namespace = {"x": 1}
        core.register(make_exports("m", ParamExport("x", INT_PARAM, pointer_to(namespace, "x"))))
        del namespace["x"]

        with pytest.raises(ParamValueError, match=r"cannot be stored: NameError: there is no variable 'x'"):
            core.set_param("m", "x", 2)
        assert {} == namespace

    def test_an_interrupted_store_passes_on_as_it_is(self):
        core = Registry()
        interrupt = KeyboardInterrupt()
        core.register(make_exports("log", ParamExport("file", INT_PARAM, Failing(interrupt))))

        assert interrupt is refused(core, KeyboardInterrupt, "log", "file", 1)


class TestRefusedValues:
    """A value that does not fit is refused, with what the parameter takes, and nothing is changed."""

    @pytest.mark.parametrize("value", ["5", True, False, 1.0, None, b"5", [5], ""], ids=repr)
    def test_a_wrong_type_for_an_integer(self, core, value):
        error = refused(core, ParamTypeError, "dispatcher", "retries", value)

        assert (
            f"parameter 'retries' of module 'dispatcher' takes an int (INT_PARAM) (got {value!r}, a "
            f"{type(value).__name__}); give it a value of that type"
        ) == str(error)
        assert isinstance(error, TypeError)
        assert ("dispatcher", "retries", value) == (error.module, error.param, error.value)

    @pytest.mark.parametrize("value", [5, True, 1.0, None, b"text", ["text"]], ids=repr)
    def test_a_wrong_type_for_a_string(self, core, value):
        error = refused(core, ParamTypeError, "dispatcher", "dst_avps", value)

        assert "parameter 'dst_avps' of module 'dispatcher' takes a str (STR_PARAM)" in str(error)
        assert f"(got {value!r}, a" in str(error)
        assert value is error.value

    @pytest.mark.parametrize("value", [True, 1.5, None, b""], ids=repr)
    def test_a_wrong_type_for_a_name_of_both_types(self, core, value):
        error = refused(core, ParamTypeError, "dispatcher", "either", value)

        assert "takes a str (STR_PARAM) or an int (INT_PARAM)" in str(error)

    @pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**30])
    def test_an_int_that_is_no_c_int(self, core, value):
        error = refused(core, ParamValueError, "dispatcher", "retries", value)

        assert (
            "parameter 'retries' of module 'dispatcher' takes an int (INT_PARAM) from -2147483648 to 2147483647 "
            f"(got {value}); give it one in that range"
        ) == str(error)
        assert isinstance(error, ValueError)
        assert ("dispatcher", "retries", value) == (error.module, error.param, error.value)

    @pytest.mark.parametrize("value", ["\0", "a\0b", "a\0"])
    def test_a_string_with_a_nul(self, core, value):
        error = refused(core, ParamValueError, "dispatcher", "dst_avps", value)

        assert (
            "parameter 'dst_avps' of module 'dispatcher' takes a str (STR_PARAM) without a NUL, which ends a C string "
            f"(got {value!r}); take the NUL out"
        ) == str(error)
        assert value == error.value

    def test_an_unknown_parameter(self, core):
        error = refused(core, UnknownParamError, "dispatcher", "dst_avp", "x")

        assert (
            "module 'dispatcher' has no parameter 'dst_avp'; did you mean 'dst_avps'? It has: dst_avps, either, retries"
        ) == str(error)
        assert isinstance(error, LookupError)
        assert ("dispatcher", "dst_avp", "dst_avps") == (error.module, error.asked, error.nearest)
        assert ("dst_avps", "either", "retries") == error.available
        copy = pickled(error)
        assert (str(error), vars(error)) == (str(copy), vars(copy))

    def test_an_unknown_parameter_of_a_module_without_any(self, core):
        error = refused(core, UnknownParamError, "bare", "x", 1)

        assert "module 'bare' has no parameter 'x'. It has: nothing" == str(error)
        assert (None, ()) == (error.nearest, error.available)

    def test_an_unknown_module(self, core):
        error = refused(core, UnknownModuleError, "dispatchr", "retries", 1)

        assert "no loaded module is named 'dispatchr'; did you mean 'dispatcher'? There is: bare, dispatcher" == str(
            error
        )
        assert isinstance(error, LookupError)
        assert ("dispatchr", "dispatcher", ("bare", "dispatcher")) == (error.asked, error.nearest, error.available)

    def test_before_anything_is_loaded(self):
        error = refused(Registry(), UnknownModuleError, "tm", "timeout", 1)

        assert "no loaded module is named 'tm'. There is: nothing" == str(error)
        assert (None, ()) == (error.nearest, error.available)

    def test_a_name_is_no_pattern(self, core):
        """`set_param` means one module; `modparam` takes a pattern."""
        refused(core, UnknownModuleError, "disp.*", "retries", 1)
        refused(core, UnknownModuleError, "DISPATCHER", "retries", 1)

    def test_names_that_are_no_text(self, core):
        assert "no loaded module is named 5" in str(refused(core, UnknownModuleError, 5, "retries", 1))
        assert "no parameter 5. It has" in str(refused(core, UnknownParamError, "dispatcher", 5, 1))
