"""The entry points of one group, also where the metadata of some distributions cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, entry_points

import attrs

from sermod._problems import text_of


@attrs.frozen
class EntryPoints:
    """The entry points of one group.

    Attributes:
        values: What is offered under each name: references such as ``"package.module:object"``.
        unreadable: The distributions whose metadata cannot be read, each with the reason.
    """

    values: dict[str, set[str]] = attrs.Factory(dict[str, set[str]])
    unreadable: list[str] = attrs.Factory(list[str])

    def add(self, name: str, value: str) -> None:
        """Add what a distribution offers."""
        self.values.setdefault(name, set()).add(value)


def read_entry_points(group: str) -> EntryPoints:
    """Return the entry points of all installed distributions in one group.

    Args:
        group: The name of the group.
    """
    found = EntryPoints()
    try:
        for point in entry_points(group=group):
            found.add(point.name, point.value)
    except Exception:  # noqa: BLE001 - one malformed distribution, which may be an unrelated one, makes it raise anything
        return _read_each(group)
    return found


def _read_each(group: str) -> EntryPoints:
    """Read the distributions one by one, so that a malformed one does not hide the others."""
    found = EntryPoints()
    known: set[str] = set()
    for distribution in distributions():
        name = _name(distribution)
        if name in known:  # hidden by the one of its name that comes first on sys.path
            continue
        known.add(name)
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except Exception as error:  # noqa: BLE001 - it may be anything
            found.unreadable.append(f"{_place(distribution)} ({type(error).__name__}: {text_of(error)})")
            continue
        for line in _lines(text, group):
            point, separator, value = line.partition("=")
            if separator:
                found.add(point.strip(), value.strip())
            else:
                found.unreadable.append(f"{_place(distribution)} (the line {line!r} of entry_points.txt has no '=')")
    return found


def _name(distribution: Distribution) -> str:
    try:
        return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
    except Exception:  # noqa: BLE001 - there may be no metadata, or none that can be read
        return _place(distribution)


def _lines(text: str, group: str) -> Iterator[str]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == group and line and not line.startswith("#"):
            yield line


def _place(distribution: Distribution) -> str:
    # Its own name may be what cannot be read; where it is has no public attribute.
    return str(getattr(distribution, "_path", None) or distribution.locate_file(""))
