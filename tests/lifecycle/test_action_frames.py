"""What stands between the host that calls `Action.run` and the function: nothing, or one frame at the most."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from unittest import mock

import pytest
from making import bound

import sermod

HERE = __file__
PACKAGE = str(Path(sermod.__file__).parent)

callers = []
"""The file of the function that was called last, and those of the frames between it and `frames_between`."""


def note_callers():
    callers.clear()
    frame = sys._getframe(1)
    while frame.f_code is not frames_between.__code__:
        callers.append(frame.f_code.co_filename)
        frame = frame.f_back


def frames_between(run, message="msg"):
    """Return the files of the frames between this one and that of the function which *run* calls."""
    callers.clear()
    run(message)
    assert HERE == callers[0]
    return callers[1:]


def remember(msg, *parameters):
    note_callers()


def remember_two(msg, a, b):
    note_callers()


class Remembers:
    """Its methods, and itself, remember who called them."""

    def method(self, msg, a, b):
        note_callers()

    @classmethod
    def class_method(cls, msg, a, b=None):
        note_callers()

    def __call__(self, msg, a, b):
        note_callers()

    def __lt__(self, other):
        note_callers()
        return True


class TestFrames:
    """No Python frame of ours stands between the host and the function; one at the most for other callables."""

    @pytest.mark.parametrize("fixup", [None, lambda param, number: 5], ids=["no-fixup", "fixup"])
    @pytest.mark.parametrize(
        ("function", "params"),
        [
            (remember, ""),
            (remember_two, "ab"),
            (remember_two, "a"),
            (remember_two, ""),
            (Remembers().method, "ab"),
            (Remembers().method, "a"),
            (Remembers().class_method, "ab"),
            (Remembers().class_method, "a"),
            (Remembers.class_method, "a"),
        ],
        ids=[
            "function-of-none",
            "function-of-two",
            "c-shape-of-one",
            "c-shape-of-none",
            "method",
            "c-shape-method",
            "class-method",
            "class-method-default",
            "class-method-of-the-class",
        ],
    )
    def test_none_for_a_plain_function_and_a_bound_method(self, function, params, fixup):
        if not params:
            fixup = None
        run = bound(function, *params, fixup=fixup).run

        assert [] == frames_between(run)

    @pytest.mark.parametrize(
        ("function", "params"),
        [
            (remember, "a"),
            (remember, "abcd"),
            (functools.partial(remember_two), "ab"),
            (functools.partial(remember, "msg"), "abc"),
            (Remembers(), "ab"),
            (mock.Mock(side_effect=remember_two), "ab"),
        ],
        ids=["star", "star-of-four", "partial", "partial-with-more", "callable-object", "mock"],
    )
    def test_one_at_the_most_for_other_callables(self, function, params):
        run = bound(function, *params).run

        frames = [file for file in frames_between(run) if file != mock.__file__]
        assert len(frames) <= 1
        assert all(file.startswith(PACKAGE) for file in frames)

    def test_one_at_the_most_for_a_builtin(self):
        """The built-in has no frame; what it calls, the comparison of the message, has."""
        assert len(frames_between(bound(max, "x").run, Remembers())) <= 1

    def test_a_traceback_goes_from_the_caller_to_the_function(self):
        def fail(msg, a):
            raise ValueError(a)

        with pytest.raises(ValueError, match="x") as caught:
            bound(fail, "x").run("msg")

        assert [HERE, HERE] == [str(entry.path) for entry in caught.traceback]
        assert "fail" == caught.traceback[-1].name
