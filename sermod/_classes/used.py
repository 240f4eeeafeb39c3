"""The functions of other modules that a module as a class declares: found by its ``init_f`` (core, ``find_export``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from sermod._interface.lookup import UsedFunction, require_function
from sermod._interface.values import NAME, is_int, is_name
from sermod._problems import counted, repr_of
from sermod.errors import LifecycleError, SermodError, _NotFixedUpError, raise_together


class Used:
    """The declaration of :func:`uses`. Once the module is initialised, the function stands in its place."""

    def __init__(self, function: UsedFunction) -> None:
        self.function = function
        self._attribute = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = name

    def __get__(self, module: object | None, owner: type | None = None) -> Any:
        """Return the declaration for a class; an instance does not have the function yet."""
        if module is None:
            return self
        name, param_no, _ = self.function
        msg = (
            f"{type(module).__qualname__}.{self._attribute} is not there yet: command {name!r} with "
            f"{counted(param_no, 'parameter')} is found when the module is initialised, before its mod_init"
        )
        raise _NotFixedUpError(msg, state="configuring", call=self._attribute)


def uses(name: str, param_no: int, flags: int = 0) -> Callable[..., Any]:
    """Declare a function of another module, in the body of a :class:`~sermod.Module`.

    From the module's own ``mod_init`` on, the attribute is the function. In ``mod_init`` it must not be called yet: its
    own module may be initialised later. If no loaded module exports it, :meth:`sermod.Registry.check` says so, which
    ``Lifecycle.init()`` begins with; a module that only may use a function looks it up with
    :func:`~sermod.find_export`.

    Args:
        name: The command's name.
        param_no: Its number of parameters.
        flags: The routes that it must be for, all of them; 0: any command, also one for other modules only.

    Returns:
        The declaration; to a type checker it is the function.

    Raises:
        TypeError: *name* is not a name, or a number is not an ``int``.

    Example:
        >>> from sermod import Lifecycle, Module, Registry, internal
        >>> class Database(Module):
        ...     name = "database"
        ...
        ...     @internal
        ...     def db_query(self, text: str) -> list[str]:
        ...         return [text]
        >>> class Users(Module):
        ...     name = "users"
        ...     db_query = uses("db_query", 1)
        >>> users = Users()
        >>> core = Registry()
        >>> _ = core.register(users.exports), core.register(Database().exports)
        >>> with Lifecycle(core):
        ...     users.db_query("who")
        ['who']
    """
    if not is_name(name):
        raise TypeError(f"uses() takes the name of a command, {NAME} (got {repr_of(name)})")
    if not is_int(param_no) or not is_int(flags) or flags < 0:
        raise TypeError(
            f"uses({name!r}, param_no, flags=0) takes the number of parameters and, if need be, routes (got "
            f"{repr_of(param_no)} and {repr_of(flags)})"
        )
    return cast("Callable[..., Any]", Used(UsedFunction(name, param_no, flags)))


class UsingInit:
    """The ``init_f`` of a module that uses functions of others: it finds them, then calls the module's ``mod_init``.

    Args:
        module: The instance.
        used: The functions, by the name of the attribute.
        mod_init: The module's own hook, or ``None``.
    """

    def __init__(
        self, module: object, used: Mapping[str, UsedFunction], mod_init: Callable[[], int | None] | None
    ) -> None:
        self._module = module
        self._used = used
        self._mod_init = mod_init
        self.__name__ = getattr(mod_init, "__name__", "mod_init")
        self.__doc__ = None if mod_init is None else mod_init.__doc__
        self.__self__ = module

    @property
    def has_mod_init(self) -> bool:
        """Whether the module has a hook of its own."""
        return self._mod_init is not None

    @property
    def used_functions(self) -> tuple[UsedFunction, ...]:
        """The functions that it looks up."""
        return tuple(self._used.values())

    def __call__(self) -> int | None:
        """Find the functions, keep them in the instance, and initialise the module.

        Returns:
            What its ``mod_init`` returns.

        Raises:
            SermodError: Functions are missing; the error lists all of them.
            LifecycleError: There is no look-up: it was not a lifecycle, a harness or a C core that called this.
        """
        found: dict[str, Any] = {}
        missing: list[Exception] = []
        for attribute, used in self._used.items():
            try:
                found[attribute] = require_function(*used)
            except LifecycleError:
                raise self._without_look_up(used.name) from None
            except SermodError as error:
                missing.append(error)
        raise_together(missing)
        vars(self._module).update(found)
        return None if self._mod_init is None else self._mod_init()

    def _without_look_up(self, name: str) -> LifecycleError:
        msg = (
            f"init_f of {type(self._module).__qualname__} looks up {name!r}, which its class declares with uses(), and "
            f"there is no look-up here: run it by a Lifecycle or a ModuleHarness, or give to_c() the find_export= of "
            f"its core"
        )
        return LifecycleError(msg, state="outside of a lifecycle", call="init_f")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UsingInit):
            return NotImplemented
        return self._module is other._module and self._used == other._used

    def __hash__(self) -> int:
        return hash((UsingInit, id(self._module)))
