"""Objects of authors that raise where a message needs their text."""

from __future__ import annotations


class Unprintable:
    """An object whose ``repr`` raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class UnprintableError(Exception):
    """An exception whose text and ``repr`` raise."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__
