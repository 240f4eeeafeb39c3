"""The requests per second of the example server with one child, beside the same server written without sermod."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Row, compare

from sermod import ChildReady, Prefork

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "sip_server"
REQUESTS = 250
AT_ONCE = 32
WITHIN = 20.0


def requests_to(server: socket.socket) -> Callable[[], None]:
    """Return a function that sends ``REQUESTS`` requests, ``AT_ONCE`` at once, and receives the answers."""
    client = udp_socket()
    client.settimeout(WITHIN)
    host, port = client.getsockname()
    address = server.getsockname()
    request = "\r\n".join(
        [
            "OPTIONS sip:test@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-bench",
            "Max-Forwards: 70",
            "From: <sip:bench@127.0.0.1>;tag=1",
            "To: <sip:test@127.0.0.1>",
            "Call-ID: bench@127.0.0.1",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
            "",
            "",
        ]
    ).encode()

    def ask() -> None:
        for number in range(REQUESTS + AT_ONCE):
            if number >= AT_ONCE:
                client.recv(65535)
            if number < REQUESTS:
                client.sendto(request, address)

    return ask


def udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@contextmanager
def example(sock: socket.socket) -> Generator[None]:
    """Run the example, with its configuration and one child."""
    from config import configure
    from server import Server

    configuration = dataclasses.replace(configure(EXAMPLE / "server.toml"), children=1)
    server = Server(configuration, sock, trace=False)
    with Prefork(server.life, server.worker, configuration.children) as prefork:
        while not any(isinstance(event, ChildReady) for event in prefork.poll(WITHIN)):
            pass
        yield


@contextmanager
def by_hand(sock: socket.socket) -> Generator[None]:
    """Run the server without sermod: it calls the functions of the modules, in the order of the configuration."""
    pid = os.fork()
    if pid == 0:
        try:
            serve_by_hand(sock)
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def serve_by_hand(sock: socket.socket) -> None:
    import foobar
    from counters import Counters
    from maxfwd import Maxfwd
    from message import MalformedError, SipRequest, parse
    from options import Options
    from server import COUNTERS
    from signals import StopSignals
    from sl import Sl

    foobar.foo_bar = 5
    maxfwd, options, sl = Maxfwd(), Options(), Sl()
    options._send_reply = sl.sl_send_reply
    options.accept = "application/sdp"
    rank = 1
    count = Counters(COUNTERS, rank).of(rank)

    def route(msg: Any) -> None:
        if maxfwd.mf_process_maxfwd_header(msg, 10) < 0:
            sl.sl_send_reply(msg, 483, "Too Many Hops")
        elif foobar.foo_req(msg, "one", "two"):
            options.options_reply(msg)

    def handle(data: bytes, source: tuple[str, int]) -> None:
        count("received")
        try:
            msg = parse(data, source)
        except MalformedError:
            count("malformed")
            return
        if not isinstance(msg, SipRequest):
            return
        count("requests")
        route(msg)
        if msg.answer is None:
            return
        msg.answer.headers.set("Server", f"sermod-example (child {rank})")
        msg.answer.content_length = len(msg.answer.body)
        sock.sendto(bytes(msg.answer), msg.reply_to)
        count("answered")

    with StopSignals(sock) as stop:
        while not stop.requested:
            try:
                data, source = sock.recvfrom(65535)
            except BlockingIOError:
                stop.wait()
            else:
                handle(data, source)


def rows() -> list[Row]:
    """Measure."""
    sys.path[:0] = [str(EXAMPLE), str(EXAMPLE / "modules")]
    one, other = udp_socket(), udp_socket()
    for sock in (one, other):
        sock.setblocking(False)
    with by_hand(other), example(one):
        return [
            compare(
                "a request to the example server, one child",
                requests_to(one),
                "the same answer without sermod",
                requests_to(other),
                "at least 0.97 times as fast",
                per=REQUESTS,
                repeats=241,
                inverse=True,
            )
        ]
