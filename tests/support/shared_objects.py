"""Writes shared objects byte by byte, for tests of malformed files and for machines without a compiler.

A shared object has variables and pointers, and whatever the system's loader needs. It has no code: its pointers lead to
functions of other libraries.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Final

import attrs
import pytest

RELOCATIONS: Final = {62: (8, 1), 183: (1027, 257)}
"""By machine: the type of a relocation to an address of its own, and of one to a symbol."""

GLOBAL: Final = 1
WEAK: Final = 2
VARIABLE: Final = 1
FUNCTION: Final = 2
ABSOLUTE: Final = 0xFFF1

_HEADER: Final = "<16sHHIQQQIHHHHHH"
_SEGMENT: Final = "<IIQQQQQQ"
_SECTION: Final = "<IIQQQQIIQQ"
_SYMBOL: Final = "<IBBHQQ"
_RELOCATION: Final = "<QQq"
_ENTRY: Final = "<qQ"
_DATA_SECTION: Final = 4


@attrs.define
class Variable:
    """A symbol that other objects see. The file may say wrong things about it.

    Attributes:
        offset: Its offset in the data.
        size: Its size.
        kind: Its type.
        section: The number of its section.
    """

    offset: int
    size: int
    kind: int = VARIABLE
    section: int = _DATA_SECTION


@attrs.define
class SharedObjectFile:
    """The content of a shared object.

    Attributes:
        data: The content of its memory.
        variables: Its symbols, by name.
        pointers: Its pointers, by their offset in the data: the offset that one leads to, or the name of a symbol of
            another object.
        needs: Further symbols of other objects, by name, with their binding.
        libraries: The libraries that it needs.
        hidden: Variables that other objects do not see, by name.
        data_section_size: The size that the file has for the section of the data; the real one by default.
        has_sections: Whether the file says where its sections are; the system's loader does not need that.
    """

    data: bytearray
    variables: dict[str, Variable] = attrs.Factory(dict[str, Variable])
    pointers: dict[int, int | str] = attrs.Factory(dict[int, int | str])
    needs: dict[str, int] = attrs.Factory(dict[str, int])
    libraries: tuple[str, ...] = ()
    hidden: dict[str, Variable] = attrs.Factory(dict[str, Variable])
    data_section_size: int | None = None
    has_sections: bool = True

    def write(self, file: Path) -> Path:
        """Write the file for this machine, and return its path."""
        file.write_bytes(self.content())
        return file

    def content(self) -> bytes:
        """Return the content of the file."""
        own = own_header()
        machine = struct.unpack_from("<H", own, 18)[0]
        relative, to_symbol = RELOCATIONS[machine]
        needed = {**{name: GLOBAL for name in self.pointers.values() if isinstance(name, str)}, **self.needs}
        strings = b"\0"
        names: dict[str, int] = {}
        for name in [*self.variables, *needed, *self.libraries, *self.hidden]:
            names[name] = len(strings)
            strings += name.encode() + b"\0"
        strings += bytes(-len(strings) % 8)

        # All parts are in one segment, whose addresses are the offsets in the file.
        order = ["", *needed, *self.variables]
        strings_at = 64 + 3 * 56
        symbols_at = strings_at + len(strings)
        hash_at = symbols_at + 24 * len(order)
        # The hash table has one bucket: each name leads to the next, and the last to none.
        table = struct.pack(f"<{max(len(order), 2) + 2}I", 1, len(order), len(order) > 1, 0, *range(2, len(order)))
        table += bytes(4)
        table += bytes(-len(table) % 8)
        relocations_at = hash_at + len(table)
        dynamic_at = relocations_at + 24 * len(self.pointers)
        entries = [(1, names[name]) for name in self.libraries]
        entries += [(4, hash_at), (5, strings_at), (6, symbols_at), (10, len(strings)), (11, 24)]
        entries += [(7, relocations_at), (8, 24 * len(self.pointers)), (9, 24), (0, 0)]
        dynamic = b"".join(struct.pack(_ENTRY, *entry) for entry in entries)
        data_at = dynamic_at + len(dynamic)
        linker_at = data_at + len(self.data)
        linker = bytes(24) + b"".join(_symbol(names[name], 0, each, data_at) for name, each in self.hidden.items())

        symbols = bytes(24)
        for name, binding in needed.items():
            symbols += struct.pack(_SYMBOL, names[name], binding << 4, 0, 0, 0, 0)
        for name, variable in self.variables.items():
            symbols += _symbol(names[name], GLOBAL, variable, data_at)
        relocations = b""
        for offset, target in self.pointers.items():
            if isinstance(target, str):
                info, addend = order.index(target) << 32 | to_symbol, 0
            else:
                info, addend = relative, data_at + target
            relocations += struct.pack(_RELOCATION, data_at + offset, info, addend)
        data_size = len(self.data) if self.data_section_size is None else self.data_section_size
        sections = [
            # kind, offset, size, the section of its strings, the size of an entry
            (0, 0, 0, 0, 0),
            (3, strings_at, len(strings), 0, 0),
            (11, symbols_at, len(symbols), 1, 24),
            (6, dynamic_at, len(dynamic), 1, 16),
            (1, data_at, data_size, 0, 0),
            (2, linker_at, len(linker), 1, 24),
        ]
        sections_at = linker_at + len(linker)
        count = len(sections) if self.has_sections else 0
        header = struct.pack(_HEADER, own[:16], 3, machine, 1, 0, 64, sections_at, 0, 64, 56, 3, 64, count, 0)
        segments = struct.pack(_SEGMENT, 1, 6, 0, 0, 0, linker_at, linker_at, 0x1000)
        segments += struct.pack(_SEGMENT, 2, 6, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 8)
        segments += struct.pack(_SEGMENT, 0x6474E551, 6, 0, 0, 0, 0, 0, 16)  # the stack must not be executable
        parts = header, segments, strings, symbols, table, relocations, dynamic, bytes(self.data), linker
        return b"".join(parts) + b"".join(
            struct.pack(_SECTION, 0, kind, 3, at, at, size, link, 0, 8, entry)
            for kind, at, size, link, entry in sections
        )


def _symbol(name: int, binding: int, variable: Variable, data_at: int) -> bytes:
    place = variable.offset if variable.section == ABSOLUTE else data_at + variable.offset
    return struct.pack(_SYMBOL, name, binding << 4 | variable.kind, 0, variable.section, place, variable.size)


def own_header() -> bytes:
    """Return the first bytes of the program that runs; skip the test if this module cannot write for the machine."""
    for program in ("/proc/self/exe", sys.executable):
        try:
            header = Path(program).read_bytes()[:64]
        except OSError:
            continue
        if header[:6] == b"\x7fELF\x02\x01" and struct.unpack_from("<H", header, 18)[0] in RELOCATIONS:
            return header
    pytest.skip("this test cannot write shared objects for this machine")
