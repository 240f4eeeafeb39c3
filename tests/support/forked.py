"""What a function does in a forked child."""

from __future__ import annotations

import os
import pickle
import select
import signal
import traceback
from collections.abc import Callable
from typing import Any

SECONDS = 60
"""Longer than any child takes; one that takes longer hangs."""


def in_child(function: Callable[[], Any]) -> Any:
    """Run *function* in a forked child, which then ends, and return its result, or fail with its traceback."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:  # the child: whatever happens, it never returns into the caller's stack
        try:
            answer = _answer(function)
            with open(writable, "wb") as stream:  # noqa: PTH123 - it is a descriptor
                stream.write(answer)
        finally:
            os._exit(0)
    os.close(writable)
    try:
        result, failure = pickle.loads(_all_of(readable))  # noqa: S301 - made by our own child
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(readable)
        os.waitpid(pid, 0)
    if failure is not None:
        raise AssertionError(f"in the child:\n{failure}")
    return result


def _answer(function: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((function(), None))
    except BaseException:  # noqa: BLE001 - it is the parent's to hear of
        return pickle.dumps((None, traceback.format_exc()))


def _all_of(readable: int) -> bytes:
    parts: list[bytes] = []
    while True:
        if not select.select([readable], [], [], SECONDS)[0]:
            raise TimeoutError(f"the child has said nothing for {SECONDS} seconds")
        part = os.read(readable, 65536)
        if not part:
            return b"".join(parts)
        parts.append(part)
