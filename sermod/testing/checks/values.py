"""The checks of what a module makes of values: its fixups, and its parameters at their limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast
from unittest import SkipTest

import attrs

from sermod._classes.commands import make_command
from sermod._core.lifecycle import Lifecycle
from sermod._core.registry import Registry
from sermod._interface.exports import INT_PARAM, CmdExport, Fixup, ParamExport
from sermod._interface.lookup import looking_up_in
from sermod._interface.values import INT_RANGE
from sermod.errors import FixupError, ParamValueError
from sermod.testing.checks.behaviour import life_of, started
from sermod.testing.checks.check import Setup, fail, in_child
from sermod.testing.checks.interface import find_loadable, fixup_place, home_of
from sermod.testing.harness.target import Found

INTS: Final = (INT_RANGE.start, -1, 0, 1, INT_RANGE.stop - 1)
"""The values that an integer parameter is tried with."""
TEXTS: Final = ("", "x", "é", "x" * 10_000)
"""The values that a string parameter is tried with."""
PROBES: Final = (
    *("", " ", "0", "1", "-1", "10", "300", "4294967296", "1.5", "yes", "abc", "a b", "a;b=c", "(", "[", "\\", '"'),
    *("%s", "127.0.0.1", "::1", "10.0.0.0/8", "/", "sip:a@b", "é", "x" * 1000),
)
"""The parameters that a fixup is tried with."""
_SLIPS: Final = (
    *(TypeError, AttributeError, NameError, LookupError, AssertionError, NotImplementedError, RecursionError),
    *(StopIteration, MemoryError),
)
"""The exceptions by which a function does not refuse something, but falls over it."""
_OF_CLASS: Final = make_command.__module__
"""Where the fixups of a module that is a class are made of its annotations."""
_SHOWN: Final = 60


@attrs.frozen
class _Tried:
    """What a fixup made of a parameter.

    Attributes:
        value: What it returned.
        error: What it raised; ``None`` where it returned.
    """

    value: object = None
    error: Exception | None = None

    def __str__(self) -> str:
        return repr(self.value if self.error is None else self.error)

    def is_like(self, other: _Tried) -> bool:
        """Tell whether the same came of it twice."""
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error) and _text(self.error) == _text(other.error)
        if type(self.value) is not type(other.value):
            return False
        # Objects that are equal to nothing but themselves tell no more than this.
        return type(self.value).__eq__ is object.__eq__ or bool(self.value == other.value)


def _text(error: Exception | None) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", str(error))  # where an object is, is different each time


def _try(fixup: Fixup, param: str, number: int) -> _Tried:
    try:
        return _Tried(fixup(param, number))
    except Exception as error:  # noqa: BLE001 - to refuse, a fixup may raise any
        return _Tried(error=error)


def _with_fixups(setup: Setup) -> tuple[Found, Lifecycle[Any]]:
    found = find_loadable(setup)
    if all(command.fixup is None for command in found.exports.commands):
        raise SkipTest("it has no fixup")
    return found, started(setup, found)


def _probes(found: Found, life: Lifecycle[Any]) -> Iterator[tuple[CmdExport[Any], Fixup, str, int]]:
    """Yield each fixup with each parameter to try it with, as if the module's fixups were run by the core."""
    with looking_up_in(life.registry):
        for command in found.exports.commands:
            for number in range(1, command.param_no + 1):
                for param in PROBES if command.fixup is not None else ():
                    yield command, cast("Fixup", command.fixup), param, number


def _shown(param: str) -> str:
    return repr(param if len(param) <= _SHOWN else f"{param[:_SHOWN]}...")


@in_child()
def fixups_are_deterministic(setup: Setup) -> None:
    """A fixup makes the same of the same parameter each time."""
    for command, fixup, param, number in _probes(*_with_fixups(setup)):
        first, second = _try(fixup, param, number), _try(fixup, param, number)
        if not first.is_like(second):
            wrong = (
                f"the fixup of {command.name!r} makes of parameter {number}, {_shown(param)}, {first} the first time"
            )
            fail(f"{wrong} and {second} the second; let it depend on nothing else", fixup_place(command))


@in_child()
def fixups_refuse_clearly(setup: Setup) -> None:
    """A fixup returns a value, or raises with a text that says what is wrong; and it refuses what it is to refuse."""
    found, life = _with_fixups(setup)
    for command, fixup, param, number in _probes(found, life):
        tried = _try(fixup, param, number)
        whose = f"the fixup of {command.name!r}, given parameter {number}, {_shown(param)},"
        # That of a class tells in its own words of what the fixup of one parameter raised.
        of_class = getattr(fixup, "__module__", None) == _OF_CLASS
        error = tried.error.__cause__ if tried.error is not None and of_class else tried.error
        if isinstance(error, _SLIPS):
            wrong = f"{whose} falls over it ({type(error).__name__}: {error})"
            fail(f"{wrong}; raise ValueError with a text that says what it takes", fixup_place(command))
        if tried.error is not None and not str(tried.error).strip():
            wrong = f"{whose} raises a {type(tried.error).__name__} without a text"
            fail(f"{wrong}; say in it what it takes", fixup_place(command))
        if tried.error is None and tried.value is None:
            fail(f"{whose} returns None; return the fixed value, or raise ValueError to refuse", fixup_place(command))
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
    where = command.function if command.fixup is None else fixup_place(command)
    fail(f"{action} is to be refused, and is not; let its fixup raise ValueError", where)


@in_child()
def parameters_at_their_limits(setup: Setup) -> None:
    """Each parameter takes the extremes of its type, and keeps what it takes, or refuses them as a ``ValueError``."""
    found = find_loadable(setup)
    if not found.exports.parameters:
        raise SkipTest("it has no parameters")
    try:
        core = life_of(setup, found).registry
    except Exception as error:
        raise SkipTest(f"it is refused ({error}); see the check 'starts'") from error
    wrong = [
        f"parameter {param.name!r}, set to {_shown_value(value)}, {what}"
        for param in found.exports.parameters
        for value in (INTS if param.type == INT_PARAM else TEXTS)
        for what in _set(core, str(found.exports.name), param, value)
    ]
    if wrong:
        fail(f"{'; '.join(wrong)}; check() a value, and store() what passes", home_of(found))


def _shown_value(value: int | str) -> str:
    return _shown(value) if isinstance(value, str) else str(value)


def _set(core: Registry[Any], module: str, param: ParamExport, value: int | str) -> Iterator[str]:
    pointer: Any = param.param_pointer
    before = pointer.load()
    try:
        core.set_param(module, str(param.name), value)
    except ParamValueError as error:
        if not isinstance(error.__cause__, ValueError):
            yield f"falls over it ({error.__cause__!r})"
        if pointer.load() != before:
            yield f"refuses it and is {pointer.load()!r} afterwards"
        return
    if pointer.load() != value:
        yield f"is {pointer.load()!r} afterwards"
    pointer.store(before)
