"""The pytest plugin: the fixture ``module_harness``. It loads nothing of sermod until that is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from sermod.testing import HarnessFactory, IsolatedHarness, ModuleHarness


@pytest.fixture
def module_harness() -> Iterator[HarnessFactory]:
    """Return a function that makes harnesses, as :class:`ModuleHarness` does. The end of the test closes them."""
    from contextlib import ExitStack

    with ExitStack() as harnesses:

        def make(*args: Any, **options: Any) -> ModuleHarness | IsolatedHarness:
            from sermod.testing import ModuleHarness

            harness: ModuleHarness | IsolatedHarness = ModuleHarness(*args, **options)
            harnesses.callback(harness.close)
            return harness

        yield cast("HarnessFactory", make)
