"""The record of the module's calls, and of the commands that it looked up and did not find."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from enum import IntFlag
from typing import Any, Final

import attrs

from sermod._core.action import Action
from sermod._core.registry import Registry
from sermod._interface.exports import HOOKS, REQUEST_ROUTE, CmdExport, ModuleExports
from sermod._interface.lookup import UsedFunction, used_functions
from sermod._problems import counted, nearest_name
from sermod.testing.harness.pairs import Provided, stand_ins_of


@attrs.define(eq=False)
class RecordedCall:
    """One call of a function of the module, or of one that the test provides in place of another module's.

    Attributes:
        function: The function: ``"command"``, ``"fixup"``, or the field of the exports, such as ``"init_f"``.
        module: The name of the module.
        command: The name of the command, for a command and for a fixup; ``None`` for a hook.
        args: The arguments. If the call was made in a child process, an argument, result or exception that cannot be
            pickled is replaced by its ``repr``.
        rank: The rank of the process; ``None`` for the main process before ``init_child``.
        pid: The process id of the process.
        result: The result; ``None`` if the function raised an exception or has not returned.
        error: The exception that the function raised, or ``None``.
        ended: Whether the function has returned or raised an exception.
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
        """The function, as messages name it: ``command 'foo_req' of module 'foobar'``."""
        named = f" {self.command!r}" if self.function == "command" else f" of {self.command!r}" if self.command else ""
        return f"{self.function}{named} of module {self.module!r}"

    def __str__(self) -> str:
        if self.error is not None:
            how = f"raised {self.error!r}"
        elif self.ended:
            how = f"returned {self.result!r}"
        else:
            how = "has not returned"
        return f"rank {self.rank}, process {self.pid}: {self.what}, called with {self.args!r}, {how}"


@attrs.frozen
class MissingExport:
    """A command that a module looked up by :func:`sermod.find_export` and did not find.

    Attributes:
        name: The name of the command.
        param_no: Its number of parameters.
        flags: The routes that it had to be for; 0: any command.
    """

    name: str
    param_no: int
    flags: int = 0

    def __str__(self) -> str:
        return f"{self.name!r} with {counted(self.param_no, 'parameter')}"


class Recorder:
    """Records calls.

    Attributes:
        calls: The calls, in the order in which they began.
        rank: The rank of this process.
        listener: A function that is called when a recorded call begins and when it ends, or ``None``.
    """

    def __init__(self) -> None:
        self.calls: list[RecordedCall] = []
        self.rank: int | None = None
        self.listener: Callable[[RecordedCall], object] | None = None

    def wrap(
        self, function: Callable[..., Any] | None, kind: str, module: str, command: str | None = None
    ) -> Callable[..., Any] | None:
        """Return a function that calls *function* and records each call; null for null."""
        return None if function is None else _Recorded(self, function, kind, module, command)

    def wrap_exports(self, exports: ModuleExports[Any]) -> ModuleExports[Any]:
        """Return the same exports with functions that record their calls."""
        module = str(exports.name)

        def wrap_command(entry: CmdExport[Any]) -> CmdExport[Any]:
            function = self.wrap(entry.function, "command", module, entry.name)
            fixup = self.wrap(entry.fixup, "fixup", module, entry.name)
            return CmdExport(entry.name, function, entry.param_no, fixup, entry.flags)

        hooks: dict[str, Any] = {field: self.wrap(getattr(exports, field), field, module) for field in HOOKS}
        cmds = None if exports.cmds is None else [wrap_command(entry) for entry in exports.cmds]
        return ModuleExports(exports.name, cmds, exports.params, **hooks)

    def run(self, function: Callable[..., Any], call: RecordedCall) -> Any:
        """Call a function and record the call."""
        self.calls.append(call)
        self._notify(call)
        try:
            call.result = function(*call.args)
        except BaseException as error:
            call.error = error
            raise
        finally:
            call.ended = True
            self._notify(call)
        return call.result

    def _notify(self, call: RecordedCall) -> None:
        if self.listener is not None:
            self.listener(call)


class _Recorded:
    """A function whose calls are recorded. Its signature, name and equality are those of the function."""

    def __init__(
        self, recorder: Recorder, function: Callable[..., Any], kind: str, module: str, command: str | None
    ) -> None:
        self._recorder = recorder
        self._function = function
        self._kind = kind
        self._module = module
        self._command = command
        self.__name__ = getattr(function, "__name__", kind)
        self.__doc__ = function.__doc__
        self.__signature__ = _own_signature(function)

    @property
    def used_functions(self) -> tuple[UsedFunction, ...]:
        """The functions of other modules that an ``init_f`` declares: what is missing is found before it runs."""
        return used_functions(self._function)

    def __call__(self, *args: Any) -> Any:
        recorder = self._recorder
        call = RecordedCall(self._kind, self._module, self._command, args, recorder.rank, os.getpid())
        return recorder.run(self._function, call)

    def __eq__(self, other: object) -> bool:
        return self._function == (other._function if isinstance(other, _Recorded) else other)

    def __hash__(self) -> int:
        return hash(self._function)


def _own_signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature of a function itself, not that of one which it wraps; ``None`` if it has none."""
    try:
        return inspect.signature(function, follow_wrapped=False)
    except Exception:  # noqa: BLE001 - a callable of the author's own may raise any exception here
        return None


# Other modules --------------------------------------------------------------------------------------------------------


PROVIDED: Final = "(provided by the test)"
"""The name of the module that stands in for all other modules."""


def stand_in_exports(provides: Provided) -> ModuleExports[Any]:
    """Return the exports of a module that stands in for all other modules.

    Args:
        provides: Its functions, by the name of the command and the number of its parameters.

    Raises:
        ValueError: A command is given twice.
    """
    cmds = [CmdExport(name, function, param_no) for (name, param_no), function in stand_ins_of(provides).items()]
    return ModuleExports(PROVIDED, [*cmds, CmdExport()])


class RecordingRegistry(Registry[Any]):
    """A registry that records the commands that its modules look up and do not find.

    Attributes:
        missing: The commands, in the order of the look-ups.
    """

    def __init__(self, *, route_flags: int | type[IntFlag], script_param_no: Iterable[int]) -> None:
        super().__init__(route_flags=route_flags, script_param_no=script_param_no)
        self.missing: list[MissingExport] = []
        self._looked_up: set[tuple[str, int]] = set()
        self._records = True

    @property
    def not_found(self) -> tuple[MissingExport, ...]:
        """The commands that were not found, each once."""
        return tuple(dict.fromkeys(self.missing))

    def explain(self, error: BaseException) -> None:
        """Add notes to an exception that name the commands which were not found, if there are any.

        Where the test provides a command of a similar name that was never looked up, one of the two may be misspelt.
        """
        if self.missing:
            missing = ", ".join(map(str, self.not_found))
            error.add_note(
                f"the module looked up commands that no module exports: {missing}; the test can provide them"
            )
        unused = self._unused()
        for each in self.not_found:
            nearest = nearest_name(each.name, [command.name for command in unused])
            for command in unused:
                if command.name == nearest:
                    error.add_note(
                        f"the test provides {command}, which was not looked up; did you mean {each} there, or "
                        f"{command} in the module?"
                    )

    def _unused(self) -> list[MissingExport]:
        """Return the commands that the test provides and that were not looked up."""
        provided = self.find_module(PROVIDED)
        commands = () if provided is None else provided.exports.commands
        every = [(str(command.name), command.param_no) for command in commands]
        return [MissingExport(*command) for command in every if command not in self._looked_up]

    def find_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any] | None:
        """Find a command as any registry does, and record it if it is not found."""
        found = super().find_export(name, param_no, flags)
        if self._records:
            self._looked_up.add((name, param_no))
            if found is None:
                self.missing.append(MissingExport(name, param_no, flags))
        return found

    def require_export(self, name: str, param_no: int, flags: int = 0) -> CmdExport[Any]:
        """Find a command for the test, which is not recorded."""
        with self._not_recording():
            return super().require_export(name, param_no, flags)

    def route_of(self, name: str, param_no: int) -> int:
        """Return the lowest of the host's kinds of route for which a command is; for none at all the lowest there is.

        Args:
            name: The name of the command.
            param_no: Its number of parameters.
        """
        every = int(self.route_flags)
        kinds = [1 << bit for bit in range(every.bit_length()) if every >> bit & 1]
        # Where there is none, or the name is none, the check of the call says so.
        if isinstance(name, str):
            for kind in kinds:
                if super().find_export(name, param_no, kind) is not None:
                    return kind
        return (kinds or [int(REQUEST_ROUTE)])[0]

    def _checked_action(self, name: str, params: tuple[str, ...], route: int | None, where: str | None) -> Action[Any]:
        """Check a call that the test makes; its look-up is not recorded.

        Without a *route*, the call stands in one for which the command is.
        """
        route = self.route_of(name, len(params)) if route is None else route
        with self._not_recording():
            return super()._checked_action(name, params, route, where)

    @contextmanager
    def _not_recording(self) -> Generator[None]:
        self._records = False
        try:
            yield
        finally:
            self._records = True
