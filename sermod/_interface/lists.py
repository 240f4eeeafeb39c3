"""Parameters that collect: each value that the script sets is added to a list (spec, section 1.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from sermod._interface.exports import INT_PARAM, STR_PARAM, ParamType
from sermod._interface.pointers import Pointer
from sermod._problems import counted, repr_of

T = TypeVar("T")


class ListPointer(Pointer[Any], Generic[T]):
    """The pointer that :func:`list_param` makes: the values that were set, parsed, in their order.

    Attributes:
        values: The values.
        kind: The type of the parameter.
    """

    def __init__(
        self,
        parse: Callable[[Any], T],
        kind: ParamType = STR_PARAM,
        *,
        doc: str | None = None,
        required: bool = False,
        secret: bool = False,
        name: str | None = None,
    ) -> None:
        self.values: list[T] = []
        self.kind: ParamType = kind
        self.doc: str | None = doc
        self.required: bool = required
        self.secret: bool = secret
        self.name: str | None = name
        self._parse = parse
        self._last: int | str | None = 0 if kind is INT_PARAM else None

    def __iter__(self) -> Iterator[T]:
        """Iterate over the values."""
        return iter(self.values)

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self.values)

    def __repr__(self) -> str:
        return f"<list_param() with {counted(len(self.values), 'value')}>"

    def without_values(self, kind: type[ListPointer[Any]] | None = None) -> ListPointer[T]:
        """Return a pointer that is made in the same way and has no values.

        Args:
            kind: Its class; ``None`` for :class:`ListPointer`.
        """
        made: type[ListPointer[Any]] = kind or ListPointer
        return made(self._parse, self.kind, doc=self.doc, required=self.required, secret=self.secret, name=self.name)

    def check(self, value: int | str, /) -> None:
        """Raise :class:`ValueError` if the function that parses values refuses this one."""
        self._parse(value)

    def load(self) -> int | str | None:
        """Return the value that was set last, as it was set; null before the first."""
        return self._last

    def store(self, value: int | str, /) -> None:
        """Add a value, parsed."""
        self.values.append(self._parse(value))
        self._last = value

    def snapshot(self) -> object:
        """Return a copy of the values, for :meth:`restore`."""
        return [*self.values], self._last

    def restore(self, snapshot: object, /) -> None:
        """Make the values what they were when :meth:`snapshot` returned *snapshot*."""
        self.values[:], self._last = cast("tuple[list[T], int | str | None]", snapshot)


def list_param(
    parse: Callable[[Any], T],
    type: ParamType = STR_PARAM,  # noqa: A002 - C's field name
    *,
    doc: str | None = None,
    required: bool = False,
    secret: bool = False,
    name: str | None = None,
) -> ListPointer[T]:
    """Make a parameter that the script may set several times: each value is parsed and added to a list.

    It is a pointer, for :class:`~sermod.ParamExport`. In the body of a :class:`~sermod.Module` it declares the
    parameter, and each instance has its own list.

    Args:
        parse: Takes a value as the script sets it, and returns what is added; raises :class:`ValueError` to refuse it.
            Called twice for a value: to check it, and to add it.
        type: ``STR_PARAM`` or ``INT_PARAM``.
        doc: A text that describes it.
        required: The script must set it at least once.
        secret: Its values may appear in no message and no description.
        name: The name for the script, if it is not that of the attribute of a module as a class.

    Returns:
        The pointer; iterate over it to get the values.

    Raises:
        TypeError: *parse* is not callable, or *type* is not a type of parameters.

    Example:
        >>> ports = list_param(int)
        >>> ports.store("5060")
        >>> ports.store("5061")
        >>> [*ports]
        [5060, 5061]
    """
    if not callable(parse):
        raise TypeError(f"list_param() takes a function that parses a value (got {repr_of(parse)})")
    if type not in (INT_PARAM, STR_PARAM):
        raise TypeError(f"list_param() takes STR_PARAM or INT_PARAM second (got {repr_of(type)})")
    return ListPointer(parse, type, doc=doc, required=required, secret=secret, name=name)
