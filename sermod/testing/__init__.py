"""A module tested alone: no server, no socket, no other module; and a suite of checks whether it keeps the interface.

The names are handed on lazily, as those of ``sermod`` are: a test session that uses none of them loads nothing. Nothing
here but :func:`parametrize_with_checks` and the plugin needs pytest.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sermod.testing.checks import CHECKS as CHECKS
    from sermod.testing.checks import check_module as check_module
    from sermod.testing.checks import parametrize_with_checks as parametrize_with_checks
    from sermod.testing.forked import ForkedChild as ForkedChild
    from sermod.testing.forks import RemoteError as RemoteError
    from sermod.testing.harness import ModuleHarness as ModuleHarness
    from sermod.testing.messages import FakeMessage as FakeMessage
    from sermod.testing.recording import MissingExport as MissingExport
    from sermod.testing.recording import RecordedCall as RecordedCall
    from sermod.testing.results import Check as Check
    from sermod.testing.results import CheckFailedError as CheckFailedError
    from sermod.testing.results import CheckResult as CheckResult
    from sermod.testing.results import Setup as Setup
    from sermod.testing.results import Verdict as Verdict

_PUBLIC = {
    "CHECKS": "checks",
    "Check": "results",
    "CheckFailedError": "results",
    "CheckResult": "results",
    "FakeMessage": "messages",
    "ForkedChild": "forked",
    "MissingExport": "recording",
    "ModuleHarness": "isolated",
    "RecordedCall": "recording",
    "RemoteError": "forks",
    "Setup": "results",
    "Verdict": "results",
    "check_module": "checks",
    "parametrize_with_checks": "checks",
}
"""Where each name lives."""

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailedError",
    "CheckResult",
    "FakeMessage",
    "ForkedChild",
    "MissingExport",
    "ModuleHarness",
    "RecordedCall",
    "RemoteError",
    "Setup",
    "Verdict",
    "check_module",
    "parametrize_with_checks",
]


def __getattr__(name: str) -> object:
    """Load a name from where it lives, and keep it (PEP 562)."""
    if name not in _PUBLIC:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg, name=name)
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
