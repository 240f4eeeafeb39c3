"""The SIP messages of the server and its modules: a request with its answer, or a reply."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TypeAlias

import sipmessage

Address: TypeAlias = tuple[str, int]
"""An IPv4 address and a port."""

MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
NUMBERS = ("Max-Forwards", "Content-Length")
AT_MOST_ONE = ("From", "To", "Call-ID", "CSeq", *NUMBERS)
DEFAULT_PORT = 5060
LARGEST_PORT = 65535
LARGEST_MAX_FORWARDS = 255
LARGEST_CSEQ = 2**31 - 1

# The time of the parser grows with the square of these two.
MOST_HEADERS = 256
LONGEST_URI = 1024

_FOLD = re.compile(rb"\r\n[ \t]+")
_SPACE_BEFORE_COLON = re.compile(rb"^([^\s:]+)[ \t]+:", re.MULTILINE)
_CONTROL = re.compile(rb"[\0-\x08\x0a-\x1f\x7f]")
_LIST_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_NUMBER = re.compile("[0-9]+")
_STATUS_LINE = re.compile(rb"SIP/2\.0 [1-6][0-9][0-9] ")
_RPORT = re.compile(r";\s*rport(?:\s*=\s*\w*)?(?=\s*(?:;|$))")


class MalformedError(ValueError):
    """A datagram is not a SIP message that a server can handle."""


@dataclass(slots=True)
class SipRequest:
    """A request on its way through the request route, with its answer.

    Attributes:
        wire: The request as the parser returns it.
        vias: Its Via headers as they came, one in each item, the topmost first.
        hops: The same, parsed.
        source: The address that it came from.
        tagged: Whether its To has a tag, that is, whether it belongs to a dialog.
        answer: The answer to be sent; a command sets it, with :meth:`reply`.
        reply_headers: Names and values of headers for the answer, beside those that every answer has.
    """

    wire: sipmessage.Request
    vias: list[str]
    hops: list[sipmessage.Via]
    source: Address
    tagged: bool
    answer: sipmessage.Response | None = None
    reply_headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def method(self) -> str:
        """The method, ``OPTIONS`` for example."""
        return self.wire.method

    @property
    def headers(self) -> sipmessage.Headers:
        """Every header, as text."""
        return self.wire.headers

    @property
    def max_forwards(self) -> int | None:
        """The number of hops that the request may still make; ``None`` without such a header."""
        return self.wire.max_forwards

    @max_forwards.setter
    def max_forwards(self, value: int | None) -> None:
        self.wire.max_forwards = value

    @property
    def reply_to(self) -> Address:
        """The address for the answer (RFC 3261, section 18.2.2, and RFC 3581, section 4)."""
        top = self.hops[0]
        host, port = self.source
        return host, port if "rport" in top.parameters else top.port or DEFAULT_PORT

    def append_to_reply(self, name: str, value: str) -> None:
        """Add a header to every answer that is made from now on."""
        self.reply_headers.append((name, value))

    def reply(self, code: int, phrase: str) -> None:
        """Make the answer (RFC 3261, section 8.2.6), which replaces an earlier one; an ACK gets no answer.

        Args:
            code: The status code.
            phrase: The reason phrase.
        """
        if self.method == "ACK":
            return
        self.answer = sipmessage.Response(code, phrase)
        self.answer.headers.setlist("Via", [self._received(), *self.vias[1:]])
        self.answer.headers.set("From", self.headers["From"])
        self.answer.headers.set("To", self._tagged_to())
        self.answer.headers.set("Call-ID", self.headers["Call-ID"])
        self.answer.headers.set("CSeq", self.headers["CSeq"])
        for name, value in self.reply_headers:
            self.answer.headers.set(name, value)

    def _received(self) -> str:
        # The text is edited, since the Via of a client must come back unchanged.
        text, top = self.vias[0], self.hops[0]
        host, port = self.source
        if "rport" in top.parameters:
            text = _RPORT.sub(f";rport={port}", text, count=1)
        elif top.host == host:
            return text
        return f"{text};received={host}"

    def _tagged_to(self) -> str:
        value = self.headers["To"]
        if self.tagged:
            return value
        # A request that is sent again gets the same tag, whichever process answers it.
        seed = "\n".join((self.vias[0], self.headers["From"], self.headers["Call-ID"]))
        return f"{value};tag={hashlib.blake2s(seed.encode(), digest_size=8).hexdigest()}"


@dataclass(slots=True)
class SipReply:
    """A reply on its way back to the client.

    Attributes:
        wire: The reply as the parser returns it.
        vias: Its Via headers as they came, one in each item, the topmost first.
        hops: The same, parsed.
        source: The address that it came from.
    """

    wire: sipmessage.Response
    vias: list[str]
    hops: list[sipmessage.Via]
    source: Address

    @property
    def code(self) -> int:
        """The status code."""
        return self.wire.code

    @property
    def headers(self) -> sipmessage.Headers:
        """Every header, as text."""
        return self.wire.headers

    @property
    def sent_by(self) -> Address:
        """The address in the topmost Via: that of the server which sent the request."""
        top = self.hops[0]
        return top.host, top.port or DEFAULT_PORT

    @property
    def next_hop(self) -> Address | None:
        """The address in the Via below the topmost, to which the reply goes; ``None`` without such a Via."""
        return _destination(self.hops[1]) if len(self.hops) > 1 else None

    @property
    def agent(self) -> str | None:
        """The name of the software that sent the reply; ``None`` without such a header."""
        return self.wire.server or self.wire.user_agent


def parse(data: bytes, source: Address) -> SipRequest | SipReply:
    """Return the message in a datagram.

    Args:
        data: The datagram.
        source: The address that it came from.

    Raises:
        MalformedError: The datagram is not a SIP message, or lacks something that a server needs.
    """
    try:
        return _parse(data, source)
    except Exception as error:  # any failure of the parser is due to the datagram
        text = str(error) or type(error).__name__
        raise MalformedError(text[:100].encode("ascii", "backslashreplace").decode()) from error


def _parse(data: bytes, source: Address) -> SipRequest | SipReply:
    wire = sipmessage.Message.parse(_readable(data))
    for name in MANDATORY:
        _require(bool(wire.headers.get(name)), f"no {name}")
    for name in AT_MOST_ONE:
        _require(len(wire.headers.getlist(name)) <= 1, f"more than one {name}")
    for name in NUMBERS:
        _require(bool(_NUMBER.fullmatch(wire.headers.get(name) or "0")), f"{name} is not a number")
    _require(wire.cseq.sequence <= LARGEST_CSEQ, "CSeq out of range")
    _trim(wire)
    vias = _items(",".join(wire.headers.getlist("Via")))
    hops = [sipmessage.Via.parse(via) for via in vias]
    for hop in hops:
        _destination(hop)
    if isinstance(wire, sipmessage.Response):
        _require(bool(_STATUS_LINE.match(data)), "unknown status code")
        return SipReply(wire, vias, hops, source)
    _require(wire.cseq.method == wire.method, "CSeq is of another method")
    _require((wire.max_forwards or 0) <= LARGEST_MAX_FORWARDS, "Max-Forwards out of range")
    _require(len(wire.headers["To"]) <= LONGEST_URI, "To is too long")
    return SipRequest(wire, vias, hops, source, tagged="tag" in wire.to_address.parameters)


def _items(value: str) -> list[str]:
    """Split a header at its commas, except those in quotes."""
    items: list[str] = _LIST_ITEM.findall(value)
    _require(sum(map(len, items)) + len(items) - 1 == len(value), "Via is not a list")
    return [item.strip() for item in items]


def _destination(hop: sipmessage.Via) -> Address:
    parameters = hop.parameters
    port = int(parameters.get("rport") or (DEFAULT_PORT if hop.port is None else hop.port))
    _require(0 < port <= LARGEST_PORT, "invalid port in Via")
    return parameters.get("received") or hop.host, port


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise MalformedError(problem)


def _readable(data: bytes) -> bytes:
    """Return the same message in a form that the parser reads: without folded lines and spaces before colons."""
    head, separator, body = data.partition(b"\r\n\r\n")
    _require(len(head.partition(b"\r\n")[0]) <= LONGEST_URI, "the first line is too long")
    _require(head.count(b"\r\n") <= MOST_HEADERS, "too many headers")
    _require(not _CONTROL.search(head.replace(b"\r\n", b"")), "a control character")
    return _SPACE_BEFORE_COLON.sub(rb"\1:", _FOLD.sub(b" ", head)) + separator + body


def _trim(wire: sipmessage.Request | sipmessage.Response) -> None:
    """Remove what follows the body (RFC 3261, section 18.3); a body that is too short is malformed."""
    length = wire.content_length
    if length is None:
        return
    _require(length <= len(wire.body), "the body is shorter than Content-Length")
    wire.body = wire.body[:length]
