"""A SIP client: sends a server one message of each kind, and checks what comes back."""

from __future__ import annotations

import socket
import sys
import time
from collections import Counter
from typing import TypeAlias

import sipmessage

Address: TypeAlias = tuple[str, int]

ANSWER_WITHIN = 2.0
SILENT_FOR = 0.3
MOST_AT_ONCE = 128
SHOWN = ("Via:", "Max-Forwards:", "To:", "Server:", "Allow:", "Accept:")


def main(host: str, port: int, children: int) -> int:
    """Send a message of each kind to a server.

    Args:
        host: The IPv4 address of the server.
        port: The port of the server.
        children: The number of its children; 0 for none.

    Returns:
        The exit status: 0 if everything came back as expected.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        client = Client(sock, (host, port))
        client.try_out("a good OPTIONS", client.request("OPTIONS", "Max-Forwards: 70"), 200, "Allow: OPTIONS")
        client.try_out("one without Max-Forwards", client.request("OPTIONS"), 200)
        client.try_out("one with no hops left", client.request("OPTIONS", "Max-Forwards: 0"), 483)
        client.try_out("a method that is not implemented", client.request("INVITE"), 501)
        client.try_out("its ACK, which is not answered", client.request("ACK", to=client.answered_to), None)
        client.try_out("octets that are not a SIP message", b"OPTIONS sip:test SIP/2.0\r\nVia: \0\xff\r\n\r\n", None)
        client.try_out("a reply to a request that the server forwarded", client.reply("Server: a telephone"), 180)
        client.try_out("a reply of banned software", client.reply("Server: friendly-scanner"), None)
        client.try_out_at_once(children or 1)
    say(f"--- {client.failed} UNEXPECTED" if client.failed else "--- everything came back as expected")
    return 1 if client.failed else 0


class Client:
    """Sends messages, and checks what comes back.

    Args:
        sock: A bound socket.
        server: The address of the server.

    Attributes:
        failed: The number of checks that failed.
        answered_to: The To of the last answer, with the tag that the server added.
    """

    def __init__(self, sock: socket.socket, server: Address) -> None:
        self.failed = 0
        self.answered_to = "<sip:test@127.0.0.1>"
        self._socket = sock
        self._server = server
        self._number = 0

    def request(self, method: str, *headers: str, to: str = "<sip:test@127.0.0.1>") -> bytes:
        """Return a request to the server; an ACK has the number of the request before it."""
        if method != "ACK":
            self._number += 1
        return self._datagram(
            f"{method} sip:test@{_text(self._server)} SIP/2.0",
            f"{self._via()};rport",
            *headers,
            f"To: {to}",
            f"CSeq: {self._number} {method}",
        )

    def reply(self, *headers: str) -> bytes:
        """Return a reply, as if the server had forwarded a request of this client."""
        self._number += 1
        return self._datagram(
            "SIP/2.0 180 Ringing",
            f"Via: SIP/2.0/UDP {_text(self._server)};branch=z9hG4bK-server-{self._number}",
            self._via(),
            *headers,
            "To: <sip:test@127.0.0.1>;tag=telephone",
            f"CSeq: {self._number} INVITE",
        )

    def try_out(self, title: str, data: bytes, expected: int | None, shows: str = "") -> None:
        """Send a message, and check what comes back.

        Args:
            title: The kind of message.
            data: The message.
            expected: The status code that must come back; ``None``: nothing may come back.
            shows: A text that must be in the headers.
        """
        say(f"--- {title}")
        show("sends   ", data)
        self._socket.sendto(data, self._server)
        self._socket.settimeout(SILENT_FOR if expected is None else ANSWER_WITHIN)
        try:
            answer = self._socket.recv(65535)
        except TimeoutError:
            say("receives nothing")
            right = expected is None
        else:
            show("receives", answer)
            right = self._is_right(answer, expected, shows)
        if not right:
            say(f"UNEXPECTED: expected {expected or 'nothing'} {shows}")
            self.failed += 1

    def try_out_at_once(self, children: int) -> None:
        """Send several requests at once, and twice as many each time, until more than one child has answered."""
        say("--- several at once")
        self._socket.settimeout(ANSWER_WITHIN)
        wanted, count = min(2, children), 2 * children
        answers: Counter[str] = Counter()
        until = time.monotonic() + ANSWER_WITHIN
        try:
            while len(answers) < wanted and time.monotonic() < until:
                for _ in range(count):
                    self._socket.sendto(self.request("OPTIONS"), self._server)
                answers.update(_server_of(self._socket.recv(65535)) for _ in range(count))
                count = min(2 * count, MOST_AT_ONCE)
        except TimeoutError:
            answers.clear()
        for server, number in sorted(answers.items()):
            say(f"receives answers from {server}: {number}")
        if len(answers) < wanted:
            say(f"UNEXPECTED: expected an answer to each, from at least {wanted} children")
            self.failed += 1

    def _is_right(self, answer: bytes, expected: int | None, shows: str) -> bool:
        got = sipmessage.Message.parse(answer)
        if not isinstance(got, sipmessage.Response):
            return False
        self.answered_to = got.headers["To"]
        return got.code == expected and got.headers["Via"].startswith(self._via()[5:]) and shows in str(got.headers)

    def _via(self) -> str:
        return f"Via: SIP/2.0/UDP {_text(self._socket.getsockname())};branch=z9hG4bK-client-{self._number}"

    def _datagram(self, first: str, *headers: str) -> bytes:
        common = ("From: <sip:client@127.0.0.1>;tag=1", f"Call-ID: {self._number}@127.0.0.1", "Content-Length: 0")
        return "\r\n".join([first, *headers, *common, "", ""]).encode()


def say(text: str) -> None:
    """Print a line, and flush it, since the server prints into the same pipe."""
    print(f"client: {text}", flush=True)


def show(verb: str, data: bytes) -> None:
    """Print the first line of a message, and some of its headers."""
    first, *headers = data.decode(errors="backslashreplace").replace("\0", "\\0").split("\r\n")
    say(f"{verb} {first}")
    for line in headers:
        if line.startswith(SHOWN):
            say(f"{' ' * len(verb)}   {line}")


def _server_of(answer: bytes) -> str:
    return sipmessage.Message.parse(answer).headers.get("Server") or "an unknown server"


def _text(address: Address) -> str:
    return "{}:{}".format(*address)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
