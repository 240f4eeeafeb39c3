"""Problems, and the rule behind each code."""

from __future__ import annotations

import pytest
from travelling import pickled

from sermod import Problem, Severity
from sermod._problems import RULES, problem

TABLE = {
    "not-terminated": "error",
    "after-terminator": "error",
    "half-null": "error",
    "empty-name": "error",
    "nul-in-name": "error",
    "null-function": "error",
    "wrong-signature": "error",
    "unreachable-command": "warning",
    "unscriptable-name": "warning",
    "fixup-without-params": "warning",
    "unknown-flag": "warning",
    "unknown-type": "error",
    "duplicate-command": "error",
    "duplicate-param": "error",
    "null-pointer": "error",
    "thread-before-fork": "warning",
    "bad-address": "error",
    "wrong-variable-type": "error",
}
"""The codes of the interface's rules, in the order in which they are explained, and how much each matters."""

every_code = pytest.mark.parametrize("code", TABLE)


class TestRules:
    """Every code has a severity, what a C core does, and a remedy."""

    def test_codes_and_severities(self):
        assert [*TABLE.items()] == [(code, str(rule.severity)) for code, rule in RULES.items()]

    @every_code
    def test_texts_are_sentences(self, code):
        for text in (RULES[code].core, RULES[code].remedy):
            assert text[0].isupper()
            assert text.endswith(".")

    @every_code
    def test_the_first_says_what_a_c_core_does(self, code):
        assert " C core" in RULES[code].core


class TestProblem:
    """A ``Problem`` is a value with a field, a code, a severity and a message."""

    @every_code
    def test_message_is_what_is_wrong_then_the_core_then_the_remedy(self, code):
        found = problem("cmds[1]", code, "it is wrong")

        assert f"it is wrong. {RULES[code].core} {RULES[code].remedy}" == found.message
        assert ("cmds[1]", code, TABLE[code]) == (found.field, found.code, found.severity)

    def test_one_line_of_text(self):
        found = Problem("cmds[1].function", "null-function", Severity.ERROR, "it is null")

        assert "error: cmds[1].function: it is null [null-function]" == str(found)

    def test_is_a_value(self):
        one, other = (problem("cmds[0]", "half-null", "so it is") for _ in range(2))

        assert one == other
        assert hash(one) == hash(other)
        assert one != problem("cmds[1]", "half-null", "so it is")
        assert one == pickled(one)
        with pytest.raises(AttributeError):
            one.code = "empty-name"

    def test_severities_are_words(self):
        assert ["error", "warning"] == [str(severity) for severity in Severity]
        assert Severity("warning") is Severity.WARNING
