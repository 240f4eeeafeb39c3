"""Every exception that sermod itself raises.

Each derives from :class:`SermodError` and from the built-in exception that a caller would expect, carries what it is
about as attributes, and survives pickling, so that it can cross a process boundary. A message says what was asked, what
was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

from sermod._problems import Parcel, Problem, counted, listed, nearest_name, text_of


class SermodError(Exception):
    """Base of every exception that sermod itself raises.

    Attributes:
        where: The place in the script, as the host named it: ``"ser.cfg:12"``; the message begins with it. ``None`` if
            the host named none.
    """

    where: str | None = None

    def _at(self, where: str | None) -> None:
        """Say the place in the script, unless one is said already."""
        if where is not None and self.where is None:
            self.where = where
            error: Exception = self
            error.args = (f"{where}: {self.args[0]}", *self.args[1:])
            if isinstance(error, ImportError):
                error.msg = self.args[0]  # which is what str() of an ImportError returns

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the attributes rather than the arguments; an attribute that cannot be pickled becomes its ``repr``."""
        return _revive, (type(self), self.args, {name: Parcel(value) for name, value in vars(self).items()})


def _revive(cls: type[SermodError], args: tuple[object, ...], state: dict[str, Parcel]) -> SermodError:
    error = cls.__new__(cls, *args)
    super(SermodError, error).__init__(*args)
    for name, parcel in state.items():
        setattr(error, name, parcel.open())
    return error


# Validation ---------------------------------------------------------------------------------------------------------


class InvalidExportsError(SermodError, ValueError):
    """An exports structure breaks rules of the interface; the message has all problems, one a line.

    Attributes:
        module: The name in the structure, or ``None`` where it has none.
        problems: Everything that validation found, warnings included.
    """

    def __init__(self, module: str | None, problems: Sequence[Problem]) -> None:
        whose = "a module without a name" if module is None else f"module {module!r}"
        title = f"the exports of {whose} have {counted(len(problems), 'problem')}:"
        super().__init__("\n  ".join([title, *map(str, problems)]))
        self.module = module
        self.problems: tuple[Problem, ...] = tuple(problems)


class InterfaceWarning(SermodError, UserWarning):  # noqa: N818 - it is a warning
    """A module does something that the core would silently ignore.

    Attributes:
        module: The name of the module.
        problem: What validation found.
    """

    def __init__(self, module: str | None, problem: Problem) -> None:
        super().__init__(f"module {module!r}: {problem}")
        self.module = module
        self.problem = problem


# Loading ------------------------------------------------------------------------------------------------------------


class LoadError(SermodError, ImportError):
    """A module could not be loaded.

    Attributes:
        what: The name or path that was asked for.
        origin: The file or dotted name that was found; ``None`` where the search did not get that far.
    """

    def __init__(self, message: str, *, what: str, origin: str | None = None) -> None:
        super().__init__(message)
        self.what = what
        self.origin = origin


class ModuleFileNotFoundError(LoadError):
    """There is no module of that name or path."""


class NoExportsError(LoadError):
    """The module has no variable ``exports``, or one that is not a :class:`~sermod.ModuleExports`."""


class AlreadyLoadedError(LoadError):
    """The file is already loaded in this registry."""


class InsecurePathError(LoadError):
    """Users other than root and the process's own may replace the file, directly or through what leads to it."""


# Registration -------------------------------------------------------------------------------------------------------


class DuplicateModuleError(SermodError, ValueError):
    """A module of that name is already registered.

    Attributes:
        module: The name that both have.
        origin: Where the refused one comes from; ``None`` for one made in memory.
        existing_origin: Where the one that is registered comes from.
    """

    def __init__(self, module: str, *, origin: str | None, existing_origin: str | None) -> None:
        super().__init__(
            f"module {module!r} (from {origin or 'memory'}) is not registered: another module of that name is "
            f"registered (from {existing_origin or 'memory'}); give one of them another name in its exports"
        )
        self.module = module
        self.origin = origin
        self.existing_origin = existing_origin


class ShadowedCommandError(SermodError, ValueError):
    """A command would hide one of another module from the script.

    Attributes:
        module: The name of the refused module.
        existing_module: The name of the module whose command would be hidden.
        command: The command's name.
        param_no: Its number of parameters.
    """

    def __init__(self, module: str, *, existing_module: str, command: str, param_no: int) -> None:
        super().__init__(
            f"module {module!r} is not registered: its command {command!r} with {counted(param_no, 'parameter')} "
            f"would hide that of module {existing_module!r} from the script; rename one of them, or use "
            f"Registry(allow_shadowing=True), where the newest module wins"
        )
        self.module = module
        self.existing_module = existing_module
        self.command = command
        self.param_no = param_no


class ConfigurationErrors(SermodError, ExceptionGroup[Exception]):  # noqa: N818 - there are several in it
    """Several mistakes of a configuration, found in one run.

    Attributes:
        exceptions: An exception for each mistake, in the order in which they were found.
    """

    def __new__(cls, message: str, exceptions: Sequence[Exception], /) -> Self:
        """Make a group, as every exception group is made."""
        return super().__new__(cls, message, exceptions)

    def derive(self, excs: Sequence[Exception], /) -> ConfigurationErrors:  # type: ignore[override]
        """Return the same group of other exceptions, for ``split`` and ``except*``."""
        return ConfigurationErrors(self.message, excs)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the exceptions; one that cannot be pickled becomes a :class:`SermodError` with its text."""
        exceptions = [error if Parcel(error).data else SermodError(text_of(error)) for error in self.exceptions]
        return _revive, (type(self), (self.message, exceptions), {"__notes__": Parcel(getattr(self, "__notes__", []))})


def raise_together(errors: Sequence[Exception]) -> None:
    """Raise one error as it is, and several as :class:`ConfigurationErrors`; do nothing if there is none."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigurationErrors(f"the configuration has {counted(len(errors), 'mistake')}", errors)


# Look-ups -----------------------------------------------------------------------------------------------------------


class _UnknownError(SermodError, LookupError):
    """Nothing has the name that was asked for.

    Attributes:
        asked: The name.
        nearest: The existing name that was most likely meant, or ``None``.
        available: The names that exist, sorted.
    """

    _there_is: ClassVar = "There is"

    def __init__(self, message: str, *, asked: str, available: Iterable[str], nearest: str | None = None) -> None:
        self.asked = asked
        self.available: tuple[str, ...] = tuple(sorted(set(available)))
        self.nearest: str | None = nearest or nearest_name(asked, self.available)
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else "."
        super().__init__(f"{message}{hint} {self._there_is}: {listed(self.available)}")


class UnknownModuleError(_UnknownError):
    """No module of that name, or none that matches the pattern, is registered."""


class UnknownCommandError(_UnknownError):
    """No registered module exports a command of that name."""


class UnknownParamError(_UnknownError):
    """The module has no parameter of that name.

    Attributes:
        module: The name of the module.
    """

    _there_is: ClassVar = "It has"

    def __init__(self, module: str, asked: str, available: Iterable[str]) -> None:
        super().__init__(f"module {module!r} has no parameter {asked!r}", asked=asked, available=available)
        self.module = module


class _CallError(SermodError, ValueError):
    """A command exists, but cannot be called in this way.

    Attributes:
        command: The command's name.
        takes: The numbers of parameters, or the routes, that it may be called with.
        got: The number or the routes of the call.
    """

    def __init__(self, message: str, *, command: str, takes: Iterable[int], got: int) -> None:
        super().__init__(message)
        self.command = command
        self.takes: tuple[int, ...] = tuple(takes)
        self.got = got


class ParamCountError(_CallError):
    """A command is called with the wrong number of parameters."""


class RouteError(_CallError):
    """A command is called in a route where it may not be used."""


# Parameters ---------------------------------------------------------------------------------------------------------


class _ParamError(SermodError):
    """A parameter refuses a value.

    Attributes:
        module: The name of the module, or the pattern for it.
        param: The name of the parameter.
        value: The refused value.
    """

    def __init__(self, message: str, *, module: str, param: str, value: object) -> None:
        super().__init__(message)
        self.module = module
        self.param = param
        self.value = value


class ParamTypeError(_ParamError, TypeError):
    """A parameter was given a value of the wrong type."""


class ParamValueError(_ParamError, ValueError):
    """A parameter was given a value of the right type that it refuses."""


class MissingParamError(SermodError, ValueError):
    """Required parameters were not set before init; the message has all of them, one a line.

    Attributes:
        params: The name of the module and the name of the parameter, for each.
    """

    def __init__(self, params: Iterable[tuple[str, str]]) -> None:
        self.params: tuple[tuple[str, str], ...] = tuple(params)
        lines = (f"{param!r} of module {module!r}" for module, param in self.params)
        super().__init__("\n  ".join(["required parameters are not set; set them before init:", *lines]))


class FixupError(SermodError, ValueError):
    """A fixup refused a parameter of a call.

    Attributes:
        module: The name of the module whose command is called.
        command: The command's name.
        param_no: Which parameter it is, counted from 1.
        value: The parameter as the script has it.
        param_name: The name of the parameter in the command's function; ``None`` where it has none.
        route: The kinds of route in which the call stands.
    """

    def __init__(
        self,
        message: str,
        *,
        module: str,
        command: str,
        param_no: int,
        value: str,
        where: str | None,
        param_name: str | None = None,
        route: int = 0,
    ) -> None:
        super().__init__(message)
        self.module = module
        self.command = command
        self.param_no = param_no
        self.value = value
        self._at(where)
        self.param_name = param_name
        self.route = route


# Life ---------------------------------------------------------------------------------------------------------------


class LifecycleError(SermodError, RuntimeError):
    """Something was called at the wrong time, or in the wrong process or thread.

    Attributes:
        state: The state at the time of the call.
        call: What was called.
    """

    def __init__(self, message: str, *, state: str, call: str) -> None:
        super().__init__(message)
        self.state = state
        self.call = call


class _NotFixedUpError(LifecycleError, AttributeError):  # pyright: ignore[reportUnusedClass] - raised by Action
    """An attribute that init makes was used before; for ``hasattr``, it does not exist yet."""


class CommandResultError(SermodError, TypeError):
    """A command, a response function or a route returned a value that is not a result.

    Attributes:
        module: The name of the module; ``None`` for a route that is a function of the host.
        command: The command's name, ``response_f``, or the name of the host's function.
        value: The value.
    """

    def __init__(self, message: str, *, module: str | None, command: str, value: object) -> None:
        super().__init__(message)
        self.module = module
        self.command = command
        self.value = value


class _InitError(SermodError, RuntimeError):
    """An initialization function failed.

    Attributes:
        module: The name of the module.
        code: The value that the function returned; ``None`` where it raised.
        rank: The rank of the child; ``None`` for the main initialization.
        traceback: The traceback as text; ``None`` where nothing was raised.
    """

    def __init__(
        self, message: str, *, module: str, code: object = None, rank: int | None = None, traceback: str | None = None
    ) -> None:
        super().__init__(message)
        self.module = module
        self.code = code
        self.rank = rank
        self.traceback = traceback


class ModuleInitError(_InitError):
    """A module's ``init_f`` failed: the server does not start (spec, section 1.4)."""


class ChildInitError(_InitError):
    """A module's ``init_child_f`` failed in a child: the child ends, and with it the server (spec, section 1.4)."""


class ChildDiedError(SermodError, RuntimeError):
    """A child ended although nothing asked it to.

    Attributes:
        rank: The rank of the child.
        pid: The process id of the child.
        exitcode: Its exit code; ``None`` where a signal ended it.
        signal: The name of the signal that ended it (``"SIGKILL"``); ``None`` where it exited.
        traceback: The traceback of the child as text; ``None`` where it reported none.
    """

    def __init__(
        self,
        message: str,
        *,
        rank: int,
        pid: int,
        exitcode: int | None = None,
        signal: str | None = None,
        traceback: str | None = None,
    ) -> None:
        super().__init__(message)
        self.rank = rank
        self.pid = pid
        self.exitcode = exitcode
        self.signal = signal
        self.traceback = traceback
