"""``accepts``: whether a callable takes a number of arguments."""

from __future__ import annotations

import functools
import inspect
from collections import namedtuple
from types import MethodType
from unittest import mock

import attrs
import hypothesis
import pytest
from functions import shapes
from hypothesis import strategies as st

from sermod._interface.signatures import accepts, argument_name

COUNTS = range(7)


def binds(function, count):
    """Return whether the signature takes the arguments, by ``inspect``."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    return True


def can_be_called(function, count):
    """Call it, and return whether it took the arguments."""
    try:
        function(*[None] * count)
    except TypeError:
        return False
    return True


def assert_agrees(function):
    """Check that ``accepts`` says what really happens, which is also what ``inspect`` says."""
    found = [accepts(function, count) for count in COUNTS]

    assert [can_be_called(function, count) for count in COUNTS] == found
    assert [binds(function, count) for count in COUNTS] == found


class TestGenerated:
    """Whatever the signature is, ``accepts`` agrees with ``inspect`` and with a real call."""

    @hypothesis.given(shapes(forms=("plain", "closure")))
    def test_functions(self, shape):
        assert_agrees(shape.make())

    @hypothesis.given(shapes(), st.sampled_from([lambda function: function, classmethod]))
    def test_bound_methods(self, shape, kind):
        owner = type("Owner", (), {"method": kind(shape.make("self"))})

        assert_agrees(owner().method)

    @hypothesis.given(shapes())
    def test_static_methods_and_functions_of_a_class(self, shape):
        function = shape.make()
        owner = type("Owner", (), {"static": staticmethod(function), "plain": function})

        assert_agrees(owner().static)
        assert_agrees(owner.plain)
        assert_agrees(vars(owner)["static"])

    @hypothesis.given(shapes())
    def test_callable_objects(self, shape):
        assert_agrees(type("Owner", (), {"__call__": shape.make("self")})())

    @hypothesis.given(shapes())
    def test_classes(self, shape):
        """A class is called as its ``__init__`` is, which returns nothing here."""
        initialise = shape.make("self")

        @functools.wraps(initialise)
        def returning_nothing(*args, **kwargs):
            initialise(*args, **kwargs)

        assert_agrees(type("Owner", (), {"__init__": returning_nothing}))

    @hypothesis.given(shapes(), st.integers(0, 3), st.booleans())
    def test_partials(self, shape, given, by_name):
        function = shape.make()
        partial = functools.partial(function, *[None] * given, **({"k0": None} if by_name else {}))
        hypothesis.assume(_has_signature(partial))

        assert_agrees(partial)

    @hypothesis.given(shapes())
    def test_methods_of_what_is_no_function(self, shape):
        """A method may be bound to any callable."""
        assert_agrees(MethodType(functools.partial(shape.make("self")), object()))


def _has_signature(partial):
    # A partial with arguments that its function does not take has none, and raises when it is called.
    try:
        inspect.signature(partial)
    except ValueError:
        return False
    return True


class ByNew:
    def __new__(cls, one, two=2):
        return super().__new__(cls)


class Meta(type):
    def __call__(cls, one, two):
        return super().__call__()


@attrs.define
class ByAttrs:
    one: int
    two: int = 2


class OfOneMethod:
    def method(self, one, two, three=3):
        pass

    partial = functools.partialmethod(method, 1)


@functools.lru_cache
def cached(one, two=2):
    pass


OTHERS = {
    "__new__": ByNew,
    "metaclass": Meta("ByMeta", (), {}),
    "attrs": ByAttrs,
    "named tuple": namedtuple("ByTuple", "one two"),  # noqa: PYI024 - it is about what it takes
    "bound method": OfOneMethod().method,
    "partial method": OfOneMethod().partial,
    "unbound method": OfOneMethod.method,
    "cached": cached,
    "partial of a partial": functools.partial(functools.partial(cached, 1), 2),
    "lambda": lambda one, two=2: None,
    "mock": mock.Mock(),
}


@pytest.mark.parametrize("function", OTHERS.values(), ids=OTHERS)
def test_other_callables(function):
    """Classes of all makes, methods, wrappers and mocks: what they take is what a call shows."""
    assert [can_be_called(function, count) for count in COUNTS] == [accepts(function, count) for count in COUNTS]


class TestWrapped:
    """A decorator's wrapper takes what it takes, and not what the function behind it would."""

    def test_a_wrapper_of_any_arguments(self):
        def function(msg, one):
            pass

        @functools.wraps(function)
        def wrapper(*args):
            pass

        assert not binds(wrapper, 4)
        assert accepts(wrapper, 4)

    def test_a_wrapper_of_fewer_arguments(self):
        """Its ``inspect.signature`` promises what a call does not keep."""

        def function(msg, one):
            pass

        @functools.wraps(function)
        def wrapper(msg):
            pass

        assert binds(wrapper, 2)
        assert not accepts(wrapper, 2)
        assert accepts(wrapper, 1)

    def test_defaults_that_were_put_on_later(self):
        def function(msg, one):
            pass

        function.__defaults__ = (1,)

        assert_agrees(function)


class Broken:
    """A callable whose signature raises when it is read."""

    def __call__(self, one):
        pass

    @property
    def __signature__(self):
        raise RuntimeError("no signature here")


class Lying:
    """A callable whose signature is not a signature."""

    __signature__ = "any"

    def __call__(self, one):
        pass


@pytest.mark.parametrize("function", [max, type, Broken(), Lying()], ids=["max", "type", "Broken", "Lying"])
def test_the_benefit_of_the_doubt(function):
    """A callable without a readable signature is accepted."""
    with pytest.raises(Exception, match=r"signature"):
        inspect.signature(function)

    assert all(accepts(function, count) for count in COUNTS)


class TestArgumentName:
    """``argument_name`` is what a function calls one of its arguments, for messages."""

    @pytest.mark.parametrize(("index", "name"), [(0, "one"), (1, "two"), (2, "three"), (3, None)])
    def test_of_a_function(self, index, name):
        assert name == argument_name(lambda one, two, /, three=3, *more, four=4: None, index)

    @pytest.mark.parametrize(("index", "name"), [(0, "one"), (1, "two"), (2, "three"), (3, None)])
    def test_of_a_method(self, index, name):
        """Its own object is no argument of the call."""
        assert name == argument_name(OfOneMethod().method, index)

    @pytest.mark.parametrize("function", [None, max, Broken(), lambda *args: None], ids=["null", "max", "Broken", "*"])
    def test_where_there_is_none(self, function):
        assert argument_name(function, 0) is None
