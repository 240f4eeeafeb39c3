"""Kamailio as a process of its own, with the script that it loads, and a client."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import attr
import pytest
import sipmessage
from output import Output

SUPPORT = Path(__file__).parent
ROOT = SUPPORT.parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "kamailio"
CONFIG = EXAMPLE / "kamailio.cfg"
WITHIN = 30
"""Seconds after which a test fails: nothing takes that long."""

# Kamailio has a Python of its own. All that it imports is plain Python, and is taken from where the tests import it.
PYTHON_PATH = os.pathsep.join(map(str, (ROOT, SUPPORT, EXAMPLE, Path(attr.__file__).parents[1])))


def free_port() -> int:
    """Return a free UDP port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Kamailio:
    """A running Kamailio, its log, and a client with a socket.

    Args:
        program: The path of Kamailio.
        directory: The directory for its configuration and its sockets.
        script: The script that it loads.
        more: Lines to be added to its configuration, which is that of the example.
        tcp: Whether it has the processes that TCP needs.
        options: Options to be added to its command line.

    Attributes:
        address: The address on which it listens.
        client: The socket of the client.
    """

    def __init__(
        self,
        program: str,
        directory: Path,
        script: Path,
        *,
        more: str = "",
        tcp: bool = False,
        options: tuple[str, ...] = (),
    ) -> None:
        self.address = ("127.0.0.1", free_port())
        self.config = directory / "kamailio.cfg"
        text = CONFIG.read_text().replace("cfgengine", f"{more}\ncfgengine")
        self.config.write_text(text.replace("disable_tcp=yes", "tcp_children=1") if tcp else text)
        self._directory = directory
        self.command = [program, "-f", str(self.config), "-Y", str(directory)]
        self.command += ["-A", f"LISTEN=udp:{self.host_port}", "-A", f'SCRIPT="{script}"', *options]
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind(("127.0.0.1", 0))
        self._number = 0
        # Coverage would otherwise be measured in Kamailio as well, with a handler for SIGTERM in place of Kamailio's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        environment |= {"PYTHONPATH": PYTHON_PATH, "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [*self.command, "-DD", "-E"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        )
        self.output = Output(self.process, WITHIN)

    @property
    def host_port(self) -> str:
        """The address as SIP writes it."""
        return "{}:{}".format(*self.address)

    @property
    def log(self) -> str:
        """The log so far."""
        return self.output.text

    def wait_for(self, text: str) -> str:
        """Wait for the next line of the log that contains *text*, and return it."""
        return self.output.line_with(text)

    # The client -----------------------------------------------------------------------------------------------------

    def request(self, method: str = "OPTIONS", max_forwards: int = 70) -> bytes:
        """Return a new request, with a number of its own."""
        self._number += 1
        via = "SIP/2.0/UDP {}:{};branch=z9hG4bK{}".format(*self.client.getsockname(), self._number)
        headers = [
            f"{method} sip:test@{self.host_port} SIP/2.0",
            f"Via: {via}",
            f"Max-Forwards: {max_forwards}",
            "From: <sip:client@127.0.0.1>;tag=1",
            "To: <sip:test@127.0.0.1>",
            f"Call-ID: {self._number}@test",
            f"CSeq: {self._number} {method}",
            "Content-Length: 0",
        ]
        return "\r\n".join([*headers, "", ""]).encode()

    def send(self, data: bytes) -> None:
        self.client.sendto(data, self.address)

    def ask(self, data: bytes, *, every: float = 0.5) -> sipmessage.Response:
        """Send a request again and again until it is answered, as SIP demands over UDP, and return the answer."""
        until = time.monotonic() + WITHIN
        number = sipmessage.Message.parse(data).headers["CSeq"]
        self.client.settimeout(every)
        while time.monotonic() < until:
            try:
                self.send(data)
                answer = sipmessage.Message.parse(self.client.recv(65535))
            except (TimeoutError, ConnectionRefusedError):  # it is still starting
                if self.process.poll() is not None:
                    pytest.fail(f"Kamailio has ended:\n{self.log}")
                continue
            if isinstance(answer, sipmessage.Response) and answer.headers["CSeq"] == number:
                return answer
        pytest.fail(f"Kamailio did not answer within {WITHIN} s:\n{self.log}")

    def rpc(self, method: str, program: str) -> str:
        """Call a method of its RPC interface, which needs lines in *more*, with ``kamcmd``."""
        command = [program, "-s", f"unix:{self._directory}/rpc", method]
        return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=True).stdout

    # Its processes --------------------------------------------------------------------------------------------------

    def processes(self) -> list[int]:
        """Return the ids of its processes, the main process included (Linux)."""
        return processes_of(self.process.pid)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send its main process a signal until it ends, and return its exit status.

        Kamailio handles a signal that comes while its main process is still starting only when the next one comes.

        Args:
            number: ``SIGTERM`` stops it in order; with ``SIGCHLD`` it checks its children, and ends if one has died.
        """
        for _ in range(WITHIN):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
                break
        return self.wait()

    def wait(self) -> int:
        """Wait until none of its processes is left, and return its exit status."""
        return self.output.end()

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.output.close()
        self.client.close()


def processes_of(group: int) -> list[int]:
    """Return the ids of the processes of a process group (Linux)."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            _, _, its_group, *_ = (path / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group:
            found.append(int(path.name))
    return found
