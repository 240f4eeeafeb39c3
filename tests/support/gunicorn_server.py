"""gunicorn as a process of its own, its output line by line, and a client."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

from needs import missing
from output import Output

SUPPORT = Path(__file__).parent
SECONDS = 60
"""Longer than anything takes; what takes longer hangs."""

HOOKS = ("when_ready", "pre_fork", "post_fork", "worker_exit", "on_exit")
_READY = re.compile(r"rank (\d+) is ready in (\d+)")
_LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+) ")
_SAY_READY = """
def post_worker_init(worker):
    worker.log.info("rank %d is ready in %d", worker.rank, worker.pid)
"""


def configuration(*names: str, of: str = "from served import hooks") -> str:
    """Return a configuration that names these hooks, and has each worker say that it is ready."""
    return "\n".join([of, *(f"{name} = hooks.{name}" for name in names), _SAY_READY])


class Gunicorn:
    """A running gunicorn.

    Attributes:
        process: The arbiter.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._output = Output(process, SECONDS)
        self._port = 0

    @property
    def lines(self) -> list[str]:
        """What was printed so far."""
        return self._output.lines

    @property
    def output(self) -> str:
        """The same in one piece."""
        return self._output.text

    def wait_for(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """Return where the next line matches that does; those before it are passed over."""
        return self._output.match_of(pattern)

    def listen(self) -> None:
        """Wait until it listens, and learn where."""
        self._port = int(self.wait_for(_LISTENING)[1])

    def ready(self, count: int) -> dict[int, int]:
        """Wait until so many more workers are ready; return their process ids, by rank."""
        if not self._port:
            self.listen()
        pids: dict[int, int] = {}
        while len(pids) < count:
            found = self.wait_for(_READY)
            rank = int(found[1])
            assert rank not in pids, f"two workers have rank {rank}"
            pids[rank] = int(found[2])
        return pids

    def send(self, number: signal.Signals) -> None:
        """Send the arbiter a signal."""
        self.process.send_signal(number)

    def request(self, path: str = "/", method: str = "OPTIONS", **headers: str) -> tuple[int, http.client.HTTPMessage]:
        """Make a request; return the status of the answer, and its headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        return self._output.end()

    def close(self) -> None:
        """Take the end for granted."""
        self._output.close()

    def stop(self) -> int:
        """Stop it in order; return the exit status."""
        self.send(signal.SIGTERM)
        return self.end()


@contextlib.contextmanager
def gunicorn(
    directory: Path,
    *options: str,
    config: str | None = configuration(*HOOKS),
    app: str = "served:application",
    fault: str = "",
    warnings: str = "error",
) -> Generator[Gunicorn]:
    """Run gunicorn in a directory, on a free port; leaving the block waits until nobody of it is left.

    Args:
        directory: Where it runs.
        options: What more to say on its command line.
        config: The text of its configuration; ``None`` where the directory has one.
        app: The application.
        fault: What is to be wrong with that.
        warnings: What Python is to do about warnings.
    """
    if importlib.util.find_spec("gunicorn") is None:
        missing("gunicorn")
    if config is not None:
        (directory / "gunicorn.conf.py").write_text(config, encoding="utf-8")
    # Output is buffered, as it is for a server whose log is read by another program.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            warnings,
            "-m",
            "gunicorn",
            "--bind",
            "127.0.0.1:0",
            "--no-control-socket",
            *options,
            app,
        ],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(SUPPORT), "FAULT": fault},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    server = Gunicorn(process)
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        server.close()
