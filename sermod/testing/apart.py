"""A check is run in a process of its own, which the module may damage as it likes."""

from __future__ import annotations

import gc
import inspect
import warnings
from collections.abc import Callable
from typing import TypeAlias
from unittest import SkipTest

from sermod.errors import ChildDiedError, InterfaceWarning
from sermod.testing.forks import run_in_child
from sermod.testing.results import Check, CheckFailedError, Setup

Body: TypeAlias = Callable[[Setup], None]
"""What a check does: it fails, or is skipped, or returns."""


def apart(steps: int = 1) -> Callable[[Body], Check]:
    """Make a check of the function that does it, whose name and docstring are those of the check.

    Args:
        steps: How many things it does of which each may take the time of the setup.
    """
    return lambda body: make_check(body.__name__, inspect.cleandoc(body.__doc__ or ""), body, steps)


def make_check(name: str, doc: str, body: Body, steps: int = 1) -> Check:
    """Make a check that is run in a child.

    Args:
        name: Its name.
        doc: What it asks for.
        body: What it does.
        steps: As for :func:`apart`.
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
