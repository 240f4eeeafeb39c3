"""Parameters and stand-ins that a test gives: a mapping, or pairs, where one name may stand several times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar, cast

from sermod._problems import counted, kind_of, repr_of

ParamValues: TypeAlias = Mapping[str, int | str] | Iterable[tuple[str, int | str]]
"""Parameters to set: by name, or as pairs of a name and a value, which are set in their order."""
Provided: TypeAlias = (
    Mapping[tuple[str, int], Callable[..., Any]] | Iterable[tuple[tuple[str, int], Callable[..., Any]]]
)
"""Commands of other modules: functions by name and number of parameters, as a mapping or as pairs."""

K = TypeVar("K")
V = TypeVar("V")


def pairs_of(given: Mapping[K, V] | Iterable[tuple[K, V]] | None, argument: str) -> tuple[tuple[K, V], ...]:
    """Return what a test gives as pairs.

    Args:
        given: A mapping, an iterable of pairs, or ``None`` for none.
        argument: The name of the argument, for messages.

    Raises:
        TypeError: It is neither, or an entry is not a pair.
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(cast("Mapping[K, V]", given).items())
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        got = f"got {repr_of(given)}, {kind_of(given)}"
        raise TypeError(f"{argument}=... takes a mapping, or pairs in a list ({got})")
    pairs = tuple(given)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2):  # noqa: PLR2004 - a pair
            raise TypeError(f"{argument}=... takes pairs, (name, value), in a list (got {repr_of(pair)} in it)")
    return pairs


def stand_ins_of(provides: Provided | None) -> dict[tuple[str, int], Callable[..., Any]]:
    """Return the commands of other modules that a test gives.

    Args:
        provides: The commands, as the test gives them, or ``None`` for none.

    Raises:
        TypeError: They are neither a mapping nor pairs.
        ValueError: A command is given twice.
    """
    stand_ins: dict[tuple[str, int], Callable[..., Any]] = {}
    given: tuple[tuple[tuple[str, int], Callable[..., Any]], ...] = pairs_of(provides, "provides")
    for command, function in given:
        if command in stand_ins:
            name, param_no = command
            raise ValueError(
                f"provides=... has {name!r} with {counted(param_no, 'parameter')} twice; a module can find only one of "
                f"them"
            )
        stand_ins[command] = function
    return stand_ins
