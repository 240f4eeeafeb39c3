"""What a program prints, line by line, as a test sees it while the program runs."""

from __future__ import annotations

import queue
import re
import subprocess
import threading

import pytest


class Output:
    """The output of a process, which a thread reads, so that no pipe ever fills.

    Args:
        process: The process, whose standard output is a pipe, as text.
        within: After how many seconds of waiting for a line the test fails.

    Attributes:
        lines: What was printed so far.
    """

    def __init__(self, process: subprocess.Popen[str], within: float) -> None:
        self.lines: list[str] = []
        self._process = process
        self._within = within
        self._unread: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            self._unread.put(self.lines[-1])
        self._unread.put(None)

    @property
    def text(self) -> str:
        """What was printed so far, in one piece."""
        return "\n".join(self.lines)

    def line_with(self, text: str) -> str:
        """Return the next line with *text* in it; those before it are passed over."""
        return self.match_of(re.escape(text)).string

    def match_of(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """Return where the next line matches that does; those before it are passed over."""
        while True:
            try:
                line = self._unread.get(timeout=self._within)
            except queue.Empty:
                pytest.fail(f"nothing matches {pattern!r} within {self._within} s:\n{self.text}")
            if line is None:
                pytest.fail(f"it ended, and nothing matched {pattern!r}:\n{self.text}")
            if found := re.search(pattern, line):
                return found

    def end(self) -> int:
        """Return the exit status of the process, once no process is left that has its output."""
        status = self._process.wait(self._within)
        self._reader.join(self._within)
        assert not self._reader.is_alive(), f"the process has ended, others that have its output have not:\n{self.text}"
        return status

    def close(self) -> None:
        """Close the pipe; the process has ended."""
        self.end()
        assert self._process.stdout is not None
        self._process.stdout.close()
