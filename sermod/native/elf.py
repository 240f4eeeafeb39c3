"""Reads shared objects before they are opened: ELF, the file format of Linux, the BSDs and Solaris."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs

from sermod._problems import counted

_MAGIC: Final = b"\x7fELF"
_CLASSES: Final = {1: 32, 2: 64}
_BYTE_ORDERS: Final = {1: "<", 2: ">"}
_MACHINES: Final = {
    3: "x86, 32 bits",
    8: "MIPS",
    20: "PowerPC, 32 bits",
    21: "PowerPC, 64 bits",
    22: "S/390",
    40: "ARM, 32 bits",
    62: "x86-64",
    183: "AArch64",
    243: "RISC-V",
    258: "LoongArch",
}
_TYPES: Final = {
    1: "an object file: link it, with cc -shared",
    2: "a program: build it with cc -shared -fPIC",
    4: "a core dump",
}
_SHARED_OBJECT: Final = 3
_PROGRAMS: Final = ("/proc/self/exe", sys.executable)
"""The paths of the program that runs, on Linux and elsewhere."""

_LOAD: Final = 1
_DYNAMIC: Final = 6
_SYMBOLS_OF_LINKER: Final = 2
_SYMBOLS: Final = 11
_NEEDED: Final = 1
_UNDEFINED: Final = 0
_RESERVED: Final = 0xFF00
_GLOBAL: Final = 1
_KINDS_OF_DATA: Final = (0, 1, 5)
_KINDS: Final = {2: "a function", 6: "a thread-local variable", 10: "a function"}


@attrs.frozen
class _Layout:
    """A kind of record in the file.

    Attributes:
        codes: The types of its fields, as format characters of :mod:`struct`.
        names: The names of its fields, in the same order.
    """

    codes: str
    names: _Names

    def at(self, data: bytes, offset: int) -> dict[str, Any]:
        return dict(zip(self.names, struct.unpack_from(f"={self.codes}", data, offset), strict=True))


_Names = tuple[str, ...]
_HEADER: Final[_Names] = (
    *("type", "machine", "version", "entry", "segments", "sections", "flags", "size"),
    *("segment_size", "segment_count", "section_size", "section_count", "names"),
)
_SECTION: Final[_Names] = (
    *("name", "kind", "flags", "address", "offset", "size", "link", "info", "align", "entry_size"),
)
_SEGMENT_32: Final[_Names] = ("kind", "offset", "address", "physical", "file_size", "size", "flags", "align")
_SEGMENT_64: Final[_Names] = ("kind", "flags", "offset", "address", "physical", "file_size", "size", "align")
_SYMBOL_32: Final[_Names] = ("name", "value", "size", "info", "other", "section")
_SYMBOL_64: Final[_Names] = ("name", "info", "other", "section", "value", "size")
_LAYOUTS: Final = {
    32: {
        "header": _Layout("HHIIIIIHHHHHH", _HEADER),
        "segment": _Layout("IIIIIIII", _SEGMENT_32),
        "section": _Layout("IIIIIIIIII", _SECTION),
        "symbol": _Layout("IIIBBH", _SYMBOL_32),
        "entry": _Layout("iI", ("tag", "value")),
    },
    64: {
        "header": _Layout("HHIQQQIHHHHHH", _HEADER),
        "segment": _Layout("IIQQQQQQ", _SEGMENT_64),
        "section": _Layout("IIQQQQIIQQ", _SECTION),
        "symbol": _Layout("IBBHQQ", _SYMBOL_64),
        "entry": _Layout("qQ", ("tag", "value")),
    },
}
"""The records, by the bits of the machine and by kind."""


@attrs.frozen
class Symbol:
    """A symbol of a shared object.

    Attributes:
        name: Its name.
        address: Its address, relative to the start of the object in memory.
        size: Its size in bytes; 0 if the file does not say it.
        section: The number of its section.
        is_global: Whether it is global; a weak symbol is not.
        kind: Its type, a number of the format.
    """

    name: str
    address: int
    size: int
    section: int
    is_global: bool
    kind: int

    @property
    def is_defined(self) -> bool:
        """Whether this object defines it; if not, another object must."""
        return self.section != _UNDEFINED


def read(data: bytes) -> SharedObject | None:
    """Read a file; return ``None`` if shared objects have another format on this system.

    Args:
        data: The content of the file.

    Raises:
        ValueError: It is not a shared object for this machine. The message says what it is, and has no subject: ``"is
            damaged"``.
    """
    own = header_of_this_process()
    if own is None:
        return None
    _check_kind(data, own)
    try:
        return SharedObject(data)
    except (struct.error, IndexError) as error:
        raise ValueError(f"is damaged ({error}): build it again") from error


class SharedObject:
    """A shared object for this machine.

    Args:
        data: The content of the file.

    Attributes:
        segments: The records of its segments.
        sections: The records of its sections; empty if the file does not say where they are.
        symbols: The symbols that it defines for other objects, and those that it needs.
        needed: The names of the libraries that it needs.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._layouts = _LAYOUTS[_CLASSES[data[4]]]
        header = self._layouts["header"].at(data, 16)
        self.segments: list[dict[str, Any]] = [
            *self._table("segment", header["segments"], header["segment_size"], header["segment_count"])
        ]
        for segment in self.segments:
            if segment["kind"] == _LOAD and segment["offset"] + segment["file_size"] > len(self._data):
                raise ValueError("is cut short: build it again, or copy all of it")
        self.sections: list[dict[str, Any]] = [
            *self._table("section", header["sections"], header["section_size"], header["section_count"])
        ]
        self.symbols: list[Symbol] = [*self._symbols(_SYMBOLS)]
        self.needed: list[str] = [*self._needed()]

    def _table(self, kind: str, offset: int, size: int, count: int) -> Iterator[dict[str, Any]]:
        for index in range(count):
            yield self._layouts[kind].at(self._data, offset + index * size)

    def _entries(self, kind: str, section: dict[str, Any]) -> Iterator[dict[str, Any]]:
        size = section["entry_size"]
        if not size:
            raise IndexError("a table has entries of size 0")
        return self._table(kind, section["offset"], size, section["size"] // size)

    def _symbols(self, wanted: int) -> Iterator[Symbol]:
        for section in self.sections:
            if section["kind"] == wanted:
                for found in self._entries("symbol", section):
                    name = self._string(section["link"], found["name"])
                    kind, binding = found["info"] & 15, found["info"] >> 4
                    yield Symbol(name, found["value"], found["size"], found["section"], binding == _GLOBAL, kind)

    def _needed(self) -> Iterator[str]:
        for section in self.sections:
            if section["kind"] == _DYNAMIC:
                for entry in self._entries("entry", section):
                    if entry["tag"] == _NEEDED:
                        yield self._string(section["link"], entry["value"])

    def _string(self, section: int, offset: int) -> str:
        start = self.sections[section]["offset"] + offset
        end = self._data.find(b"\0", start)
        if end < 0:
            raise IndexError("a name has no NUL")
        return self._data[start:end].decode("utf-8", "surrogateescape")

    def undefined(self) -> list[str]:
        """Return the names of the symbols that other objects must define."""
        return [symbol.name for symbol in self.symbols if symbol.name and symbol.is_global and not symbol.is_defined]

    def check_variable(self, name: str, size: int) -> str | None:
        """Return what is wrong with a variable of *size* bytes that other objects need; ``None`` if nothing is.

        The text has no subject: ``"has no variable 'exports'"``.
        """
        if not self.sections:
            return None
        found = next((symbol for symbol in self.symbols if symbol.name == name and symbol.is_defined), None)
        if found is None:
            is_hidden = any(symbol.name == name and symbol.is_defined for symbol in self._symbols(_SYMBOLS_OF_LINKER))
            why = " that other objects see: it is static, or built with -fvisibility=hidden" if is_hidden else ""
            return f"has no variable {name!r}{why}"
        if found.kind not in _KINDS_OF_DATA:
            return f"has no variable {name!r} but {_KINDS.get(found.kind, 'another symbol')} of that name"
        if 0 < found.size < size:
            return f"has a variable {name!r} of {counted(found.size, 'byte')}, but it must have {size}"
        return self._check_place(found, size)

    def _check_place(self, found: Symbol, size: int) -> str | None:
        end = found.address + size
        loaded = (segment for segment in self.segments if segment["kind"] == _LOAD)
        if found.section >= _RESERVED or not any(
            segment["address"] <= found.address and end <= segment["address"] + segment["size"] for segment in loaded
        ):
            return f"has a variable {found.name!r} at {found.address:#x}, where no part of the file is loaded"
        section = self.sections[found.section]
        if not section["address"] <= found.address <= end <= section["address"] + section["size"]:
            left = max(section["address"] + section["size"] - found.address, 0)
            room = counted(left, "byte")
            return f"has a variable {found.name!r} with {room} left in its section, but it must have {size}"
        return None

    def size_of(self, name: str) -> int:
        """Return the size of a variable in bytes; 0 if the file does not say it."""
        return next((symbol.size for symbol in self.symbols if symbol.name == name), 0)


@cache
def header_of_this_process() -> bytes | None:
    """Return the first bytes of the program that runs; ``None`` if this system has another format."""
    for program in _PROGRAMS:
        try:
            with Path(program).open("rb") as file:
                header = file.read(20)
        except OSError:
            continue
        if header.startswith(_MAGIC):
            return header
    return None


def _check_kind(data: bytes, own: bytes) -> None:
    if not data.startswith(_MAGIC):
        raise ValueError(f"is not a shared object (it begins with {data[:8]!r}): build one with cc -shared -fPIC")
    theirs, ours = _machine(data), _machine(own)
    if theirs != ours:
        raise ValueError(f"is for another machine ({theirs}; this process is {ours}): build it for this one")
    kind = struct.unpack_from("=H", data, 16)[0]
    if kind != _SHARED_OBJECT:
        raise ValueError(f"is not a shared object but {_TYPES.get(kind, f'of type {kind}')}")


def _machine(header: bytes) -> str:
    order = _BYTE_ORDERS.get(header[5]) if len(header) >= 20 else None  # noqa: PLR2004 - the part that is read
    if order is None:
        return "damaged"
    number: int = struct.unpack_from(f"{order}H", header, 18)[0]
    name = _MACHINES.get(number, f"machine {number}")
    return f"{name}, ELF of {_CLASSES.get(header[4], '?')} bits, {'little' if order == '<' else 'big'}-endian"
