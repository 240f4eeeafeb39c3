"""The server: its children share one UDP socket, and run a route of the configuration for each datagram."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from counters import Counters
from message import MalformedError, SipReply, SipRequest, parse
from signals import StopSignals

import sermod

if TYPE_CHECKING:
    import sipmessage
    from config import Configuration, Statement
    from message import Address

Run: TypeAlias = Callable[[Any], int]
"""A call or a route: takes a message, and returns more than 0 for true, less than 0 for false, 0 for "stop"."""

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
    """Run the server until SIGINT or SIGTERM ends it: init, fork, per-child init, work, clean-up.

    Args:
        configuration: The modules, the routes and the children.
        trace: Print the commands that run for each message, and its outcome.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _bind(sock, configuration.listen)
        server = Server(configuration, sock, trace=trace)
        sermod.serve(
            server.life,
            server.worker,
            configuration.children,
            restart=configuration.restart,
            on_event=server.report,
        )


class Server:
    """The work of the server in each of its processes.

    Args:
        configuration: The modules, the routes and the children.
        sock: The socket, which does not block; every child reads from it.
        trace: Print the commands that run for each message, and its outcome.

    Attributes:
        life: The lifecycle of the modules.
    """

    def __init__(self, configuration: Configuration, sock: socket.socket, *, trace: bool) -> None:
        self.life = sermod.Lifecycle(configuration.core)
        self._configuration = configuration
        self._socket = sock
        self._trace = trace
        # A server without children acts as the child of rank 1.
        children = max(1, configuration.children)
        self._counters = Counters(COUNTERS, children)
        self._awaited = set(range(1, children + 1))
        # Set in each child.
        self._rank: int
        self._count: Callable[[str], None]
        self._request_route: Run
        self._reply_route: Run

    def report(self, event: sermod.Event) -> None:
        """Print, in the main process, the address once all children are ready, and the counts at the end."""
        if isinstance(event, sermod.ChildReady) and event.rank in self._awaited:
            self._awaited.remove(event.rank)
            if not self._awaited:
                host, port = self._socket.getsockname()
                print(f"listening on {host}:{port} with {self._configuration.children} children")
        elif isinstance(event, sermod.Stopped):
            print(self._counters.text())

    def worker(self, rank: int) -> None:
        """Handle datagrams as the child of that rank until a signal comes."""
        self._rank = rank
        self._count = self._counters.of(rank)
        self._request_route = self._route(self._configuration.request_route)
        self._reply_route = self._route(self._configuration.reply_route)
        with StopSignals(self._socket) as stop:
            while not stop.requested:
                try:
                    data, source = self._socket.recvfrom(LARGEST_DATAGRAM)
                except BlockingIOError:  # there is no datagram, or another child has read it
                    stop.wait()
                else:
                    self.handle(data, source)

    def handle(self, data: bytes, source: Address) -> None:
        """Handle one datagram. The server goes on whatever the datagram contains and whatever a module does."""
        self._count("received")
        try:
            msg = parse(data, source)
            if isinstance(msg, SipRequest):
                self._handle_request(msg)
            else:
                self._handle_reply(msg)
        except MalformedError as error:
            if not data.strip(b"\r\n"):
                self._count("keepalives")
                return
            self._count("malformed")
            self._print(f"{len(data)} octets are dropped, which are not a SIP message: {error}")
        except Exception:
            self._count("errors")
            log.exception("child %d: a datagram from %s:%d could not be handled", self._rank, *source)

    def _handle_request(self, msg: SipRequest) -> None:
        self._count("requests")
        hops = msg.max_forwards if self._trace else None
        try:
            self.life.run_route(self._request_route, msg)
        except Exception:
            self._count("errors")
            log.exception("child %d: the request route failed for %s", self._rank, msg.method)
            msg.reply(500, "Server Internal Error")
        if self._trace:
            self._print_outcome(msg, hops)
        if msg.answer is not None:
            msg.answer.headers.set("Server", f"sermod-example (child {self._rank})")
            self._send("answered", msg.answer, msg.reply_to)

    def _handle_reply(self, msg: SipReply) -> None:
        self._count("replies")
        if not self.life.process_reply(msg):
            self._drop(f"{msg.code} is dropped by a module")
        elif self.life.run_route(self._reply_route, msg) == 0:
            self._drop(f"{msg.code} is dropped by the reply route")
        elif msg.sent_by != self._socket.getsockname():
            self._drop(f"{msg.code} is dropped: its topmost Via is not ours")
        elif msg.next_hop is None or not _is_loopback(msg.next_hop[0]):
            # An example must not forward messages from anywhere to anywhere.
            self._drop(f"{msg.code} is dropped: no Via of this machine is below ours")
        else:
            msg.headers.setlist("Via", msg.vias[1:])
            self._print(f"{msg.code} is forwarded to the Via below ours")
            self._send("forwarded", msg.wire, msg.next_hop)

    def _send(self, counter: str, wire: sipmessage.Response, destination: Address) -> None:
        wire.content_length = len(wire.body)
        self._socket.sendto(bytes(wire), destination)
        self._count(counter)

    def _route(self, statements: tuple[Statement, ...]) -> Run:
        """Return the route of some statements. Called after the modules are initialised: no call can run earlier."""
        steps = [
            (self._step(statement.call), [self._step(action) for action in statement.or_else])
            for statement in statements
        ]

        def route(msg: object) -> int:
            for run, or_else in steps:
                result = run(msg)
                if result > 0 or (result < 0 and not or_else):
                    continue
                if result < 0:
                    for run_else in or_else:
                        run_else(msg)
                return 0
            return 1

        return route

    def _step(self, action: sermod.Action[Any]) -> Run:
        if not self._trace:
            return action.run

        def step(msg: object) -> int:
            result: int = action.run(msg)
            self._print(f"{action} returned {result}")
            return result

        return step

    def _drop(self, why: str) -> None:
        self._count("dropped")
        self._print(why)

    def _print_outcome(self, msg: SipRequest, hops: int | None) -> None:
        if msg.max_forwards != hops:
            self._print(f"Max-Forwards was {hops}, is {msg.max_forwards}")
        outcome = f"is answered with {msg.answer.code}" if msg.answer else "gets no answer"
        self._print(f"{msg.method} {outcome}")

    def _print(self, text: str) -> None:
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
