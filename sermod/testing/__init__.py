"""Tests a module alone, without a server, a socket or another module, and checks whether it keeps the interface.

The names are handed on lazily, as those of ``sermod`` are, so that a test session that uses none of them loads nothing.
Only :func:`parametrize_with_checks` and the plugin need pytest.
"""

from __future__ import annotations

import sys

_names = sys._getframe().f_code.co_names  # of this file, as it is executed
TYPE_CHECKING = bool()  # noqa: UP018 - as in sermod/__init__.py, and so is the rest of this file
if TYPE_CHECKING:
    from sermod.testing.checks.check import Check as Check
    from sermod.testing.checks.check import CheckFailedError as CheckFailedError
    from sermod.testing.checks.check import CheckResult as CheckResult
    from sermod.testing.checks.check import Setup as Setup
    from sermod.testing.checks.check import Verdict as Verdict
    from sermod.testing.checks.suite import CHECKS as CHECKS
    from sermod.testing.checks.suite import check_module as check_module
    from sermod.testing.checks.suite import parametrize_with_checks as parametrize_with_checks
    from sermod.testing.harness.child_process import RemoteError as RemoteError
    from sermod.testing.harness.forked_child import ForkedChild as ForkedChild
    from sermod.testing.harness.harness import ModuleHarness as ModuleHarness
    from sermod.testing.harness.isolated import IsolatedHarness as IsolatedHarness
    from sermod.testing.harness.messages import FakeMessage as FakeMessage
    from sermod.testing.harness.recorder import MissingExport as MissingExport
    from sermod.testing.harness.recorder import RecordedCall as RecordedCall

if not TYPE_CHECKING:  # no name is there for a type checker but those above

    def __getattr__(name: str) -> object:
        """Load a public name from the file that it lives in, and keep it (PEP 562)."""
        homes = _homes or _find_homes()
        if name == "__all__":
            value: object = sorted(homes)
        elif name in homes:
            from importlib import import_module

            value = getattr(import_module(homes[name]), name)
        else:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *(_homes or _find_homes()), "__all__"})


_homes: dict[str, str] = {}
"""The module that each public name lives in; filled when the first name is used."""


def _find_homes() -> dict[str, str]:
    # The compiled code has the names in the imports at the top in the order of the lines: a module, then its names.
    found: dict[str, str] = {}
    home = ""
    for name in _names:
        if name.startswith(f"{__name__}."):
            home = name
        elif home and not name.startswith("_"):
            found[name] = home
    _homes.update(found)
    return found
