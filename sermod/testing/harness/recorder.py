"""The record of everything that a module under test ran, and of what it asked for in vain."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import attrs

from sermod._core.action import Action
from sermod._core.registry import Registry
from sermod._interface.exports import CmdExport, ModuleExports


@attrs.define(eq=False)
class RecordedCall:
    """One call of a function of the module, or of one that stands in for another module's.

    Attributes:
        function: What was called: ``"command"``, ``"fixup"``, or the field of the exports: ``"init_f"``.
        module: The name of the module.
        command: The name of the command, for a command and a fixup.
        args: What it was called with; from another process, what cannot travel has travelled as its ``repr``.
        rank: The rank that the process had; ``None`` for the main process before ``init_child``.
        pid: The process.
        result: What it returned; ``None`` where it raised, or where it has not ended.
        error: What it raised; ``None`` otherwise.
        ended: Whether it has returned or raised.
    """

    function: str
    module: str
    command: str | None
    args: tuple[object, ...]
    rank: int | None
    pid: int
    result: object = None
    error: BaseException | None = None
    ended: bool = False

    @property
    def what(self) -> str:
        """What was called, in words: ``command 'foo_req' of module 'foobar'``."""
        named = f" {self.command!r}" if self.function == "command" else f" of {self.command!r}" if self.command else ""
        return f"{self.function}{named} of module {self.module!r}"

    def __str__(self) -> str:
        if self.error is not None:
            how = f"raised {self.error!r}"
        elif self.ended:
            how = f"returned {self.result!r}"
        else:
            how = "has not ended"
        return f"rank {self.rank}, process {self.pid}: {self.what}, given {self.args!r}, {how}"


@attrs.frozen
class MissingExport:
    """What a module asked for, with :func:`sermod.find_export`, and did not find.

    Attributes:
        name: The name of the command.
        param_no: Its number of parameters.
        flags: The routes that it was to be for.
    """

    name: str
    param_no: int
    flags: int = 0

    def __str__(self) -> str:
        return f"{self.name!r} with {self.param_no} parameters"


class Listener(Protocol):
    """Whoever is told of each call, when it begins and when it ends."""

    def __call__(self, call: RecordedCall, /) -> object:
        """Hear of a call."""
        ...


class Recorder:
    """Writes down what is called.

    Attributes:
        calls: The calls, in the order in which they began.
        rank: The rank that this process has.
        listener: Is told of each call; ``None``: nobody is.
    """

    def __init__(self) -> None:
        self.calls: list[RecordedCall] = []
        self.rank: int | None = None
        self.listener: Listener | None = None

    def wrap(
        self, function: Callable[..., Any] | None, what: str, module: str, command: str | None = None
    ) -> Callable[..., Any] | None:
        """Return what does the same as *function*, and is written down; null for null."""
        return None if function is None else _Recorded(self, function, what, module, command)

    def exports(self, exports: ModuleExports[Any]) -> ModuleExports[Any]:
        """Return the same exports, whose functions are written down when they are called."""
        module = str(exports.name)

        def wrap_command(entry: CmdExport[Any]) -> CmdExport[Any]:
            function = self.wrap(entry.function, "command", module, entry.name)
            fixup = self.wrap(entry.fixup, "fixup", module, entry.name)
            return CmdExport(entry.name, function, entry.param_no, fixup, entry.flags)

        return ModuleExports(
            exports.name,
            None if exports.cmds is None else [wrap_command(entry) for entry in exports.cmds],
            exports.params,
            self.wrap(exports.init_f, "init_f", module),
            self.wrap(exports.response_f, "response_f", module),
            self.wrap(exports.destroy_f, "destroy_f", module),
            self.wrap(exports.onbreak_f, "onbreak_f", module),
            self.wrap(exports.init_child_f, "init_child_f", module),
        )

    def run(self, function: Callable[..., Any], call: RecordedCall) -> Any:
        """Call a function, and write down how that went."""
        self.calls.append(call)
        self._tell(call)
        try:
            call.result = function(*call.args)
        except BaseException as error:
            call.error = error
            raise
        finally:
            call.ended = True
            self._tell(call)
        return call.result

    def _tell(self, call: RecordedCall) -> None:
        if self.listener is not None:
            self.listener(call)


class _Recorded:
    """A function that is written down; to whoever looks at its signature, it is that function."""

    def __init__(
        self, recorder: Recorder, function: Callable[..., Any], what: str, module: str, command: str | None
    ) -> None:
        self._recorder = recorder
        self._function = function
        self._what = what
        self._module = module
        self._command = command
        self.__name__ = getattr(function, "__name__", what)
        self.__doc__ = function.__doc__
        self.__signature__ = _signature(function)

    def __call__(self, *args: Any) -> Any:
        recorder = self._recorder
        call = RecordedCall(self._what, self._module, self._command, args, recorder.rank, os.getpid())
        return recorder.run(self._function, call)

    def __eq__(self, other: object) -> bool:
        return self._function == (other._function if isinstance(other, _Recorded) else other)

    def __hash__(self) -> int:
        return hash(self._function)


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return what a function really takes, not what a decorator promises; ``None`` where it does not tell."""
    try:
        return inspect.signature(function, follow_wrapped=False)
    except Exception:  # noqa: BLE001 - a callable of the author's own may fail here in any way
        return None


# What other modules would have ---------------------------------------------------------------------------------------


def stand_ins(provides: Mapping[tuple[str, int], Callable[..., Any]]) -> ModuleExports[Any]:
    """Return the exports of a module that stands in for all others.

    Args:
        provides: Its functions, by the name of the command and the number of its parameters.
    """
    cmds = [CmdExport(name, function, param_no) for (name, param_no), function in provides.items()]
    return ModuleExports("(what the test provides)", [*cmds, CmdExport()])


class ListeningRegistry(Registry[Any]):
    """A registry that notes what its modules ask for and do not find."""

    def __init__(self, *, route_flags: int, script_param_no: Iterable[int]) -> None:
        super().__init__(route_flags=route_flags, script_param_no=script_param_no)
        self.missing: list[MissingExport] = []
        self._asked_by_module = True

    @property
    def not_found(self) -> tuple[MissingExport, ...]:
        """What was asked for and not found, each once."""
        return tuple(dict.fromkeys(self.missing))

    def explain(self, error: BaseException) -> None:
        """Add to an error what the module may have lacked."""
        if self.missing:
            missing = ", ".join(map(str, self.not_found))
            error.add_note(f"it asked for what no module exports: {missing}; the test may provide it")

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
        """Find a command, or note that it was not found."""
        found = super().find_export(name, param_no, flags)
        if found is None and self._asked_by_module:
            self.missing.append(MissingExport(name, param_no, flags))
        return found

    def _checked_action(self, name: str, params: tuple[str, ...], route: int, where: str | None) -> Action[Any]:
        """Check a call of the test's."""
        with self._asked_by_test():
            return super()._checked_action(name, params, route, where)

    def require_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any]:
        """Find a command for the test."""
        with self._asked_by_test():
            return super().require_export(name, param_no, flags)

    @contextmanager
    def _asked_by_test(self) -> Generator[None]:
        self._asked_by_module = False
        try:
            yield
        finally:
            self._asked_by_module = True
