"""Octets that are not a SIP message, of the kinds in RFC 4475 and of others, sent to four children with one socket."""

from __future__ import annotations

import random

import pytest
from example_server import message, options


def without(name: str) -> bytes:
    """Return a good OPTIONS without one of its headers."""
    headers = ["Via: SIP/2.0/UDP 127.0.0.1", "To: <sip:a@b>", "From: <sip:a@b>;tag=1", "Call-ID: 1", "CSeq: 1 OPTIONS"]
    kept = [header for header in headers if not header.startswith(f"{name}:")]
    assert len(kept) == len(headers) - 1
    return message("OPTIONS sip:a@b SIP/2.0", *kept, common=False)


def wrong(header: str) -> bytes:
    """Return an OPTIONS with one bad header."""
    name = header.partition(":")[0]
    if name in ("Via", "To", "From", "Call-ID", "CSeq"):
        return without(name).replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode())
    return without("Via").replace(b"\r\n\r\n", f"\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n{header}\r\n\r\n".encode())


LARGEST = 65507
"""The most octets that fit into a UDP datagram over IPv4."""

MALFORMED = {
    "NULs": b"\0\0\0\0",
    "spaces": b"    ",
    "a word": b"hello",
    "another protocol": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a line alone": b"OPTIONS sip:a@b SIP/2.0\r\n",
    "no headers": b"OPTIONS sip:a@b SIP/2.0\r\n\r\n",
    "another version": without("Via").replace(b"SIP/2.0", b"SIP/7.0", 1),
    "no version": b"OPTIONS sip:a@b\r\n\r\n",
    "two spaces": without("Via").replace(b" sip:a@b ", b"  sip:a@b  "),
    "a space at the end of the line": without("Via").replace(b"SIP/2.0", b"SIP/2.0 ", 1),
    "no method": without("Via").replace(b"OPTIONS", b"", 1),
    "a method that is no token": wrong("CSeq: 1 OPT(IONS").replace(b"OPTIONS", b"OPT(IONS", 1),
    "a scheme that nobody knows": without("Via").replace(b"sip:a@b S", b"nobody.knows.this:opaque S"),
    "headers in the URI": wrong("Via: SIP/2.0/UDP a").replace(b"sip:a@b S", b"sip:a@b?Route=%3Csip:a%3E S"),
    "spaces in the URI": wrong("Via: SIP/2.0/UDP a").replace(b"sip:a@b SIP", b"sip:a@b; lr SIP"),
    "the URI in brackets": wrong("Via: SIP/2.0/UDP a").replace(b"sip:a@b SIP", b"<sip:a@b> SIP"),
    "line ends of Unix": without("Via").replace(b"\r\n", b"\n"),
    "no colon": wrong("Nothing"),
    "an empty name": wrong(": nothing").replace(b"Via: S", b"Vi: S"),
    "cut off": wrong("Via: SIP/2.0/UDP 127.0.0.1")[:-20],
    "no Via": without("Via"),
    "no To": without("To"),
    "no From": without("From"),
    "no Call-ID": without("Call-ID"),
    "no CSeq": without("CSeq"),
    "an empty To": wrong("To:"),
    "To is no address": wrong("To: <<<"),
    "To without its end": wrong('To: "a <sip:a@b>'),
    "To with spaces around its URI": wrong('To: "a, b" < sip:a@b >'),
    "To with a name that is to be quoted": wrong("To: a, b <sip:a@b>"),
    "a second To": wrong("To: <sip:a@b>").replace(b"\r\n\r\n", b"\r\nt: <sip:c@d>\r\n\r\n"),
    "To, far too long": wrong(f"To: <tel:{'1' * 40000}!>"),
    "CSeq is not a number": wrong("CSeq: one OPTIONS"),
    "CSeq of an absurd number": wrong(f"CSeq: {'9' * 5000} OPTIONS"),
    "CSeq out of range": wrong("CSeq: 36893488147419103232 OPTIONS"),
    "CSeq is negative": wrong("CSeq: -1 OPTIONS"),
    "CSeq of another method": wrong("CSeq: 1 INVITE"),
    "Via is none": wrong("Via: nothing"),
    "Via has an absurd port": wrong("Via: SIP/2.0/UDP 127.0.0.1:99999"),
    "Via has port 0": wrong("Via: SIP/2.0/UDP 127.0.0.1:0"),
    "Via has an absurd rport": wrong("Via: SIP/2.0/UDP 127.0.0.1;rport=many"),
    "Via has a parameter of a treacherous name": wrong("Via: SIP/2.0/UDP 127.0.0.1;self=1"),
    "Via has empty parameters and items": wrong("Via: SIP/2.0/UDP 192.0.2.15;;,;,,"),
    "Via lacks its end": wrong('Via: SIP/2.0/UDP 127.0.0.1;a="b'),
    "Max-Forwards is not a number": wrong("Max-Forwards: many"),
    "Max-Forwards has digits of another script": wrong("Max-Forwards: \u0663"),
    "Max-Forwards is negative": wrong("Max-Forwards: -1"),
    "Max-Forwards is absurd": wrong("Max-Forwards: 300"),
    "Content-Length is not a number": wrong("Content-Length: long"),
    "Content-Length is negative": wrong("Content-Length: -1"),
    "Content-Length, twice": wrong("Content-Length: 13\r\nContent-Length: 5") + b"which of these",
    "the body is cut": wrong("Content-Length: 9999") + b"the beginning",
    "a NUL in a header": wrong("Subject: a\0b"),
    "a bare line feed in a header": wrong("Subject: a\nVia: b"),
    "no UTF-8": wrong("Subject: x").replace(b"x\r\n", b"\xff\r\n"),
    "a reply of an absurd code": wrong("Via: SIP/2.0/UDP a").replace(b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 9999 What"),
    "a reply with a code of more than 32 bits": wrong("Via: SIP/2.0/UDP a").replace(
        b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 4294967301 better not break the receiver"
    ),
    "a reply with a CSeq out of range": wrong("CSeq: 9292394834772304023312 OPTIONS").replace(
        b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 503 Service Unavailable"
    ),
    "a reply without a code": wrong("Via: SIP/2.0/UDP a").replace(b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 OK OK"),
    "a URI without end": b"OPTIONS tel:" + b"1" * (LARGEST - 30) + b"! SIP/2.0\r\n\r\n",
    "headers without end": b"OPTIONS sip:a@b SIP/2.0\r\n" + b"".join(b"%x:\r\n" % n for n in range(8000)) + b"\r\n",
    "64 KiB of NULs": bytes(LARGEST),
    "64 KiB of random octets": random.Random(1).randbytes(LARGEST),  # noqa: S311 - the same each time
    "64 KiB of parentheses": b"(" * LARGEST,
}


class TestMalformed:
    @pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
    def test_it_is_dropped(self, server, data):
        """It is reported, nothing is sent back, and the server goes on."""
        server.send(data)
        server.wait_for(f"{len(data)} octets are dropped, which are not a SIP message: ")
        assert server.is_well()

    def test_each_is_counted(self, start):
        """The counters add up, and no child has ended."""
        server = start()
        children = server.children()
        for data in MALFORMED.values():
            server.send(data)
            server.wait_for("not a SIP message")
        for keepalive in (b"", b"\r\n", b"\r\n\r\n"):
            server.send(keepalive)
        assert server.is_well()
        assert children == server.children()
        assert 0 == server.end()
        expected = dict.fromkeys(("replies", "forwarded", "dropped", "errors"), 0)
        expected |= {"malformed": len(MALFORMED), "keepalives": 3, "requests": 1, "answered": 1}
        assert expected | {"received": len(MALFORMED) + 4} == server.counts()

    def test_random_octets(self, start):
        """A thousand datagrams of random octets, and of good requests with random octets in them, stop no child."""
        chance = random.Random(2)  # noqa: S311 - the same each time
        server = start()
        children = server.children()
        good = options(server.client)
        for number in range(1001):
            data = bytearray(chance.randbytes(chance.randrange(2000)) if number % 2 else good)
            for _ in range(3 if data[:7] == b"OPTIONS" else 0):
                data[chance.randrange(len(data))] = chance.randrange(256)
            server.send(bytes(data))
            if number % 20 == 0:  # at most as many as fit into the buffer of the socket
                server.send(options(server.client, call_id=f"mark-{number}"))
                while server.receive().headers["Call-ID"] != f"mark-{number}":
                    pass
        assert children == server.children()
        assert 0 == server.end()
        counts = server.counts()
        assert 0 == counts["errors"]
        assert counts["received"] == sum(counts[name] for name in ("requests", "replies", "malformed", "keepalives"))
        assert counts["malformed"] > 500
