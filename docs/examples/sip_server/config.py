"""What the configuration file says, and what becomes of it: loaded modules, set parameters, bound calls."""

from __future__ import annotations

import ipaddress
import os
import textwrap
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from message import LARGEST_PORT, Address

from sermod import REPLY_ROUTE, REQUEST_ROUTE, Registry, RestartPolicy, RouteFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sermod import Action

Table: TypeAlias = "dict[str, object]"

KEYS = {"module_path", "modules", "children", "restart", "listen", "params", "request_route", "reply_route"}

CHILDREN = 4
RESTART = {"max_restarts": 50, "within": 5.0}
"""Children that die now and then are restarted; a server whose children die at once ends."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One call in a route.

    Attributes:
        call: The call.
        or_else: What is called instead where it is false; then the route ends.
    """

    call: Action[Any]
    or_else: tuple[Action[Any], ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A server that is ready to be initialised.

    Attributes:
        core: The modules, with their parameters set.
        children: How many children are forked; 0 for none.
        restart: How often children that died are restarted; ``None`` for never.
        listen: The address to listen on.
        request_route: What is run for each request.
        reply_route: What is run for each reply.
    """

    core: Registry[Any]
    children: int
    restart: RestartPolicy | None
    listen: Address
    request_route: tuple[Statement, ...]
    reply_route: tuple[Statement, ...]


class ConfigurationError(Exception):
    """Everything that is wrong with a configuration file, one below the other."""

    def __init__(self, file: Path, problems: Sequence[str]) -> None:
        errors = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        lines = [textwrap.indent(problem, "    ").replace("    ", "  - ", 1) for problem in problems]
        super().__init__("\n".join([f"{file}: {errors}", *lines]))


def configure(file: Path) -> Configuration:
    """Read a configuration file, and do what it says. Nothing is initialised yet.

    Raises:
        ConfigurationError: Something is wrong with it; everything that is, is told at once.
    """
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(file, [str(error)]) from error
    reader = _Reader(file, text, document)
    try:
        configuration = reader.configuration()
    except ExceptionGroup as group:
        raise ConfigurationError(file, [*reader.problems, *map(str, group.exceptions)]) from None
    if reader.problems:
        raise ConfigurationError(file, reader.problems)
    return configuration


class _Reader:
    """Goes through the file from top to bottom; `problems` are those that the core cannot know of."""

    def __init__(self, file: Path, text: str, document: Table) -> None:
        self._file = file
        self._lines = ["".join(line.partition("#")[0].split()) for line in text.splitlines()]
        self._document = document
        self.problems = [
            f"there is no {key!r}; there are: {', '.join(sorted(KEYS))}" for key in document if key not in KEYS
        ]

    def configuration(self) -> Configuration:
        children, restart, listen = self._children(), self._restart(), self._listen()
        path = self._strings("module_path", self._document.get("module_path", []))
        core: Registry[Any] = Registry(path=[self._file.parent / directory for directory in path])
        with core.collect_errors():
            for module in self._strings("modules", self._document.get("modules", [])):
                core.load(str(self._file.parent / module) if os.sep in module else module)
            for module, params in self._table("params", self._document.get("params", {})).items():
                for name, value in self._table(f"params.{module}", params).items():
                    core.set_param(module, name, cast("Any", value))
            request_route = tuple(self._route(core, "request_route", REQUEST_ROUTE))
            reply_route = tuple(self._route(core, "reply_route", REPLY_ROUTE))
        return Configuration(core, children, restart, listen, request_route, reply_route)

    def _children(self) -> int:
        children = self._document.get("children", CHILDREN)
        if isinstance(children, int) and not isinstance(children, bool) and children >= 0:
            return children
        self.problems.append(f"children: how many to fork, 0 for none (got {children!r})")
        return CHILDREN

    def _restart(self) -> RestartPolicy | None:
        value = self._document.get("restart", {})
        if value is False:
            return None
        try:
            return RestartPolicy(**cast("dict[str, Any]", RESTART | self._table("restart", value)))
        except (TypeError, ValueError) as error:
            self.problems.append(f"restart: {error}")
        return None

    def _listen(self) -> Address:
        table = self._table("listen", self._document.get("listen", {}))
        host, port = table.get("host", "127.0.0.1"), table.get("port", 5060)
        try:
            ipaddress.IPv4Address(host if isinstance(host, str) else "")
        except ValueError:
            self.problems.append(f"listen.host: an IPv4 address, in quotes (got {host!r})")
        if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= LARGEST_PORT:
            self.problems.append(f"listen.port: a number from 0 to {LARGEST_PORT} (got {port!r})")
        return cast("Address", (host, port))

    def _route(self, core: Registry[Any], key: str, route: RouteFlag) -> Iterable[Statement]:
        entries = self._list(key, self._document.get(key, []))
        numbers = [self._call_in(number) for number, line in enumerate(self._lines) if line == f"[[{key}]]"]
        for index, entry in enumerate(entries):
            # Written in another way than as tables, the calls are counted.
            exact = len(numbers) == len(entries)
            place = f"{self._file.name}:{numbers[index] if exact else f'{key}[{index}]'}"
            table = self._table(place, entry)
            if unknown := table.keys() - {"call", "or_else"}:
                self.problems.append(f"{place}: takes call and or_else (got {', '.join(unknown)})")
            calls = [table.get("call", []), *self._list(place, table.get("or_else", []))]
            actions = [
                core.bind(*call, route=route, where=place)
                for call in (self._call(place, value) for value in calls)
                if call
            ]
            if actions:
                yield Statement(actions[0], tuple(actions[1:]))

    def _call_in(self, header: int) -> int:
        """Return the line, counted from 1, in which a table that begins at *header* has its call; else the table's."""
        for number in range(header + 1, len(self._lines)):
            if self._lines[number].startswith("call="):
                return number + 1
            if self._lines[number].startswith("["):
                break
        return header + 1

    def _call(self, place: str, value: object) -> list[str]:
        call = self._strings(place, value)
        if value == []:
            self.problems.append(f"{place}: a call is a command's name and its parameters")
        return call

    def _table(self, place: str, value: object) -> Table:
        if isinstance(value, dict):
            return cast("Table", value)
        self.problems.append(f"{place}: must be a table (got {value!r})")
        return {}

    def _list(self, place: str, value: object) -> list[object]:
        if isinstance(value, list):
            return cast("list[object]", value)
        self.problems.append(f"{place}: must be a list (got {value!r})")
        return []

    def _strings(self, place: str, value: object) -> list[str]:
        items = self._list(place, value)
        if all(isinstance(item, str) for item in items):
            return cast("list[str]", items)
        self.problems.append(f"{place}: must be a list of strings, in quotes (got {items!r})")
        return []
