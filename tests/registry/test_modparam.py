"""`modparam`, the script's `modparam` with its regular expression: every matching module, or none."""

from __future__ import annotations

import warnings

import pytest
from hostile import UnprintableError
from making import contents, make_exports

from sermod import (
    INT_PARAM,
    STR_PARAM,
    Cell,
    ParamExport,
    ParamTypeError,
    ParamValueError,
    Pointer,
    Registry,
    UnknownModuleError,
    UnknownParamError,
)

NAMES = ["acc", "auth", "auth_db", "xauth", "accounting", "tm2", "TM", "sl module"]


@pytest.fixture
def core():
    """Give a registry of modules that all have a parameter `level`."""
    core = Registry()
    for name in NAMES:
        core.register(make_exports(name, ParamExport("level", INT_PARAM, Cell(0))))
    return core


def level(core, name):
    return core.find_param(name, "level", INT_PARAM).param_pointer.load()


class TestPatterns:
    """The pattern is the core's: case-insensitive, and it has to match the whole name."""

    @pytest.mark.parametrize(
        ("pattern", "meant"),
        [
            ("acc", ["acc"]),
            ("acc|auth", ["acc", "auth"]),
            ("(acc|auth)", ["acc", "auth"]),
            ("^acc|auth$", ["acc", "auth"]),
            ("^(acc|auth)$", ["acc", "auth"]),
            ("ACC", ["acc"]),
            ("tm", ["TM"]),
            ("Tm2?", ["tm2", "TM"]),
            ("auth.*", ["auth", "auth_db"]),
            (".*auth", ["auth", "xauth"]),
            ("a(cc|uth)(_db)?", ["acc", "auth", "auth_db"]),
            ("tm[[:digit:]]", ["tm2"]),
            ("[[:alpha:]]+", ["acc", "auth", "xauth", "accounting", "TM"]),
            ("[[:alnum:]]+", ["acc", "auth", "xauth", "accounting", "tm2", "TM"]),
            ("[[:upper:]]{2}", ["TM"]),
            ("[[:lower:]]{3}", ["acc"]),
            ("a[[:xdigit:]]+", ["acc"]),
            ("auth[[:punct:]]db", ["auth_db"]),
            ("sl[[:space:]]module", ["sl module"]),
            ("sl[[:blank:]]module", ["sl module"]),
            ("sl[^[:graph:]]module", ["sl module"]),
            ("sl[[:print:]]module", ["sl module"]),
            ("[^[:cntrl:]]+", NAMES),
            ("tm[0-9[:alpha:]]", ["tm2"]),
            ("x[[a]uth", ["xauth"]),
            (".*", NAMES),
        ],
    )
    def test_what_a_pattern_means(self, core, pattern, meant):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert core.modparam(pattern, "level", 5) is None

        assert meant == [name for name in NAMES if level(core, name) == 5]

    def test_a_control_character(self):
        core = Registry()
        core.register(make_exports("a\tb", ParamExport("level", INT_PARAM, Cell(0))))
        core.modparam("a[[:cntrl:]]b", "level", 1)

        assert 1 == level(core, "a\tb")

    def test_the_name_of_one_module_is_a_pattern_for_it(self, core):
        core.modparam("auth_db", "level", 7)

        assert ["auth_db"] == [name for name in NAMES if level(core, name) == 7]

    @pytest.mark.parametrize("pattern", ["au", "uth", "au|uth", "acc|", "|", "", "tm[[:punct:]]", "acc\n"])
    def test_a_part_of_a_name_is_not_enough(self, core, pattern):
        """With `acc|` exactly `acc` is meant; the rest of these mean no module."""
        if pattern == "acc|":
            core.modparam(pattern, "level", 5)
            assert ["acc"] == [name for name in NAMES if level(core, name) == 5]
        else:
            with pytest.raises(UnknownModuleError):
                core.modparam(pattern, "level", 5)
            assert {0} == {level(core, name) for name in NAMES}


def refused(core, error, pattern, name, value):
    """Check that a change is refused and nothing changed, and return the exception."""
    before = contents(core)
    with pytest.raises(error) as caught:
        core.modparam(pattern, name, value)
    assert before == contents(core)
    return caught.value


class TestRefusedChanges:
    """Where one module does not take the value, none gets it."""

    def test_a_pattern_that_matches_nothing(self, core):
        error = refused(core, UnknownModuleError, "usrloc|reg.*", "level", 5)

        assert str(error).startswith("no module matches 'usrloc|reg.*'")
        assert str(error).endswith("There is: TM, acc, accounting, auth, auth_db, sl module, tm2, xauth")
        assert ("usrloc|reg.*", tuple(sorted(NAMES))) == (error.asked, error.available)

    @pytest.mark.parametrize("pattern", ["(", "[", "*", "a{2,1}", "a{99999999999999}", "(?P<n", "\\", "(" * 9999])
    def test_a_pattern_that_is_no_regular_expression(self, core, pattern):
        error = refused(core, ParamValueError, pattern, "level", 5)

        assert f"modparam(): {pattern!r} is not a regular expression (" in str(error)
        assert str(error).endswith("; give one that matches module names")
        assert (pattern, "level", 5) == (error.module, error.param, error.value)
        assert error.__cause__ is not None

    def test_a_module_in_the_middle_that_lacks_the_parameter(self):
        core = Registry()
        cells = [Cell(0), Cell(0)]
        core.register(make_exports("db_a", ParamExport("url", INT_PARAM, cells[0])))
        core.register(make_exports("db_b", ParamExport("uri", INT_PARAM, Cell(0))))
        core.register(make_exports("db_c", ParamExport("url", INT_PARAM, cells[1])))
        error = refused(core, UnknownParamError, "db_.", "url", 5)

        assert "module 'db_b' has no parameter 'url'; did you mean 'uri'? It has: uri" == str(error)
        assert ("db_b", "url", "uri", ("uri",)) == (error.module, error.asked, error.nearest, error.available)
        assert [0, 0] == [cell.load() for cell in cells]

    def test_a_module_whose_parameter_is_of_another_type(self, core):
        core.register(make_exports("autumn", ParamExport("level", STR_PARAM, Cell(None))))
        error = refused(core, ParamTypeError, "au.*", "level", 5)

        assert ("autumn", "level", 5) == (error.module, error.param, error.value)

    @pytest.mark.parametrize(
        ("value", "expected"), [("5", ParamTypeError), (True, ParamTypeError), (2**31, ParamValueError)]
    )
    def test_a_value_that_no_module_takes(self, core, value, expected):
        error = refused(core, expected, "acc|auth", "level", value)

        assert ("acc", "level", value) == (error.module, error.param, error.value)

    def test_a_string_with_a_nul(self):
        core = Registry()
        core.register(make_exports("db", ParamExport("url", STR_PARAM, Cell("old"))))

        refused(core, ParamValueError, "d.", "url", "a\0b")


class Variable(Pointer[int]):
    """A variable that refuses or fails as the test demands."""

    def __init__(self, refuses=(), fails=None):
        self.value = 0
        self.stored = []
        self.refuses = refuses
        self.fails = fails or {}

    def load(self):
        return self.value

    def store(self, value):
        if value in self.fails:
            raise self.fails[value]
        self.stored.append(value)
        self.value = value

    def check(self, value):
        if value in self.refuses:
            raise ValueError("not that one")


def server(*variables):
    core = Registry()
    for number, variable in enumerate(variables):
        core.register(make_exports(f"m{number}", ParamExport("level", INT_PARAM, variable)))
    return core


class TestAllOrNothing:
    """Every value is checked before one is stored; should a store fail, the others are put back."""

    def test_every_check_comes_before_the_first_store(self):
        variables = [Variable(), Variable(), Variable(refuses=[5])]
        error = refused(server(*variables), ParamValueError, "m.", "level", 5)

        assert "the value 5 for parameter 'level' of module 'm2' is refused: not that one" == str(error)
        assert [[], [], []] == [variable.stored for variable in variables]

    def test_what_was_stored_before_a_store_fails_is_put_back(self):
        cause = OSError("disk full")
        variables = [Variable(), Variable(), Variable(fails={5: cause}), Variable()]
        core = server(*variables)
        core.modparam("m.", "level", 1)
        error = refused(core, ParamValueError, "m.", "level", 5)

        assert "the value 5 for parameter 'level' of module 'm2' cannot be stored: OSError: disk full" == str(error)
        assert ("m2", "level", 5) == (error.module, error.param, error.value)
        assert cause is error.__cause__
        assert not hasattr(error, "__notes__")
        assert [[1, 5, 1], [1, 5, 1], [1], [1]] == [variable.stored for variable in variables]

    def test_what_cannot_be_put_back_is_reported(self):
        cause = OSError("disk full")
        cause.add_note("on /dev/sda")
        stuck = Variable(fails={0: RuntimeError("stuck")})
        variables = [Variable(), stuck, Variable(), Variable(fails={5: cause})]
        core = server(*variables)

        with pytest.raises(ParamValueError) as caught:
            core.modparam("m.", "level", 5)

        assert cause is caught.value.__cause__
        assert [
            "on /dev/sda",
            "and 'level' of module 'm1' could not be put back: RuntimeError('stuck')",
        ] == caught.value.__notes__
        assert [0, 5, 0, 0] == [variable.value for variable in variables]

    def test_an_exception_without_a_repr_does_not_keep_the_others_from_being_put_back(self):
        first, stuck = Variable(), Variable(fails={0: UnprintableError()})
        core = server(first, stuck, Variable(fails={5: OSError("disk full")}))

        with pytest.raises(ParamValueError) as caught:
            core.modparam("m.", "level", 5)

        (note,) = caught.value.__notes__
        assert note.endswith("could not be put back: <an UnprintableError whose repr raised RuntimeError>")
        assert 0 == first.value

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(3)], ids=["interrupt", "exit"])
    def test_an_interrupted_store_puts_back_and_passes_on(self, interrupt):
        variables = [Variable(), Variable(fails={5: interrupt})]

        assert interrupt is refused(server(*variables), type(interrupt), "m.", "level", 5)
        assert [[5, 0], []] == [variable.stored for variable in variables]

    def test_modules_that_share_a_variable_get_it_back_as_it_was(self):
        shared = Variable()
        core = server(shared, shared, Variable(fails={5: OSError()}))

        refused(core, ParamValueError, "m.", "level", 5)
        assert 0 == shared.value
