"""The parameters of modules as classes: how they are declared, and their pointers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, cast, overload

import attrs

from sermod._interface.assignments import MASK
from sermod._interface.exports import INT_PARAM, STR_PARAM, ParamType
from sermod._interface.pointers import Pointer
from sermod._interface.values import INT_RANGE, NAME, is_c_int, is_c_string, is_name
from sermod._problems import repr_of
from sermod.fixups import bounds


class Declared(Protocol):
    """A parameter that the body of a class declares.

    Attributes:
        is_pointer: Whether its attribute is a pointer, and not its value.
    """

    is_pointer: ClassVar[bool]

    @property
    def name(self) -> str | None:
        """The name for the script; ``None`` if it is that of the attribute."""
        ...

    @property
    def kind(self) -> ParamType:
        """Its type."""
        ...

    def find_mistake(self) -> str | None:
        """Return what is wrong with the declaration, with the remedy; ``None`` if nothing is."""
        ...

    def pointer(self, module: object, attribute: str) -> Pointer[Any]:
        """Return the pointer to the value that the parameter has in *module*."""
        ...


# Values of an instance ----------------------------------------------------------------------------------------------


@attrs.frozen
class ValueParam:
    """The declaration of :func:`int_param` or :func:`str_param`: the value is an attribute of the instance.

    Once the class is made, the default stands in its place: reading it costs as little as any other attribute.
    """

    is_pointer: ClassVar[bool] = False

    kind: ParamType
    default: Any = attrs.field(repr=False)
    name: str | None
    required: bool
    doc: str | None
    secret: bool
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[Any, ...] | None = attrs.field(default=None, repr=False)

    def find_mistake(self) -> str | None:
        """Return what is wrong with the declaration, with the remedy; ``None`` if nothing is."""
        maker = "int_param" if self.kind is INT_PARAM else "str_param"
        return name_mistake(self.name, maker) or self._type_mistake(maker) or self._bounds_mistake(maker)

    def _type_mistake(self, maker: str) -> str | None:
        if not self._fits(self.default):
            takes = (
                f"an int from {INT_RANGE.start} to {INT_RANGE.stop - 1}"
                if self.kind is INT_PARAM
                else "a str without a NUL, or None"
            )
            return f"the default of {maker}() must be {takes} (got {self.shown(self.default)})"
        if not self._choices_fit():
            got = self.shown(self.choices)
            return f"the choices of {maker}() must be a non-empty list of values of its type (got {got})"
        return None

    def _bounds_mistake(self, maker: str) -> str | None:
        low, high = self.minimum, self.maximum
        if not all(bound is None or is_c_int(bound) for bound in (low, high)):
            return f"minimum and maximum of {maker}() must be ints of 32 bits (got {low!r} and {high!r})"
        if low is not None and high is not None and low > high:
            return f"the minimum of {maker}(), {low}, is greater than the maximum, {high}; swap them"
        # The default of a required parameter is never used.
        if not self.required and self.default is not None and (wrong := self._refusal(self.default)):
            return (
                f"the default {self.shown(self.default)} of {maker}() {wrong}; give another default, or required=True"
            )
        return None

    def shown(self, value: object) -> str:
        """Return a value of the parameter for a message."""
        return MASK if self.secret else repr_of(value)

    def _fits(self, value: object) -> bool:
        if self.kind is INT_PARAM:
            return is_c_int(value)
        return value is None or is_c_string(value)

    def _choices_fit(self) -> bool:
        if self.choices is None:
            return True
        fitting = isinstance(self.choices, tuple) and all(self._fits(choice) for choice in self.choices)
        return fitting and bool(self.choices) and None not in self.choices

    def _refusal(self, value: Any) -> str | None:
        unwanted = self.choices is not None and value not in self.choices
        too_small = self.minimum is not None and value < self.minimum
        too_large = self.maximum is not None and value > self.maximum
        return f"must be {self.demands()}" if unwanted or too_small or too_large else None

    def check(self, value: object) -> None:
        """Raise :class:`ValueError` if the parameter does not take the value."""
        wrong = self._refusal(value)
        if wrong is not None:
            raise ValueError(f"it {wrong}")

    def demands(self) -> str:
        """Return which values it takes, for messages; an empty text if it takes all values of its type."""
        choices = f"one of {', '.join(map(self.shown, self.choices))}" if self.choices is not None else ""
        return " and ".join(filter(None, [choices, bounds(self.minimum, self.maximum)]))

    def pointer(self, module: object, attribute: str) -> Pointer[Any]:
        """Return the pointer to the attribute of *module*."""
        return ModuleVariable(module, attribute, self)


@attrs.frozen(eq=False, repr=False)
class ModuleVariable(Pointer[Any]):
    """The pointer to a parameter that is an attribute of a module's instance.

    Attributes:
        module: The instance.
        attribute: The name of the attribute.
        declared: Its declaration.
    """

    module: object
    attribute: str
    declared: ValueParam

    @property
    def doc(self) -> str | None:
        """A text that describes the parameter."""
        return self.declared.doc

    @property
    def required(self) -> bool:
        """Whether it must be set before the modules are initialised."""
        return self.declared.required

    @property
    def secret(self) -> bool:
        """Whether its value may appear in no message and no description."""
        return self.declared.secret

    def load(self) -> Any:
        """Return the value in this instance."""
        return getattr(self.module, self.attribute)

    def store(self, value: Any, /) -> None:
        """Set the value in this instance."""
        setattr(self.module, self.attribute, value)

    def check(self, value: object) -> None:
        """Raise :class:`ValueError` if the parameter does not take the value."""
        self.declared.check(value)

    def __repr__(self) -> str:
        return f"<pointer to {type(self.module).__qualname__}.{self.attribute}>"


def int_param(
    default: int = 0,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    choices: Iterable[int] | None = None,
    required: bool = False,
    doc: str | None = None,
    secret: bool = False,
    name: str | None = None,
) -> int:
    """Declare a parameter of type ``INT_PARAM`` in the body of a :class:`~sermod.Module`.

    Each instance has its own value, an ``int`` that is read and written as an attribute.

    Args:
        default: The value until the script sets another.
        minimum: The smallest value that may be set.
        maximum: The largest value that may be set.
        choices: The values that may be set.
        required: The script must set it; otherwise ``Lifecycle.init()`` raises :class:`~sermod.MissingParamError`.
        doc: A text that describes it, for :func:`~sermod.describe`.
        secret: Its value may appear in no message and no description.
        name: The name for the script, if it is not that of the attribute.

    Returns:
        The declaration; its type is ``int`` to a type checker, since that is what an instance has.
    """
    declared = ValueParam(INT_PARAM, default, name, required, doc, secret, minimum, maximum, _listed(choices))
    return cast("int", declared)


@overload
def str_param(
    default: str = "",
    *,
    choices: Iterable[str] | None = None,
    required: bool = False,
    doc: str | None = None,
    secret: bool = False,
    name: str | None = None,
) -> str: ...
@overload
def str_param(
    default: None,
    *,
    choices: Iterable[str] | None = None,
    required: bool = False,
    doc: str | None = None,
    secret: bool = False,
    name: str | None = None,
) -> str | None: ...
def str_param(
    default: str | None = "",
    *,
    choices: Iterable[str] | None = None,
    required: bool = False,
    doc: str | None = None,
    secret: bool = False,
    name: str | None = None,
) -> str | None:
    """Declare a parameter of type ``STR_PARAM`` in the body of a :class:`~sermod.Module`.

    Each instance has its own value, a ``str`` that is read and written as an attribute.

    Args:
        default: The value until the script sets another; ``None`` is C's null pointer.
        choices: The values that may be set.
        required: The script must set it; otherwise ``Lifecycle.init()`` raises :class:`~sermod.MissingParamError`.
        doc: A text that describes it, for :func:`~sermod.describe`.
        secret: Its value may appear in no message and no description.
        name: The name for the script, if it is not that of the attribute.

    Returns:
        The declaration; its type is ``str`` to a type checker, since that is what an instance has.
    """
    return cast("str | None", ValueParam(STR_PARAM, default, name, required, doc, secret, choices=_listed(choices)))


def _listed(choices: Any) -> Any:
    # Anything else is kept, so that the class that is being made reports it with the parameter's name. A str is a
    # sequence of letters, and never meant as one.
    if not isinstance(choices, Iterable) or isinstance(choices, str):
        return choices
    return tuple(cast("Iterable[object]", choices))


def name_mistake(name: object, maker: str) -> str | None:
    if name is None or is_name(name):
        return None
    return f"{maker}(name=...) takes {NAME}, or None for the attribute's name (got {repr_of(name)})"
