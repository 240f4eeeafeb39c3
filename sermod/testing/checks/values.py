"""The checks of what a module does with values: its fixups, and its parameters at the limits of their types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast
from unittest import SkipTest

import attrs

from sermod._classes.commands import make_command
from sermod._core.lifecycle import Lifecycle
from sermod._core.registry import Registry
from sermod._interface.assignments import Snapshot
from sermod._interface.exports import INT_PARAM, CmdExport, Fixup, ParamExport
from sermod._interface.lookup import looking_up_in
from sermod._interface.values import INT_RANGE
from sermod._problems import kind_of, repr_of, text_of
from sermod.errors import FixupError, ParamValueError
from sermod.testing.checks.behaviour import make_lifecycle, start_or_skip
from sermod.testing.checks.check import Setup, fail, in_child
from sermod.testing.checks.interface import fixup_culprit, load_or_skip, representative
from sermod.testing.harness.target import FoundModule

INTS: Final = (INT_RANGE.start, -1, 0, 1, INT_RANGE.stop - 1)
"""The values with which an integer parameter is tried."""
TEXTS: Final = ("", "x", "é", "x" * 10_000)
"""The values with which a string parameter is tried."""
FIXUP_TEXTS: Final = (
    *("", " ", "0", "1", "-1", "10", "300", "4294967296", "1.5", "yes", "abc", "a b", "a;b=c", "(", "[", "\\", '"'),
    *("%s", "127.0.0.1", "::1", "10.0.0.0/8", "/", "sip:a@b", "é", "x" * 1000),
)
"""The parameters with which a fixup is tried."""
_BUGS: Final = (
    *(TypeError, AttributeError, NameError, LookupError, AssertionError, NotImplementedError, RecursionError),
    *(StopIteration, MemoryError),
)
"""The exceptions that are a sign of a mistake in a fixup rather than of a refusal."""
_CLASS_FIXUPS: Final = make_command.__module__
"""The Python module of the fixups that are made from the annotations of a module's class."""
_SHOWN_AT_MOST: Final = 60
"""The number of characters of a parameter that a message shows."""


@attrs.frozen
class _FixupResult:
    """The result of one call of a fixup.

    Attributes:
        value: The value that it returned.
        error: The exception that it raised, or ``None``.
    """

    value: object = None
    error: Exception | None = None

    def __str__(self) -> str:
        return repr_of(self.value if self.error is None else self.error)

    def is_like(self, other: _FixupResult) -> bool:
        """Return whether two results are the same, as far as that can be seen."""
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error) and self._masked() == other._masked()
        cls = type(self.value)
        if cls is not type(other.value):
            return False
        if cls.__eq__ is object.__eq__:  # they are equal only to themselves
            return True
        try:
            if self.value == other.value:
                return True
        except Exception:  # noqa: BLE001 - what cannot be compared is not compared further than by its type
            return True
        # There may be objects in them that are equal only to themselves, and show no more than their address.
        return cls.__repr__ is not object.__repr__ and self._masked() == other._masked()

    def _masked(self) -> str:
        """Return the result for messages without the addresses of objects, which differ from call to call."""
        text = repr_of(self.value) if self.error is None else text_of(self.error)
        return re.sub(r"0x[0-9a-fA-F]+", "0x", text)


def _call(fixup: Fixup, param: str, number: int) -> _FixupResult:
    try:
        return _FixupResult(fixup(param, number))
    except Exception as error:  # noqa: BLE001 - a fixup may refuse a parameter by any exception
        return _FixupResult(error=error)


def _start_with_fixups(setup: Setup) -> tuple[FoundModule, Lifecycle[Any]]:
    found = load_or_skip(setup)
    if all(command.fixup is None for command in found.exports.commands):
        raise SkipTest("the module has no fixup")
    return found, start_or_skip(setup, found)


def _fixup_calls(found: FoundModule, life: Lifecycle[Any]) -> Iterator[tuple[CmdExport[Any], Fixup, str, int]]:
    """Yield each fixup with each parameter with which it is tried. Meanwhile the module may look up commands."""
    with looking_up_in(life.registry):
        for command in found.exports.commands:
            for number in range(1, command.param_no + 1):
                for param in FIXUP_TEXTS if command.fixup is not None else ():
                    yield command, cast("Fixup", command.fixup), param, number


def _shown(value: int | str) -> str:
    if isinstance(value, str) and len(value) > _SHOWN_AT_MOST:
        return f"{value[:_SHOWN_AT_MOST]!r}..."
    return repr(value)


@in_child()
def fixups_are_deterministic(setup: Setup) -> None:
    """A fixup returns the same value for the same parameter each time."""
    for command, fixup, param, number in _fixup_calls(*_start_with_fixups(setup)):
        first, second = _call(fixup, param, number), _call(fixup, param, number)
        if getattr(fixup, "returns_address", False) and first.error is second.error is None:
            continue  # each call may return another copy
        if not first.is_like(second):
            fail(
                f"two calls of the fixup of {command.name!r}, fixup({_shown(param)}, {number}), differ: first {first}, "
                f"then {second}; make the result depend on the parameter alone",
                fixup_culprit(command),
            )


@in_child()
def fixups_refuse_clearly(setup: Setup) -> None:
    """A fixup returns a value or raises an exception whose text says what is wrong, and refuses what it must refuse."""
    found, life = _start_with_fixups(setup)
    for command, fixup, param, number in _fixup_calls(found, life):
        result = _call(fixup, param, number)
        call = f"the fixup of {command.name!r}, called as fixup({_shown(param)}, {number}),"
        # A fixup of a class wraps the exception of the function that fixes up the one parameter.
        of_class = getattr(fixup, "__module__", None) == _CLASS_FIXUPS
        error = result.error.__cause__ if result.error is not None and of_class else result.error
        if isinstance(error, _BUGS):
            fail(
                f"{call} raised {type(error).__name__}: {error}, which looks like a mistake in the fixup; to refuse a "
                f"parameter, raise ValueError with a text that says what the parameter must be",
                fixup_culprit(command),
            )
        if result.error is not None and not str(result.error).strip():
            fail(
                f"{call} raised {kind_of(result.error)} without a text; say what the parameter must be",
                fixup_culprit(command),
            )
        if result.error is None and result.value is None:
            fail(
                f"{call} returned None; return the fixed value, or raise ValueError to refuse the parameter",
                fixup_culprit(command),
            )
    for name, calls in setup.refused.items():
        for params in calls:
            _check_refused(life.registry, name, params)


def _check_refused(core: Registry[Any], name: str, params: tuple[str, ...]) -> None:
    command = core.require_export(name, len(params))
    action = core._checked_action(name, params, command.flags, None)
    try:
        with looking_up_in(core):
            action._fix_up()
    except FixupError:
        return
    culprit = command.function if command.fixup is None else fixup_culprit(command)
    fail(f"{action} must be refused, and is accepted; raise ValueError in the fixup", culprit)


@in_child()
def parameters_at_their_limits(setup: Setup) -> None:
    """Each parameter accepts the extreme values of its type and keeps them, or refuses them by a ``ValueError``."""
    found = load_or_skip(setup)
    if not found.exports.parameters:
        raise SkipTest("the module has no parameters")
    try:
        core = make_lifecycle(setup, found).registry
    except Exception as error:
        raise SkipTest(f"the module is refused before init ({error}); see the check 'starts'") from error
    failures = [
        f"parameter {param.name!r}, set to {_shown(value)}, {failure}"
        for param in found.exports.parameters
        for value in (INTS if param.type == INT_PARAM else TEXTS)
        for failure in _set_and_put_back(core, str(found.exports.name), param, value)
    ]
    if failures:
        remedy = "refuse values by a ValueError in the pointer's check(), and keep all others in store()"
        fail(f"{'; '.join(failures)}; {remedy}", representative(found))


def _set_and_put_back(core: Registry[Any], module: str, param: ParamExport, value: int | str) -> Iterator[str]:
    """Set a parameter and yield what is wrong with that."""
    pointer: Any = param.param_pointer
    before = pointer.load()
    snapshot = Snapshot(pointer)
    try:
        core.set_param(module, str(param.name), value)
    except ParamValueError as error:
        if not isinstance(error.__cause__, ValueError):
            yield f"raises {error.__cause__!r}, which is not a ValueError"
        if pointer.load() != before:
            yield f"refuses that, but then has the value {pointer.load()!r}"
        return
    if pointer.load() != value:
        yield f"then has the value {pointer.load()!r}"
    snapshot.put_back()
    if pointer.load() != before:
        yield (
            f"and put back, has the value {pointer.load()!r} instead of {before!r} (give the pointer a snapshot() that "
            f"returns a copy of all that store() changes, and a restore() that makes it what it was)"
        )
