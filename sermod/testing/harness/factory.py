"""The type of the fixture ``module_harness``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol

from sermod.testing.harness.harness import ModuleHarness

Params = ParamSpec("Params")


def _with_arguments_of(
    _init: Callable[Concatenate[ModuleHarness, Params], None],
) -> Callable[[Callable[..., ModuleHarness]], Callable[Concatenate[Any, Params], ModuleHarness]]:
    return lambda method: method


class HarnessFactory(Protocol):
    """What the fixture ``module_harness`` gives a test: called like :class:`ModuleHarness`, with the same arguments.

    The harness that it returns is closed at the end of the test.

    Example:
        >>> def test_foo(module_harness: HarnessFactory) -> None:
        ...     harness = module_harness("foobar", params={"foo_bar": 5})
        ...     assert harness.call("foo_req", "1", "2") > 0
    """

    @_with_arguments_of(ModuleHarness.__init__)
    def __call__(self, *args: Any, **options: Any) -> ModuleHarness:
        """Make a harness."""
        ...
