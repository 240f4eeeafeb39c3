"""Copies and pickles of a module: each has its own exports, parameters, and commands bound to itself."""

from __future__ import annotations

import copy
import threading

import pytest
from travelling import pickled

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Lifecycle,
    LifecycleError,
    Module,
    Pointer,
    Registry,
    command,
    int_param,
    list_param,
    pointer_param,
    str_param,
    uses,
)


class Level(Pointer):
    def __init__(self):
        self.seen = []

    def load(self):
        return self.seen[-1] if self.seen else 0

    def store(self, value):
        self.seen.append(value)


class Foobar(Module):
    name = "foobar"
    foo_bar = int_param(1)
    bar_foo = str_param("text")
    level = pointer_param(INT_PARAM, Level)
    listen = list_param(lambda text: text.split(":"))
    other = uses("other", 1)

    def __init__(self):
        self.journal = []
        self.handlers = {"foo": self.foo_req}

    @command(REQUEST_ROUTE)
    def foo_req(self, msg):
        self.journal.append(msg)
        return self.foo_bar


class KeepsItsLock(Foobar):
    """It leaves out what cannot be copied, in the way of Python's manual."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["lock"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = threading.Lock()


class LeavesOut(Foobar):
    """One that leaves out, and puts back nothing."""

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "handlers"}


class Reduces(Foobar):
    def __reduce__(self):
        return Reduces, (), {**vars(self)}


class Slotted(Foobar):
    __slots__ = ("extra",)

    def __init__(self):
        super().__init__()
        self.extra = "slot"


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {each}": lambda module, each=each: pickled(module, each) for each in (0, 2, 5)},
}
CLASSES = [Foobar, KeepsItsLock, LeavesOut, Reduces, Slotted]
pytestmark = pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def configured(cls):
    """Return a module whose exports were used, and whose parameters are set."""
    module = cls()
    core = Registry()
    core.register(module.exports)
    for name, value in (("foo_bar", 5), ("bar_foo", "set"), ("level", 3), ("listen", "udp:1"), ("listen", "tcp:2")):
        core.set_param("foobar", name, value)
    return module


def skip_impossible(cls, make_copy):
    if cls is Slotted and make_copy is COPIES["pickle 0"]:
        pytest.skip("Python pickles no class with __slots__ by protocol 0")


@every_class
def test_it_has_the_values(cls, make_copy):
    skip_impossible(cls, make_copy)
    copied = make_copy(configured(cls))

    assert (5, "set", [3], [["udp", "1"], ["tcp", "2"]]) == (
        copied.foo_bar,
        copied.bar_foo,
        copied.level.seen,
        [*copied.listen],
    )
    assert "tcp:2" == copied.listen.load()
    assert type(copied) is cls
    assert "slot" == getattr(copied, "extra", "slot")


@every_class
def test_its_parameters_are_its_own(cls, make_copy):
    skip_impossible(cls, make_copy)
    module = configured(cls)
    copied = make_copy(module)
    core = Registry()
    core.register(copied.exports)
    for name, value in (("foo_bar", 9), ("bar_foo", "other"), ("level", 9), ("listen", "tls:9")):
        core.set_param("foobar", name, value)

    assert (5, "set", [3], 2) == (module.foo_bar, module.bar_foo, module.level.seen, len(module.listen))
    assert (9, "other", [3, 9], 3) == (copied.foo_bar, copied.bar_foo, copied.level.seen, len(copied.listen))


@every_class
def test_its_commands_are_its_own(cls, make_copy):
    skip_impossible(cls, make_copy)
    module = configured(cls)
    copied = make_copy(module)
    copied.journal = []
    (export,) = copied.exports.commands

    assert 5 == export.function("msg")
    assert ["msg"] == copied.journal
    assert [] == module.journal
    assert copied.exports is not module.exports
    assert module.exports.commands[0].function == module.foo_req


def test_what_refers_to_itself(make_copy):
    """A deep copy and a pickle take it along, a plain copy shares it as Python's does."""
    module = configured(Foobar)
    copied = make_copy(module)
    owner = module if make_copy is copy.copy else copied

    assert owner.foo_req == copied.handlers["foo"]


def test_a_function_of_another_module_is_found_anew(make_copy):
    module = configured(Foobar)
    core = Registry()
    core.register(module.exports)
    core.register(type("Other", (Module,), {"name": "o", "other": command()(lambda self, msg, a: a)})().exports)
    Lifecycle(core).init()
    copied = make_copy(module)

    assert 7 == module.other(None, 7)
    with pytest.raises(LifecycleError, match="is not there yet"):
        _ = copied.other


def test_one_that_was_never_used(make_copy):
    """No exports and no pointers have been made yet."""
    copied = make_copy(Foobar())

    assert (1, "text", [], 0) == (copied.foo_bar, copied.bar_foo, copied.level.seen, len(copied.listen))


def test_nothing_in_it(make_copy):
    class Empty(Module):
        name = "empty"

    if make_copy in (copy.copy, copy.deepcopy):
        assert Empty is type(make_copy(Empty()))


def test_a_copy_of_a_copy(make_copy):
    copied = make_copy(make_copy(configured(Foobar)))
    copied.listen.store("a:b")

    assert 3 == len(copied.listen)


class TestAuthorsOwn:
    """Other ways in which an author says how to copy."""

    def test_a_global_object(self, make_copy):
        assert THE_ONLY is make_copy(THE_ONLY)

    def test_a_state_of_another_shape(self, make_copy):
        copied = make_copy(Counting(7))

        assert (7, []) == (copied.count, copied.level.seen)


class Global(Module):
    name = "global"

    def __reduce__(self):
        return "THE_ONLY"


THE_ONLY = Global()


class Counting(Module):
    name = "counting"
    level = pointer_param(INT_PARAM, Level)

    def __init__(self, count=0):
        self.count = count

    def __getstate__(self):
        return self.count

    def __setstate__(self, state):
        self.count = state
