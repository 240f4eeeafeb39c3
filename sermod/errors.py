"""Every exception that sermod raises of itself.

Each one derives from :class:`SermodError` and from the built-in that a caller would expect as well, carries what it
talks about as attributes, and survives pickling, so that it can cross a process boundary. A message says what was
asked, what was found, and what to do.
"""

from __future__ import annotations

from typing import ClassVar, Final

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sermod.problems import Problem


class SermodError(Exception):
    """Base of everything that sermod raises of itself."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by state rather than by constructor arguments; what cannot travel, travels as its ``repr``."""
        return _revive, (type(self), self.args, {name: _pack(value) for name, value in vars(self).items()})


def _pack(value: object) -> tuple[bytes | None, str]:
    import pickle

    try:
        return pickle.dumps(value), repr(value)
    except Exception:  # noqa: BLE001 - objects refuse to be pickled with exceptions of any kind
        return None, repr(value)


def _revive(
    cls: type[SermodError], args: tuple[object, ...], state: dict[str, tuple[bytes | None, str]]
) -> SermodError:
    error = cls.__new__(cls, *args)
    super(SermodError, error).__init__(*args)
    for name, (data, text) in state.items():
        setattr(error, name, _unpack(data, text))
    return error


def _unpack(data: bytes | None, text: str) -> object:
    import pickle

    if data is None:
        return text
    try:
        return pickle.loads(data)  # noqa: S301 - made by _pack, inside a pickle that the caller chose to load
    except Exception:  # noqa: BLE001 - its class may exist only in the process that it comes from
        return text


_LISTED_AT_MOST: Final = 40
"""A message stays readable however much there is; the attribute of the error has it all."""


def listed(names: Iterable[object]) -> str:
    """Join *names* for a message, sorted and without repetition; ``nothing`` where there is none."""
    texts = sorted({str(name) for name in names})
    more = len(texts) - _LISTED_AT_MOST
    return ", ".join(texts[:_LISTED_AT_MOST] + ([f"and {more} more"] if more > 0 else [])) or "nothing"


def nearest_name(asked: str, available: Iterable[str]) -> str | None:
    """Return the one of *available* that *asked* was most likely meant to be, or ``None``."""
    import difflib

    return next(iter(difflib.get_close_matches(str(asked), [*available], n=1)), None)


# Validation ---------------------------------------------------------------------------------------------------------


class InvalidExportsError(SermodError, ValueError):
    """An exports structure breaks rules of the interface; all of them are told, one a line.

    Attributes:
        module: The name in the structure, or ``None`` where it has none.
        problems: Everything that validation found, warnings included.
    """

    def __init__(self, module: str | None, problems: Sequence[Problem]) -> None:
        title = "exports of a module without a name" if module is None else f"exports of module {module!r}"
        super().__init__("\n  ".join([f"{title}: the interface is not kept", *map(str, problems)]))
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
        what: What was asked for.
        origin: The file or dotted name that it was found to be, or ``None`` where the search did not come that far.
    """

    def __init__(self, message: str, *, what: str, origin: str | None = None) -> None:
        super().__init__(message)
        self.what = what
        self.origin = origin


class ModuleFileNotFoundError(LoadError):
    """Nothing of that name or path is there to be loaded."""


class NoExportsError(LoadError):
    """What was loaded has no variable ``exports``, or one that is no :class:`~sermod.ModuleExports`."""


class AlreadyLoadedError(LoadError):
    """The file is loaded in this registry already."""


class InsecurePathError(LoadError):
    """Others than the file's owner may replace it, by itself or through a directory above it."""


# Registration -------------------------------------------------------------------------------------------------------


class DuplicateModuleError(SermodError, ValueError):
    """A module of that name is registered already.

    Attributes:
        module: The name that both have.
        origin: Where the refused one comes from; ``None`` for one made in memory.
        existing_origin: Where the one that is registered comes from.
    """

    def __init__(self, module: str, *, origin: str | None, existing_origin: str | None) -> None:
        super().__init__(
            f"module {module!r} (from {origin or 'memory'}) is not registered: a module of that name is there already "
            f"(from {existing_origin or 'memory'}); give one of them another name in its exports"
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
            f"module {module!r} is not registered: its command {command!r} with {param_no} parameters would hide "
            f"that of module {existing_module!r} from the script; rename one, or use Registry(allow_shadowing=True), "
            f"where the newest module wins"
        )
        self.module = module
        self.existing_module = existing_module
        self.command = command
        self.param_no = param_no


# Look-ups -----------------------------------------------------------------------------------------------------------


class _UnknownError(SermodError, LookupError):
    """Something was asked for by a name that does not exist.

    Attributes:
        asked: What was asked for.
        nearest: The name that was most likely meant, or ``None``.
        available: The names that there are, sorted.
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
    """A command exists but cannot be called like this.

    Attributes:
        command: The command's name.
        takes: What it takes: numbers of parameters, or routes.
        got: What it was given.
    """

    def __init__(self, message: str, *, command: str, takes: Iterable[int], got: int) -> None:
        super().__init__(message)
        self.command = command
        self.takes: tuple[int, ...] = tuple(takes)
        self.got = got


class ParamCountError(_CallError):
    """A command is called with a number of parameters that it does not take."""


class RouteError(_CallError):
    """A command is called in a route that it may not be used in."""


# Parameters ---------------------------------------------------------------------------------------------------------


class _ParamError(SermodError):
    """A value is not accepted by a parameter.

    Attributes:
        module: The name of the module, or the pattern that was to match it.
        param: The name of the parameter.
        value: The refused value.
    """

    def __init__(self, message: str, *, module: str, param: str, value: object) -> None:
        super().__init__(message)
        self.module = module
        self.param = param
        self.value = value


class ParamTypeError(_ParamError, TypeError):
    """A parameter was given a value of a type that it does not take."""


class ParamValueError(_ParamError, ValueError):
    """A parameter was given a value of the right type that it does not take."""


class MissingParamError(SermodError, ValueError):
    """Parameters that must be set were not set by the time of init; all of them are told, one a line.

    Attributes:
        params: The name of the module and that of the parameter, for each of them.
    """

    def __init__(self, params: Iterable[tuple[str, str]]) -> None:
        self.params: tuple[tuple[str, str], ...] = tuple(params)
        lines = (f"{param!r} of module {module!r}" for module, param in self.params)
        super().__init__("\n  ".join(["parameters that are required are not set; set them before init:", *lines]))


class FixupError(SermodError, ValueError):
    """A fixup refused a parameter of a call.

    Attributes:
        module: The name of the module whose command is called.
        command: The command's name.
        param_no: Which parameter it is, counted from 1.
        value: The parameter as the script has it.
        where: The place of the call in the script, as the host gave it, or ``None``.
        param_name: The name that the command's function has for the parameter; ``None`` where it does not tell.
        route: The kinds of route that the call stands in.
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
        self.where = where
        self.param_name = param_name
        self.route = route


# Life ---------------------------------------------------------------------------------------------------------------


class LifecycleError(SermodError, RuntimeError):
    """Something was called at a time, or in a process, where it has no place.

    Attributes:
        state: The state that the life was in.
        call: What was called.
    """

    def __init__(self, message: str, *, state: str, call: str) -> None:
        super().__init__(message)
        self.state = state
        self.call = call


class CommandResultError(SermodError, TypeError):
    """A command, a response function or a route returned something that is no result.

    Attributes:
        module: The name of the module; ``None`` for a route that is a function of the host.
        command: The command's name, ``response_f``, or the name of the host's function.
        value: What it returned.
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
        code: What the function returned; ``None`` where it raised instead.
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
    """A child ended unasked.

    Attributes:
        rank: Its rank.
        pid: Its process id.
        exitcode: Its exit code; ``None`` where a signal ended it.
        signal: The name of the signal that ended it (``"SIGKILL"``); ``None`` where it exited.
        traceback: What went wrong in it, as text; ``None`` where it could not say.
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
