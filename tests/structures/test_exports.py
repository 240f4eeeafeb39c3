"""The structures: fields and order of C, null, types, values."""

from __future__ import annotations

import copy
import functools
import typing
from types import MappingProxyType

import attrs
import hypothesis
import pytest
from hostile import Unprintable
from hypothesis import strategies as st
from travelling import pickled

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    ModuleExports,
    ParamExport,
    ParamType,
    RouteFlag,
    pointer_to,
)


def command(msg, p1, p2):
    return 1


def fixup(param, param_no):
    return param


def hook():
    return 0


def on_message(msg):
    return 1


def on_rank(rank):
    return 0


CELL = Cell(0)
CMDS = (CmdExport("foo", command, 2), CmdExport())
PARAMS = (ParamExport("bar", INT_PARAM, CELL), ParamExport())

STRUCTURES = {
    CmdExport: {"name": "foo", "function": command, "param_no": 2, "fixup": fixup, "flags": REQUEST_ROUTE},
    ParamExport: {"name": "foo", "type": INT_PARAM, "param_pointer": CELL},
    ModuleExports: {
        "name": "foo",
        "cmds": CMDS,
        "params": PARAMS,
        "init_f": hook,
        "response_f": on_message,
        "destroy_f": hook,
        "onbreak_f": on_message,
        "init_child_f": on_rank,
    },
}
FIELDS = [(structure, field) for structure, fields in STRUCTURES.items() for field in fields]
NULLABLE = [(structure, field) for structure, field in FIELDS if field not in {"param_no", "flags", "type"}]

every_structure = pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: structure.__name__)
every_field = pytest.mark.parametrize(
    ("structure", "field"), FIELDS, ids=lambda value: getattr(value, "__name__", value)
)
every_nullable = pytest.mark.parametrize(
    ("structure", "field"), NULLABLE, ids=lambda value: getattr(value, "__name__", value)
)


class TestFields:
    """Names and order are those of the C structures."""

    @every_structure
    def test_order_is_that_of_c(self, structure):
        assert [*STRUCTURES[structure]] == [field.name for field in attrs.fields(structure)]

    @every_structure
    def test_a_c_initialiser_carries_over_by_position(self, structure):
        values = STRUCTURES[structure]

        made = structure(*values.values())

        assert values == {field: getattr(made, field) for field in values}

    @every_structure
    def test_by_name_is_the_same_as_by_position(self, structure):
        values = STRUCTURES[structure]

        assert structure(*values.values()) == structure(**values)

    @pytest.mark.parametrize("length", range(6))
    def test_a_short_initialiser_leaves_the_rest_null(self, length):
        """``{"print", print_f, 1, 0}`` leaves ``flags`` 0 in C."""
        values = [*STRUCTURES[CmdExport].values()]

        made = CmdExport(*values[:length])

        assert (*values[:length], *[None, None, 0, None, 0][length:]) == attrs.astuple(made, recurse=False)

    @every_structure
    def test_every_field_is_null_or_zero_by_default(self, structure):
        empty = attrs.astuple(structure(), recurse=False)

        assert {*empty} <= {None, 0}
        assert empty == attrs.astuple(structure(*[0] * len(empty)), recurse=False)

    @every_structure
    def test_the_annotations_can_be_resolved(self, structure):
        """Tools read the types of the fields at run time."""
        assert STRUCTURES[structure].keys() == typing.get_type_hints(structure).keys()

    @every_structure
    def test_repr_names_the_fields(self, structure):
        text = repr(structure("foo"))

        if structure is ModuleExports:
            assert "<ModuleExports 'foo': 0 commands, 0 parameters>" == text
        else:
            assert text.startswith(f"{structure.__name__}(name='foo', ")
            assert all(f"{field}=" in text for field in STRUCTURES[structure])


class TestNull:
    """Null is ``None``, or exactly the ``int`` 0."""

    @every_nullable
    def test_zero_is_kept_as_none(self, structure, field):
        assert getattr(structure(**{field: 0}), field) is None

    @every_nullable
    def test_none_is_null(self, structure, field):
        assert structure(**{field: None}) == structure(**{field: 0}) == structure()

    @every_nullable
    @pytest.mark.parametrize(
        "value",
        [False, 0.0, 0j, STR_PARAM, 1, -1],
        ids=["False", "0.0", "0j", "STR_PARAM", "1", "-1"],
    )
    def test_nothing_else_is_null(self, structure, field, value):
        """``False``, ``0.0`` and other values equal to 0 are mistakes, and so is every other number."""
        with pytest.raises(TypeError, match=rf"{structure.__name__}\.{field}: takes .*null \(None or 0\)"):
            structure(**{field: value})

    @pytest.mark.parametrize(
        ("structure", "field"), [(CmdExport, "param_no"), (CmdExport, "flags"), (ParamExport, "type")]
    )
    def test_a_number_is_never_null(self, structure, field):
        with pytest.raises(TypeError, match=rf"{structure.__name__}\.{field}: takes an int \(got None, a NoneType\)"):
            structure(**{field: None})


WRONG = {
    "name": [b"foo", 5, ["foo"], object()],
    "function": ["foo_req", 5, [command]],
    "fixup": ["fixup", 5],
    "param_no": ["2", 2.0, True, None, b"2"],
    "flags": ["REQUEST_ROUTE", 1.0, True, None],
    "type": ["int", 1.0, True, None, int],
    "param_pointer": [5, "foo_bar", [0], {"foo_bar": 0}, object()],
    "cmds": [5, "cmds", b"cmds", {"foo": command}, MappingProxyType({}), CmdExport("foo"), command],
    "params": [5, "params", {}, ParamExport("foo"), CELL],
    "init_f": ["mod_init", 5, [hook]],
    "response_f": ["response", 5],
    "destroy_f": ["destroy", 5],
    "onbreak_f": ["onbreak", 5],
    "init_child_f": ["child_init", 5, {1: hook}],
}


class TestTypes:
    """A value of a wrong type is a ``TypeError`` that names the class, the field, what it got and what it takes."""

    @pytest.mark.parametrize(
        ("structure", "field", "value"),
        [
            pytest.param(structure, field, value, id=f"{structure.__name__}.{field}-{type(value).__name__}")
            for structure, field in FIELDS
            for value in WRONG[field]
        ],
    )
    def test_wrong_type(self, structure, field, value):
        with pytest.raises(TypeError) as raised:
            structure(**{field: value})

        message = str(raised.value)
        assert message.startswith(f"{structure.__name__}.{field}: takes a")
        assert f"(got {value!r}, a" in message
        assert message.endswith(f" {type(value).__name__})")

    @pytest.mark.parametrize(
        ("field", "array", "message"),
        [
            ("cmds", [CmdExport(), ParamExport()], r"ModuleExports\.cmds\[1\]: takes a CmdExport \(got ParamExport\("),
            ("cmds", [("foo", command, 2, 0, 0)], r"ModuleExports\.cmds\[0\]: takes a CmdExport \(got \('foo', "),
            ("cmds", [CmdExport("foo"), 0], r"ModuleExports\.cmds\[1\]: takes a CmdExport \(got 0, an int\)"),
            ("params", [CmdExport()], r"ModuleExports\.params\[0\]: takes a ParamExport \(got CmdExport\("),
            ("params", [None], r"ModuleExports\.params\[0\]: takes a ParamExport \(got None, a NoneType\)"),
        ],
    )
    def test_wrong_entry_in_an_array(self, field, array, message):
        """The message says which entry of the array it is."""
        with pytest.raises(TypeError, match=message):
            ModuleExports("foo", **{field: array})

    def test_a_value_whose_repr_raises(self):
        """The message says what it can: the field and the class of the value."""
        with pytest.raises(TypeError, match=r"^CmdExport\.name: takes .* \(got <an Unprintable .*, an Unprintable\)"):
            CmdExport(Unprintable())

    @pytest.mark.parametrize(
        "function",
        [command, len, int, functools.partial(command, p2=None), "abc".count, lambda msg: 1],
        ids=["function", "built-in", "class", "partial", "method", "lambda"],
    )
    def test_any_callable_is_a_function(self, function):
        export = CmdExport("foo", function, fixup=function)

        assert function is export.function
        assert function is export.fixup

    def test_a_subclass_of_str_is_a_name(self):
        class Name(str):
            __slots__ = ()

        assert "foo" == CmdExport(Name("foo")).name

    @pytest.mark.parametrize("pointer", [CELL, pointer_to(globals(), "CELL")], ids=["cell", "pointer_to"])
    def test_pointers_are_kept(self, pointer):
        assert pointer is ParamExport("foo", INT_PARAM, pointer).param_pointer

    def test_whatever_loads_and_stores_is_a_pointer(self):
        class Own:
            def load(self):
                return 0

            def store(self, value):
                pass

        own = Own()

        assert own is ParamExport("foo", INT_PARAM, own).param_pointer

    def test_a_broken_rule_is_no_exception(self):
        """Construction checks types; the rules of the interface are validation's."""
        export = CmdExport("", None, -7, 0, 0x80)

        assert ("", None, -7, None, 0x80) == attrs.astuple(export, recurse=False)


class TestNumbers:
    """``flags`` and ``type`` keep what was written, by name where they have one."""

    @pytest.mark.parametrize("flags", [0, 1, 2, 3, 4, 0x81])
    def test_flags_become_route_flags_and_unknown_bits_survive(self, flags):
        export = CmdExport("foo", command, 2, 0, flags)

        assert flags == export.flags
        assert isinstance(export.flags, RouteFlag)

    @pytest.mark.parametrize(("number", "kind"), [(0, STR_PARAM), (1, INT_PARAM)])
    def test_known_types_become_param_types(self, number, kind):
        assert kind is ParamExport("foo", number).type

    @pytest.mark.parametrize("number", [2, -1, 7])
    def test_an_unknown_type_survives_as_an_int(self, number):
        assert number == ParamExport("foo", number).type

    def test_types_are_those_of_the_core(self):
        assert [("STR_PARAM", 0), ("INT_PARAM", 1)] == [(kind.name, kind.value) for kind in ParamType]
        assert (ParamType.STR_PARAM, ParamType.INT_PARAM) == (STR_PARAM, INT_PARAM)


class TestImmutable:
    """A structure cannot be changed once it is made."""

    @every_field
    def test_no_field_can_be_set_or_deleted(self, structure, field):
        made = structure(**STRUCTURES[structure])

        with pytest.raises(AttributeError):
            setattr(made, field, None)
        with pytest.raises(AttributeError):
            delattr(made, field)
        assert STRUCTURES[structure][field] == getattr(made, field)

    @every_structure
    def test_no_attribute_can_be_added(self, structure):
        with pytest.raises(AttributeError):
            structure().anything = 1
        assert not hasattr(structure(), "__dict__")

    @every_field
    def test_a_changed_copy_is_made_by_evolve(self, structure, field):
        """A copy with another field goes through the same checks."""
        made = structure(**STRUCTURES[structure])

        assert structure(**STRUCTURES[structure] | {field: 0}) == attrs.evolve(made, **{field: 0})
        with pytest.raises(TypeError, match=rf"^{structure.__name__}\.{field}: takes"):
            attrs.evolve(made, **{field: 0.5})


values = {
    "name": st.sampled_from(["", "a", "b", None, 0]),
    "function": st.sampled_from([command, fixup, None, 0]),
    "param_no": st.integers(0, 2),
    "fixup": st.sampled_from([fixup, None, 0]),
    "flags": st.integers(0, 3),
}


class TestEquality:
    """Structures are compared by value."""

    @every_structure
    def test_equal_and_hashed_alike(self, structure):
        one, other = structure(**STRUCTURES[structure]), structure(**STRUCTURES[structure])

        assert one == other
        assert hash(one) == hash(other)
        assert 1 == len({one, other})

    @every_field
    def test_different_in_any_field(self, structure, field):
        one = structure(**STRUCTURES[structure])
        other = structure(**STRUCTURES[structure] | {field: 0})

        assert one != other

    def test_not_equal_to_anything_else(self):
        assert CmdExport() != ParamExport()
        assert CmdExport() != (None, None, 0, None, 0)

    @hypothesis.given(st.fixed_dictionaries(values), st.fixed_dictionaries(values))
    def test_equal_exactly_where_all_fields_are(self, one, other):
        """Null is one value, however it was written."""

        def meant(fields):
            return {name: value or (value if value == "" else None) for name, value in fields.items()}

        assert (meant(one) == meant(other)) == (CmdExport(**one) == CmdExport(**other))

    @pytest.mark.parametrize(
        "made",
        [CmdExport(*STRUCTURES[CmdExport].values()), ParamExport("foo", 7), ModuleExports("foo", CMDS, init_f=hook)],
        ids=lambda made: type(made).__name__,
    )
    def test_survives_pickling_and_copying(self, made):
        assert made == pickled(made)
        assert made == copy.copy(made)
        assert made == copy.deepcopy(made)


class TestGeneric:
    """The structures are generic in the host's message type."""

    @pytest.mark.parametrize("structure", [CmdExport, ModuleExports])
    def test_subscripted(self, structure):
        assert structure("foo") == structure[str]("foo")

    def test_both_routes(self):
        """The example of the spec's text: callable anywhere in the script."""
        assert 3 == CmdExport("foo", command, 2, 0, REQUEST_ROUTE | REPLY_ROUTE).flags
