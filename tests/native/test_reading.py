"""The structures of a module are read from memory, also where the memory is wrong."""

import ctypes
import mmap

import pytest
from structures import Good, read

from sermod import INT_PARAM, REQUEST_ROUTE, STR_PARAM, InvalidExportsError, Registry, find_problems
from sermod.native import memory
from sermod.native.from_c import MAX_ENTRIES, MAX_NAME_BYTES
from sermod.native.layout import CmdExportStruct, ModuleExportsStruct, ParamExportStruct
from sermod.native.parameters import MAX_VALUE_BYTES

UNMAPPED = 0x10000  # the system maps nothing there


@pytest.fixture
def good():
    return Good()


@pytest.fixture
def last_page():
    """A page of memory; the memory behind it cannot be read."""
    two = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(two))
    libc = ctypes.CDLL(None)
    protect = libc.mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert 0 == protect(start + mmap.PAGESIZE, mmap.PAGESIZE, 0)
    yield start, start + mmap.PAGESIZE
    protect(start + mmap.PAGESIZE, mmap.PAGESIZE, 3)


def problems_of(good):
    with pytest.raises(InvalidExportsError) as refused:
        good.read()
    return [(found.field, found.code) for found in refused.value.problems]


def message_of(good):
    with pytest.raises(InvalidExportsError) as refused:
        good.read()
    (found,) = refused.value.problems
    return found.message


class TestGood:
    """Everything that a module exports is read, in order, and calls C."""

    def test_names_numbers_and_flags(self, good):
        exports = good.read()

        assert "good" == exports.name
        commands = [(each.name, each.param_no, each.fixup is None, each.flags) for each in exports.commands]
        assert [("first", 2, False, REQUEST_ROUTE), ("second", 1, True, 0)] == commands
        assert [("number", INT_PARAM), ("text", STR_PARAM)] == [(each.name, each.type) for each in exports.parameters]
        assert exports.cmds[-1].is_terminator
        assert exports.params[-1].is_terminator

    def test_validation_finds_nothing(self, good):
        assert () == find_problems(good.read())

    def test_functions(self, good):
        exports = good.read()
        exports.init_f()
        exports.init_child_f(3)
        exports.commands[1].function(0x1234)
        exports.response_f(0x1234)
        exports.onbreak_f(0x1234)
        exports.destroy_f()

        assert good.calls == [
            ("init_f",),
            ("init_child_f", 3),
            ("second", 0x1234, None, None),
            ("response_f", 0x1234),
            ("onbreak_f", 0x1234),
            ("destroy_f",),
        ]

    def test_parameters_are_the_modules_variables(self, good):
        number, text = (each.param_pointer for each in good.read().parameters)
        assert (7, "a default") == (number.load(), text.load())
        number.store(-3)
        text.store("new")

        assert -3 == good.number.value
        assert b"new" == ctypes.string_at(good.text.value)

    def test_nulls(self, good):
        for field, *_ in good.top._fields_[1:]:
            setattr(good.top, field, None)
        exports = good.read()

        assert [None] * 7 == [getattr(exports, field) for field, *_ in good.top._fields_[1:]]

    def test_empty_arrays(self, good):
        """An array that begins with the terminator is not a null pointer."""
        good.cmds[0] = CmdExportStruct()
        good.params[0] = ParamExportStruct()
        exports = good.read()

        assert () == exports.commands == exports.parameters
        assert 1 == len(exports.cmds) == len(exports.params)

    def test_a_null_string(self, good):
        good.text.value = None

        assert good.read().parameters[1].param_pointer.load() is None

    def test_names_in_any_bytes(self, good):
        name = ctypes.create_string_buffer("größe".encode() + b"\xff")
        good.cmds[0].name = ctypes.addressof(name)

        assert "größe\udcff" == good.read().commands[0].name

    def test_all_bits_of_flags_survive(self, good):
        good.cmds[0].flags = 0x8000_0009

        assert 0x8000_0009 == good.read().commands[0].flags


class TestRulesOfValidation:
    """Exports that can be read are not changed; validation finds the same problems as in a Python module."""

    @pytest.mark.parametrize(
        ("array", "index", "field", "value", "code"),
        [
            ("cmds", 0, "function", None, "null-function"),
            ("cmds", 0, "param_no", -5, "unreachable-command"),
            ("cmds", 0, "param_no", 2**31 - 1, "unreachable-command"),
            ("cmds", 0, "flags", 0x40000001, "unknown-flag"),
            ("params", 0, "type", 77, "unknown-type"),
            ("params", 0, "type", -1, "unknown-type"),
            ("params", 0, "param_pointer", None, "null-pointer"),
            ("params", 1, "param_pointer", None, "null-pointer"),
        ],
    )
    def test_problem(self, good, array, index, field, value, code):
        setattr(getattr(good, array)[index], field, value)

        assert [(f"{array}[{index}].{field}", code)] == [(each.field, each.code) for each in find_problems(good.read())]

    def test_no_name(self, good):
        good.top.name = None

        assert ["empty-name"] == [each.code for each in find_problems(good.read())]

    def test_a_fixup_without_parameters(self, good):
        good.cmds[0].param_no = 0

        assert ["fixup-without-params"] == [each.code for each in find_problems(good.read())]

    def test_duplicates(self, good):
        good.cmds[1] = good.cmds[0]
        good.params[1] = good.params[0]

        codes = [found.code for found in find_problems(good.read())]
        assert ["duplicate-command", "duplicate-param"] == codes

    def test_a_registry_refuses_it(self, good):
        good.cmds[0].function = None

        with pytest.raises(InvalidExportsError):
            Registry().register(good.read())


class TestBadAddress:
    """A wrong address is a problem, and is not followed."""

    @pytest.mark.parametrize("address", [1, UNMAPPED, 2**47, 2**63, 2**64 - 8])
    @pytest.mark.parametrize("field", ["init_f", "response_f", "destroy_f", "onbreak_f", "init_child_f", "name"])
    def test_of_the_structure(self, good, field, address):
        setattr(good.top, field, address)

        assert [(field, "bad-address")] == problems_of(good)

    @pytest.mark.parametrize("address", [8, UNMAPPED, 2**47, 2**63, 2**64 - 8])
    @pytest.mark.parametrize("field", ["cmds", "params"])
    def test_of_an_array(self, good, field, address):
        setattr(good.top, field, address)

        assert [(field, "bad-address")] == problems_of(good)

    @pytest.mark.parametrize("field", ["cmds", "params"])
    def test_an_odd_one_of_an_array(self, good, field):
        setattr(good.top, field, getattr(good.top, field) + 1)

        assert "cannot begin at" in message_of(good)

    @pytest.mark.parametrize("field", ["name", "function", "fixup"])
    def test_of_a_command(self, good, field):
        setattr(good.cmds[1], field, UNMAPPED)

        assert [(f"cmds[1].{field}", "bad-address")] == problems_of(good)

    @pytest.mark.parametrize("field", ["name", "param_pointer"])
    @pytest.mark.parametrize("index", [0, 1])
    def test_of_a_parameter(self, good, field, index):
        setattr(good.params[index], field, UNMAPPED)

        assert [(f"params[{index}].{field}", "bad-address")] == problems_of(good)

    @pytest.mark.parametrize("index", [0, 1])
    def test_an_odd_one_of_a_variable(self, good, index):
        good.params[index].param_pointer += 1

        assert f"a variable of {(4, 8)[index]} bytes cannot be at" in message_of(good)

    def test_of_a_function_that_is_data(self, good):
        good.cmds[0].function = ctypes.addressof(good.number)

        assert "there is no code at" in message_of(good)

    def test_of_a_variable_that_is_code(self, good):
        """The mistake in the spec's own listing, bar_foo for &bar_foo, is of this kind."""
        good.params[0].param_pointer = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value & ~7

        assert "cannot be written to: the field takes a variable's address, &foo_bar" in message_of(good)

    def test_of_a_string(self, good):
        good.text.value = UNMAPPED

        assert [("params[1].param_pointer", "bad-address")] == problems_of(good)

    def test_of_everything(self):
        with pytest.raises(InvalidExportsError, match="cannot be read: there is no memory at 0x10000") as refused:
            read(ModuleExportsStruct.from_address(UNMAPPED))
        assert refused.value.module is None

    def test_all_problems_come_with_those_of_validation(self, good):
        good.top.init_f = UNMAPPED
        good.cmds[0].fixup = UNMAPPED
        good.cmds[1].function = None
        good.params[0].type = 9

        assert [
            ("cmds[0].fixup", "bad-address"),
            ("init_f", "bad-address"),
            ("cmds[1].function", "null-function"),
            ("params[0].type", "unknown-type"),
        ] == problems_of(good)

    def test_the_module_is_named(self, good):
        good.top.init_f = UNMAPPED

        with pytest.raises(InvalidExportsError, match="exports of module 'good'"):
            good.read()


class TestEnds:
    """The scan of an array, and the search for the NUL of a name, have limits."""

    @pytest.mark.parametrize(("kind", "field"), [(CmdExportStruct, "cmds"), (ParamExportStruct, "params")])
    def test_an_array_that_runs_off_the_memory(self, good, last_page, kind, field):
        _, end = last_page
        entry = bytes(getattr(good, field)[0])
        start = end - 2 * len(entry)
        ctypes.memmove(start, 2 * entry, 2 * len(entry))
        setattr(good.top, field, start)

        assert (field, "not-terminated") == problems_of(good)[0]

    @pytest.mark.parametrize(("count", "text"), [(1, "1 entry"), (2, "2 entries")])
    def test_its_length_is_named(self, good, last_page, count, text):
        _, end = last_page
        entry = bytes(good.cmds[0])
        start = end - count * len(entry)
        ctypes.memmove(start, count * entry, count * len(entry))
        good.top.cmds = start

        with pytest.raises(
            InvalidExportsError, match=rf"cmds: the array has no terminator \({text}\): there is no mem"
        ):
            good.read()

    def test_an_array_that_other_things_follow(self, good):
        junk = (ctypes.c_uint64 * 64)(*[0x7] * 64)
        ctypes.memmove(junk, good.cmds, ctypes.sizeof(CmdExportStruct))
        good.top.cmds = ctypes.addressof(junk)

        with pytest.raises(InvalidExportsError, match=r"the array has no terminator \(1 entry\): ") as refused:
            good.read()
        found = [(each.field, each.code) for each in refused.value.problems]
        assert ("cmds[1].name", "bad-address") == found[0]
        assert ("cmds", "not-terminated") in found

    def test_one_bad_name_does_not_end_it(self, good):
        good.cmds[0].name = UNMAPPED
        good.cmds[1].function = UNMAPPED

        assert [("cmds[0].name", "bad-address"), ("cmds[1].function", "bad-address")] == problems_of(good)

    def test_an_array_without_end(self, good):
        endless = (ParamExportStruct * (MAX_ENTRIES + 1))(*[good.params[0]] * (MAX_ENTRIES + 1))
        good.top.params = ctypes.addressof(endless)

        assert ("params", "not-terminated") == problems_of(good)[0]

    @pytest.mark.parametrize(
        ("length", "fits"), [(1, True), (MAX_NAME_BYTES, True), (MAX_NAME_BYTES + 1, False), (10_000, False)]
    )
    def test_a_long_name(self, good, length, fits):
        name = ctypes.create_string_buffer(b"n" * length)
        good.cmds[0].name = ctypes.addressof(name)

        if fits:
            assert "n" * length == good.read().commands[0].name
        else:
            assert f"it has no NUL within {MAX_NAME_BYTES} bytes" in message_of(good)

    def test_a_name_that_runs_off_the_memory(self, good, last_page):
        _, end = last_page
        ctypes.memset(end - 5, ord("x"), 5)
        good.cmds[0].name = end - 5

        assert f"there is no memory at {end:#x}" in message_of(good)

    def test_a_name_that_ends_with_the_memory(self, good, last_page):
        _, end = last_page
        ctypes.memmove(end - 5, b"last", 5)
        good.cmds[0].name = end - 5

        assert "last" == good.read().commands[0].name

    def test_a_structure_at_the_end_of_the_memory(self, good, last_page):
        _, end = last_page
        good.top.cmds = end - 16

        assert [("cmds", "bad-address")] == problems_of(good)

    def test_a_string_without_end(self, good):
        endless = ctypes.create_string_buffer(b"x" * (MAX_VALUE_BYTES + 1))
        good.text.value = ctypes.addressof(endless)

        assert "which is not a string: it has no NUL within" in message_of(good)


class TestHalfNull:
    """A null name with other fields set is a problem, and the entries behind it are not read."""

    @pytest.mark.parametrize(
        ("field", "value"), [("function", UNMAPPED), ("param_no", 1), ("fixup", UNMAPPED), ("flags", 1)]
    )
    def test_of_a_command(self, good, field, value):
        setattr(good.cmds[2], field, value)

        assert [("cmds[2]", "half-null")] == problems_of(good)
        assert field in message_of(good)

    @pytest.mark.parametrize(("field", "value"), [("type", 1), ("param_pointer", UNMAPPED)])
    def test_of_a_parameter(self, good, field, value):
        setattr(good.params[2], field, value)

        assert [("params[2]", "half-null")] == problems_of(good)

    def test_in_the_middle(self, good):
        good.cmds[0].name = None
        good.cmds[1].function = UNMAPPED

        assert [("cmds[0]", "half-null")] == problems_of(good)


class TestMappings:
    """The access rights of memory are known if the system has them."""

    def test_the_rights(self):
        mappings = memory.Mappings()
        code = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value
        data = ctypes.c_int()

        assert mappings.allows("x", code)
        assert not mappings.allows("w", code)
        assert mappings.allows("w", ctypes.addressof(data), 4)
        assert not mappings.allows("x", ctypes.addressof(data), 4)
        assert not mappings.allows("w", UNMAPPED)
        assert not mappings.allows("w", 2**63)

    def test_across_parts(self, last_page):
        start, end = last_page
        mappings = memory.Mappings()

        assert mappings.allows("w", start, end - start)
        assert not mappings.allows("w", end - 4, 8)


@pytest.mark.parametrize("missing", [["_MAPS"], ["_MAPS", "_MEMORY"]], ids=["mappings", "both"])
class TestElsewhere:
    """Unreadable memory is found also on systems without the files that describe a process's memory."""

    @pytest.fixture(autouse=True)
    def _elsewhere(self, monkeypatch, tmp_path, missing):
        for file in missing:
            monkeypatch.setattr(memory, file, str(tmp_path / "nothing"))

    def test_a_good_module(self, good):
        assert () == find_problems(good.read())

    @pytest.mark.parametrize("address", [8, UNMAPPED, 2**47, 2**63, 2**64 - 8])
    def test_bad_addresses(self, good, address):
        good.top.cmds = address

        assert [("cmds", "bad-address")] == problems_of(good)

    def test_a_name_that_runs_off_the_memory(self, good, last_page, missing):
        """The file also has memory that the process itself may not read; the pipe has not."""
        _, end = last_page
        ctypes.memset(end - 5, ord("x"), 5)
        good.cmds[0].name = end - 5

        if "_MEMORY" in missing:
            assert f"there is no memory at {end:#x}" in message_of(good)
        else:
            assert "xxxxx" == good.read().commands[0].name

    def test_without_rights_data_may_be_code(self, good):
        good.cmds[0].function = ctypes.addressof(good.number)

        assert ctypes.addressof(good.number) == good.read().commands[0].function.address
