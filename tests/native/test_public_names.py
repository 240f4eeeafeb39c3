"""The public names of sermod.native, for tools and for other processes."""

import inspect
import re
import typing
from pathlib import Path

import pytest
from travelling import pickled

from sermod import SermodError, native

NAMES = sorted(native.__all__)
CLASSES = [name for name in NAMES if inspect.isclass(getattr(native, name))]


def test_the_reference_has_all_of_them():
    page = Path(__file__).parents[2] / "docs" / "reference.md"
    documented = re.findall(r"^\.\. [\w:]+:: sermod\.native\.(\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert NAMES == sorted(documented)


@pytest.mark.parametrize("name", NAMES)
def test_type_hints_resolve(name):
    """Also those of the methods of a class."""
    public = getattr(native, name)
    functions = [public] if inspect.isfunction(public) else []
    if name in CLASSES:
        functions = [each for _, each in inspect.getmembers(public, inspect.isfunction)]
        typing.get_type_hints(public)
    for function in functions:
        typing.get_type_hints(function)


def test_an_exception_shows_its_public_path():
    error = native.UnreadableError

    assert ("sermod.native", "UnreadableError") == (error.__module__, error.__qualname__)
    assert issubclass(error, (SermodError, ValueError))


def test_an_exception_survives_pickling():
    error = pickled(native.UnreadableError("there is no memory at 0x10000", address=0x10000))

    assert native.UnreadableError is type(error)
    assert ("there is no memory at 0x10000", 0x10000) == (str(error), error.address)
