"""The type of the fixture ``module_harness``."""

from __future__ import annotations

from typing import TypeAlias

from sermod.testing.harness.harness import ModuleHarness

HarnessFactory: TypeAlias = type[ModuleHarness]
"""The type of the fixture ``module_harness``: a test calls it as :class:`ModuleHarness`, with the same results."""
