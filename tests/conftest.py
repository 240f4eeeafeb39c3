"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import needs
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# A slow machine is no bug, and a failure on one machine can be replayed on another.
hypothesis.settings.register_profile("sermod", max_examples=20, deadline=None, print_blob=True)
# .ci/run asks for this one on the command line, with --hypothesis-profile.
hypothesis.settings.register_profile("thorough", hypothesis.settings.get_profile("sermod"), max_examples=100)
hypothesis.settings.load_profile("sermod")


@pytest.fixture
def need() -> Callable[[str], str]:
    """Give a test its way to ask for a program, such as sipsak, by name."""
    return needs.need
