"""The pytest plugin: the fixture ``module_harness``. It loads nothing of sermod until that is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sermod.testing import HarnessFactory, ModuleHarness


@pytest.fixture
def module_harness() -> Iterator[HarnessFactory]:
    """Return what makes a :class:`ModuleHarness`, with the same arguments; the end of the test closes it."""
    from contextlib import ExitStack

    with ExitStack() as harnesses:

        def make(*args: Any, **options: Any) -> ModuleHarness:
            from sermod.testing import ModuleHarness

            # The harness checks its own arguments.
            harness: ModuleHarness = ModuleHarness(*args, **options)
            harnesses.callback(harness.close)
            return harness

        yield make
