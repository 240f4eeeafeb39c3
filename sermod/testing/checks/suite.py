"""The suite: all checks of a module, as results or as cases for pytest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from unittest import SkipTest

from sermod._problems import nearest_name
from sermod.testing.checks.behaviour import (
    children_share_nothing,
    destroy_cleans_up,
    does_nothing_before_init,
    failed_init_leaves_nothing,
    failed_start_is_cleaned_up,
    initialises_in_every_rank,
    runs_twice,
    starts,
)
from sermod.testing.checks.check import Check, CheckFailedError, CheckResult, Setup, Verdict
from sermod.testing.checks.interface import EXPORTS_CHECKS, loads
from sermod.testing.checks.values import fixups_are_deterministic, fixups_refuse_clearly, parameters_at_their_limits
from sermod.testing.harness.target import Target

if TYPE_CHECKING:  # at run time, only parametrize_with_checks() needs it
    import pytest

CHECKS: Final[tuple[Check, ...]] = (
    loads,
    *EXPORTS_CHECKS,
    does_nothing_before_init,
    parameters_at_their_limits,
    starts,
    failed_init_leaves_nothing,
    failed_start_is_cleaned_up,
    fixups_are_deterministic,
    fixups_refuse_clearly,
    initialises_in_every_rank,
    children_share_nothing,
    destroy_cleans_up,
    runs_twice,
)
"""All checks, in the order of a module's life."""


def check_module(
    target: Target | Setup, *, expected_failures: Mapping[str, str] | None = None
) -> tuple[CheckResult, ...]:
    """Run all checks on a module.

    Each check runs in a child process, so that no module can harm the caller's process.

    Args:
        target: The module, as for :class:`ModuleHarness`, or a :class:`Setup` of it.
        expected_failures: The names of checks that the module is known to fail, each with the reason.

    Returns:
        The result of each check.

    Raises:
        ValueError: *expected_failures* has a name that no check has.

    Example:
        >>> from sermod import Module
        >>> class Nothing(Module):
        ...     name = "nothing"
        >>> [str(result) for result in check_module(Nothing) if not result.ok]
        []
    """
    setup = Setup._of(target)
    reasons = _checked_reasons(expected_failures)
    return tuple(_result(check, setup, reasons.get(check.name)) for check in CHECKS)


def _checked_reasons(expected_failures: Mapping[str, str] | None) -> Mapping[str, str]:
    names = [check.name for check in CHECKS]
    for name in expected_failures or {}:
        if name not in names:
            nearest = nearest_name(name, names)
            hint = f"did you mean {nearest!r}? " if nearest else ""
            raise ValueError(f"expected_failures: there is no check {name!r}; {hint}The checks are: {', '.join(names)}")
    return expected_failures or {}


def _result(check: Check, setup: Setup, reason: str | None) -> CheckResult:
    try:
        check(setup)
    except CheckFailedError as error:
        if reason is None:
            return CheckResult(check.name, Verdict.FAILED, str(error), error.location)
        return CheckResult(check.name, Verdict.EXPECTED_FAILURE, f"{reason} ({error})", error.location)
    except SkipTest as skipped:
        return CheckResult(check.name, Verdict.SKIPPED, str(skipped))
    if reason is None:
        return CheckResult(check.name, Verdict.PASSED)
    message = f"a failure was expected ({reason}); remove this check from expected_failures"
    return CheckResult(check.name, Verdict.UNEXPECTED_PASS, message)


def parametrize_with_checks(
    targets: Iterable[Target | Setup], *, expected_failures: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Make one case for pytest of each check of each module.

    The decorated test takes the arguments ``target`` and ``check``, and calls ``check(target)``.

    Args:
        targets: The modules, as for :func:`check_module`.
        expected_failures: The names of checks that a module is known to fail, each with the reason. Such a case is a
            strict ``xfail``.

    Returns:
        A ``pytest.mark.parametrize``.

    Raises:
        ValueError: *expected_failures* has a name that no check has.
    """
    import pytest

    reasons = _checked_reasons(expected_failures)
    cases: list[Any] = []
    seen: dict[str, int] = {}
    for target in targets:
        name = Setup._of(target).name
        seen[name] = seen.get(name, 0) + 1
        label = name if seen[name] == 1 else f"{name}{seen[name]}"
        for check in CHECKS:
            reason = reasons.get(check.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, raises=CheckFailedError, strict=True)]
            cases.append(pytest.param(target, check, id=f"{label}-{check.name}", marks=marks))
    return pytest.mark.parametrize(("target", "check"), cases)
