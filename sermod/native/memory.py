"""Memory of this process, read without a crash where there is none."""

from __future__ import annotations

import ctypes
import os
from bisect import bisect_right
from typing import Final, Self

from sermod._problems import counted
from sermod.errors import SermodError

_PAGE: Final = 4096
"""The size of a page, or a part of it: memory between two multiples can be read completely or not at all."""
_MEMORY: Final = "/proc/self/mem"
_MAPS: Final = "/proc/self/maps"


class UnreadableError(SermodError, ValueError):
    """Memory of a compiled module cannot be read, or a string in it has no end.

    Attributes:
        address: The address that cannot be read, or at which the string begins.
    """

    __module__ = "sermod.native"

    def __init__(self, message: str, *, address: int) -> None:
        super().__init__(message)
        self.address = address


class Memory:
    """Reads memory of this process, while the structures of a module are followed.

    The kernel copies each page: for a bad address it returns an error, while a direct access would end the process. On
    Linux the page comes from ``/proc/self/mem``. Elsewhere it is written to a pipe and read back; that takes as long,
    but memory checkers report it as a use of the memory. Pages are kept until the object is closed.

    Attributes:
        mappings: The access rights of this memory.
    """

    def __init__(self) -> None:
        self.mappings: Mappings = Mappings()
        self._pages: dict[int, bytes | None] = {}
        self._descriptors: tuple[int, ...]
        try:
            self._descriptors = (os.open(_MEMORY, os.O_RDONLY),)
            self._copy = self._copy_from_file
        except OSError:
            self._descriptors = os.pipe()
            self._copy = self._copy_through_pipe

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)

    def read(self, address: int, size: int) -> bytes:
        """Return *size* bytes from an address on.

        Raises:
            UnreadableError: Some of them cannot be read.
        """
        parts: list[bytes] = []
        at, end = address, address + size
        while at < end:
            start = at - at % _PAGE
            page = self._page(start)
            if page is None:
                raise UnreadableError(f"there is no memory at {at:#x}", address=at)
            parts.append(page[at - start : end - start])
            at = start + _PAGE
        return b"".join(parts)

    def read_string(self, address: int, limit: int) -> bytes:
        """Return the C string at an address, without its NUL.

        Raises:
            UnreadableError: It cannot be read, or it has more than *limit* bytes.
        """
        found = b""
        at = address
        while len(found) <= limit:
            more = self.read(at, _PAGE - at % _PAGE)
            before, nul, _ = more.partition(b"\0")
            found += before
            if nul and len(found) <= limit:
                return found
            at += len(more)
        raise UnreadableError(f"it has no NUL within {counted(limit, 'byte')}", address=address)

    def _page(self, start: int) -> bytes | None:
        if start not in self._pages:
            # The rights are checked first: the file also has pages that this process itself may not read.
            self._pages[start] = self._copy(start) if self.mappings.allows("r", start) else None
        return self._pages[start]

    def _copy_from_file(self, start: int) -> bytes | None:
        try:
            page = os.pread(self._descriptors[0], _PAGE, start)
        except (OSError, OverflowError):
            return None
        return page if len(page) == _PAGE else None

    def _copy_through_pipe(self, start: int) -> bytes | None:
        try:
            os.write(self._descriptors[1], (ctypes.c_char * _PAGE).from_address(start))
        except OSError:
            return None
        return os.read(self._descriptors[0], _PAGE)


class Mappings:
    """The access rights of each part of this process's memory (Linux). On other systems they allow everything."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._parts: list[tuple[int, str]] = []
        try:
            with open(_MAPS, encoding="ascii", errors="replace") as lines:  # noqa: PTH123 - no path of a user's
                for line in lines:
                    place, rights, _ = line.split(" ", 2)
                    start, _, end = place.partition("-")
                    self._starts.append(int(start, 16))
                    self._parts.append((int(end, 16), rights))
        except OSError:
            pass

    def allows(self, right: str, address: int, size: int = 1) -> bool:
        """Return whether *size* bytes from an address on may be read (``r``), written (``w``) or executed (``x``)."""
        at, end = address, address + size
        while at < end and self._parts:
            index = bisect_right(self._starts, at) - 1
            part_end, rights = self._parts[index] if index >= 0 else (0, "")
            if at >= part_end or right not in rights:
                return False
            at = part_end
        return True
