"""The example server, docs/examples/sip_server, as a program of its own, and messages that a client sends it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import sipmessage
from output import Output

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "sip_server"
MODULES = EXAMPLE / "modules"
CONFIG = EXAMPLE / "server.toml"
WITHIN = 20
"""Seconds after which a test fails: nothing takes that long."""

_PYTHON = [sys.executable, "-W", "error"]
_LISTENING = re.compile(r"listening on ([\d.]+):(\d+) with (\d+) children")
_BEGINS = re.compile(r"child (\d+) \(pid (\d+)\) is ready")
_ENDS = re.compile(r"child (\d+) \(pid (\d+)\) has ended")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the example to its end."""
    command = [*_PYTHON, str(EXAMPLE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)


class Server:
    """A running server, its output, and a client with a socket.

    Args:
        config: Its configuration file.
        trace: Whether it prints which commands run.
        background: Whether it ignores SIGINT, as programs do that a shell starts in the background.

    Attributes:
        process: The main process, the leader of a process group of its own.
        address: The address on which it listens.
        client: The socket of the client.
    """

    def __init__(self, config: Path = CONFIG, *, trace: bool = True, background: bool = False) -> None:
        command = [*_PYTHON, str(EXAMPLE), "--serve", "--port", "0", "--config", str(config)]
        command += ["--trace"] if trace else []
        with _starting_with_sigint(signal.SIG_IGN if background else signal.SIG_DFL):
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
            )
        self.client = new_socket()
        self._output = Output(self.process, WITHIN)
        self._number = 0
        self.address = ("", 0)

    def listen(self) -> None:
        """Wait until it is ready, all its children included."""
        found = _LISTENING.fullmatch(self.wait_for("listening on "))
        assert found is not None
        self.address = (found[1], int(found[2]))

    @property
    def text(self) -> str:
        """The address, as a Via has it."""
        return "{}:{}".format(*self.address)

    @property
    def lines(self) -> list[str]:
        """The lines that the server has printed so far."""
        return self._output.lines

    def wait_for(self, text: str) -> str:
        """Wait for the next line that contains *text*, and return it."""
        return self._output.line_with(text)

    # The client -----------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self.client.sendto(data, self.address)

    def ask(self, data: bytes) -> sipmessage.Response:
        self.send(data)
        return self.receive()

    def receive(self) -> sipmessage.Response:
        answer = sipmessage.Message.parse(self.client.recv(65535))
        assert isinstance(answer, sipmessage.Response)
        return answer

    def is_well(self) -> bool:
        """Return whether it answers the next request, and has sent nothing before that."""
        self._number += 1
        call_id = f"well-{self._number}"
        return self.ask(options(self.client, call_id=call_id)).headers["Call-ID"] == call_id

    # Its processes --------------------------------------------------------------------------------------------------

    def children(self) -> dict[int, int]:
        """Return the process id of each child that is ready, by rank, as the server has reported."""
        living: dict[int, int] = {}
        for line in [*self.lines]:
            if found := _BEGINS.match(line):
                living[int(found[1])] = int(found[2])
            elif found := _ENDS.match(line):
                living.pop(int(found[1]), None)
        return living

    def processes(self) -> dict[int, int]:
        """Return the parent of each process of the server's group, zombies included, by process id (Linux)."""
        found: dict[int, int] = {}
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended in between
                # What follows the name in parentheses: state, parent, process group.
                _, parent, group, *_ = (directory / "stat").read_text().rpartition(")")[2].split()
                if int(group) == self.process.pid:
                    found[int(directory.name)] = int(parent)
        return found

    # Its end --------------------------------------------------------------------------------------------------------

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit status of the main process, once no process is left that has its output."""
        return self._output.end()

    def counts(self, of: str = "in all") -> dict[str, int]:
        """Return the counts that the server printed at its end: the sums, or those of one child, ``"child 1"``."""
        line = next(line for line in self.lines if line.startswith(f"{of}: received "))
        pairs = (pair.split() for pair in line.removeprefix(f"{of}: ").split(", "))
        return {name: int(count) for name, count in pairs}

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self._output.close()
        self.client.close()


@contextlib.contextmanager
def _starting_with_sigint(handler: signal.Handlers) -> Generator[None]:
    """Start programs in the block with that handler for SIGINT."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def new_socket() -> socket.socket:
    """Return a client's socket."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(WITHIN)
    return sock


def message(first: str, *headers: str, body: bytes = b"", common: bool = True) -> bytes:
    """Return a message, which has a From if *common* is set."""
    if common:
        headers = (*headers, "From: <sip:me@127.0.0.1>;tag=me")
    return "\r\n".join([first, *headers, "", ""]).encode() + body


def options(
    client: socket.socket,
    *headers: str,
    method: str = "OPTIONS",
    call_id: str = "1@test",
    to: str = "<sip:test@127.0.0.1>",
    via: str | None = None,
) -> bytes:
    """Return a request of a client."""
    via = via or "Via: SIP/2.0/UDP {}:{};branch=z9hG4bK1".format(*client.getsockname())
    mandatory = (via, f"To: {to}", f"Call-ID: {call_id}", f"CSeq: 7 {method}")
    return message(f"{method} sip:test@127.0.0.1 SIP/2.0", *mandatory, *headers)


def ringing(*vias: str, agent: str = "Server: a telephone", body: bytes = b"") -> bytes:
    """Return a reply that has passed some servers."""
    headers = (
        *(f"Via: SIP/2.0/UDP {via}" for via in vias),
        "To: <sip:a@b>;tag=x",
        "Call-ID: r",
        "CSeq: 1 INVITE",
        agent,
    )
    return message("SIP/2.0 180 Ringing", *headers, f"Content-Length: {len(body)}", body=body)
