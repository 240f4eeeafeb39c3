"""A module whose commands end, hang, crash, and return or raise objects that cannot be pickled."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from sermod import REPLY_ROUTE, REQUEST_ROUTE, Module, command, find_export, int_param


class UnpicklableError(Exception):
    """Can be pickled, but not unpickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Crashing(Module):
    """Does what a test of child processes needs."""

    name = "crashing"
    level = int_param(1)

    def mod_init(self) -> int:
        """Look up commands that exist and commands that do not."""
        pid = find_export("pid", 0)
        self.pid_function: Any = pid and pid.function
        find_export("~there", 0)
        find_export("~missing", 3)
        return 0

    def child_init(self, rank: int) -> int:
        """Look up a missing command, and refuse rank 13."""
        find_export("~missing_in_child", 1, REQUEST_ROUTE)
        return -7 if rank == 13 else 0

    def response(self, msg: Any) -> int:
        """Drop the reply if its attribute says so."""
        return 0 if msg.drop else 1

    def onbreak(self, msg: Any) -> None:
        """Mark the message."""
        msg.broken = True

    @command(REQUEST_ROUTE | REPLY_ROUTE)
    def returns(self, msg: Any, number: int) -> int:
        """Return a number, and store it in the message."""
        msg.number = number
        return number

    @command(REQUEST_ROUTE)
    def keeps(self, msg: Any) -> int:
        """Store an object in the message that cannot be pickled."""
        msg.lock = threading.Lock()
        return 3

    @command(REQUEST_ROUTE)
    def raises(self, _msg: Any) -> int:
        """Raise an exception that can be pickled."""
        raise KeyError(os.getpid())

    @command(REQUEST_ROUTE)
    def raises_unpicklable(self, _msg: Any) -> int:
        """Raise an exception that cannot be unpickled."""
        raise UnpicklableError("one", "two")

    @command(REQUEST_ROUTE)
    def killed(self, _msg: Any, number: int) -> int:
        """Send a signal to this process."""
        os.kill(os.getpid(), number)
        signal.pause()
        return 1

    @command(REQUEST_ROUTE)
    def exits(self, _msg: Any, code: str) -> int:
        """Exit with a number, a text or nothing."""
        sys.exit(int(code) if code.isdecimal() else code or None)

    @command(REQUEST_ROUTE)
    def hangs(self, _msg: Any) -> int:
        """Wait for a signal that does not come."""
        signal.pause()
        return 1

    @command()
    def pid(self, _msg: Any) -> int:
        """Return the process id."""
        return os.getpid()

    @command()
    def lock(self, _msg: Any) -> object:
        """Return an object that cannot be pickled."""
        return threading.Lock()

    @command()
    def in_thread(self, msg: Any, count: int) -> None:
        """Call a command of the module from threads."""
        threads = [threading.Thread(target=self.pid_function, args=(msg,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


exports = Crashing().exports
