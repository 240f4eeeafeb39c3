"""Parameters of modules as classes whose attribute is a pointer, and the exports of all parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar, cast, overload

import attrs

from sermod._classes.params import Declared, ValueParam, name_mistake
from sermod._interface.exports import INT_PARAM, STR_PARAM, ParamExport, ParamType
from sermod._interface.lists import ListPointer
from sermod._interface.pointers import Pointer
from sermod._problems import repr_of

IntPointerT = TypeVar("IntPointerT", bound=Pointer[int])
StrPointerT = TypeVar("StrPointerT", bound=Pointer[str] | Pointer[str | None])
T = TypeVar("T")

# Pointer classes of the author ---------------------------------------------------------------------------------------


@attrs.define(eq=False)
class PointerParam:
    """The declaration of :func:`pointer_param`: each instance has its own pointer."""

    is_pointer: ClassVar[bool] = True

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
        return name_mistake(self.name, "pointer_param")

    def pointer(self, module: object, attribute: str) -> Pointer[Any]:
        """Return the pointer of *module*."""
        return cast("Pointer[Any]", getattr(module, attribute))


@overload
def pointer_param(
    type: Literal[ParamType.INT_PARAM],
    make: Callable[[], IntPointerT],
    *,
    name: str | None = None,
) -> IntPointerT: ...
@overload
def pointer_param(
    type: Literal[ParamType.STR_PARAM],
    make: Callable[[], StrPointerT],
    *,
    name: str | None = None,
) -> StrPointerT: ...
def pointer_param(type: ParamType, make: Callable[[], Any], *, name: str | None = None) -> Any:  # noqa: A002
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
    return PointerParam(type, make, name)


# Lists ---------------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class ListParam:
    """The declaration of :func:`~sermod.list_param` in the body of a class: each instance has its own list.

    Attributes:
        declared: The pointer in the body of the class, which has no values.
        attribute: The name of the attribute.
    """

    is_pointer: ClassVar[bool] = True

    declared: ListPointer[Any]
    attribute: str

    @property
    def kind(self) -> ParamType:
        """Its type."""
        return self.declared.kind

    @property
    def name(self) -> str | None:
        """The name for the script; ``None`` if it is that of the attribute."""
        return self.declared.name

    def __get__(self, module: object | None, owner: type | None = None) -> Any:
        """Make the pointer when it is first used; from then on it is an attribute of the instance."""
        if module is None:
            return self
        return vars(module).setdefault(self.attribute, own_list(type(module), self.attribute))

    def find_mistake(self) -> str | None:
        """Return what is wrong with the declaration, with the remedy; ``None`` if nothing is."""
        return name_mistake(self.name, "list_param")

    def pointer(self, module: object, attribute: str) -> Pointer[Any]:
        """Return the pointer of *module*."""
        return cast("Pointer[Any]", getattr(module, attribute))


class OwnList(ListPointer[T]):
    """The list of one instance. Its pickle names the class and the attribute: a function that parses seldom has one."""

    _cls: type
    _attribute: str

    def __reduce__(self) -> tuple[Any, ...]:
        return own_list, (self._cls, self._attribute), self.snapshot()

    def __setstate__(self, state: object) -> None:
        self.restore(state)


def own_list(cls: type, attribute: str) -> OwnList[Any]:
    """Return a new list for an instance of a class.

    Args:
        cls: The class, which declares the parameter or inherits it.
        attribute: The name of the attribute.
    """
    declared: ListPointer[Any] = cast("Any", cls).__sermod__.params[attribute].declared
    made = cast("OwnList[Any]", declared.without_values(OwnList))
    made._cls, made._attribute = cls, attribute
    return made


# Exports ------------------------------------------------------------------------------------------------------------


def declaration_of(value: object, attribute: str = "") -> Declared | None:
    """Return the declaration that an object in the body of a class is; ``None`` if it is something else.

    Args:
        value: The object.
        attribute: The name of the attribute.
    """
    if isinstance(value, (ValueParam, PointerParam, ListParam)):
        return value
    return ListParam(cast("ListPointer[Any]", value), attribute) if isinstance(value, ListPointer) else None


def exported_name(attribute: str, declared: Declared) -> str:
    """Return the name of a parameter for the script."""
    return declared.name or attribute


def param_export(module: object, attribute: str, declared: Declared) -> ParamExport:
    """Return the entry with which *module* exports a parameter."""
    return ParamExport(exported_name(attribute, declared), declared.kind, declared.pointer(module, attribute))
