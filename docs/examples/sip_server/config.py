"""Reads the configuration file, and does what it says: loads modules, sets parameters, binds calls."""

from __future__ import annotations

import ipaddress
import os
import textwrap
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from message import LARGEST_PORT, Address

from sermod import REPLY_ROUTE, REQUEST_ROUTE, ConfigurationErrors, Registry, RestartPolicy, RouteFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sermod import Action

Table: TypeAlias = "dict[str, object]"

KEYS = {"module_path", "modules", "children", "restart", "listen", "params", "request_route", "reply_route"}

CHILDREN = 4
RESTART = {"max_restarts": 50, "within": 5.0}
"""The default: children that die now and then are restarted; if they keep dying, the server ends."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One call in a route.

    Attributes:
        call: The call.
        or_else: The calls that are made where the first is false; then the route ends.
    """

    call: Action[Any]
    or_else: tuple[Action[Any], ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration of a server, ready to be initialised.

    Attributes:
        core: The modules, with their parameters set.
        children: The number of children; 0: nothing is forked.
        restart: How often children that died are restarted; ``None``: never.
        listen: The address to listen on.
        request_route: The statements for each request.
        reply_route: The statements for each reply.
    """

    core: Registry[Any]
    children: int
    restart: RestartPolicy | None
    listen: Address
    request_route: tuple[Statement, ...]
    reply_route: tuple[Statement, ...]


class ConfigurationError(Exception):
    """All errors of a configuration file, in one message.

    Args:
        file: The file.
        problems: A text for each error.
    """

    def __init__(self, file: Path, problems: Sequence[str]) -> None:
        errors = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        lines = [textwrap.indent(problem, "    ").replace("    ", "  - ", 1) for problem in problems]
        super().__init__("\n".join([f"{file}: {errors}", *lines]))


def configure(file: Path) -> Configuration:
    """Read a configuration file, and do what it says. No module is initialised yet.

    Raises:
        ConfigurationError: The file has errors; the message has all of them.
    """
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(file, [str(error)]) from error
    reader = _Reader(file, text, document)
    try:
        configuration = reader.configuration()
    except ConfigurationErrors as errors:
        notes: list[str] = getattr(errors, "__notes__", [])
        raise ConfigurationError(file, [*reader.problems, *map(str, errors.exceptions), *notes]) from None
    if reader.problems:
        raise ConfigurationError(file, reader.problems)
    return configuration


class _Reader:
    """Reads the file from top to bottom; `problems` are the errors that the registry does not find."""

    def __init__(self, file: Path, text: str, document: Table) -> None:
        self._file = file
        self._lines = ["".join(line.partition("#")[0].split()) for line in text.splitlines()]
        self._document = document
        self.problems = [
            f"unknown key {key!r}; the keys are {', '.join(sorted(KEYS))}" for key in document if key not in KEYS
        ]

    def configuration(self) -> Configuration:
        children, restart, listen = self._children(), self._restart(), self._listen()
        path = self._strings("module_path", self._document.get("module_path", []))
        core: Registry[Any] = Registry(path=[self._file.parent / directory for directory in path])
        with core.collect_errors():
            for module in self._strings("modules", self._document.get("modules", [])):
                what = str(self._file.parent / module) if os.sep in module else module
                core.load(what, where=f"{self._file.name}:modules")
            for module, params in self._table("params", self._document.get("params", {})).items():
                for name, value in self._table(f"params.{module}", params).items():
                    core.set_param(module, name, cast("Any", value), where=f"{self._file.name}:params.{module}")
            request_route = tuple(self._route(core, "request_route", REQUEST_ROUTE))
            reply_route = tuple(self._route(core, "reply_route", REPLY_ROUTE))
            core.check()
        return Configuration(core, children, restart, listen, request_route, reply_route)

    def _children(self) -> int:
        children = self._document.get("children", CHILDREN)
        if isinstance(children, int) and not isinstance(children, bool) and children >= 0:
            return children
        self.problems.append(f"children: must be a number, 0 or more (got {children!r})")
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
            self.problems.append(f"listen.host: must be an IPv4 address, in quotes (got {host!r})")
        if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= LARGEST_PORT:
            self.problems.append(f"listen.port: must be a number from 0 to {LARGEST_PORT} (got {port!r})")
        return cast("Address", (host, port))

    def _route(self, core: Registry[Any], key: str, route: RouteFlag) -> Iterable[Statement]:
        entries = self._list(key, self._document.get(key, []))
        numbers = [self._line_of_call(number) for number, line in enumerate(self._lines) if line == f"[[{key}]]"]
        for index, entry in enumerate(entries):
            # A route that is not written as tables has the index of the call in place of its line.
            has_lines = len(numbers) == len(entries)
            place = f"{self._file.name}:{numbers[index] if has_lines else f'{key}[{index}]'}"
            table = self._table(place, entry)
            if unknown := table.keys() - {"call", "or_else"}:
                self.problems.append(f"{place}: the keys are call and or_else (got {', '.join(unknown)})")
            calls = [table.get("call", []), *self._list(place, table.get("or_else", []))]
            actions = [
                core.bind(*call, route=route, where=place)
                for call in (self._call(place, value) for value in calls)
                if call
            ]
            if actions:
                yield Statement(actions[0], tuple(actions[1:]))

    def _line_of_call(self, header: int) -> int:
        """Return the line, from 1, of the call in the table at the index *header*, or else the line of the table."""
        for number in range(header + 1, len(self._lines)):
            if self._lines[number].startswith("call="):
                return number + 1
            if self._lines[number].startswith("["):
                break
        return header + 1

    def _call(self, place: str, value: object) -> list[str]:
        call = self._strings(place, value)
        if value == []:
            self.problems.append(f"{place}: a call must have the name of a command, then its parameters")
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
