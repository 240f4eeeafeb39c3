"""A decorator above `@command` or `@internal` that hides it is an error when the class is made."""

from __future__ import annotations

import functools

import pytest

from sermod import REQUEST_ROUTE, Module, command, internal


def without_wraps(function):
    """Decorate as many do, forgetting what `functools.wraps` copies."""

    def wrapper(self, *args):
        return function(self, *args)

    return wrapper


def twice(function):
    return without_wraps(without_wraps(function))


class Wrapper:
    """An object that keeps what it decorates in an attribute of a name of its own."""

    def __init__(self, function):
        self._inner = function

    def __get__(self, module, owner=None):
        return self


class Updated:
    """One that looks like the method that it decorates, its mark included."""

    def __init__(self, function):
        functools.update_wrapper(self, function)


class Broken:
    """Each attribute raises, but the one that matters."""

    def __init__(self, function):
        self.fget = function

    def __getattr__(self, name):
        raise RuntimeError(name)


DECORATORS = {
    "property": property,
    "cached_property": functools.cached_property,
    "staticmethod": staticmethod,
    "classmethod": classmethod,
    "partial": functools.partial,
    "partialmethod": functools.partialmethod,
    "cache": functools.cache,
    "singledispatchmethod": functools.singledispatchmethod,
    "setter": lambda function: property(None, function),
    "a property of a cached function": lambda function: property(functools.cache(function)),
    "a wrapper": without_wraps,
    "two wrappers": twice,
    "an object": Wrapper,
    "an object that was updated": Updated,
    "an object whose attributes raise": Broken,
}
MARKS = {"@command()": command(REQUEST_ROUTE), "@internal()": internal()}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("decorator", DECORATORS)
def test_it_is_an_error(decorator, mark):
    def foo(self, msg):
        return 1

    hidden = DECORATORS[decorator](MARKS[mark](foo))

    with pytest.raises(TypeError) as caught:
        type("Foobar", (Module,), {"name": "foobar", "foo": hidden})

    assert str(caught.value).startswith("Foobar.foo: a")
    assert f" hides the method that is marked with {mark}, so that it would not be exported; write {mark} above" in str(
        caught.value
    )


def test_in_a_mixin():
    class Mixin:
        @property
        @command(REQUEST_ROUTE)
        def foo(self, msg):  # noqa: PLR0206 - that is the mistake
            return 1

    with pytest.raises(TypeError, match=r"^Foobar\.foo: a property hides the method"):
        type("Foobar", (Mixin, Module), {"name": "foobar"})


class TestNotHidden:
    """What only refers to a command is left alone."""

    def test_a_property_of_a_command_that_is_exported(self):
        class Foobar(Module):
            name = "foobar"

            @command(REQUEST_ROUTE)
            def foo(self, msg):
                return 1

            bar = property(foo)
            again = functools.partial(foo)

        assert ["foo"] == [each.name for each in Foobar().exports.commands]

    def test_a_method_that_uses_a_command_of_the_function_around_it(self):
        @command(REQUEST_ROUTE)
        def shared(self, msg):
            return 1

        class Foobar(Module):
            name = "foobar"
            foo = shared

            def bar(self):
                return shared(self, None)

        class Other(Module):
            name = "other"

            def bar(self):
                return shared(self, None)

        assert 1 == Foobar().bar() == Other().bar()
        assert ["foo"] == [each.name for each in Foobar().exports.commands]

    def test_objects_without_end(self):
        from unittest.mock import Mock

        class Foobar(Module):
            name = "foobar"
            mock = Mock()

        assert Foobar().exports.cmds is None

    def test_variables_that_have_no_value_yet_or_no_mark(self):
        text = "x"

        class Foobar(Module):
            name = "foobar"

            def bar(self):
                return later, text

        later = 5
        assert (5, "x") == Foobar().bar()

    def test_a_wrapper_that_copies_the_mark(self):
        def with_wraps(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)

            return wrapper

        class Foobar(Module):
            name = "foobar"

            @with_wraps
            @command(REQUEST_ROUTE)
            def foo(self, msg):
                return 1

        assert ["foo"] == [each.name for each in Foobar().exports.commands]
