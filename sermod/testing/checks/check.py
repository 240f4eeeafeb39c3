"""What a check of a module is, what it is given, and what it finds."""

from __future__ import annotations

import gc
import inspect
import os
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from types import FunctionType, MethodType
from typing import Any, NoReturn, TypeAlias
from unittest import SkipTest

import attrs

from sermod._interface.validation import SPEC_PARAM_NO, SPEC_ROUTES
from sermod.errors import ChildDiedError, InterfaceWarning, SermodError
from sermod.testing.harness.fork import run_in_child
from sermod.testing.harness.harness import TIMEOUT, ModuleHarness
from sermod.testing.harness.target import Target, importable, target_name


class Verdict(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    """The module keeps what the check asks for."""
    FAILED = "failed"
    """It does not."""
    SKIPPED = "skipped"
    """There was nothing to check, or no way to; the message says which."""
    EXPECTED_FAILURE = "expected failure"
    """It does not, and the caller said so; the message has the reason that was given."""
    UNEXPECTED_PASS = "unexpected pass"  # noqa: S105 - it is no password
    """The caller expected a failure, and the module keeps what the check asks for: take the expectation away."""


@attrs.frozen
class CheckResult:
    """What came of one check of a module.

    Attributes:
        name: The name of the check.
        verdict: What came of it.
        message: What is wrong and how to mend it; an empty text where nothing is to be said.
        location: The place in the source, ``"foobar.py:12"``; ``None`` where there is none.
    """

    name: str
    verdict: Verdict
    message: str = ""
    location: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is to be done about it."""
        return self.verdict not in (Verdict.FAILED, Verdict.UNEXPECTED_PASS)

    def __str__(self) -> str:
        place = f" ({self.location})" if self.location else ""
        return f"{self.verdict}: {self.name}{place}{': ' if self.message else ''}{self.message}"


class CheckFailedError(SermodError, AssertionError):
    """A module does not keep what a check asks for.

    Attributes:
        check: The name of the check.
        location: The place in the source; ``None`` where there is none.
    """

    def __init__(self, message: str, *, check: str = "", location: str | None = None) -> None:
        super().__init__(message)
        self.check = check
        self.location = location


@attrs.frozen
class Setup:
    """A module to be checked, and what it needs for that.

    Args:
        target: The module, as for :class:`ModuleHarness`.
        params: The parameters that it needs, by name.
        bad_params: Parameters with which its initialization must fail, for the checks of a failed start.
        provides: What other modules would export, by name and number of parameters.
        refused: For the name of a command, parameters that its fixup must refuse, as the script would have them:
            ``{"send_reply": [("x", "OK"), ("99", "OK")]}``.
        imports: Stand-ins for Python modules, by the name under which the module imports them.
        path: The directories in which a bare name is looked for first.
        route_flags: The kinds of route that the host's script knows.
        script_param_no: The numbers of parameters with which the host's script can call a command.
        timeout: How many seconds a step in a child process may take.
    """

    target: Target
    params: Mapping[str, int | str] = attrs.field(factory=dict[str, "int | str"])
    bad_params: Mapping[str, int | str] = attrs.field(factory=dict[str, "int | str"])
    provides: Mapping[tuple[str, int], Callable[..., Any]] = attrs.field(
        factory=dict[tuple[str, int], Callable[..., Any]]
    )
    refused: Mapping[str, Iterable[tuple[str, ...]]] = attrs.field(factory=dict[str, "Iterable[tuple[str, ...]]"])
    imports: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    path: Iterable[str | os.PathLike[str]] = ()
    route_flags: int = SPEC_ROUTES
    script_param_no: Collection[int] = SPEC_PARAM_NO
    timeout: float = TIMEOUT

    @classmethod
    def of(cls, target: Target | Setup) -> Setup:
        """Return a module that needs nothing as one that needs nothing more."""
        return target if isinstance(target, Setup) else cls(target)

    @property
    def name(self) -> str:
        """A short name of the module."""
        return target_name(self.target)

    def harness(
        self,
        params: Mapping[str, int | str] | None = None,
        provides: Mapping[tuple[str, int], Callable[..., Any]] | None = None,
    ) -> ModuleHarness:
        """Return a harness for the module, with what it needs, or with something else."""
        return ModuleHarness(
            self.target,
            self.params if params is None else params,
            provides=self.provides if provides is None else provides,
            imports=self.imports,
            path=self.path,
            route_flags=self.route_flags,
            script_param_no=self.script_param_no,
        )


@attrs.frozen
class Check:
    """One thing that the interface asks of a module.

    Call it with a module, or with a :class:`Setup` of one, to have it checked: it raises :class:`CheckFailedError`
    where the module does not keep it, and ``unittest.SkipTest`` where there is nothing to check.

    Attributes:
        name: Its name.
        doc: What it asks for.
    """

    name: str
    doc: str
    _run: Callable[[Setup], None] = attrs.field(repr=False)

    def __call__(self, target: Target | Setup, /) -> None:
        """Check a module."""
        setup = Setup.of(target)
        try:
            with importable(setup.imports):
                self._run(setup)
        except CheckFailedError as error:
            error.check = self.name
            raise


def fail(message: str, where: object = None) -> NoReturn:
    """Say that the module does not keep what is asked for.

    Args:
        message: What is wrong, and how to mend it.
        where: The function in which it is wrong, if it is one.

    Raises:
        CheckFailedError: Always.
    """
    raise CheckFailedError(message, location=location_of(where))


def location_of(where: object) -> str | None:
    """Return the place in the source of a function, a method or a class; ``None`` where there is none."""
    if isinstance(where, type):
        try:
            return f"{inspect.getsourcefile(where)}:{inspect.getsourcelines(where)[1]}"
        except (OSError, TypeError):
            return None
    inner: object = inspect.unwrap(where) if isinstance(where, (FunctionType, MethodType)) else None
    function = getattr(inner, "__func__", inner)
    if isinstance(function, FunctionType):
        return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
    return None


# Checks that run in a child ------------------------------------------------------------------------------------------

Body: TypeAlias = Callable[[Setup], None]
"""What a check does: it fails, or is skipped, or returns."""


def in_child(steps: int = 1) -> Callable[[Body], Check]:
    """Make a check of the function that does it, whose name and docstring are those of the check.

    Args:
        steps: How many things it does of which each may take the time of the setup.
    """
    return lambda body: make_check(body.__name__, inspect.cleandoc(body.__doc__ or ""), body, steps)  # ty: ignore[missing-attribute]


def make_check(name: str, doc: str, body: Body, steps: int = 1) -> Check:
    """Make a check that is run in a child.

    Args:
        name: Its name.
        doc: What it asks for.
        body: What it does.
        steps: As for :func:`in_child`.
    """

    def run(setup: Setup) -> None:
        timeout = setup.timeout * (steps + 1)
        try:
            found = run_in_child(lambda: _outcome(body, setup), timeout=timeout, what=f"the check {name!r}")
        except NotImplementedError as error:
            raise SkipTest(str(error)) from error
        except ChildDiedError as error:
            raise CheckFailedError(str(error)) from error
        if found is None:
            return
        message, failed, location = found
        if failed:
            raise CheckFailedError(message, location=location)
        raise SkipTest(message)

    return Check(name, doc, run)


def _outcome(body: Body, setup: Setup) -> tuple[str, bool, str | None] | None:
    """Do in the child what the check does; return what it says, whether that is a failure, and where it is."""
    warnings.simplefilter("ignore", InterfaceWarning)  # there are checks of what those tell
    gc.freeze()  # what the caller's process had is no garbage of the module's, and takes long to look through
    try:
        body(setup)
    except CheckFailedError as error:
        return str(error), True, error.location
    except SkipTest as error:
        return str(error), False, None
    return None
