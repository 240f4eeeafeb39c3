"""A module that does in a child whatever a test wants to see, and one of each kind of target."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from sermod import REPLY_ROUTE, REQUEST_ROUTE, Module, command, find_export, int_param


class UnpicklableError(Exception):
    """Cannot be made again from what it is pickled as."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Crashing(Module):
    """Does in a child whatever a test wants to see."""

    name = "crashing"
    level = int_param(1)

    def mod_init(self) -> int:
        """Look for what is there, and for what is not."""
        pid = find_export("pid", 0)
        self.pid_function: Any = pid and pid.function
        find_export("~there", 0)
        find_export("~missing", 3)
        return 0

    def child_init(self, rank: int) -> int:
        """Refuse one rank, and ask for more."""
        find_export("~missing_in_child", 1, REQUEST_ROUTE)
        return -7 if rank == 13 else 0

    def response(self, msg: Any) -> int:
        """Drop what is to be dropped."""
        return 0 if msg.drop else 1

    def onbreak(self, msg: Any) -> None:
        """Mark the message."""
        msg.broken = True

    @command(REQUEST_ROUTE | REPLY_ROUTE)
    def returns(self, msg: Any, number: int) -> int:
        """Return a number, and change the message."""
        msg.number = number
        return number

    @command(REQUEST_ROUTE)
    def keeps(self, msg: Any) -> int:
        """Put into the message what cannot travel."""
        msg.lock = threading.Lock()
        return 3

    @command(REQUEST_ROUTE)
    def raises(self, _msg: Any) -> int:
        """Raise what a parent can raise again."""
        raise KeyError(os.getpid())

    @command(REQUEST_ROUTE)
    def raises_unpicklable(self, _msg: Any) -> int:
        """Raise what cannot be made again."""
        raise UnpicklableError("one", "two")

    @command(REQUEST_ROUTE)
    def killed(self, _msg: Any, number: int) -> int:
        """End by a signal."""
        os.kill(os.getpid(), number)
        signal.pause()
        return 1

    @command(REQUEST_ROUTE)
    def exits(self, _msg: Any, code: str) -> int:
        """End in order, or in another way."""
        sys.exit(int(code) if code.isdecimal() else code or None)

    @command(REQUEST_ROUTE)
    def hangs(self, _msg: Any) -> int:
        """Wait for nothing."""
        signal.pause()
        return 1

    @command()
    def pid(self, _msg: Any) -> int:
        """Return the process."""
        return os.getpid()

    @command()
    def lock(self, _msg: Any) -> object:
        """Return what cannot travel."""
        return threading.Lock()

    @command()
    def in_thread(self, msg: Any, count: int) -> None:
        """Call a function of the module from threads."""
        threads = [threading.Thread(target=self.pid_function, args=(msg,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


exports = Crashing().exports
