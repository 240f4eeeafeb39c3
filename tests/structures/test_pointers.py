"""Where a parameter's value lives."""

from __future__ import annotations

from collections import ChainMap, UserDict, defaultdict
from types import MappingProxyType, SimpleNamespace

import hypothesis
import pytest
from hypothesis import strategies as st

from sermod import INT_PARAM, Cell, ModuleExports, ParamExport, Pointer, find_problems, null_terminated, pointer_to

foo_bar = 0


class Slotted:
    __slots__ = ("timeout",)


class TestProtocol:
    """Every object with ``load`` and ``store`` is a ``Pointer``."""

    @pytest.mark.parametrize(
        "pointer",
        [Cell(0), pointer_to(globals(), "foo_bar"), pointer_to(Slotted(), "timeout")],
        ids=["cell", "item", "attribute"],
    )
    def test_ready_made_ones(self, pointer):
        assert isinstance(pointer, Pointer)

    def test_one_of_the_authors_own_needs_no_base(self):
        class Own:
            def load(self):
                return 1

            def store(self, value):
                pass

        assert isinstance(Own(), Pointer)

    @pytest.mark.parametrize("thing", [0, None, "foo_bar", {}, print, object()])
    def test_anything_else_is_none(self, thing):
        assert not isinstance(thing, Pointer)

    def test_half_a_pointer_is_none(self):
        class ReadOnly:
            def load(self):
                return 1

        assert not isinstance(ReadOnly(), Pointer)

    def test_a_derived_class_does_something_when_it_is_set(self):
        """This is how a parameter acts: no setter function is needed."""
        seen = []

        class Loud(Pointer[int]):
            def load(self):
                return len(seen)

            def store(self, value, /):
                seen.append(value)

        pointer = Loud()
        pointer.store(7)

        assert [7] == seen
        assert 1 == pointer.load()

    def test_a_derived_class_must_have_both_methods(self):
        class Half(Pointer[int]):
            def load(self):
                return 0

        with pytest.raises(TypeError, match="abstract"):
            Half()


class TestCell:
    """A ``Cell`` is a variable of its own."""

    @pytest.mark.parametrize("value", [0, "text", None])
    def test_holds_what_it_was_given(self, value):
        assert value is Cell(value).load()

    def test_stores(self):
        cell = Cell(30)

        cell.store(5)

        assert 5 == cell.load()
        assert 5 == cell.value

    def test_describes_itself(self):
        assert "seconds to wait" == Cell(30, doc="seconds to wait").doc
        assert Cell(30).doc is None
        assert "Cell(30)" == repr(Cell(30))

    def test_is_equal_to_itself_alone(self):
        """Two variables that hold the same value are still two variables."""
        cell = Cell(0)

        assert cell == cell  # noqa: PLR0124 - that is what is shown
        assert cell != Cell(0)
        assert 2 == len({cell, Cell(0)})

    def test_has_no_other_attributes(self):
        with pytest.raises(AttributeError):
            Cell(0).valeu = 1

    @hypothesis.given(st.lists(st.integers() | st.text() | st.none(), min_size=1))
    def test_the_last_store_is_what_is_loaded(self, stored):
        cell = Cell(None)
        for value in stored:
            cell.store(value)

        assert stored[-1] == cell.load()


class TestVariableInANamespace:
    """``pointer_to(globals(), "foo_bar")`` is C's ``&foo_bar``."""

    def test_reads_and_writes_the_global_variable(self, monkeypatch):
        monkeypatch.setitem(globals(), "foo_bar", 1)
        pointer = pointer_to(globals(), "foo_bar")

        assert 1 == pointer.load()
        pointer.store(5)
        assert 5 == foo_bar

    def test_the_variable_may_be_assigned_later(self):
        """The place is fixed at the call; the variable is looked for at validation, as in C it need not be set yet."""
        namespace = {"__name__": "foobar"}
        pointer = pointer_to(namespace, "late")
        exports = ModuleExports("m", None, null_terminated(ParamExport("late", INT_PARAM, pointer)))
        assert ["null-pointer"] == [found.code for found in find_problems(exports)]

        namespace["late"] = 7

        assert () == find_problems(exports)
        assert 7 == pointer.load()

    def test_storing_makes_a_variable_that_is_not_there(self):
        namespace = {}

        pointer_to(namespace, "late").store(3)

        assert {"late": 3} == namespace

    def test_a_missing_global_variable_is_named(self):
        pointer = pointer_to(globals(), "nowhere")

        with pytest.raises(NameError, match=rf"no variable 'nowhere' in the globals of '{__name__}'"):
            pointer.load()

    @pytest.mark.parametrize("namespace", [{}, {"__name__": 5}], ids=["no name", "no module's name"])
    def test_a_missing_variable_of_any_mapping_is_named(self, namespace):
        with pytest.raises(NameError, match="no variable 'nowhere' in a dict"):
            pointer_to(namespace, "nowhere").load()

    @pytest.mark.parametrize("value", [None, 0, "", False])
    def test_a_value_that_is_false_is_there(self, value):
        assert value is pointer_to({"foo": value}, "foo").load()

    @pytest.mark.parametrize("mapping", [UserDict(foo=1), ChainMap({"foo": 1}), defaultdict(int, foo=1)])
    def test_any_mapping_that_can_be_written_to(self, mapping):
        pointer = pointer_to(mapping, "foo")
        assert 1 == pointer.load()

        pointer.store(2)

        assert 2 == mapping["foo"]

    def test_looking_does_not_make_a_default(self):
        mapping = defaultdict(int)

        with pytest.raises(NameError):
            pointer_to(mapping, "foo").load()
        assert not mapping

    def test_a_mapping_that_cannot_be_written_to_is_refused(self):
        with pytest.raises(
            TypeError, match=r"pointer_to\(place, 'foo'\): a mappingproxy is read-only; give globals\(\) or an object"
        ):
            pointer_to(MappingProxyType({"foo": 1}), "foo")

    def test_repr_says_where(self):
        assert f"pointer_to(<the globals of {__name__!r}>, 'foo_bar')" == repr(pointer_to(globals(), "foo_bar"))
        assert "pointer_to(<a dict>, 'foo')" == repr(pointer_to({}, "foo"))


class TestAttribute:
    """``pointer_to(obj, "attribute")`` is a pointer to a member."""

    @pytest.mark.parametrize("place", [SimpleNamespace(timeout=1), type("Settings", (), {"timeout": 1})])
    def test_reads_and_writes(self, place):
        pointer = pointer_to(place, "timeout")
        assert 1 == pointer.load()

        pointer.store(5)

        assert 5 == place.timeout

    def test_the_attribute_may_be_assigned_later(self):
        place = Slotted()
        pointer = pointer_to(place, "timeout")
        with pytest.raises(AttributeError, match="timeout"):
            pointer.load()

        place.timeout = 3

        assert 3 == pointer.load()

    def test_an_attribute_that_cannot_be_set_says_so(self):
        with pytest.raises(AttributeError):
            pointer_to(Slotted(), "other").store(1)

    def test_repr_says_where(self):
        assert "pointer_to(<Slotted object>, 'timeout')" == repr(pointer_to(Slotted(), "timeout"))


class TestAddress:
    """Pointers to one variable are equal, as addresses are."""

    def test_same_place_and_name(self):
        namespace, place = {}, SimpleNamespace()

        assert pointer_to(namespace, "foo") == pointer_to(namespace, "foo")
        assert hash(pointer_to(namespace, "foo")) == hash(pointer_to(namespace, "foo"))
        assert pointer_to(place, "foo") == pointer_to(place, "foo")

    def test_another_name_or_another_place(self):
        """A place that is equal, but not the same, is another place."""
        namespace = {}

        assert pointer_to(namespace, "foo") != pointer_to(namespace, "bar")
        assert pointer_to(namespace, "foo") != pointer_to({}, "foo")
        assert pointer_to(SimpleNamespace(), "foo") != pointer_to(SimpleNamespace(), "foo")

    def test_nothing_else(self):
        assert pointer_to({"foo": 1}, "foo") != Cell(1)
        assert pointer_to({}, "foo") != "foo"

    def test_structures_with_equal_pointers_are_equal(self):
        one = ParamExport("foo", INT_PARAM, pointer_to(globals(), "foo_bar"))
        other = ParamExport("foo", INT_PARAM, pointer_to(globals(), "foo_bar"))

        assert one == other
        assert hash(one) == hash(other)


class TestMistakes:
    """A name that is not a ``str`` is refused at once."""

    @pytest.mark.parametrize("name", [foo_bar, None, b"foo_bar", object])
    def test_the_name_is_a_string(self, name):
        with pytest.raises(TypeError, match=r"name must be a str, the variable's name \(got "):
            pointer_to(globals(), name)
