"""A method whose name is nearly a hook's is an error when the class is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sermod import REQUEST_ROUTE, Module, command, int_param, internal

SLIPS = {
    "child_int": "child_init",
    "child_ini": "child_init",
    "childinit": "child_init",
    "childInit": "child_init",
    "init_child": "child_init",
    "init_child_f": "child_init",
    "init": "mod_init",
    "mod_int": "mod_init",
    "modinit": "mod_init",
    "mod_inti": "mod_init",
    "module_init": "mod_init",
    "init_f": "mod_init",
    "mode_init": "mod_init",
    "on_break": "onbreak",
    "onBreak": "onbreak",
    "onbrake": None,
    "onbreka": "onbreak",
    "on_break_f": "onbreak",
    "mod_destroy": "destroy",
    "destory": "destroy",
    "destroi": "destroy",
    "destroy_f": "destroy",
    "destroys": None,
    "respons": "response",
    "reponse": "response",
    "on_response": "response",
    "responses": None,
}
ORDINARY = [
    "initialise",
    "initialize",
    "setup",
    "start",
    "stop",
    "close",
    "shutdown",
    "destroy_session",
    "destroyed",
    "respond",
    "response_for",
    "break_off",
    "init_db",
    "child",
    "children",
    "reply",
    "_init",
    "__init__",
]


def make(method, **body):
    return type("Foobar", (Module,), {"name": "foobar", method: lambda self: None, **body})


@pytest.mark.parametrize("method", [slip for slip, hook in SLIPS.items() if hook])
def test_a_slip(method):
    with pytest.raises(TypeError) as caught:
        make(method)

    assert f"Foobar.{method}: the core never calls it; rename it to {SLIPS[method]} if it is meant to be" in str(
        caught.value
    )


@pytest.mark.parametrize("method", [*ORDINARY, *(slip for slip, hook in SLIPS.items() if not hook)])
def test_a_name_that_only_means_the_same_is_the_authors_own(method):
    assert make(method).name == "foobar"


@given(hook=st.sampled_from(["mod_init", "child_init", "destroy", "response", "onbreak"]), data=st.data())
def test_each_slip_of_one_letter(hook, data):
    """A letter more, less, another, or two exchanged."""
    place = data.draw(st.integers(0, len(hook) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrtuvwxyz"))
    slips = [
        hook[:place] + letter + hook[place:],
        hook[:place] + hook[place + 1 :],
        hook[:place] + letter + hook[place + 1 :],
        hook[:place] + hook[place : place + 2][::-1] + hook[place + 2 :],
    ]
    slip = data.draw(st.sampled_from(slips))
    if slip == hook or slip.startswith("_") or slip == f"{hook}s":
        return

    with pytest.raises(TypeError, match=f"rename it to {hook} if it is meant"):
        make(slip)


class TestNoSlip:
    """Where it is clear that the method is not meant to be the hook, there is no error."""

    def test_the_class_has_the_hook(self):
        class Foobar(Module):
            name = "foobar"

            def mod_init(self):
                self.init()

            def init(self):
                """Do the work of the hook."""

        assert Foobar().exports.init_f is not None

    def test_a_base_has_the_hook(self):
        class Base(Module):
            def mod_init(self):
                self.init()

            def init(self):
                """Do what a subclass wants."""

        class Derived(Base):
            name = "derived"

            def init(self):
                """Override it."""

        assert Derived().exports.init_f is not None

    @pytest.mark.parametrize("mark", [command(REQUEST_ROUTE), internal()], ids=["command", "internal"])
    def test_it_is_a_command(self, mark):
        assert ["init"] == [each.name for each in make("x", init=mark(lambda self, msg: 1))().exports.commands]

    @pytest.mark.parametrize("value", [5, "text", property(id), int_param(0)], ids=type)
    def test_it_is_no_method(self, value):
        assert make("x", init=value).name == "foobar"

    def test_a_class_of_another_library(self):
        """It knows nothing of modules, and its author did not mean a hook."""

        class Client:
            def init(self):
                return "of the client"

        class Foobar(Client, Module):
            name = "foobar"

        assert "of the client" == Foobar().init()


@pytest.mark.parametrize(
    "body",
    [
        {"foo": command(REQUEST_ROUTE)(lambda self, msg: 1)},
        {"foo_bar": int_param(0)},
        {"destroy": lambda self: None},
    ],
    ids=["command", "parameter", "hook"],
)
def test_a_mixin_for_modules(body):
    """One that brings something is written for modules, and its slips are errors as well."""
    mixin = type("Mixin", (), {"child_int": lambda self, rank: None, **body})

    with pytest.raises(TypeError, match=r"Foobar\.child_int: the core never calls it"):
        type("Foobar", (mixin, Module), {"name": "foobar"})
