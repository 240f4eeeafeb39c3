"""The ready-made fixups, and the ways to make one."""

from __future__ import annotations

import enum
import ipaddress
import math
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sermod import REQUEST_ROUTE, CmdExport, FixupError, Lifecycle, ModuleExports, Registry, fixups, null_terminated


def refusal_of(fixup, param, number=1):
    """Return the text with which a fixup refuses."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is what the test is about
        fixup(param, number)
    assert type(caught.value) is ValueError
    return str(caught.value)


class TestReadyOnes:
    """Each makes a value of what it takes, and says what that is where it refuses."""

    @pytest.mark.parametrize(
        ("fixup", "param", "value"),
        [
            (fixups.fixup_int, "10", 10),
            (fixups.fixup_int, "-1", -1),
            (fixups.fixup_int, "+007", 7),
            (fixups.fixup_float, "10", 10.0),
            (fixups.fixup_float, "-.5", -0.5),
            (fixups.fixup_float, "1.", 1.0),
            (fixups.fixup_float, "1e-3", 0.001),
            (fixups.fixup_regexp, "a+", re.compile("a+")),
            (fixups.fixup_path, "/etc/ser", Path("/etc/ser")),
            (fixups.fixup_ip_address, "127.0.0.1", ipaddress.IPv4Address("127.0.0.1")),
            (fixups.fixup_ip_address, "::1", ipaddress.IPv6Address("::1")),
            (fixups.fixup_ip_network, "10.0.0.0/8", ipaddress.IPv4Network("10.0.0.0/8")),
            (fixups.fixup_ip_network, "2001:db8::/32", ipaddress.IPv6Network("2001:db8::/32")),
        ],
    )
    def test_takes(self, fixup, param, value):
        fixed = fixup(param, 2)

        assert value == fixed
        assert type(value) is type(fixed)

    @pytest.mark.parametrize(
        ("fixup", "param", "text"),
        [
            *(
                (fixups.fixup_int, param, f"takes a whole number, such as 10 or -1 (got {param!r})")
                for param in ("", " 1", "1.0", "1_000", "0x10", "\u0661", "--1", "1\n", "ten")
            ),
            *(
                (fixups.fixup_float, param, f"takes a number, such as 0.5, 10 or 1e-3 (got {param!r})")
                for param in ("", ".", "nan", "inf", "1e999", "1_0.0", " 1", "1,5", "e5")
            ),
            (
                fixups.fixup_regexp,
                "(",
                "takes a regular expression (got '('; missing ), unterminated subpattern at position 0)",
            ),
            (fixups.fixup_path, "", "takes the path of a file (got '')"),
            (fixups.fixup_path, "a\0b", r"takes the path of a file (got 'a\x00b')"),
            (
                fixups.fixup_ip_address,
                "[::1]",
                "takes an IPv4 or IPv6 address (got '[::1]'; '[::1]' does not appear to be an IPv4 or IPv6 address)",
            ),
            (
                fixups.fixup_ip_network,
                "10.0.0.1/8",
                "takes an IPv4 or IPv6 network, such as 10.0.0.0/8 (got '10.0.0.1/8'; 10.0.0.1/8 has host bits set)",
            ),
        ],
    )
    def test_refuses(self, fixup, param, text):
        assert text == refusal_of(fixup, param)

    def test_an_expression_too_large_for_the_compiler_is_refused(self):
        assert refusal_of(fixups.fixup_regexp, "a{99999999999999999999}").startswith("takes a regular expression")

    @given(st.text())
    def test_any_text_is_taken_or_refused_by_a_value_error(self, param):
        """None raises anything else."""
        ready = [getattr(fixups, name) for name in dir(fixups) if name.startswith("fixup_") and name != "fixup_from"]
        for fixup in ready:
            try:
                text = "" if fixup(param, 1) is not None else "None"
            except ValueError as error:
                text = str(error)
            assert text.startswith("takes ") or not text

    @given(st.integers())
    def test_int_reads_what_python_writes(self, number):
        assert number == fixups.fixup_int(str(number), 1)

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_float_reads_what_python_writes(self, number):
        assert math.isclose(number, fixups.fixup_float(str(number), 1))


class TestBool:
    """The words that people write in configurations."""

    @pytest.mark.parametrize("word", ["yes", "true", "on", "enable", "enabled", "1", "YES", "True", "On"])
    def test_true(self, word):
        assert fixups.fixup_bool(word, 1) is True

    @pytest.mark.parametrize("word", ["no", "false", "off", "disable", "disabled", "0", "NO", "False", "Off"])
    def test_false(self, word):
        assert fixups.fixup_bool(word, 1) is False

    @pytest.mark.parametrize("word", ["", "2", "y", "none", " on"])
    def test_neither(self, word):
        expected = (
            "takes yes, true, on, enable, enabled, 1 for true, no, false, off, disable, disabled, 0 for false "
            f"(got {word!r})"
        )

        assert expected == refusal_of(fixups.fixup_bool, word)


class TestFixupFrom:
    """A fixup is made from a function that takes the parameter alone."""

    def test_what_the_function_returns_is_the_value(self):
        assert Decimal("1.5") == fixups.fixup_from(Decimal, "a decimal number")("1.5", 1)

    def test_the_text_of_a_value_error_is_the_reason(self):
        def parse(param):
            raise ValueError("the port is missing")

        assert "takes host:port (got 'x'; the port is missing)" == refusal_of(
            fixups.fixup_from(parse, "host:port"), "x"
        )

    def test_of_other_exceptions_the_name_is(self):
        """What they say is rarely meant for the author of a script."""
        fixup = fixups.fixup_from(Decimal, "a decimal number")

        assert "takes a decimal number (got 'x'; InvalidOperation)" == refusal_of(fixup, "x")

    def test_none_is_no_value(self):
        def forgets(param):
            param.strip()

        text = refusal_of(fixups.fixup_from(forgets, "anything"), "x")

        assert text.startswith("takes anything (got 'x'; TestFixupFrom.test_none_is_no_value.<locals>.forgets returned")

    @pytest.mark.parametrize("arguments", [(5, "a number"), (int, 5)])
    def test_what_is_no_function_or_no_text_is_a_type_error(self, arguments):
        with pytest.raises(TypeError, match=r"fixup_from\(convert, expects\) takes a function of one str"):
            fixups.fixup_from(*arguments)


class TestIntBetween:
    """Whole numbers within bounds."""

    @pytest.mark.parametrize(
        ("bounds", "taken", "refused", "expects"),
        [
            ((0, 255), ["0", "255"], ["-1", "256", "x"], "a whole number from 0 to 255"),
            ((1, None), ["1", "99999"], ["0", "1.5"], "a whole number, at least 1"),
            ((None, 5), ["5", "-99"], ["6"], "a whole number, at most 5"),
            ((5, 5), ["5"], ["4", "6"], "a whole number from 5 to 5"),
            ((None, None), ["7"], ["x"], "a whole number, such as 10 or -1"),
        ],
    )
    def test_bounds(self, bounds, taken, refused, expects):
        fixup = fixups.int_between(*bounds)

        assert [int(param) for param in taken] == [fixup(param, 1) for param in taken]
        assert [f"takes {expects} (got {param!r})" for param in refused] == [
            refusal_of(fixup, each) for each in refused
        ]

    def test_bounds_that_let_nothing_through_are_a_mistake(self):
        with pytest.raises(ValueError, match=r"int_between\(2, 1\) would refuse every number"):
            fixups.int_between(2, 1)


class TestOneOf:
    """One of some words."""

    def test_takes_the_words_and_nothing_else(self):
        fixup = fixups.one_of({"udp": 17, "tcp": 6})

        assert [17, 6] == [fixup("udp", 1), fixup("tcp", 1)]
        assert "takes one of 'udp', 'tcp' (got 'UDP')" == refusal_of(fixup, "UDP")

    @pytest.mark.parametrize("words", [{}, {"a": None}])
    def test_words_that_mean_nothing_are_a_mistake(self, words):
        with pytest.raises(ValueError, match="takes at least one word, and a meaning that is not None"):
            fixups.one_of(words)


class TestMemberOf:
    """A member of an enumeration."""

    def test_a_text_is_written_as_the_value_and_anything_else_as_the_name(self):
        class Mode(enum.Enum):
            FAST = "fast"
            SLOW = 2
            LENTO = 2  # noqa: PIE796 - a second name

        fixup = fixups.member_of(Mode)

        assert [Mode.FAST, Mode.SLOW, Mode.SLOW] == [fixup(word, 1) for word in ("fast", "SLOW", "LENTO")]
        assert "takes one of 'fast', 'SLOW', 'LENTO' (got 'FAST')" == refusal_of(fixup, "FAST")


class TestForEach:
    """One fixup for each parameter, for a command in the C shape."""

    def test_each_parameter_has_its_own(self):
        fixup = fixups.for_each(fixups.fixup_int, None)

        assert (200, "200") == (fixup("200", 1), fixup("200", 2))

    @pytest.mark.parametrize("number", [-1, 0, 3])
    def test_a_number_without_a_parameter_is_refused(self, number):
        """The first parameter is number 1, and neither 0 nor -1 is the last one."""
        assert f"there is no fixup for parameter {number}: for_each() was given 2 fixups" == refusal_of(
            fixups.for_each(None, fixups.fixup_int), "1", number
        )

    def test_what_is_no_fixup_is_a_type_error(self):
        with pytest.raises(TypeError, match=r"for_each\(\): argument 2 must be a fixup or None \(got 'int'\)"):
            fixups.for_each(None, "int")


def test_they_serve_in_the_c_shape():
    """They stand in the structure by name, as C's do, and an error names the place in the script."""
    command = CmdExport("wait", lambda msg, seconds: seconds, 1, fixups.fixup_int, REQUEST_ROUTE)

    def life(param):
        core = Registry()
        core.register(ModuleExports("clock", null_terminated(command)))
        action = core.bind("wait", param, route=REQUEST_ROUTE, where="ser.cfg:3")
        Lifecycle(core).init()
        return action.run("msg")

    assert 5 == life("5")
    with pytest.raises(FixupError) as caught:
        life("five")
    assert (
        "ser.cfg:3: wait(\"five\") of module 'clock': the fixup refuses parameter 1, 'five': takes a whole number, "
        "such as 10 or -1 (got 'five')"
    ) == str(caught.value)
