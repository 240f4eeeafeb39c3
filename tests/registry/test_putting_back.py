"""Parameters are put back exactly: by their snapshot, and by being set again only where there is none."""

from __future__ import annotations

import pytest
from making import make_exports

from sermod import (
    INT_PARAM,
    STR_PARAM,
    Cell,
    ParamExport,
    ParamTypeError,
    ParamValueError,
    Pointer,
    Registry,
    list_param,
)


class Recording(Pointer):
    """A pointer that notes each store, and may fail after it has changed its value."""

    def __init__(self, value="old", *, fails=False):
        self.value = value
        self.stored = []
        self.fails = fails

    def load(self):
        return self.value

    def store(self, value):
        self.stored.append(value)
        self.value = value
        if self.fails:
            self.fails = False
            raise OSError("full")


class WithSnapshot(Recording):
    def snapshot(self):
        return ("snapshot of", self.value)

    def restore(self, snapshot):
        assert "snapshot of" == snapshot[0]
        self.value = snapshot[1]


class Parsing(Pointer):
    """A pointer that cannot be set to what it loads."""

    value = "nothing"

    def load(self):
        return f"parsed {self.value}"

    def store(self, value):
        if value.startswith("parsed"):
            raise ValueError("it is parsed already")
        self.value = value

    def snapshot(self):
        return self.value

    def restore(self, snapshot):
        self.value = snapshot


def core_with(*pointers):
    core = Registry()
    for number, pointer in enumerate(pointers):
        core.register(make_exports(f"m{number}", ParamExport("p", STR_PARAM, pointer)))
    return core


class TestModparam:
    def test_a_collecting_parameter_is_as_before(self):
        addresses = list_param(str)
        core = core_with(addresses, Recording(fails=True))
        core.set_param("m0", "p", "udp:1")

        with pytest.raises(ParamValueError, match="cannot be stored: OSError: full"):
            core.modparam("m.", "p", "udp:3")

        assert ["udp:1"] == addresses.values
        assert "udp:1" == addresses.load()

    def test_a_parsing_parameter_is_as_before(self):
        parsing = Parsing()
        core = core_with(parsing, Recording(fails=True))

        with pytest.raises(ParamValueError) as caught:
            core.modparam("m.", "p", "new")

        assert "nothing" == parsing.value
        assert not hasattr(caught.value, "__notes__")

    def test_one_with_a_snapshot_is_not_set_again(self):
        pointer = WithSnapshot()
        core = core_with(pointer, Recording(fails=True))

        with pytest.raises(ParamValueError):
            core.modparam("m.", "p", "new")

        assert ("old", ["new"]) == (pointer.value, pointer.stored)

    def test_one_without_is_set_again(self):
        pointer = Recording()
        core = core_with(pointer, Recording(fails=True))

        with pytest.raises(ParamValueError):
            core.modparam("m.", "p", "new")

        assert ("old", ["new", "old"]) == (pointer.value, pointer.stored)

    @pytest.mark.parametrize("kind", [Recording, WithSnapshot])
    def test_the_one_that_failed_is_put_back_too(self, kind):
        """It may have changed before it raised."""
        pointer = kind(fails=True)

        with pytest.raises(ParamValueError):
            core_with(pointer).set_param("m0", "p", "new")

        assert "old" == pointer.value

    def test_one_that_failed_unchanged_is_not_set_again(self):
        class Refusing(Recording):
            def store(self, value):
                self.stored.append(value)
                raise OSError("full")

        pointer = Refusing()

        with pytest.raises(ParamValueError):
            core_with(pointer).set_param("m0", "p", "new")

        assert ["new"] == pointer.stored

    def test_half_a_pair_of_methods_does_not_count(self):
        class Half(Recording):
            def snapshot(self):
                raise AssertionError("without restore there is no use for it")

        pointer = Half()
        core = core_with(pointer, Recording(fails=True))

        with pytest.raises(ParamValueError):
            core.modparam("m.", "p", "new")

        assert "old" == pointer.value


class TestListParam:
    def test_each_value_is_parsed_and_kept(self):
        ports = list_param(int)
        core = core_with(ports)

        core.set_param("m0", "p", "5060")
        core.set_param("m0", "p", "5061")

        assert ([5060, 5061], 2, "5061") == ([*ports], len(ports), ports.load())
        assert "<list_param() with 2 values>" == repr(ports)

    def test_what_is_refused_adds_nothing(self):
        ports = list_param(int)

        with pytest.raises(ParamValueError, match="is refused: invalid literal for int"):
            core_with(ports).set_param("m0", "p", "x")

        assert [] == ports.values

    def test_an_int_param(self):
        doubled = list_param(lambda number: 2 * number, INT_PARAM, doc="Doubled.")
        core = Registry()
        core.register(make_exports("m", ParamExport("p", INT_PARAM, doubled)))

        core.set_param("m", "p", 21)

        assert ([42], 21, "Doubled.") == (doubled.values, doubled.load(), doubled.doc)

    def test_it_may_be_required(self):
        core = core_with(list_param(str, required=True))

        with pytest.raises(ValueError, match="'p' of module 'm0'"):
            core.check()
        core.set_param("m0", "p", "x")
        core.check()

    def test_a_fresh_one_has_no_values(self):
        ports = list_param(int, doc="Ports.", required=True, secret=True, name="port")
        ports.store("1")

        fresh = ports.without_values()

        assert ([], "Ports.", True, True, "port") == (
            fresh.values,
            fresh.doc,
            fresh.required,
            fresh.secret,
            fresh.name,
        )

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ((5,), "a function that parses a value (got 5)"),
            ((int, 7), "STR_PARAM or INT_PARAM second (got 7)"),
        ],
    )
    def test_wrong_arguments(self, arguments, text):
        with pytest.raises(TypeError) as caught:
            list_param(*arguments)

        assert text in str(caught.value)


SECRET = "postgres://user:pa55word@db"  # noqa: S105 - it is made up


class SecretPointer(Pointer):
    secret = True

    def __init__(self, value=SECRET):
        self.value = value
        self.fails = False

    def check(self, value):
        if "bad" in value:
            raise ValueError(f"{value} is no URL")

    def load(self):
        return self.value

    def store(self, value):
        if self.fails:
            raise OSError(f"cannot reach {value}")
        self.value = value


def texts_of(error):
    """Return all that an error, and each exception that it leads to, show.

    Libraries that pickle or report errors go to the context of an error even where its traceback does not.
    """
    import pickle
    import traceback

    texts = []
    while error is not None:
        texts += ["".join(traceback.format_exception(error)), repr(vars(error)), repr(pickle.dumps(error))]
        error = error.__cause__ or error.__context__
    return "".join(texts)


class TestSecrets:
    """The value of a secret parameter is in no message, attribute or pickle of an error."""

    @pytest.fixture
    def core(self):
        return core_with(SecretPointer())

    @pytest.mark.parametrize(
        ("value", "error"),
        [
            (f"{SECRET}bad", ParamValueError),
            (f"{SECRET}\0", ParamValueError),
            (5512345, ParamTypeError),
        ],
    )
    def test_a_refused_value(self, core, value, error):
        with pytest.raises(error, match=r"\*\*\*") as caught:
            core.set_param("m0", "p", value)

        shown = texts_of(caught.value)
        assert "pa55word" not in shown.replace(f'"{value!r}"', "")
        assert "5512345" not in shown.replace('core.set_param("m0", "p", value)', "")
        assert "***" == caught.value.value

    def test_one_that_cannot_be_stored(self):
        pointer = SecretPointer()
        pointer.fails = True

        with pytest.raises(ParamValueError, match="the reason is not shown") as caught:
            core_with(pointer).set_param("m0", "p", SECRET)

        assert "pa55word" not in texts_of(caught.value)

    def test_a_note_of_the_pointer_is_not_shown(self):
        class Noting(SecretPointer):
            def store(self, value):
                error = ValueError("refused")
                error.add_note(f"the value was {value}")
                raise error

        with pytest.raises(ParamValueError, match="the reason is not shown") as caught:
            core_with(Noting()).set_param("m0", "p", SECRET)

        assert "pa55word" not in texts_of(caught.value)

    def test_what_cannot_be_put_back_is_not_shown(self):
        class Stuck(SecretPointer):
            def store(self, value):
                if value == SECRET:
                    raise OSError(f"stuck at {value}")
                self.value = value

        with pytest.raises(ParamValueError) as caught:
            core_with(Stuck(), Recording(fails=True)).modparam("m.", "p", "new")

        assert "could not be put back: OSError" in caught.value.__notes__[0]
        assert "pa55word" not in texts_of(caught.value)

    def test_a_variable_of_the_wrong_type(self):
        with pytest.raises(ValueError, match=r"its variable holds \*\*\*"):
            core_with(SecretPointer(b"pa55word"))

    def test_a_cell(self):
        cell = Cell(SECRET, secret=True)

        assert "Cell(***)" == repr(cell)
        assert cell.secret
        assert not Cell(1).secret

    def test_others_are_shown(self):
        with pytest.raises(ParamValueError, match="the value 'new' for parameter") as caught:
            core_with(Recording(fails=True)).set_param("m0", "p", "new")

        assert "new" == caught.value.value
