"""Where a module is, and what its name or the name of its file says."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

PACKAGE_FILE: Final = "__init__.py"


class Source(NamedTuple):
    """Where a module is.

    Attributes:
        dotted_name: The name by which the import system knows it; ``None`` for a file that is executed anew.
        file: The absolute path of its file, as it was found; ``None`` if it has none.
        place: The real path of the file; the dotted name if there is no file.
        attribute: The object in the module that an entry point names; empty if it names none.
    """

    dotted_name: str | None
    file: str | None
    place: str
    attribute: str = ""

    @property
    def origin(self) -> str:
        """The place, and the object that an entry point names."""
        return f"{self.place}:{self.attribute}" if self.attribute else self.place


def is_path(name: str) -> bool:
    """Return whether *name* is a path: it has a separator, or is called as a ``.py`` or a shared object is."""
    return (
        os.sep in name or bool(os.altsep and os.altsep in name) or name.endswith(".py") or _stem_of_shared(name) != name
    )


def file_module(file: str) -> str:
    """Return the name that a user expects for the module in *file*: that of the file, or of its package."""
    directory, base = os.path.split(file)
    if base == PACKAGE_FILE:
        return os.path.basename(directory)
    stem = _stem_of_shared(base)
    return os.path.splitext(base)[0] if stem == base else stem


def is_compiled(file: str) -> bool:
    """Return whether *file* is a shared object: it is called ``x.so`` or ``x.so.1.2``, or begins as an ELF file."""
    if file.endswith(".py"):
        return False
    if _stem_of_shared(file) != file:
        return True
    try:
        with open(file, "rb") as opened:
            return opened.read(4) == b"\x7fELF"
    except OSError:  # the attempt to execute it reports that
        return False


def _stem_of_shared(name: str) -> str:
    """Return the name of a shared object without ``.so`` and its version; any other name as it is."""
    stem, suffix, version = name.rpartition(".so")
    numbers = version.split(".")
    return stem if suffix and not numbers[0] and all(number.isdigit() for number in numbers[1:]) else name
