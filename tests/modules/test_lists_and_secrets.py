"""Parameters of a class that collect values, and those whose values may be shown nowhere."""

from __future__ import annotations

import pytest

from sermod import (
    INT_PARAM,
    Lifecycle,
    MissingParamError,
    Module,
    ParamValueError,
    Registry,
    describe,
    find_problems,
    int_param,
    list_param,
    str_param,
)
from sermod._interface.lists import ListPointer

PASSWORD = "heslo"  # noqa: S105 - no real one


def parse(text):
    proto, _, port = text.partition(":")
    if not port:
        raise ValueError("takes proto:port")
    return proto, int(port)


class Listening(Module):
    """Knows where to listen."""

    name = "listening"
    listen = list_param(parse, doc="Where to listen.")
    alias = list_param(int, INT_PARAM, name="aliases", required=True)


def configured(module, **values):
    core = Registry()
    core.register(module.exports)
    for name, value in values.items():
        core.set_param(module.name, name, value)
    return core


class TestLists:
    """Each instance has its own list."""

    def test_the_values_are_parsed_in_their_order(self):
        module = Listening()
        core = configured(module, listen="udp:1")
        core.set_param("listening", "listen", "tcp:2")
        core.set_param("listening", "aliases", 7)

        assert [("udp", 1), ("tcp", 2)] == [*module.listen]
        assert [7] == module.alias.values

    def test_instances_are_apart(self):
        first, second = Listening(), Listening()
        configured(first, listen="udp:1")

        assert (1, 0) == (len(first.listen), len(second.listen))
        assert first.listen is first.exports.parameters[0].param_pointer
        assert () == find_problems(second.exports)

    def test_it_is_a_list_pointer(self):
        assert isinstance(Listening().listen, ListPointer)
        assert "list_param() with 0 values" in repr(Listening().listen)

    def test_a_refusal_changes_nothing(self):
        module = Listening()
        with pytest.raises(ParamValueError, match="is refused: takes proto:port"):
            configured(module, listen="udp")

        assert 0 == len(module.listen)

    def test_it_may_be_required(self):
        with pytest.raises(MissingParamError, match="'aliases' of module 'listening'"):
            Lifecycle(configured(Listening())).init()

    def test_the_class_shows_the_declaration(self):
        assert ("listen", None) == (Listening.listen.attribute, Listening.listen.name)

    def test_a_mixin_and_a_subclass(self):
        class Mixin:
            peers = list_param(parse)

        class First(Mixin, Listening):
            pass

        class Second(Mixin, Module):
            name = "second"

        class Third(First):
            listen = list_param(str)

        first, second, third = First(), Second(), Third()
        configured(first, peers="udp:1", listen="tcp:1")
        configured(third, listen="anything")

        assert [("udp", 1)] == first.peers.values
        assert 0 == len(second.peers)
        assert ["anything"] == third.listen.values
        assert ["listen", "aliases", "peers"] == [each.name for each in first.exports.parameters]

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ({"listen": 5}, "Derived.listen: a base class has a parameter of this name, and 5 cannot be its default"),
            ({"more": list_param(int, name="")}, r"Derived.more: list_param\(name=...\) takes a non-empty str"),
            ({"more": list_param(int, name="listen")}, "Derived.more: is the parameter 'listen', and so is listen"),
            ({"exports": list_param(int)}, "Derived.exports: the name is reserved in every module"),
        ],
    )
    def test_mistakes(self, body, text):
        with pytest.raises(TypeError, match=text):
            type("Derived", (Listening,), body)


class Secretive(Module):
    name = "secretive"
    db_url = str_param(f"mysql://ser:{PASSWORD}@localhost/ser", secret=True, doc="Where the database is.")
    pin = int_param(4711, secret=True, minimum=1)
    key = str_param(None, secret=True)
    word = str_param(PASSWORD, secret=True, choices=[PASSWORD, "other"])
    tokens = list_param(parse, secret=True)


class TestSecrets:
    """Their values are in no message, no attribute of an error, and no description."""

    def test_described_without_values(self):
        text = describe(Secretive().exports)

        assert PASSWORD not in text
        assert "4711" not in text
        assert "db_url (string, default ***)\n        Where the database is." in text
        assert "pin (integer, default ***, at least 1)" in text
        assert "key (string, default null)" in text
        assert "word (string, default ***)" in text

    @pytest.mark.parametrize(("name", "value"), [("pin", -815), ("word", "sesam"), ("tokens", "sesam")])
    def test_a_refused_value_is_not_shown(self, name, value):
        with pytest.raises(ParamValueError) as caught:
            configured(Secretive(), **{name: value})

        shown = f"{caught.value!r} {caught.value} {vars(caught.value)}"
        assert str(value) not in shown
        assert PASSWORD not in shown

    def test_a_wrong_declaration_does_not_tell_it(self):
        with pytest.raises(TypeError) as caught:
            type("Foobar", (Module,), {"name": "f", "word": str_param(PASSWORD, secret=True, choices=["other"])})

        assert "Foobar.word: the default *** of str_param() must be one of ***" in str(caught.value)

    def test_neither_does_the_declaration(self):
        assert PASSWORD not in repr(str_param(PASSWORD, secret=True))

    def test_a_variable_of_a_wrong_type(self):
        module = Secretive()
        module.db_url = [PASSWORD]

        (problem,) = find_problems(module.exports)
        assert PASSWORD not in problem.message

    def test_a_subclass_keeps_it_secret(self):
        class Derived(Secretive):
            db_url = "postgres://x"

        assert "postgres" not in describe(Derived().exports)
