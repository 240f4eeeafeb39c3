"""The demonstration: runs the server and a client, and prints the output of both."""

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

# All of it, with the start of three processes, takes less than ten seconds.
START_WITHIN = 4.0
WORK_WITHIN = 4.0
STOP_WITHIN = 1.0


def demonstrate(example: Path, config: Path) -> int:
    """Start the server on a free port, run the client against it, stop it, and print the output of both.

    Args:
        example: The directory of the example.
        config: The configuration file of the server.

    Returns:
        The exit status: 0 if every answer was the expected one and both processes ended in order.
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
    """Run both processes, and return a failure. They write into one pipe, so the transcript has the order of events."""
    command = [sys.executable, str(example), "--serve", "--trace", "--port", "0", "--config", str(config)]
    with subprocess.Popen(command, stdout=writing, stderr=writing) as server:  # noqa: S603 - it is this example
        # This process keeps the pipe open for the client. So the end of the pipe does not show the end of the server.
        threading.Thread(target=transcript.expect_end, args=[server], daemon=True).start()
        try:
            listening = transcript.listening.get(timeout=START_WITHIN)
            if not listening:
                return f"the server did not start (exit status {server.wait(STOP_WITHIN)})"
            client = subprocess.run(  # noqa: S603 - it is this example
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
        return "an answer was not the expected one"
    return f"the server's exit status was {ended}" if ended else ""


class Transcript(threading.Thread):
    """Prints the lines that come through a pipe.

    Args:
        pipe: The end to read from.

    Attributes:
        listening: Gets the host, the port and the number of children of the server once it is ready; an empty sequence
            if it ends before that.
    """

    def __init__(self, pipe: IO[str]) -> None:
        super().__init__(daemon=True)
        self.listening: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        self._pipe = pipe

    def expect_end(self, server: subprocess.Popen[bytes]) -> None:
        """Wait for the end of the server, and end the wait for it to be ready."""
        server.wait()
        self.listening.put(())

    def run(self) -> None:
        with self._pipe as pipe:
            for text in pipe:
                line = text.rstrip()
                print(line if line.startswith(CLIENT) else f"server: {line}")
                if found := LISTENING.fullmatch(line):
                    self.listening.put(found.groups())
