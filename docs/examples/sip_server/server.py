"""The server: one UDP socket, and for each datagram the route that the configuration has for it."""

from __future__ import annotations

import ipaddress
import logging
import selectors
import socket
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from message import MalformedError, SipReply, SipRequest, parse
from signals import StopSignals

from sermod import Lifecycle

if TYPE_CHECKING:
    import sipmessage
    from config import Configuration, Statement
    from message import Address

    from sermod import Action

Run: TypeAlias = Callable[[Any], int]
"""A call, or a whole route: takes the message, returns more than 0, less than 0, or 0 for "stop"."""

log = logging.getLogger("sip_server")

LARGEST_DATAGRAM = 65535
COUNTERS = (
    "received",
    "requests",
    "answered",
    "replies",
    "forwarded",
    "dropped",
    "malformed",
    "keepalives",
    "errors",
)


def serve(configuration: Configuration, *, trace: bool = False) -> None:
    """Run the server until SIGINT or SIGTERM ends it: init, per-child init, work, clean-up.

    Args:
        configuration: The modules, and what is called of them.
        trace: Print for each message which commands ran, and what became of it.
    """
    with StopSignals() as stop, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _bind(sock, configuration.listen)
        with Lifecycle(configuration.core) as life:
            server = Server(life, configuration, sock, stop, trace=trace)
            # There is one process: it acts as the child of rank 1.
            life.init_child(1)
            print("listening on {}:{}".format(*sock.getsockname()))
            server.worker(1)


class Server:
    """What a process does with the datagrams of a socket.

    Args:
        life: The modules, initialised.
        configuration: What is called of them.
        sock: The socket, which does not block: other processes may read from it, too.
        stop: What ends the work.
        trace: Print for each message which commands ran, and what became of it.
    """

    def __init__(
        self,
        life: Lifecycle,
        configuration: Configuration,
        sock: socket.socket,
        stop: StopSignals,
        *,
        trace: bool,
    ) -> None:
        self._life = life
        self._socket = sock
        self._stop = stop
        self._trace = trace
        self._rank = 0
        self._counts: Counter[str] = Counter()
        self._request_route = self._route(configuration.request_route)
        self._reply_route = self._route(configuration.reply_route)

    def worker(self, rank: int) -> None:
        """Serve as the child of that rank until a signal comes, then say what was done."""
        self._rank = rank
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ, self._receive)
            selector.register(self._stop, selectors.EVENT_READ, self._stop.clear)
            while not self._stop.requested:
                for key, _ in selector.select():
                    key.data()
        counts = ", ".join(f"{self._counts[name]} {name}" for name in COUNTERS)
        print(f"child {rank}: {counts}")

    def handle(self, data: bytes, source: Address) -> None:
        """Do what is to be done with one datagram. Whatever it holds and whatever a module does, the server goes on."""
        self._counts["received"] += 1
        try:
            self._handle(data, source)
        except Exception:
            self._counts["errors"] += 1
            log.exception("child %d: what came from %s:%d could not be handled", self._rank, *source)

    def _handle(self, data: bytes, source: Address) -> None:
        if not data.strip(b"\r\n"):
            self._counts["keepalives"] += 1
            return
        try:
            msg = parse(data, source)
        except MalformedError as error:
            self._counts["malformed"] += 1
            self._say(f"{len(data)} octets are dropped, they are no SIP message: {error}")
            return
        if isinstance(msg, SipRequest):
            self._handle_request(msg)
        else:
            self._handle_reply(msg)

    def _receive(self) -> None:
        try:
            data, source = self._socket.recvfrom(LARGEST_DATAGRAM)
        except BlockingIOError:  # another process was faster
            return
        self.handle(data, source)

    def _handle_request(self, msg: SipRequest) -> None:
        self._counts["requests"] += 1
        hops = msg.max_forwards
        try:
            self._life.run_route(self._request_route, msg)
        except Exception:
            self._counts["errors"] += 1
            log.exception("child %d: the request route failed at %s", self._rank, msg.method)
            msg.reply(500, "Server Internal Error")
        if self._trace and msg.max_forwards != hops:
            self._say(f"Max-Forwards was {hops}, is {msg.max_forwards}")
        if msg.answer is None:
            self._say(f"{msg.method} gets no answer")
            return
        msg.answer.headers.set("Server", f"sermod-example (child {self._rank})")
        self._say(f"{msg.method} is answered with {msg.answer.code}")
        self._send("answered", msg.answer, msg.reply_to)

    def _handle_reply(self, msg: SipReply) -> None:
        self._counts["replies"] += 1
        if not self._life.process_reply(msg):
            self._drop(f"{msg.code} is dropped by a module")
        elif self._life.run_route(self._reply_route, msg) == 0:
            self._drop(f"{msg.code} is dropped by the reply route")
        elif msg.sent_by != self._socket.getsockname():
            self._drop(f"{msg.code} is dropped: its topmost Via is not ours")
        elif msg.next_hop is None or not _is_loopback(msg.next_hop[0]):
            # An example that sent on what comes from anywhere to anywhere would be a danger.
            self._drop(f"{msg.code} is dropped: no Via of this machine is below ours")
        else:
            msg.headers.setlist("Via", msg.vias[1:])
            self._say(f"{msg.code} is forwarded to the Via below ours")
            self._send("forwarded", msg.wire, msg.next_hop)

    def _send(self, counter: str, wire: sipmessage.Response, destination: Address) -> None:
        wire.content_length = len(wire.body)
        self._socket.sendto(bytes(wire), destination)
        self._counts[counter] += 1

    def _route(self, statements: tuple[Statement, ...]) -> Run:
        """Make a route of its statements. The calls are there to be run since the modules are initialised."""
        steps = [
            (self._step(statement.call), [self._step(action) for action in statement.or_else])
            for statement in statements
        ]

        def route(msg: object) -> int:
            for run, or_else in steps:
                result = run(msg)
                if result < 0 and or_else:
                    for run_else in or_else:
                        run_else(msg)
                    return 0
                if result == 0:
                    return 0
            return 1

        return route

    def _step(self, action: Action[Any]) -> Run:
        if not self._trace:
            return action.run

        def step(msg: object) -> int:
            result: int = action.run(msg)
            self._say(f"{action} returned {result}")
            return result

        return step

    def _drop(self, why: str) -> None:
        self._counts["dropped"] += 1
        self._say(why)

    def _say(self, text: str) -> None:
        if self._trace:
            print(f"child {self._rank}: {text}")


def _bind(sock: socket.socket, address: Address) -> None:
    sock.setblocking(False)
    try:
        sock.bind(address)
    except OSError as error:
        raise OSError(error.errno, "cannot listen on {}:{}: {}".format(*address, error.strerror)) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
