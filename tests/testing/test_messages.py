"""A message for tests of modules that need no real SIP message."""

from __future__ import annotations

import copy

import pytest
from travelling import pickled

from sermod.testing import FakeMessage


def test_it_has_what_it_is_given():
    msg = FakeMessage(method="OPTIONS", hops=10)
    msg.hops -= 1

    assert ("OPTIONS", 9) == (msg.method, msg.hops)
    assert "FakeMessage(method='OPTIONS', hops=9)" == repr(msg)
    assert FakeMessage(method="OPTIONS", hops=9) == msg
    assert FakeMessage() != msg


def test_a_missing_attribute_is_an_error_that_says_how_to_give_it():
    with pytest.raises(AttributeError) as caught:
        FakeMessage().method  # noqa: B018

    expected = "this FakeMessage has no attribute 'method'; if the module needs it, write FakeMessage(method=...)"
    assert expected == str(caught.value)
    assert "method" == caught.value.name


def test_it_can_be_copied_and_pickled():
    msg = FakeMessage(headers={"To": "bob"})

    assert [msg, msg, msg] == [copy.copy(msg), copy.deepcopy(msg), pickled(msg)]
