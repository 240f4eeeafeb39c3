"""Pointers to the variables of parameters: ``&foo_bar`` in C (spec, section 1.3, ``param_pointer``)."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Protocol, TypeVar, cast, final, runtime_checkable

from sermod._problems import kind_of, repr_of, with_article

T = TypeVar("T")

_MISSING: Final = object()


@runtime_checkable
class Pointer(Protocol[T]):
    """A variable that the core may read and write; in C, a ``void*``.

    A pointer class of your own makes a parameter do something when it is set: derive from this class, or write any
    class with these two methods. It may also have

    * ``check(value)``, called before a value is stored, which raises :class:`ValueError` to refuse it;
    * ``doc``, a text that describes the parameter;
    * ``required``, true if the parameter must be set before the modules are initialised;
    * ``default``, the value before the script sets another, for descriptions; where it is missing, they have what
      ``load()`` returns;
    * ``secret``, true if its value may appear in no message and no description;
    * ``snapshot()`` and ``restore(snapshot)``, by which a variable is put back exactly, without being set again: for a
      pointer that collects, parses or acts when it is set. They are used when another parameter of the same
      ``modparam`` fails, and by the testing kit.

    Example:
        >>> class Loud(Pointer[int]):
        ...     level = 0
        ...
        ...     def load(self) -> int:
        ...         return self.level
        ...
        ...     def store(self, value: int) -> None:
        ...         self.level = value
        ...         print("level is now", value)
        >>> Loud().store(3)
        level is now 3
    """

    __slots__ = ()

    @abstractmethod
    def load(self) -> T:
        """Return the value of the variable; raise any exception if the variable does not exist."""
        ...

    @abstractmethod
    def store(self, value: T, /) -> None:
        """Set the variable to a value that has passed ``check``."""
        ...


@final
class Cell(Pointer[T]):
    """A variable by itself, for a parameter that has no other variable.

    Args:
        value: The initial value.
        doc: A text that describes the parameter.
        secret: Whether the value may appear in no message and no description.

    Example:
        >>> timeout = Cell(30)
        >>> timeout.store(5)
        >>> timeout.load()
        5
    """

    __slots__ = ("default", "doc", "secret", "value")

    def __init__(self, value: T, *, doc: str | None = None, secret: bool = False) -> None:
        self.value: T = value
        self.default: T = value
        self.doc: str | None = doc
        self.secret: bool = secret

    def load(self) -> T:
        """Return the value."""
        return self.value

    def store(self, value: T, /) -> None:
        """Replace the value."""
        self.value = value

    def __repr__(self) -> str:
        return "Cell(***)" if self.secret else f"Cell({self.value!r})"


class _Variable(Pointer[Any]):
    """The result of ``pointer_to``: a place and the name of a variable in it.

    Two are equal if they have the same place and name, as two addresses of one variable are.
    """

    __slots__ = ("_name", "_place", "default")

    def __init__(self, place: Any, name: str) -> None:
        self._place = place
        self._name = name

    def _keep_default(self) -> None:
        """Keep the value that the variable has before the first store: the one in the author's text."""
        if not hasattr(self, "default"):
            with contextlib.suppress(Exception):  # it need not exist yet
                self.default = self.load()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Variable):
            return NotImplemented
        return self._place is other._place and self._name == other._name

    def __hash__(self) -> int:
        return hash((id(self._place), self._name))


@final
class _Item(_Variable):
    """A variable in a namespace, such as ``globals()``."""

    __slots__ = ()

    def load(self) -> Any:
        value = self._place.get(self._name, _MISSING)
        if value is _MISSING:
            raise NameError(f"there is no variable {self._name!r} in {self._namespace()}")
        return value

    def store(self, value: Any, /) -> None:
        self._keep_default()
        self._place[self._name] = value

    def _namespace(self) -> str:
        module = self._place.get("__name__")
        return f"the globals of {module!r}" if isinstance(module, str) else kind_of(self._place)

    def __repr__(self) -> str:
        return f"pointer_to(<{self._namespace()}>, {self._name!r})"


@final
class _Attribute(_Variable):
    """An attribute of an object."""

    __slots__ = ()

    def load(self) -> Any:
        return getattr(self._place, self._name)

    def store(self, value: Any, /) -> None:
        self._keep_default()
        setattr(self._place, self._name, value)

    def __repr__(self) -> str:
        return f"pointer_to(<{type(self._place).__name__} object>, {self._name!r})"


def pointer_to(place: object, name: str) -> Pointer[Any]:
    """Return a pointer to a variable: ``&foo_bar`` in C.

    This call fixes the place. The variable may be assigned later, as in C; validation checks that it exists.

    Args:
        place: A namespace (``globals()``, or any mutable mapping) that has the variable as an item; or any other object
            that has it as an attribute.
        name: The name of the variable.

    Returns:
        A pointer, equal to every other one for that name in the same place.

    Raises:
        TypeError: *place* is a read-only mapping, or *name* is not a ``str``.

    Example:
        >>> foo_bar = 0
        >>> pointer_to(globals(), "foo_bar").store(5)
        >>> foo_bar
        5
    """
    if not isinstance(name, str):
        raise TypeError(f"pointer_to(place, name): name must be a str, the variable's name (got {repr_of(name)})")
    if isinstance(place, MutableMapping):
        return _Item(place, name)
    if isinstance(place, Mapping):
        kind = type(cast("object", place)).__name__
        raise TypeError(f"pointer_to(place, {name!r}): {with_article(kind)} is read-only; give globals() or an object")
    return _Attribute(place, name)
