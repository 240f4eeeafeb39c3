"""A check of a module, its setup and its result."""

from __future__ import annotations

import gc
import inspect
import os
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import IntFlag, StrEnum
from types import FunctionType, MethodType
from typing import Any, NoReturn, TypeAlias
from unittest import SkipTest

import attrs

from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES
from sermod.errors import ChildDiedError, InterfaceWarning, SermodError
from sermod.testing.harness.base import TIMEOUT
from sermod.testing.harness.child_process import run_in_child
from sermod.testing.harness.harness import ModuleHarness
from sermod.testing.harness.pairs import ParamValues, Provided, pairs_of, stand_ins_of
from sermod.testing.harness.target import Target, importable, target_name


class Verdict(StrEnum):
    """The verdict of a check."""

    PASSED = "passed"
    """The module does what the check demands."""
    FAILED = "failed"
    """The module does not do what the check demands."""
    SKIPPED = "skipped"
    """The check does not apply, or could not run; the message says why."""
    EXPECTED_FAILURE = "expected failure"
    """The check failed, and the caller expected that; the message has the caller's reason."""
    UNEXPECTED_PASS = "unexpected pass"  # noqa: S105 - not a password
    """The check passed, and the caller expected a failure: remove the expectation."""


@attrs.frozen
class CheckResult:
    """The result of one check of a module.

    Attributes:
        name: The name of the check.
        verdict: The verdict.
        message: What is wrong and how to mend it; empty if there is nothing to say.
        location: The place in the source, ``"foobar.py:12"``, or ``None``.
    """

    name: str
    verdict: Verdict
    message: str = ""
    location: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the verdict is neither a failure nor an unexpected pass."""
        return self.verdict not in (Verdict.FAILED, Verdict.UNEXPECTED_PASS)

    def __str__(self) -> str:
        place = f" ({self.location})" if self.location else ""
        return f"{self.verdict}: {self.name}{place}{': ' if self.message else ''}{self.message}"


class CheckFailedError(SermodError, AssertionError):
    """A module does not do what a check demands.

    Attributes:
        check: The name of the check.
        location: The place in the source, ``"foobar.py:12"``, or ``None``.
    """

    __module__ = "sermod.testing"

    def __init__(self, message: str, *, check: str = "", location: str | None = None) -> None:
        super().__init__(message)
        self.check = check
        self.location = location


# Converters of Setup, which has their annotations: the names in these are looked up in this file.


def _params(given: ParamValues) -> tuple[tuple[str, int | str], ...]:
    return pairs_of(given, "params")


def _bad_params(given: ParamValues) -> tuple[tuple[str, int | str], ...]:
    return pairs_of(given, "bad_params")


def _stand_ins(given: Provided) -> dict[tuple[str, int], Callable[..., Any]]:
    return stand_ins_of(given)


@attrs.frozen
class Setup:
    """A module to check, with what it needs.

    Args:
        target: The module, as for :class:`ModuleHarness`.
        params: The parameters that it needs, by name; or pairs, where one name may stand several times.
        bad_params: Parameters with which its initialisation must fail, for the check of a failed start. They replace
            those of the same names.
        provides: Commands of other modules, by name and number of parameters; or pairs.
        refused: For the name of a command, calls whose parameters its fixup must refuse:
            ``{"send_reply": [("x", "OK"), ("99", "OK")]}``.
        imports: Stand-ins for Python modules, by the name under which the module imports them.
        path: The directories in which a bare name is looked for first.
        route_flags: The kinds of route that the host's script has.
        script_param_no: The numbers of parameters with which the host's script can call a command.
        timeout: The time limit of each step in a child process, in seconds.
    """

    target: Target
    params: tuple[tuple[str, int | str], ...] = attrs.field(default=(), converter=_params)
    bad_params: tuple[tuple[str, int | str], ...] = attrs.field(default=(), converter=_bad_params)
    provides: Mapping[tuple[str, int], Callable[..., Any]] = attrs.field(
        factory=dict[tuple[str, int], Callable[..., Any]], converter=_stand_ins
    )
    refused: Mapping[str, Iterable[tuple[str, ...]]] = attrs.field(factory=dict[str, "Iterable[tuple[str, ...]]"])
    imports: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    path: Iterable[str | os.PathLike[str]] = ()
    route_flags: int | type[IntFlag] = SPEC_ROUTES
    script_param_no: Collection[int] = SPEC_PARAM_NO
    timeout: float = TIMEOUT

    @classmethod
    def _of(cls, target: Target | Setup) -> Setup:
        """Return *target* if it is a setup, otherwise a setup of a module that needs nothing."""
        return target if isinstance(target, Setup) else cls(target)

    @property
    def name(self) -> str:
        """A short name of the module."""
        return target_name(self.target)

    def _harness(self) -> ModuleHarness:
        """Return a harness for the module, with what it needs."""
        return ModuleHarness(
            self.target,
            self.params,
            provides=self.provides,
            imports=self.imports,
            path=self.path,
            route_flags=self.route_flags,
            script_param_no=self.script_param_no,
        )


@attrs.frozen
class Check:
    """One check of modules.

    Call it with a module, or with a :class:`Setup` of one. It raises :class:`CheckFailedError` if the module does not
    do what the check demands, and ``unittest.SkipTest`` if the check does not apply or could not run.

    Attributes:
        name: The name of the check.
        doc: What the check demands.
    """

    name: str
    doc: str
    _run: Callable[[Setup], None] = attrs.field(repr=False)

    def __call__(self, target: Target | Setup, /) -> None:
        """Check a module."""
        setup = Setup._of(target)
        try:
            with importable(setup.imports):
                self._run(setup)
        except CheckFailedError as error:
            error.check = self.name
            raise


def fail(message: str, culprit: object = None) -> NoReturn:
    """Fail the check.

    Args:
        message: What is wrong, and how to mend it.
        culprit: The function or class that is wrong, for the location; anything else has none.

    Raises:
        CheckFailedError: Always.
    """
    raise CheckFailedError(message, location=location_of(culprit))


def location_of(thing: object) -> str | None:
    """Return the place in the source of a function, a method or a class; ``None`` for anything else."""
    if isinstance(thing, type):
        try:
            return f"{inspect.getsourcefile(thing)}:{inspect.getsourcelines(thing)[1]}"
        except (OSError, TypeError):
            return None
    inner: object = inspect.unwrap(thing) if isinstance(thing, (FunctionType, MethodType)) else None
    function = getattr(inner, "__func__", inner)
    if isinstance(function, FunctionType):
        return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
    return None


# Checks in a child process --------------------------------------------------------------------------------------------

CheckFunction: TypeAlias = Callable[[Setup], None]
"""The code of a check: it calls :func:`fail`, raises ``SkipTest``, or returns."""


def in_child(steps: int = 1) -> Callable[[CheckFunction], Check]:
    """Decorate a function that becomes a check of the same name, whose ``doc`` is the docstring.

    Args:
        steps: The number of its steps, each of which may take the time limit of the setup.
    """
    return lambda function: make_check(function.__name__, inspect.cleandoc(function.__doc__ or ""), function, steps)  # ty: ignore[missing-attribute]


def make_check(name: str, doc: str, function: CheckFunction, steps: int = 1) -> Check:
    """Make a check that runs in a child process.

    Args:
        name: The name of the check.
        doc: What the check demands.
        function: Its code.
        steps: As for :func:`in_child`.
    """

    def run(setup: Setup) -> None:
        timeout = setup.timeout * (steps + 1)
        try:
            failure = run_in_child(
                lambda: _run_in_this_process(function, setup), timeout=timeout, call=f"the check {name!r}"
            )
        except NotImplementedError as error:
            raise SkipTest(str(error)) from error
        except ChildDiedError as error:
            raise CheckFailedError(str(error)) from error
        if failure is not None:
            raise failure

    return Check(name, doc, run)


def _run_in_this_process(function: CheckFunction, setup: Setup) -> CheckFailedError | SkipTest | None:
    """Run the code of a check in its child, and return the exception by which it failed or was skipped."""
    warnings.simplefilter("ignore", InterfaceWarning)  # other checks report what it says
    gc.freeze()  # what the caller's process made is not garbage of the module, and takes long to search
    try:
        function(setup)
    except (CheckFailedError, SkipTest) as error:
        return error
    return None
