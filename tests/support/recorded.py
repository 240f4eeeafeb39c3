"""The same modules for every host, and a record: a file in which their functions write that they run, and where.

The programs that own the processes import this file as well, so it does not use pytest.
"""

from __future__ import annotations

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import attrs

from sermod import REQUEST_ROUTE, Action, CmdExport, ModuleExports, Registry, load

MODULES = Path(__file__).parents[2] / "docs" / "examples" / "sip_server" / "modules"
LOADED = ("sl", "maxfwd_module", "foobar", "options")
"""The names of the modules, in load order: the module that sends replies, and the three of the route."""
COMMANDS = ["mf_process_maxfwd_header", "foo_req", "options_reply", "sl_send_reply"]
"""The commands that run for an OPTIONS, in the order in which they begin."""


@attrs.frozen
class Entry:
    """One line of a record: a function of a module has begun to run.

    Attributes:
        pid: The process.
        module: The module.
        function: The field of the function in ``ModuleExports``, or the name of the command.
        rank: The argument of ``init_child_f``; ``None`` for other functions.
    """

    pid: int
    module: str
    function: str
    rank: int | None = None


def make_core(record: str | os.PathLike[str], *others: ModuleExports[Any]) -> Registry[Any]:
    """Return a registry of the modules, and of *others* after them; their functions write the record."""
    core: Registry[Any] = Registry()
    for name in ("sl", "maxfwd", "foobar", "options"):
        core.register(_recorded(load(str(MODULES / f"{name}.py")), record))
    for exports in others:
        core.register(_recorded(exports, record))
    core.set_param("foobar", "foo_bar", 5)
    return core


def bind_route(core: Registry[Any]) -> list[Action[Any]]:
    """Bind the calls of the request route."""
    return [
        core.bind("mf_process_maxfwd_header", "10", route=REQUEST_ROUTE, where="route:1"),
        core.bind("foo_req", "one", "two", route=REQUEST_ROUTE, where="route:2"),
        core.bind("options_reply", route=REQUEST_ROUTE, where="route:3"),
    ]


def read(record: str | os.PathLike[str]) -> list[Entry]:
    """Return the entries of a record."""
    lines = [line.split() for line in Path(record).read_text(encoding="ascii").splitlines()]
    return [Entry(int(pid), module, name, *map(int, rank)) for pid, module, name, *rank in lines]


def check_life(
    entries: list[Entry], ranks: Collection[int], *, requests: int, destroyed: bool, loaded: tuple[str, ...] = LOADED
) -> None:
    """Check a record against the order and the processes that the interface demands.

    Args:
        entries: The record.
        ranks: The ranks for which processes were initialised; a rank that several processes had is there several times.
        requests: The number of OPTIONS that were answered.
        destroyed: Whether the host cleans up at its end.
        loaded: The modules, in load order.
    """
    main = {entry.pid for entry in entries if entry.function == "init_f"}
    assert 1 == len(main), f"init_f ran in several processes: {main}"
    processes: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        processes[entry.pid].append(entry)
    begin = [(name, "init_f") for name in loaded]
    end = [(name, "destroy_f") for name in reversed(loaded)] if destroyed else []
    work: list[str] = []
    initialised: list[int | None] = []
    for pid, of_process in processes.items():
        ran = [(entry.module, entry.function) for entry in of_process if entry.rank is None]
        if pid in main:
            assert begin == ran[: len(begin)]
            assert not end or end == ran[-len(end) :]
            ran = ran[len(begin) : len(ran) - len(end)]
        work += [function for _, function in ran]
        in_child = [(entry.module, entry.rank) for entry in of_process if entry.rank is not None]
        ranks_of_process = [rank for name, rank in in_child if name == loaded[0]]
        initialised += ranks_of_process
        assert [(name, rank) for rank in ranks_of_process for name in loaded] == in_child
        assert not ran or ranks_of_process, f"process {pid} has run commands without having been initialised"
        assert COMMANDS * (len(ran) // len(COMMANDS)) == [function for _, function in ran]
    assert Counter(ranks) == Counter(initialised)
    assert requests * len(COMMANDS) == len(work)


def _recorded(exports: ModuleExports[Any], record: str | os.PathLike[str]) -> ModuleExports[Any]:
    """Return the same module with functions that write the record; it gets the hooks that it does not have, too."""
    name = str(exports.name)
    hooks: dict[str, Callable[..., Any]] = {
        "init_f": exports.init_f or _nothing,
        "init_child_f": exports.init_child_f or _nothing,
        "destroy_f": exports.destroy_f or _nothing,
    }
    recording: dict[str, Any] = {field: _recording(function, name, field, record) for field, function in hooks.items()}
    cmds = [
        CmdExport(cmd.name, _recording(cmd.function, name, str(cmd.name), record), cmd.param_no, cmd.fixup, cmd.flags)
        if cmd.function
        else cmd
        for cmd in exports.cmds or ()
    ]
    return attrs.evolve(exports, cmds=cmds or None, **recording)


def _nothing(*_arguments: Any) -> None:
    """Stand in for a hook that a module does not have."""


def _recording(
    function: Callable[..., Any], module: str, name: str, record: str | os.PathLike[str]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def recording(*arguments: Any) -> Any:
        rank = f" {arguments[0]}" if name == "init_child_f" else ""
        # A short line that one call appends never mixes with the line of another process.
        descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(descriptor, f"{os.getpid()} {module} {name}{rank}\n".encode())
        finally:
            os.close(descriptor)
        return function(*arguments)

    return recording
