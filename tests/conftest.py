"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import needs
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# A slow machine is no bug, and a failure on one machine can be replayed on another.
hypothesis.settings.register_profile("sermod", deadline=None, print_blob=True)
hypothesis.settings.load_profile("sermod")


@pytest.fixture
def need() -> Callable[[str], str]:
    """Give a test its way to ask for a program, such as sipsak, by name."""
    return needs.need
