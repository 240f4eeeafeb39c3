"""The values that a parameter of a class takes, and parameters that must be set."""

from __future__ import annotations

import pytest
from travelling import pickled

from sermod import (
    INT_PARAM,
    CmdExport,
    Lifecycle,
    MissingParamError,
    Module,
    ModuleExports,
    ParamExport,
    ParamTypeError,
    ParamValueError,
    Pointer,
    Registry,
    int_param,
    null_terminated,
    str_param,
)


class Strict(Module):
    name = "strict"
    level = int_param(1, minimum=1, maximum=5, doc="How loud.")
    even = int_param(2, choices=[2, 4])
    transport = str_param("udp", choices=("udp", "tcp"))
    free = str_param("x", name="free-text")


@pytest.fixture
def core():
    made = Registry()
    made.register(Strict().exports)
    return made


def value_of(core, name):
    return next(
        each.param_pointer.load() for each in core.find_module("strict").exports.parameters if each.name == name
    )


class TestDemands:
    """They are checked before a value is stored."""

    @pytest.mark.parametrize(
        ("name", "value"), [("level", 1), ("level", 5), ("even", 4), ("transport", "tcp"), ("free-text", "")]
    )
    def test_a_value_that_is_taken(self, core, name, value):
        core.set_param("strict", name, value)

        assert value == value_of(core, name)

    @pytest.mark.parametrize(
        ("name", "value", "text"),
        [
            ("level", 0, "must be from 1 to 5"),
            ("level", 6, "must be from 1 to 5"),
            ("even", 3, "must be one of 2, 4"),
            ("transport", "UDP", "must be one of 'udp', 'tcp'"),
        ],
    )
    def test_a_value_that_is_refused(self, core, name, value, text):
        before = value_of(core, name)
        with pytest.raises(ParamValueError) as caught:
            core.set_param("strict", name, value)

        expected = f"the value {value!r} for parameter {name!r} of module 'strict' is refused: it {text}"
        assert expected == str(caught.value)
        assert before == value_of(core, name)

    def test_a_value_of_another_type(self, core):
        with pytest.raises(ParamTypeError):
            core.set_param("strict", "level", "3")

    def test_the_pointer_shows_what_it_is(self):
        pointer = Strict().exports.parameters[0].param_pointer

        assert ("How loud.", False, "<pointer to Strict.level>") == (pointer.doc, pointer.required, repr(pointer))


class Place(Pointer):
    """A pointer that must be set, in the C shape."""

    required = True
    value = None

    def load(self):
        return self.value

    def store(self, value):
        self.value = value


class TestRequired:
    """Parameters that must be set, and are not at init, are one error that lists them all."""

    @pytest.fixture
    def journal(self):
        return []

    @pytest.fixture
    def core(self, journal):
        class Auth(Module):
            name = "auth"
            realm = str_param(required=True)
            secret = str_param("", required=True)
            port = int_param(5060)

            def mod_init(self):
                journal.append("init")

        core = Registry()
        core.register(ModuleExports("first", init_f=lambda: journal.append("first")))
        core.register(Auth().exports)
        entries = [ParamExport("place", 0, Place()), ParamExport("place", INT_PARAM, Number())]
        core.register(ModuleExports("cshape", 0, null_terminated(*entries)))
        return core

    def test_all_of_it_is_listed_before_anything_runs(self, core, journal):
        core.set_param("auth", "secret", "x")
        core.set_param("auth", "port", 5061)
        life = Lifecycle(core)
        with pytest.raises(MissingParamError) as caught:
            life.init()

        assert (
            "required parameters are not set; set them before init:\n  'realm' of module 'auth'\n  'place' of "
            "module 'cshape'"
        ) == str(caught.value)
        assert (("auth", "realm"), ("cshape", "place")) == caught.value.params
        assert isinstance(caught.value, ValueError)
        assert caught.value.params == pickled(caught.value).params
        assert [] == journal

    def test_it_may_still_be_set(self, core, journal):
        life = Lifecycle(core)
        with pytest.raises(MissingParamError):
            life.init()
        assert "configuring" == life.state
        core.modparam("auth", "realm", "x")
        core.set_param("auth", "secret", "")
        core.set_param("cshape", "place", "x")
        life.init()

        assert ["first", "init"] == journal

    def test_one_of_the_same_name_and_another_type_does_not_count(self, core):
        for name in ("realm", "secret"):
            core.set_param("auth", name, "x")
        core.set_param("cshape", "place", 5)
        with pytest.raises(MissingParamError) as caught:
            Lifecycle(core).init()

        assert (("cshape", "place"),) == caught.value.params

    def test_a_value_that_was_refused_does_not_count(self):
        class Limited(Module):
            name = "limited"
            level = int_param(minimum=1, required=True)

        core = Registry()
        core.register(Limited().exports)
        with pytest.raises(ParamValueError):
            core.set_param("limited", "level", 0)
        with pytest.raises(MissingParamError):
            Lifecycle(core).init()

    def test_nothing_is_required_of_modules_without_parameters(self):
        core = Registry()
        core.register(ModuleExports("bare", [CmdExport()]))

        core.check()

        Lifecycle(core).init()


class Number(Pointer):
    """One that need not be set."""

    def load(self):
        return 0

    def store(self, value):
        """Forget it."""
