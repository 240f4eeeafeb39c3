"""The same modules in every host, and a file in which each of their functions notes that it ran, and in which process.

The programs that own the processes import this file as well, so it needs nothing of pytest.
"""

from __future__ import annotations

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import attrs

from sermod import REQUEST_ROUTE, Action, ModuleExports, Registry, load

MODULES = Path(__file__).parents[2] / "docs" / "examples" / "sip_server" / "modules"
LOADED = ("sl", "maxfwd_module", "foobar", "options")
"""What the modules call themselves, in load order: the three, and the one that sends replies for them."""
COMMANDS = ["mf_process_maxfwd_header", "foo_req", "options_reply", "sl_send_reply"]
"""What runs for an OPTIONS, in the order in which it begins."""


@attrs.frozen
class Entry:
    """One line of a record: a function of a module began to run.

    Attributes:
        pid: The process.
        module: The module.
        function: The field of the function in ``ModuleExports``, or the name of the command.
        rank: What ``init_child_f`` was given.
    """

    pid: int
    module: str
    function: str
    rank: int | None = None


def make_core(record: str | os.PathLike[str], *others: ModuleExports[Any]) -> Registry[Any]:
    """Return a registry of the modules, which write the record; *others* are loaded after them."""
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
    """Return what was noted so far."""
    lines = [line.split() for line in Path(record).read_text(encoding="ascii").splitlines()]
    return [Entry(int(pid), module, name, *map(int, rank)) for pid, module, name, *rank in lines]


def check_life(
    entries: list[Entry], ranks: Collection[int], *, requests: int, destroyed: bool, loaded: tuple[str, ...] = LOADED
) -> None:
    """Hold a record against the life that the interface lays down, as far as the host has it.

    Args:
        entries: The record.
        ranks: The rank of each process that was initialised, as often as there were any.
        requests: How many OPTIONS were answered.
        destroyed: Whether the host has a place for clean-up.
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
    for pid, noted in processes.items():
        told = [(entry.module, entry.function) for entry in noted if entry.rank is None]
        if pid in main:
            assert begin == told[: len(begin)]
            assert not end or end == told[-len(end) :]
            told = told[len(begin) : len(told) - len(end)]
        work += [function for _, function in told]
        in_child = [(entry.module, entry.rank) for entry in noted if entry.rank is not None]
        pid_ranks = [rank for name, rank in in_child if name == loaded[0]]
        initialised += pid_ranks
        assert [(name, rank) for rank in pid_ranks for name in loaded] == in_child
        assert not told or pid_ranks, f"process {pid} has worked without having been initialised"
        assert COMMANDS * (len(told) // len(COMMANDS)) == [function for _, function in told]
    assert Counter(ranks) == Counter(initialised)
    assert requests * len(COMMANDS) == len(work)


def _recorded(exports: ModuleExports[Any], record: str | os.PathLike[str]) -> ModuleExports[Any]:
    """Return the same module, each of whose functions, those that it does not have as well, is noted."""
    name = str(exports.name)
    hooks: dict[str, Callable[..., Any]] = {
        "init_f": exports.init_f or _nothing,
        "init_child_f": exports.init_child_f or _nothing,
        "destroy_f": exports.destroy_f or _nothing,
    }
    noted: dict[str, Any] = {field: _noting(function, name, field, record) for field, function in hooks.items()}
    cmds = [
        attrs.evolve(cmd, function=_noting(cmd.function, name, str(cmd.name), record)) if cmd.function else cmd
        for cmd in exports.cmds or ()
    ]
    return attrs.evolve(exports, cmds=cmds or None, **noted)


def _nothing(*_arguments: Any) -> None:
    """Be the function of a module that has none."""


def _noting(function: Callable[..., Any], module: str, name: str, record: str | os.PathLike[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def noting(*arguments: Any) -> Any:
        rank = f" {arguments[0]}" if name == "init_child_f" else ""
        # A short line that is appended at once never mixes with that of another process.
        descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(descriptor, f"{os.getpid()} {module} {name}{rank}\n".encode())
        finally:
            os.close(descriptor)
        return function(*arguments)

    return noting
