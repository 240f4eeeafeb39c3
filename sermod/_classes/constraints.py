"""Constraints in an ``Annotated``: those of annotated-types, and what has the same attributes (pydantic, msgspec).

None of these libraries is imported: a constraint is known by its attributes. One that is not honoured is refused, since
a limit that is silently ignored is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from numbers import Number
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any, Final, NamedTuple, cast

from sermod._problems import repr_of
from sermod.fixups import FixupTo, fixed, is_ready_made, ready_made, refusal


class Constraint(NamedTuple):
    """A condition that a fixed value must meet.

    Attributes:
        says: The condition, for messages: ``"greater than 3"``.
        holds: Returns whether a value meets it.
        is_plain: Whether it runs no code of a module's author.
    """

    says: str
    holds: Callable[[Any], object]
    is_plain: bool


class RefusedConstraintError(Exception):
    """A constraint cannot be honoured; the text says why."""


_FIELDS: Final[dict[str, tuple[str, Callable[[Any, Any], object]]]] = {
    "gt": ("greater than {}", lambda value, limit: value > limit),
    "ge": ("at least {}", lambda value, limit: value >= limit),
    "lt": ("less than {}", lambda value, limit: value < limit),
    "le": ("at most {}", lambda value, limit: value <= limit),
    "multiple_of": ("a multiple of {}", lambda value, factor: value % factor == 0),
    "min_length": ("at least {} long", lambda value, length: len(value) >= length),
    "max_length": ("at most {} long", lambda value, length: len(value) <= length),
}
_REFUSED: Final = (
    "tz",
    "strict",
    "max_digits",
    "decimal_places",
    "allow_inf_nan",
    "coerce_numbers_to_str",
    "strip_whitespace",
    "to_upper",
    "to_lower",
    "ascii_only",
    "discriminator",
)
"""Attributes of constraints that are not honoured."""
_DOCUMENTATION: Final = ("documentation", "description", "title", "examples", "unit")
_LIBRARIES: Final = ("annotated_types", "pydantic", "pydantic_core", "msgspec")
"""The libraries whose objects in an ``Annotated`` are constraints, if they are not documentation."""
_SAMPLES: Final[dict[object, object]] = {int: 1, float: 1.0, str: "a"}


def constraints_in(metadata: Iterable[object]) -> list[Constraint]:
    """Return the constraints among the metadata of an ``Annotated``; what is no constraint is left out.

    Raises:
        RefusedConstraintError: One cannot be honoured.
    """
    return [constraint for each in metadata for constraint in _constraints_of(each)]


def _constraints_of(item: Any) -> Iterator[Constraint]:
    if item is None or isinstance(item, (str, bytes, Number, type)):
        return
    if isinstance(item, re.Pattern):
        yield _matching(cast("re.Pattern[str]", item))
        return
    fields = getattr(item, "metadata", None)
    if getattr(item, "__is_annotated_types_grouped_metadata__", False):
        fields = item
    elif not isinstance(fields, (list, tuple)):
        yield from _single(item)
        return
    # A pydantic Field may also have a default, which only a model would use.
    is_required = getattr(item, "is_required", None)
    if callable(is_required) and not is_required():
        raise RefusedConstraintError(f"the default of {repr_of(item)} would never be used; write it in the signature")
    yield from constraints_in(cast("Iterable[object]", fields))


def _single(item: Any) -> Iterator[Constraint]:
    refused = [name for name in _REFUSED if getattr(item, name, None) is not None]
    if refused:
        raise RefusedConstraintError(f"the {refused[0]} of {repr_of(item)} cannot be honoured; write a fixup that does")
    found = False
    for name, (says, holds) in _FIELDS.items():
        limit = getattr(item, name, None)
        if limit is not None:
            found = True
            yield _limited(says, holds, limit)
    pattern = getattr(item, "pattern", None)
    if pattern is not None:
        found = True
        yield _matching(_compiled(pattern))
    library = type(item).__module__.partition(".")[0]
    if found or library not in _LIBRARIES or any(getattr(item, name, None) for name in _DOCUMENTATION):
        return
    predicate = getattr(item, "func", None)
    if type(item).__name__ != "Predicate" or not callable(predicate):
        raise RefusedConstraintError(f"{repr_of(item)} in it cannot be honoured; write a fixup that does")
    called: str = getattr(predicate, "__qualname__", "<unnamed>")
    says = "what its predicate takes" if "<" in called else f"a value for which {called} is true"
    is_plain = isinstance(predicate, (BuiltinFunctionType, MethodDescriptorType))
    yield Constraint(says, cast("Callable[[Any], object]", predicate), is_plain)


def _limited(says: str, holds: Callable[[Any, Any], object], limit: object) -> Constraint:
    def limited(value: object) -> object:
        return holds(value, limit)

    return Constraint(says.format(limit), limited, type(limit) in (int, float, str))


def _compiled(pattern: object) -> re.Pattern[str]:
    try:
        return re.compile(cast("str", pattern))
    except Exception as error:
        raise RefusedConstraintError(f"{repr_of(pattern)} in it is not a regular expression ({error})") from error


def _matching(pattern: re.Pattern[str]) -> Constraint:
    return Constraint(f"a match of {pattern.pattern!r}", pattern.search, is_plain=True)


def constrained(fixup: FixupTo[Any] | None, constraints: list[Constraint], kind: object) -> FixupTo[Any]:
    """Return a fixup whose values meet constraints.

    Args:
        fixup: The fixup that makes the value; ``None`` if the parameter stays a string.
        constraints: The constraints.
        kind: The type of the value, as annotated.

    Raises:
        RefusedConstraintError: A constraint does not apply to values of that type.
    """
    sample = _SAMPLES.get(kind)
    for each in constraints:
        if sample is not None and each.is_plain:
            _try_on(sample, each)
    expects = " and ".join(each.says for each in constraints)

    def checked(param: str, param_no: int) -> object:
        value = param if fixup is None else fixed(fixup(param, param_no))
        if not all(each.holds(value) for each in constraints):
            raise refusal(expects, param)
        return value

    plain = all(each.is_plain for each in constraints) and (fixup is None or is_ready_made(fixup))
    return ready_made(checked) if plain else checked


def _try_on(sample: object, constraint: Constraint) -> None:
    try:
        constraint.holds(sample)
    except Exception as error:
        kind = type(sample).__name__
        raise RefusedConstraintError(f"{constraint.says!r} cannot be asked of a value of type {kind}") from error
