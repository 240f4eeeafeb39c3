"""The parameters of modules as classes: how they are declared, and their pointers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeVar, cast, overload

import attrs

from sermod._interface.exports import INT_PARAM, STR_PARAM, ParamExport, ParamType
from sermod._interface.pointers import Pointer
from sermod._interface.values import INT_RANGE, NAME, is_c_int, is_c_string, is_name
from sermod._problems import repr_of
from sermod.fixups import bounds

PointerT = TypeVar("PointerT", bound=Pointer[Any])


class Declared(Protocol):
    """A parameter that the body of a class declares."""

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

    kind: ParamType
    default: Any
    name: str | None
    required: bool
    doc: str | None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[Any, ...] | None = None

    def find_mistake(self) -> str | None:
        """Return what is wrong with the declaration, with the remedy; ``None`` if nothing is."""
        maker = "int_param" if self.kind is INT_PARAM else "str_param"
        return _name_mistake(self.name, maker) or self._type_mistake(maker) or self._bounds_mistake(maker)

    def _type_mistake(self, maker: str) -> str | None:
        if not self._fits(self.default):
            takes = (
                f"an int from {INT_RANGE.start} to {INT_RANGE.stop - 1}"
                if self.kind is INT_PARAM
                else "a str without a NUL, or None"
            )
            return f"the default of {maker}() must be {takes} (got {self.default!r})"
        if not self._choices_fit():
            return f"the choices of {maker}() must be a non-empty list of values of its type (got {self.choices!r})"
        return None

    def _bounds_mistake(self, maker: str) -> str | None:
        low, high = self.minimum, self.maximum
        if not all(bound is None or is_c_int(bound) for bound in (low, high)):
            return f"minimum and maximum of {maker}() must be ints of 32 bits (got {low!r} and {high!r})"
        if low is not None and high is not None and low > high:
            return f"the minimum of {maker}(), {low}, is greater than the maximum, {high}; swap them"
        # The default of a required parameter is never used.
        if not self.required and self.default is not None and (wrong := self._refusal(self.default)):
            return f"the default {self.default!r} of {maker}() {wrong}; give another default, or required=True"
        return None

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
        choices = f"one of {', '.join(map(repr, self.choices))}" if self.choices is not None else ""
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
        name: The name for the script, if it is not that of the attribute.

    Returns:
        The declaration; its type is ``int`` to a type checker, since that is what an instance has.
    """
    declared = ValueParam(INT_PARAM, default, name, required, doc, minimum, maximum, _listed(choices))
    return cast("int", declared)


@overload
def str_param(
    default: str = "",
    *,
    choices: Iterable[str] | None = None,
    required: bool = False,
    doc: str | None = None,
    name: str | None = None,
) -> str: ...
@overload
def str_param(
    default: None,
    *,
    choices: Iterable[str] | None = None,
    required: bool = False,
    doc: str | None = None,
    name: str | None = None,
) -> str | None: ...
def str_param(
    default: str | None = "",
    *,
    choices: Iterable[str] | None = None,
    required: bool = False,
    doc: str | None = None,
    name: str | None = None,
) -> str | None:
    """Declare a parameter of type ``STR_PARAM`` in the body of a :class:`~sermod.Module`.

    Each instance has its own value, a ``str`` that is read and written as an attribute.

    Args:
        default: The value until the script sets another; ``None`` is C's null pointer.
        choices: The values that may be set.
        required: The script must set it; otherwise ``Lifecycle.init()`` raises :class:`~sermod.MissingParamError`.
        doc: A text that describes it, for :func:`~sermod.describe`.
        name: The name for the script, if it is not that of the attribute.

    Returns:
        The declaration; its type is ``str`` to a type checker, since that is what an instance has.
    """
    return cast("str | None", ValueParam(STR_PARAM, default, name, required, doc, choices=_listed(choices)))


def _listed(choices: Any) -> Any:
    # Anything else is kept, so that the class that is being made reports it with the parameter's name. A str is a
    # sequence of letters, and never meant as one.
    if not isinstance(choices, Iterable) or isinstance(choices, str):
        return choices
    return tuple(cast("Iterable[object]", choices))


# Pointer classes of the author ---------------------------------------------------------------------------------------


@attrs.define(eq=False)
class PointerParam:
    """The declaration of :func:`pointer_param`: each instance has its own pointer."""

    kind: ParamType
    make: Callable[[], Any]
    name: str | None
    attribute: str = attrs.field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name

    def __get__(self, module: object | None, owner: type | None = None) -> Any:
        """Make the pointer when it is first used; from then on it is an attribute of the instance."""
        if module is None:
            return self
        return vars(module).setdefault(self.attribute, self.make())

    def find_mistake(self) -> str | None:
        """Return what is wrong with the declaration, with the remedy; ``None`` if nothing is."""
        if self.kind not in (INT_PARAM, STR_PARAM):
            return f"the first argument of pointer_param() must be INT_PARAM or STR_PARAM (got {repr_of(self.kind)})"
        if not callable(self.make):
            return (
                f"the second argument of pointer_param() must be a function that makes a pointer for each instance, "
                f"such as a class (got {repr_of(self.make)})"
            )
        return _name_mistake(self.name, "pointer_param")

    def pointer(self, module: object, attribute: str) -> Pointer[Any]:
        """Return the pointer of *module*."""
        return cast("Pointer[Any]", getattr(module, attribute))


def pointer_param(type: ParamType, make: Callable[[], PointerT], *, name: str | None = None) -> PointerT:  # noqa: A002
    """Declare a parameter that does something each time it is set, in the body of a :class:`~sermod.Module`.

    The value lives in a :class:`~sermod.Pointer` class of yours, whose ``store`` does it. Each instance has its own
    pointer, as an attribute.

    Args:
        type: ``INT_PARAM`` or ``STR_PARAM``.
        make: Makes the pointer of an instance; for example, the pointer's class.
        name: The name for the script, if it is not that of the attribute.

    Returns:
        The declaration; its type is the pointer's to a type checker, since that is what an instance has.
    """
    return cast("PointerT", PointerParam(type, make, name))


# Exports ------------------------------------------------------------------------------------------------------------


def _name_mistake(name: object, maker: str) -> str | None:
    if name is None or is_name(name):
        return None
    return f"{maker}(name=...) takes {NAME}, or None for the attribute's name (got {name!r})"


DECLARED: Final = (ValueParam, PointerParam)
"""The classes of declarations."""


def exported_name(attribute: str, declared: Declared) -> str:
    """Return the name of a parameter for the script."""
    return declared.name or attribute


def param_export(module: object, attribute: str, declared: Declared) -> ParamExport:
    """Return the entry with which *module* exports a parameter."""
    return ParamExport(exported_name(attribute, declared), declared.kind, declared.pointer(module, attribute))
