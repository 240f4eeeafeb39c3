"""``with_last_arguments``: the call that an action makes for every message."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import traceback
from types import MethodType
from unittest import mock

import hypothesis
import pytest
from functions import FORMS, shapes
from hypothesis import strategies as st

from sermod._interface import signatures
from sermod._interface.signatures import accepts, with_last_arguments

MSG = object()

values = st.lists(st.integers() | st.text() | st.none() | st.binary(), max_size=4).map(tuple)


def outcome(result):
    """Return the result of a call, for every kind of function."""
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    if inspect.isgenerator(result):
        return [*result]
    return result


def assert_same_call(function, given):
    hypothesis.assume(accepts(function, 1 + len(given)))

    expected, found = function(MSG, *given), with_last_arguments(function, given)(MSG)

    assert type(expected) is type(found)
    assert outcome(expected) == outcome(found)


class TestGenerated:
    """Whatever the signature is, ``run(msg)`` is ``function(msg, *values)``."""

    @hypothesis.given(shapes(forms=FORMS), values)
    def test_functions(self, shape, given):
        assert_same_call(shape.make(), given)

    @hypothesis.given(shapes(forms=FORMS), values, st.sampled_from([lambda function: function, classmethod]))
    def test_bound_methods(self, shape, given, kind):
        owner = type("Owner", (), {"method": kind(shape.make("self"))})

        assert_same_call(owner().method, given)

    @hypothesis.given(shapes(forms=FORMS), values)
    def test_static_methods(self, shape, given):
        owner = type("Owner", (), {"method": staticmethod(shape.make())})

        assert_same_call(owner().method, given)

    @hypothesis.given(shapes(forms=FORMS), values)
    def test_other_callables(self, shape, given):
        assert_same_call(functools.partial(shape.make()), given)
        assert_same_call(type("Owner", (), {"__call__": shape.make("self")})(), given)
        assert_same_call(MethodType(functools.partial(shape.make("self")), MSG), given)

    @hypothesis.given(shapes(forms=FORMS), values)
    def test_the_function_itself_is_as_it_was(self, shape, given):
        function = shape.make()
        before = function.__defaults__, function.__kwdefaults__, function.__code__

        with_last_arguments(function, given)

        assert before == (function.__defaults__, function.__kwdefaults__, function.__code__)


def plain(msg, one, two="two", *, key="key"):
    """What it is for."""
    return msg, one, two, key


class Owner:
    def method(self, msg, one, two="two"):
        """What it is for."""
        return self, msg, one, two


class TestExamples:
    """The same, by hand."""

    @pytest.mark.parametrize(
        ("given", "expected"),
        [((1,), (MSG, 1, "two", "key")), ((1, 2), (MSG, 1, 2, "key")), ((None, None), (MSG, None, None, "key"))],
    )
    def test_extra_defaults_stay(self, given, expected):
        assert expected == with_last_arguments(plain, given)(MSG)

    def test_a_method_keeps_its_object(self):
        owner = Owner()

        run = with_last_arguments(owner.method, (1,))

        assert (owner, MSG, 1, "two") == run(MSG)
        assert owner is run.__self__

    @pytest.mark.parametrize("function", [plain, Owner().method, functools.partial(plain), print])
    def test_without_values_it_is_the_callable_itself(self, function):
        assert function == with_last_arguments(function, ())

    @pytest.mark.parametrize("given", [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)])
    def test_values_for_any_number_of_arguments(self, given):
        """More values than named arguments arrive in ``*args``; a mock notes what it was called with."""
        mocked = mock.Mock()

        with_last_arguments(mocked, given)(MSG)

        mocked.assert_called_once_with(MSG, *given)
        assert (MSG, given) == with_last_arguments(lambda msg, *args: (msg, args), given)(MSG)
        assert ((MSG, *given)) == with_last_arguments(lambda *args: args, given)(MSG)

    def test_the_message_alone_is_left_to_give(self):
        with pytest.raises(TypeError):
            with_last_arguments(plain, (1, 2))()

    def test_the_values_are_handed_on_as_they_are(self):
        value = object()

        assert value is with_last_arguments(plain, (value,))(MSG)[1]

    def test_a_closure_is_shared(self):
        """What a function keeps around itself is one, however it is called."""
        count = 0

        def counting(msg, step):
            nonlocal count
            count += step
            return count

        run = with_last_arguments(counting, (2,))

        assert [2, 4, 5] == [run(MSG), run(MSG), counting(MSG, 1)]
        assert 5 == count

    def test_globals_are_shared(self, monkeypatch):
        def reading(msg, one):
            return a_global

        run = with_last_arguments(reading, (1,))
        monkeypatch.setitem(globals(), "a_global", "assigned later")

        assert "assigned later" == run(MSG)

    def test_super_works(self):
        class Derived(Owner):
            def method(self, msg, one, two="2"):
                return super().method(msg, one, two)

        derived = Derived()

        assert (derived, MSG, 1, "2") == with_last_arguments(derived.method, (1,))(MSG)

    def test_what_is_patched_later_does_not_reach_it(self):
        def function(msg, one):
            return "as it was"

        run = with_last_arguments(function, (1,))
        function.__code__ = (lambda msg, one: "patched").__code__
        function.__kwdefaults__ = {"key": 1}

        assert "as it was" == run(MSG)

    def test_two_calls_of_one_function_do_not_meet(self):
        one, other = with_last_arguments(plain, (1,)), with_last_arguments(plain, (2,))

        assert (1, 2) == (one(MSG)[1], other(MSG)[1])


a_global = "assigned early"


class TestLooks:
    """In a debugger, it looks like the function."""

    @pytest.mark.parametrize("function", [plain, Owner().method], ids=["function", "method"])
    def test_names_and_documentation(self, function):
        run = with_last_arguments(function, (1,))

        for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
            assert getattr(function, attribute) == getattr(run, attribute)

    @pytest.mark.parametrize("form", ["coroutine", "generator"])
    def test_its_kind(self, form):
        async def coroutine(msg, one):
            return one

        def generator(msg, one):
            yield one

        function = {"coroutine": coroutine, "generator": generator}[form]
        run = with_last_arguments(function, (1,))

        assert (form == "coroutine") == inspect.iscoroutinefunction(run)
        assert (form == "generator") == inspect.isgeneratorfunction(run)


class Failing:
    def method(self, msg, one):
        raise ValueError(one)

    def __call__(self, msg, one, *more):
        raise ValueError(one)


def failing(msg, one):
    raise ValueError(one)


def frames_of(run):
    with pytest.raises(ValueError, match="refused") as raised:
        run(MSG)
    entries = traceback.extract_tb(raised.tb)
    return [entry.name for entry in entries[1:] if entry.filename != signatures.__file__], [
        entry.name for entry in entries if entry.filename == signatures.__file__
    ]


class Preparing:
    """A callable that has its own way of fixing its last arguments."""

    def __call__(self, msg, *params):
        raise NotImplementedError

    def with_last_arguments(self, values):
        return lambda msg: ("prepared", msg, *values)


class TestOwnWay:
    """A callable whose class has ``with_last_arguments`` makes the result itself."""

    @pytest.mark.parametrize("given", [(), (1,), (1, 2, 3)])
    def test_it_is_taken(self, given):
        assert ("prepared", MSG, *given) == with_last_arguments(Preparing(), given)(MSG)

    def test_an_attribute_of_the_object_alone_is_none(self):
        """A mock has every attribute that it is asked for."""
        mocked = mock.Mock(return_value=1)

        assert 1 == with_last_arguments(mocked, (1,))(MSG)
        mocked.with_last_arguments.assert_not_called()


class TestFrames:
    """A call costs the function's own frame, and a traceback shows no other."""

    @pytest.mark.parametrize("function", [failing, Failing().method], ids=["function", "method"])
    def test_functions_and_methods_have_their_own_frame_only(self, function):
        assert ([function.__name__], []) == frames_of(with_last_arguments(function, ("refused",)))

    @pytest.mark.parametrize("given", [("refused",), ("refused", 2), ("refused", 2, 3)])
    def test_other_callables_have_one_of_ours_at_the_most(self, given):
        own, ours = frames_of(with_last_arguments(Failing(), given))

        assert ["__call__"] == own
        assert len(ours) <= 1

    def test_the_caller_is_the_next_frame(self):
        def calling_frame(msg, one):
            return sys._getframe(1)

        assert sys._getframe() is with_last_arguments(calling_frame, (1,))(MSG)
