"""Reading memory of this process that may not be there, without a fault."""

from __future__ import annotations

import ctypes
import os
from bisect import bisect_right
from typing import Final, Self

_PAGE: Final = 4096
"""Pages are of this size or a multiple of it: what lies between two multiples can be read as a whole or not at all."""
_MEMORY: Final = "/proc/self/mem"
_MAPS: Final = "/proc/self/maps"


class UnreadableError(ValueError):
    """There is nothing to be read at an address, or no end of it."""


class Memory:
    """The memory of this process, as it is read while a module's structures are followed.

    The kernel is asked for each page, since it refuses where there is none, while a look of our own would end the
    process. On Linux the page comes from a file; elsewhere it is written to a pipe, which is as quick, but what watches
    over a program's memory takes that for a use of it. What was read is kept until the memory is closed.

    Attributes:
        mappings: What each part of it may be used for.
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
        """Return what lies at an address.

        Raises:
            UnreadableError: It cannot be read, all of it or a part.
        """
        parts: list[bytes] = []
        at, end = address, address + size
        while at < end:
            start = at - at % _PAGE
            page = self._page(start)
            if page is None:
                raise UnreadableError(f"there is no memory at {at:#x}")
            parts.append(page[at - start : end - start])
            at = start + _PAGE
        return b"".join(parts)

    def string(self, address: int, limit: int) -> bytes:
        """Return the C string at an address, without its NUL.

        Raises:
            UnreadableError: It cannot be read, or there is no NUL within *limit* bytes.
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
        raise UnreadableError(f"no NUL ends it within {limit} bytes")

    def _page(self, start: int) -> bytes | None:
        if start not in self._pages:
            # The file would also give what this process itself may not read.
            self._pages[start] = self._copy(start) if self.mappings.allow("r", start) else None
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
    """What each part of this process's memory may be used for, as far as the system tells (Linux).

    Where it does not tell, everything may be used for anything.
    """

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

    def allow(self, right: str, address: int, size: int = 1) -> bool:
        """Tell whether *size* bytes at an address may be read (``r``), written to (``w``), or executed (``x``)."""
        at, end = address, address + size
        while at < end and self._parts:
            index = bisect_right(self._starts, at) - 1
            part_end, rights = self._parts[index] if index >= 0 else (0, "")
            if at >= part_end or right not in rights:
                return False
            at = part_end
        return True
