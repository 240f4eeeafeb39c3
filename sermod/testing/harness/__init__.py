"""The harness: one module run alone, in this process or in a child process."""

from sermod.testing.harness.forked_child import ForkedChild
from sermod.testing.harness.harness import ModuleHarness
from sermod.testing.harness.isolated import IsolatedHarness

__all__ = ["ForkedChild", "IsolatedHarness", "ModuleHarness"]
