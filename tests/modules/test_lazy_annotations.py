"""Annotations of Python 3.14, which are evaluated when they are asked for, and whose names need not exist."""

from __future__ import annotations

import enum
import importlib.util
import inspect
import sys
import types
from typing import ForwardRef

import pytest

from sermod import REQUEST_ROUTE, Lifecycle, Module, Registry, command, describe, internal
from sermod._classes.annotation_texts import annotation_text
from sermod._interface import signatures

SOURCE = """
from typing import TYPE_CHECKING
from sermod import REQUEST_ROUTE, Module, command, internal
if TYPE_CHECKING:
    from nowhere import Message, Limit

class Foobar(Module):
    name = "foobar"

    @command(REQUEST_ROUTE)
    def foo(self, msg: {message}, limit: int = 5) -> {message}:
        return limit

    @internal
    def bar(self, key: {message}) -> {message}:
        return key

    def onbreak(self, msg: {message}) -> None:
        pass
"""
WRONG = """
class Wrong(Module):
    name = "wrong"

    @command(REQUEST_ROUTE)
    def foo(self, msg, limit: {limit}) -> int:
        return 1
"""
QUOTED = [pytest.param("'{}'", id="quoted")]
UNQUOTED = [
    pytest.param(
        "{}",
        id="unquoted",
        marks=pytest.mark.skipif(sys.version_info < (3, 14), reason="a NameError before Python 3.14"),
    )
]


def execute(source):
    namespace = {"__name__": "some_module"}
    exec(compile(source, "some_module", "exec", dont_inherit=True), namespace)  # noqa: S102 - whose annotations are real
    return namespace


@pytest.mark.parametrize("how", QUOTED + UNQUOTED)
class TestNameOfTypeCheckingAlone:
    """It is no error where the parameter is none that a script fills in, and the usual error where it is."""

    def test_ignored(self, how):
        cls = execute(SOURCE.format(message=how.format("Message")))["Foobar"]
        core = Registry()
        core.register(cls().exports)
        action = core.bind("foo", "7", route=REQUEST_ROUTE)
        with Lifecycle(core):
            assert 7 == action.run("msg")

    def test_described(self, how):
        cls = execute(SOURCE.format(message=how.format("Message")))["Foobar"]

        assert "foo([limit: int])" in describe(cls().exports)
        assert "bar(key: Message)" in describe(cls().exports)

    @pytest.mark.parametrize("limit", ["Limit", "Limit | None"])
    def test_the_usual_error(self, how, limit):
        with pytest.raises(
            TypeError, match=rf"'limit' is annotated with {limit}: it cannot be resolved".replace("|", r"\|")
        ):
            execute((SOURCE + WRONG).format(message="'Message'", limit=how.format(limit)))


class Format(enum.Enum):
    """As in `annotationlib`."""

    FORWARDREF = 3


class TestOnNewerPython:
    """What is asked of Python 3.14, with a stand-in for what it brings."""

    @pytest.fixture
    def newer(self, monkeypatch):
        asked = []
        library = types.ModuleType("annotationlib")
        library.Format = Format
        library.get_annotations = lambda function, **options: (
            asked.append(("annotations", options["format"])) or {"a": "b"}
        )
        monkeypatch.setitem(sys.modules, "annotationlib", library)
        monkeypatch.setattr(sys, "version_info", (3, 14, 0))
        signature = inspect.signature

        def newer_signature(function, *, annotation_format):
            asked.append(("signature", annotation_format))
            return signature(function)

        monkeypatch.setattr(inspect, "signature", newer_signature)
        spec = importlib.util.spec_from_file_location("newer_signatures", signatures.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module, asked

    def test_what_cannot_be_resolved_is_a_forward_reference(self, newer):
        module, asked = newer

        assert "(a)" == str(module.signature_of(lambda a: a))
        assert {"a": "b"} == module.annotations_of(print)
        assert "a" == module.argument_name(lambda a: a, 0)
        assert [("signature", Format.FORWARDREF), ("annotations", Format.FORWARDREF)] == asked[:2]
        assert ("signature", Format.FORWARDREF) == asked[-1]


class TestForwardReference:
    """What 3.14 makes of a name that cannot be resolved."""

    @pytest.mark.parametrize(
        ("annotation", "text"),
        [
            (ForwardRef("Message"), "Message"),
            (list[ForwardRef("Message")], "list[Message]"),
            (ForwardRef("Message") | None, "Message | None")
            if sys.version_info >= (3, 14)
            else (list[ForwardRef("Message")] | None, "list[Message] | None"),
        ],
        ids=range(3),
    )
    def test_its_text(self, annotation, text):
        assert text == annotation_text(annotation)

    def test_of_a_commands_parameter(self):
        def foo(self, msg, limit):
            return 1

        foo.__annotations__["limit"] = ForwardRef("Limit")
        with pytest.raises(TypeError, match="its parameter 'limit' is annotated with Limit: it cannot be resolved"):
            type("Wrong", (Module,), {"name": "wrong", "foo": command(REQUEST_ROUTE)(foo)})

    def test_of_another_parameter(self):
        def foo(self, key):
            return key

        foo.__annotations__["key"] = ForwardRef("Key")
        cls = type("Foobar", (Module,), {"name": "foobar", "foo": internal(foo)})

        assert "foo(key: Key)" in describe(cls().exports)
