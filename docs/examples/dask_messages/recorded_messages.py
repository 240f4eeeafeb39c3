"""A file of recorded SIP messages, which is read in parts. The same seed makes the same file."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LENGTH = struct.Struct(">I")  # stands before each message

METHODS = {"OPTIONS": 70, "INVITE": 10, "REGISTER": 8, "MESSAGE": 7, "ACK": 5}
"""Each method, with its share."""
MAX_FORWARDS = {"70": 60, "10": 15, "1": 5, "0": 10, "": 10}
"""Each value, with its share; an empty one: a request without the header."""
MALFORMED = 0.04
"""The share of messages that are malformed."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some messages of a file, one after the other.

    Attributes:
        file: The file.
        start: The offset of the first message.
        messages: The number of messages.
    """

    file: str
    start: int
    messages: int


def write_messages(file: Path, count: int, seed: int = 1) -> None:
    """Write that many messages, which depend on the seed alone."""
    chance = random.Random(seed)  # noqa: S311 - it must be the same each time
    with file.open("wb") as stream:
        for number in range(count):
            data = _message(number, chance)
            stream.write(_LENGTH.pack(len(data)) + data)


def parts_of(file: Path, messages: int) -> list[Part]:
    """Divide a file into parts of that many messages; the last may have fewer."""
    parts: list[Part] = []
    start = count = 0
    with file.open("rb") as stream:
        while head := stream.read(_LENGTH.size):
            stream.seek(_LENGTH.unpack(head)[0], 1)
            count += 1
            if count == messages:
                parts.append(Part(str(file), start, count))
                start, count = stream.tell(), 0
    return [*parts, Part(str(file), start, count)] if count else parts


def read_messages(part: Part) -> Iterator[bytes]:
    """Yield the messages of a part."""
    with Path(part.file).open("rb") as stream:
        stream.seek(part.start)
        for _ in range(part.messages):
            yield stream.read(_LENGTH.unpack(stream.read(_LENGTH.size))[0])


def _message(number: int, chance: random.Random) -> bytes:
    method = _one_of(METHODS, chance)
    hops = _one_of(MAX_FORWARDS, chance)
    lines = [
        f"{method} sip:test@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK-{number}",
        *([f"Max-Forwards: {hops}"] if hops else []),
        "From: <sip:client@127.0.0.1>;tag=1",
        "To: <sip:test@127.0.0.1>",
        f"Call-ID: {number}@127.0.0.1",
        f"CSeq: {number + 1} {method}",
        "Content-Length: 0",
    ]
    if chance.random() < MALFORMED:
        lines = chance.choice(
            [
                lines[1:],  # no first line
                [lines[0], *lines[2:]],  # no Via
                [*lines, "CSeq: 1 BYE"],  # a second CSeq
                [*lines[:-1], "Content-Length: 9"],  # longer than the body
                [*lines, "Subject: \0"],  # a control character
            ]
        )
    return "\r\n".join([*lines, "", ""]).encode()


def _one_of(weights: dict[str, int], chance: random.Random) -> str:
    return chance.choices([*weights], [*weights.values()])[0]
