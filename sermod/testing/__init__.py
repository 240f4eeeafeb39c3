"""Tests a module alone, without a server, a socket or another module, and checks whether it keeps the interface.

The names are loaded when they are first used, as those of ``sermod`` are: a test session that uses none of them loads
nothing. Only :func:`parametrize_with_checks` and the plugin need pytest.
"""

from __future__ import annotations

import sys

from sermod import _hand_on

TYPE_CHECKING = bool()  # noqa: UP018  # ty: ignore[invalid-type-checking-constant] - as in sermod/__init__.py
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
    from sermod.testing.harness.factory import HarnessFactory as HarnessFactory
    from sermod.testing.harness.forked_child import ForkedChild as ForkedChild
    from sermod.testing.harness.harness import ModuleHarness as ModuleHarness
    from sermod.testing.harness.isolated import IsolatedHarness as IsolatedHarness
    from sermod.testing.harness.messages import FakeMessage as FakeMessage
    from sermod.testing.harness.recorder import MissingExport as MissingExport
    from sermod.testing.harness.recorder import RecordedCall as RecordedCall
else:
    _homes, __getattr__, __dir__ = _hand_on(sys._getframe().f_code.co_names, globals())
