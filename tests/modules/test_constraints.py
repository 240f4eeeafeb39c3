"""Limits in an `Annotated`: those of annotated-types and its relatives are honoured or refused, never ignored."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, NewType, Optional

import annotated_types
import pydantic
import pytest
from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf, Predicate, Timezone, Unit
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from sermod import REQUEST_ROUTE, FixupError, Lifecycle, Module, Registry, command
from sermod.fixups import fixup_from, int_between, is_ready_made

Seconds = NewType("Seconds", int)


class Meta:
    """Constraints of another library, known by their attributes: msgspec's look like this."""

    gt = ge = le = multiple_of = pattern = min_length = max_length = tz = None
    lt = 9
    description = "less than nine"


def module_of(annotation):
    class Some(Module):
        name = "some"

        def foo(self, msg, param):
            return param

        foo.__annotations__["param"] = annotation
        foo = command(REQUEST_ROUTE)(foo)

    return Some()


def fixed(annotation, param):
    core = Registry()
    core.register(module_of(annotation).exports)
    call = core.bind("foo", param, route=REQUEST_ROUTE)
    Lifecycle(core).init()
    return call.fixed[0]


HONOURED = [
    (Annotated[int, Gt(3)], "4", "3", "greater than 3"),
    (Annotated[int, Ge(3)], "3", "2", "at least 3"),
    (Annotated[int, Lt(3)], "2", "3", "less than 3"),
    (Annotated[int, Le(3)], "3", "4", "at most 3"),
    (Annotated[int, Interval(gt=0, le=9)], "9", "10", "greater than 0 and at most 9"),
    (Annotated[int, MultipleOf(5)], "10", "11", "a multiple of 5"),
    (Annotated[int, Gt(0), Lt(5)], "1", "5", "greater than 0 and less than 5"),
    (Annotated[float, Gt(0.5)], "0.6", "0.5", "greater than 0.5"),
    (Annotated[str, MinLen(2)], "ab", "a", "at least 2 long"),
    (Annotated[str, MaxLen(2)], "ab", "abc", "at most 2 long"),
    (Annotated[str, Len(1, 2)], "a", "", "at least 1 long and at most 2 long"),
    (Annotated[str, Len(2, 2)], "ab", "a", "at least 2 long and at most 2 long"),
    (Annotated[str, re.compile("^a+$")], "aa", "ab", "a match of '^a+$'"),
    (annotated_types.LowerCase[str], "a", "A", "a value for which str.islower is true"),
    (Annotated[float, Predicate(math.isfinite), Gt(0)], "1", "-1", "a value for which isfinite is true and greater"),
    (Annotated[int, Field(gt=3, multiple_of=2)], "4", "5", "greater than 3 and a multiple of 2"),
    (Annotated[str, Field(pattern="^[a-z]+$", max_length=3, description="a word")], "abc", "abcd", "at most 3 long"),
    (Annotated[str, pydantic.StringConstraints(min_length=2)], "ab", "a", "at least 2 long"),
    (pydantic.PositiveInt, "1", "0", "greater than 0"),
    (pydantic.conint(ge=3), "3", "2", "at least 3"),
    (Annotated[int, Meta()], "8", "9", "less than 9"),
    (Annotated[int, Gt(3)] | None, "4", "3", "greater than 3"),
    (Annotated[int | None, Gt(3)], "4", "3", "greater than 3"),
    (Optional[Annotated[int, "a text", Gt(3)]], "4", "3", "greater than 3"),  # noqa: UP045
    (Annotated[Annotated[int, Gt(0)], Lt(9)], "8", "9", "greater than 0 and less than 9"),
    (Annotated[Seconds, Gt(0)], "1", "0", "greater than 0"),
    (Annotated[int, int_between(0, 9), MultipleOf(3)], "6", "7", "a multiple of 3"),
    (Annotated[Decimal, fixup_from(Decimal, "a price"), Gt(Decimal(1))], "1.5", "0.5", "greater than 1"),
]


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "says"), HONOURED, ids=[f"{number}" for number, _ in enumerate(HONOURED)]
)
def test_honoured(annotation, good, bad, says):
    assert str(fixed(annotation, good)) == str(type(fixed(annotation, good))(good))
    with pytest.raises(FixupError, match=re.escape(f"param: takes {says}")) as caught:
        fixed(annotation, bad)

    assert f"(got {bad!r})" in str(caught.value)


@given(number=st.integers(-20, 20), low=st.integers(-9, 9), high=st.integers(-9, 9))
def test_each_number(number, low, high):
    """Exactly the numbers pass that the limits allow."""
    annotation = Annotated[int, Ge(low), Lt(high)]
    if low <= number < high:
        assert number == fixed(annotation, str(number))
    else:
        with pytest.raises(FixupError):
            fixed(annotation, str(number))


def refused(annotation):
    with pytest.raises(TypeError) as caught:
        module_of(annotation)
    return str(caught.value)


REFUSED = [
    (Annotated[int, Timezone(None)], "Timezone(tz=None) in it cannot be honoured; write a fixup that does"),
    (Annotated[int, Timezone("UTC")], "the tz of Timezone(tz='UTC') cannot be honoured"),
    (Annotated[int, pydantic.AfterValidator(abs)], "AfterValidator(func=<built-in function abs>) in it cannot be"),
    (Annotated[int, pydantic.Strict()], "the strict of Strict(strict=True) cannot be honoured"),
    (Annotated[float, Field(allow_inf_nan=False)], "allow_inf_nan"),
    (Annotated[float, Field(gt=0, max_digits=3)], "max_digits"),
    (Annotated[str, pydantic.StringConstraints(to_upper=True)], "to_upper"),
    (Annotated[int, Field(default=3, gt=1)], "would never be used; write it in the signature"),
    (Annotated[int, Gt("3")], "'greater than 3' cannot be asked of a value of type int"),
    (Annotated[int, MinLen(3)], "'at least 3 long' cannot be asked of a value of type int"),
    (Annotated[int, re.compile("a")], "\"a match of 'a'\" cannot be asked of a value of type int"),
    (Annotated[str, Gt(3)], "'greater than 3' cannot be asked of a value of type str"),
    (Annotated[int, MultipleOf(0)], "'a multiple of 0' cannot be asked of a value of type int"),
    (Annotated[str, SimpleNamespace(pattern="(")], "'(' in it is not a regular expression (missing )"),
]


@pytest.mark.parametrize(("annotation", "says"), REFUSED, ids=[f"{number}" for number, _ in enumerate(REFUSED)])
def test_refused(annotation, says):
    """A limit that cannot be honoured is an error when the class is made."""
    text = refused(annotation)

    assert "Some.foo: its parameter 'param' is annotated with " in text
    assert says in text


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, "how far"],
        Annotated[int, 5],
        Annotated[int, None],
        Annotated[int, Unit("m")],
        Annotated[int, annotated_types.doc("how far")],
        Annotated[int, SimpleNamespace(anything=1)],
        Annotated[int, Field(description="how far")],
        Annotated[int, Len()],
    ],
    ids=range(8),
)
def test_documentation_is_no_limit(annotation):
    assert 5 == fixed(annotation, "5")


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize("annotation", [Annotated[Path, Gt(3)], Annotated[Colour, MinLen(2)]], ids=["path", "enum"])
def test_what_only_a_value_shows_is_an_error_at_start_up(annotation):
    """There is no value to try them on when the class is made."""
    with pytest.raises(FixupError, match="param: TypeError: "):
        fixed(annotation, "RED")


class TestReadyMade:
    """Limits run no code of the module's author, unless they are a function of its own."""

    def is_tried_early(self, annotation):
        return is_ready_made(module_of(annotation).exports.commands[0].fixup)

    @pytest.mark.parametrize(
        ("annotation", "expected"),
        [
            (Annotated[int, Gt(3)], True),
            (Annotated[str, MinLen(3)], True),
            (annotated_types.LowerCase[str], True),
            (Annotated[int, Predicate(lambda value: value > 3)], False),
            (Annotated[Decimal, fixup_from(Decimal, "a price"), Gt(1)], False),
            (Annotated[int, Gt(Decimal("3.5"))], False),
        ],
        ids=range(6),
    )
    def test_it(self, annotation, expected):
        assert expected is self.is_tried_early(annotation)

    def test_a_predicate_of_the_author_is_asked(self):
        annotation = Annotated[int, Predicate(lambda value: value > 3)]

        assert 4 == fixed(annotation, "4")
        with pytest.raises(FixupError, match=r"takes what its predicate takes \(got '3'\)"):
            fixed(annotation, "3")

    def test_a_class_that_raises_for_any_attribute_name(self):
        class Odd:
            def __getattr__(self, name):
                raise AttributeError(name)

        assert 5 == fixed(Annotated[int, Odd()], "5")
        assert "5" == fixed(Annotated[Any, Odd()], "5")
