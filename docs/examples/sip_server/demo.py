"""The demonstration: the server in one process, a client in another, and what both of them say."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

LISTENING = re.compile(r"listening on ([\d.]+):(\d+) with (\d+) children")
CLIENT = "client: "

# All together, and with what starting three processes takes, less than ten seconds.
START_WITHIN = 4.0
WORK_WITHIN = 4.0
STOP_WITHIN = 1.0


def demonstrate(example: Path, config: Path) -> int:
    """Start the server on a free port, let the client talk to it, stop it, and print all that is said.

    Args:
        example: The directory of the example.
        config: The configuration file of the server.

    Returns:
        The exit status: 0 where every answer was as expected and both processes ended in order.
    """
    reading, writing = os.pipe()
    transcript = Transcript(os.fdopen(reading, encoding="utf-8", errors="backslashreplace"))
    transcript.start()
    try:
        failure = _run(example, config, writing, transcript)
    except queue.Empty:
        failure = f"the server did not start within {START_WITHIN} seconds"
    except subprocess.TimeoutExpired as error:
        failure = str(error)
    os.close(writing)
    transcript.join()
    print(f"FAILED: {failure}" if failure else "the server has ended in order")
    return 1 if failure else 0


def _run(example: Path, config: Path, writing: int, transcript: Transcript) -> str:
    """Run both processes, which write into one pipe: the transcript then has the order of events."""
    command = [sys.executable, str(example), "--serve", "--trace", "--port", "0", "--config", str(config)]
    with subprocess.Popen(command, stdout=writing, stderr=writing) as server:  # noqa: S603 - it is ourselves
        # This process keeps the pipe open for the client, so that a server that fails to start does not close it.
        threading.Thread(target=transcript.expect_end, args=[server], daemon=True).start()
        try:
            listening = transcript.listening.get(timeout=START_WITHIN)
            if not listening:
                return f"the server did not start (exit status {server.wait(STOP_WITHIN)})"
            client = subprocess.run(  # noqa: S603 - it is our own
                [sys.executable, str(example / "client.py"), *listening],
                stdout=writing,
                stderr=writing,
                timeout=WORK_WITHIN,
                check=False,
            )
            server.terminate()
            ended = server.wait(STOP_WITHIN)
        finally:
            server.kill()
    if client.returncode:
        return "something else came back than what was expected"
    return f"the server's exit status was {ended}" if ended else ""


class Transcript(threading.Thread):
    """Prints the lines that come through a pipe.

    Attributes:
        listening: Gets what the server says once it is ready: its host, port and number of children; or nothing, where
            it ends without.
    """

    def __init__(self, pipe: IO[str]) -> None:
        super().__init__(daemon=True)
        self.listening: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        self._pipe = pipe

    def expect_end(self, server: subprocess.Popen[bytes]) -> None:
        """Wait for the end of the server, and let nobody wait for it to be ready any longer."""
        server.wait()
        self.listening.put(())

    def run(self) -> None:
        with self._pipe as pipe:
            for text in pipe:
                line = text.rstrip()
                print(line if line.startswith(CLIENT) else f"server: {line}")
                if found := LISTENING.fullmatch(line):
                    self.listening.put(found.groups())
