"""`modparam` agrees with a straightforward model, and does all or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import make_exports

from sermod import (
    INT_PARAM,
    STR_PARAM,
    ParamExport,
    ParamTypeError,
    ParamValueError,
    Pointer,
    Registry,
    UnknownModuleError,
    UnknownParamError,
)


class Variable(Pointer[object]):
    """A variable that refuses, or cannot store, some values."""

    def __init__(self, initial, refused, unstorable):
        self.value = initial
        self.refused = refused
        self.unstorable = unstorable

    def load(self):
        return self.value

    def store(self, value):
        if value in self.unstorable:
            raise OSError(value)
        self.value = value

    def check(self, value):
        if value in self.refused:
            raise ValueError(value)


# What a pattern is, and which names it means, written down beside each other.
atoms = st.one_of(
    st.sampled_from(["a", "A", "b", "ab", "a1", "a_b"]).map(lambda text: (text, lambda name: name == text.lower())),
    st.just((".*", lambda name: True)),
    st.just(("a.*", lambda name: name.startswith("a"))),
    st.just((".*b", lambda name: name.endswith("b"))),
    st.just(("[ab]+", lambda name: name != "" and not set(name) - set("ab"))),
    st.just((".?", lambda name: len(name) < 2)),
    st.just(("[[:alpha:]]+", str.isalpha)),
    st.just(("(a|b)[[:digit:]]", lambda name: len(name) == 2 and name[0] in "ab" and name[1].isdigit())),
)
patterns = st.lists(atoms, min_size=1, max_size=3)

values = st.one_of(st.integers(-2, 2), st.sampled_from(["", "x", "y", "\0", True, 1.0, None, 2**31, -(2**31)]))
names = st.lists(st.text("aAbB1_", min_size=1, max_size=3), unique_by=str.lower, max_size=6)
refusals = st.frozensets(st.sampled_from([1, 2, "x", "y"]), max_size=1)
kinds = st.frozensets(st.sampled_from([INT_PARAM, STR_PARAM]), max_size=2)


def first_mistake(params, value):
    """Return the error that a module with these variables answers to a value, or the type of parameter it is for."""
    if not params:
        return UnknownParamError
    kind = STR_PARAM if type(value) is str else INT_PARAM if type(value) is int else None
    if kind not in params:
        return ParamTypeError
    if value == "\0" or (kind is INT_PARAM and not -(2**31) <= value < 2**31) or value in params[kind].refused:
        return ParamValueError
    return kind


@given(st.data(), names, patterns, values)
@settings(max_examples=3 * settings.default.max_examples)
def test_set_params_agrees_with_the_model(data, modules, pattern, value):
    """Modules with a parameter of either type, of both, or without; values, checks and stores that fail at random."""
    core, server = Registry(), {}
    for name in modules:
        server[name] = {
            kind: Variable(0 if kind is INT_PARAM else None, data.draw(refusals), data.draw(refusals))
            for kind in data.draw(kinds)
        }
        core.register(make_exports(name, *(ParamExport("p", kind, place) for kind, place in server[name].items())))
    matching = [name for name in modules if any(means(name.lower()) for _, means in pattern)]
    answers = [first_mistake(server[name], value) for name in matching]
    mistakes = [(name, answer) for name, answer in zip(matching, answers, strict=True) if type(answer) is type]
    changed = dict.fromkeys([] if mistakes else zip(matching, answers, strict=True), value)
    if any(value in server[name][kind].unstorable for name, kind in changed):
        changed = {}
        mistakes = [(next(name for name in matching if value in server[name][answers[0]].unstorable), ParamValueError)]
    expected = {
        (name, kind): changed.get((name, kind), variable.value)
        for name, params in server.items()
        for kind, variable in params.items()
    }

    text = "|".join(part for part, _ in pattern)
    if not matching:
        with pytest.raises(UnknownModuleError):
            core.modparam(text, "p", value)
    elif mistakes:
        name, error = mistakes[0]
        with pytest.raises(error) as caught:
            core.modparam(text, "p", value)
        assert error is type(caught.value)
        assert name == caught.value.module
    else:
        core.modparam(text, "p", value)

    found = {(name, kind): variable.value for name, params in server.items() for kind, variable in params.items()}
    assert expected == found


@given(names, patterns)
def test_set_params_with_a_name_sets_what_set_param_sets(modules, pattern):
    """Setting each matching module by its name leaves the same behind as setting them by the pattern."""
    by_pattern, by_name = Registry(), Registry()
    for core in (by_pattern, by_name):
        for name in modules:
            core.register(make_exports(name, ParamExport("p", INT_PARAM, Variable(0, (), ()))))
    matching = [name for name in modules if any(means(name.lower()) for _, means in pattern)]
    if matching:
        by_pattern.modparam("|".join(part for part, _ in pattern), "p", 5)
    for name in matching:
        by_name.set_param(name, "p", 5)

    held = [
        [core.find_param(name, "p", INT_PARAM).param_pointer.load() for name in modules]
        for core in (by_pattern, by_name)
    ]
    assert held[0] == held[1]
