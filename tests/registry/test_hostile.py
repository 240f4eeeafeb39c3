"""Objects that misbehave where no host expects it: the promised error comes all the same, and nothing changes."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import contents, make_exports

from sermod import (
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    ChildInitError,
    CmdExport,
    FixupError,
    InvalidExportsError,
    Lifecycle,
    LoadError,
    ModuleExports,
    ModuleInitError,
    ParamExport,
    ParamValueError,
    Pointer,
    Registry,
    SermodError,
)


class NoText(Exception):  # noqa: N818 - short names for a table
    def __str__(self):
        raise RuntimeError("no text")


class NoRepr(Exception):  # noqa: N818
    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    text: str = "frozen"


class Unlike(Exception):  # noqa: N818
    """Is equal to nothing, and has no truth value."""

    def __eq__(self, other):
        raise RuntimeError("not comparable")

    __hash__ = None

    def __bool__(self):
        raise RuntimeError("no truth value")


class Name(str):
    """A text that says something else of itself."""

    __slots__ = ()

    def __str__(self):
        return "another name"

    def __repr__(self):
        raise RuntimeError("no repr")


HOSTILE = [NoText, NoRepr, Frozen, Unlike]


class Raising(Pointer):
    """A pointer whose methods raise, each when it is told to."""

    def __init__(self, error, *where):
        self.error = error
        self.where = where

    def load(self):
        return self._raise("load")

    def check(self, value):
        self._raise("check")

    def store(self, value):
        self._raise("store")

    def _raise(self, where):
        if where in self.where:
            raise self.error


def raising(error):
    def function(*_arguments):
        raise error

    return function


@pytest.mark.parametrize("kind", HOSTILE)
class TestExceptions:
    """The errors name module and place, whatever the exception is."""

    def test_in_init_f(self, kind):
        core = Registry()
        core.register(make_exports("m", init_f=raising(kind())))

        with pytest.raises(ModuleInitError, match=f"init_f of module 'm' raised {kind.__name__}: "):
            Lifecycle(core).init()

    def test_in_a_fixup(self, kind):
        core = Registry()
        core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, raising(kind()), REQUEST_ROUTE)))
        core.bind("c", "x", route=REQUEST_ROUTE)

        with pytest.raises(FixupError, match=r'c\("x"\) of module \'m\''):
            Lifecycle(core).init()

    def test_in_init_child_f(self, kind):
        core = Registry()
        core.register(make_exports("m", init_child_f=raising(kind())))
        life = Lifecycle(core)
        life.init()

        with pytest.raises(ChildInitError, match=f"init_child_f of module 'm' in rank 1 raised {kind.__name__}: "):
            life.init_child(1)

    def test_in_destroy_f(self, kind):
        error = kind()
        core = Registry()
        core.register(make_exports("m", destroy_f=raising(error)))
        life = Lifecycle(core)
        life.init()

        with pytest.raises(ExceptionGroup, match="the clean-up of modules failed") as caught:
            life.destroy()

        assert caught.value.exceptions[0] is error

    def test_in_destroy_f_after_a_failed_init(self, kind):
        core = Registry()
        core.register(make_exports("m", destroy_f=raising(kind())))
        core.register(make_exports("n", init_f=lambda: -1))

        with pytest.raises(ModuleInitError, match="init_f of module 'n'") as caught:
            Lifecycle(core).init()

        assert "destroy_f of module 'm' raised: " in caught.value.__notes__[0]

    def test_in_load_of_a_pointer(self, kind):
        with pytest.raises(InvalidExportsError, match=f"cannot be read .{kind.__name__}: "):
            Registry().register(make_exports("m", ParamExport("p", STR_PARAM, Raising(kind(), "load"))))

    def test_in_store_of_a_pointer(self, kind):
        core = Registry()
        core.register(make_exports("m", ParamExport("p", STR_PARAM, Raising(kind(), "store"))))

        with pytest.raises(ParamValueError, match=f"for parameter 'p' of module 'm' cannot be stored: {kind.__name__}"):
            core.set_param("m", "p", "x")

    def test_at_import(self, kind, tmp_path, monkeypatch):
        file = tmp_path / "module.py"
        file.write_text("import sys\nraise sys.hostile\n")
        monkeypatch.setattr(sys, "hostile", kind(), raising=False)
        core = Registry()
        before = contents(core), {*sys.modules}

        with pytest.raises(LoadError, match=f"cannot be loaded: {kind.__name__} while"):
            core.load(file)

        assert before == (contents(core), {*sys.modules})


class TestNames:
    """A name is kept as the plain text that it is, whatever it says of itself."""

    def test_of_a_module(self):
        core = Registry()
        module = core.register(make_exports(Name("m"), ParamExport(Name("p"), STR_PARAM, Cell("x"))))

        assert ("m", str) == (module.name, type(module.name))
        assert "m" in core
        core.set_param(Name("m"), Name("p"), Name("value"))
        assert "value" == core.find_param("m", "p", STR_PARAM).param_pointer.load()

    def test_of_a_command_that_is_bound(self):
        core = Registry()
        core.register(make_exports("m", CmdExport(Name("c"), lambda msg, a: 1, 1, 0, REQUEST_ROUTE)))

        action = core.bind(Name("c"), Name("x"), route=REQUEST_ROUTE)

        assert ('c("x")', ("x",)) == (str(action), action.params)
        assert {str} == {type(text) for text in (action.export.name, *action.params)}

    def test_what_is_no_name_is_refused(self):
        with pytest.raises(TypeError, match=r"bind\(\) takes the name of a command first \(got 5, an int\)"):
            Registry().bind(5, route=REQUEST_ROUTE)


names = st.text(max_size=8)
callables = st.sampled_from([lambda *a: 1, print, int, len, Cell, object(), None, 5, "text", ModuleExports, Name("x")])


@given(name=names, function=callables, param_no=st.integers(-3, 3), fixup=callables, flags=st.integers(0, 15))
def test_any_command_is_registered_or_refused_and_then_nothing_has_changed(name, function, param_no, fixup, flags):
    """Whatever a module exports, the registry has all of it or none."""
    core = Registry()
    core.register(make_exports("first", CmdExport("c", lambda msg: 1, 0, 0, 1)))
    before = contents(core)
    with warnings.catch_warnings(), contextlib.suppress(SermodError, TypeError):
        warnings.simplefilter("ignore")
        core.register(ModuleExports("m", [CmdExport(name, function, param_no, fixup, flags), CmdExport()]))
    assert "m" in core or before == contents(core)


@given(
    name=names,
    value=st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats(), st.binary(), st.just(Name("v"))),
)
def test_any_value_is_set_or_refused_and_then_nothing_has_changed(name, value):
    core = Registry()
    core.register(make_exports("m", ParamExport("p", STR_PARAM, Cell("old"))))
    with contextlib.suppress(SermodError, TypeError):
        core.set_param("m", name, value)
    held = core.find_param("m", "p", STR_PARAM).param_pointer.load()
    assert "old" == held or ("p" == name and str is type(held) and value == held)
