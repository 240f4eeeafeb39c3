"""Kamailio, through its module ``app_python3``, which hands each message to a Python object: this makes that object.

A script that Kamailio loads ends in ``mod_init = Kamailio(...).mod_init``. Kamailio calls that in its main process,
before it forks, and then, of the object that this returns, ``child_init(rank)`` in each process and a method for each
message. There is nothing that it calls at its end. So no ``destroy_f`` runs: spec, section 1.5, has no place here.

``python -m sermod.hosts.kamailio_check SCRIPT`` checks such a script, at which ``kamailio -c`` does not look.
"""

from __future__ import annotations

import importlib
import logging
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, SimpleNamespace
from typing import Any, Final, Generic, Literal

from sermod._core.lifecycle import Lifecycle, Route
from sermod._core.registry import Registry
from sermod._forking import thread_warnings
from sermod._interface.exports import MsgT
from sermod.errors import InterfaceWarning

OnError = Literal["500", "drop"]
"""What becomes of a request whose route raises: it is answered with 500, or dropped."""

_RESERVED: Final = ("child_init", "ksr_request_route", "ksr_reply_route")


def mpath(directories: str) -> list[str]:
    """Return the directories of a search path that is written as Kamailio's ``mpath`` is, for ``Registry(path=...)``.

    Args:
        directories: The directories, with colons in between.

    Example:
        >>> mpath("/etc/kamailio/modules/:/usr/local/lib/modules")
        ['/etc/kamailio/modules/', '/usr/local/lib/modules']
    """
    return [directory for directory in directories.split(":") if directory]


class Kamailio(Generic[MsgT]):
    """Runs the modules of a registry inside Kamailio.

    Args:
        registry: The modules, with their parameters set and their calls bound.
        request_route: What runs for each request.
        reply_route: What runs for each reply that no ``response_f`` drops.
        routes: What runs for Kamailio's other routes, by the name that the script gives Kamailio for it:
            ``{"ksr_branch_one": [...]}`` after ``KSR.tm.t_on_branch("ksr_branch_one")``.
        message: Makes what the commands get of Kamailio's message, which is good for one call; they get that itself
            where this is ``None``.
        on_error: What becomes of a request whose route raises: ``"500"``, which needs Kamailio's module ``sl``, or
            ``"drop"``. A reply whose route raises is dropped, and all other routes just end.

    Attributes:
        life: The modules' life.

    Raises:
        LifecycleError: The registry belongs to another lifecycle.
        ValueError: *on_error* is nothing of the kind, or *routes* names one that has an argument of its own.
    """

    def __init__(
        self,
        registry: Registry[MsgT],
        *,
        request_route: Route[MsgT],
        reply_route: Route[MsgT] = (),
        routes: Mapping[str, Route[MsgT]] | None = None,
        message: Callable[[Any], MsgT] | None = None,
        on_error: OnError = "500",
    ) -> None:
        if on_error not in ("500", "drop"):
            raise ValueError(f'Kamailio(on_error=...) takes "500" or "drop" (got {on_error!r})')
        for name in routes or ():
            if name in _RESERVED or not name.isidentifier():
                raise ValueError(
                    f"Kamailio(routes=...): {name!r} is no name for a route of yours; give one as Kamailio is to call "
                    f"it, none of {', '.join(_RESERVED)}"
                )
        self.life: Lifecycle[MsgT] = Lifecycle(registry)
        self._request_route = request_route
        self._reply_route = reply_route
        self._routes = dict(routes or {})
        self._message = message
        self._on_error = on_error

    def mod_init(self) -> object:
        """Initialise the modules, and return what Kamailio calls from then on.

        Kamailio calls it in its main process, before it forks (spec, section 1.4). After the RPC
        ``app_python.reload`` it calls it in each process that has a message to handle, which thereby is the main
        process of the new modules. Should that fail, the process keeps the modules that it has, and the log says why.

        Returns:
            An object with the method ``child_init(rank)``, and one for each route.

        Raises:
            SermodError: As for ``Lifecycle.init``; Kamailio does not start, and its log says why.
            RuntimeError: This is not Kamailio, or it lacks its module ``sl``.
        """
        ksr = _ksr()
        try:
            self._check_reply(ksr)
            log_to(ksr)
            self.life.init()
        except BaseException as error:
            if _process.handler is None:
                raise
            # Were it raised, Kamailio would let go of the object that it has, and call it nevertheless.
            _report(ksr, f"process {os.getpid()} keeps the modules that it has, since the new ones failed", error)
            return _process.handler
        for warning in self._warnings():
            ksr.warn(_printable(f"sermod: {warning}\n"))
        if _process.handler is not None:
            self._take_over(ksr)
        _process.life, _process.handler = self.life, self._handler(ksr)
        return _process.handler

    def _check_reply(self, ksr: Any) -> None:
        if self._on_error == "500" and not hasattr(ksr, "sl"):
            raise RuntimeError(
                "Kamailio(on_error='500') sends replies through Kamailio's module sl, which is not loaded: write "
                "loadmodule \"sl.so\", or on_error='drop'"
            )

    def _warnings(self) -> list[InterfaceWarning]:
        """Return what Python has shown on a standard error that nobody may have seen, and what a fork is to fear."""
        found = [InterfaceWarning(module.name, problem) for module in self.life.registry for problem in module.problems]
        return [*found, *thread_warnings(self.life.threads)]

    def _take_over(self, ksr: Any) -> None:
        """Clean up the modules that this process has had, if they were its own, and not those it was forked with."""
        try:
            _process.life.close()
        except Exception as error:  # noqa: BLE001 - the new modules are there all the same
            _report(ksr, "the clean-up of the modules that are replaced failed", error)

    def _handler(self, ksr: Any) -> object:
        """Return the object for Kamailio. What it calls are functions in it: that is quicker than methods."""
        life, origins = self.life, _Origins(self.life.registry)
        run_route, message = life.run_route, self._message
        answers = self._on_error == "500"

        def child_init(rank: int) -> int:
            if life.rank == rank:  # Kamailio has reloaded its script, and this process has kept its modules
                return 0
            try:
                life.init_child(rank)
            except BaseException as error:  # noqa: BLE001 - Kamailio would hide it
                _report(ksr, f"rank {rank} could not be initialised", error)
                return -1
            return 0

        def ksr_request_route(msg: Any) -> int:
            try:
                return run_route(request_route, msg if message is None else message(msg))
            except Exception as error:  # noqa: BLE001 - likewise
                _report(ksr, f"ksr_request_route failed{origins.of(error)}", error)
                if answers:
                    ksr.sl.sl_send_reply(500, "Server Internal Error")
                return -1

        def ksr_reply_route(msg: Any) -> int:
            try:
                reply = msg if message is None else message(msg)
                if life.process_reply(reply):
                    result = run_route(reply_route, reply)
                    if result:
                        return result
            except Exception as error:  # noqa: BLE001 - likewise
                _report(ksr, f"ksr_reply_route failed{origins.of(error)}", error)
            ksr.set_drop()
            return 0

        def other(name: str, route: Route[MsgT]) -> Callable[..., int]:
            def run(msg: Any, *_event: str) -> int:
                try:
                    return run_route(route, msg if message is None else message(msg))
                except Exception as error:  # noqa: BLE001 - likewise
                    _report(ksr, f"{name} failed{origins.of(error)}", error)
                    return -1

            return run

        request_route, reply_route = self._request_route, self._reply_route
        handler = SimpleNamespace(child_init=child_init, ksr_request_route=ksr_request_route)
        # Kamailio asks for it with each reply, and does without.
        if callable(reply_route) or [*reply_route] or any(module.exports.response_f for module in life.registry):
            handler.ksr_reply_route = ksr_reply_route
        vars(handler).update({name: other(name, route) for name, route in self._routes.items()})
        return handler


# What happens in one process of Kamailio ------------------------------------------------------------------------------


class _Process:
    """What outlives a reload of the script: Kamailio has one object for each process, and so has this.

    Attributes:
        life: The life of the modules that this process has.
        handler: The object that Kamailio has for them; ``None`` before there is one.
    """

    life: Lifecycle[Any]
    handler: object = None


_process: Final = _Process()


class _Origins:
    """Which function of which module an exception came out of, by the code objects in its traceback."""

    def __init__(self, registry: Registry[Any]) -> None:
        self._registry = registry
        self._names: dict[CodeType | None, str] = {}

    def of(self, error: Exception) -> str:
        """Return the module and its function, to be put into a message; nothing where the traceback has none."""
        self._names = self._names or dict(self._all())
        frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
        return next((self._names[frame.f_code] for frame in frames if frame.f_code in self._names), "")

    def _all(self) -> Iterator[tuple[CodeType | None, str]]:
        for module in self._registry:
            exports = module.exports
            functions = [(f"command {entry.name!r}", entry.function) for entry in exports.commands]
            for what, function in [*functions, ("response_f", exports.response_f), ("onbreak_f", exports.onbreak_f)]:
                yield getattr(function, "__code__", None), f" in {what} of module {module.name!r}"


def _report(ksr: Any, what: str, error: BaseException) -> None:
    """Write to Kamailio's log what went wrong, all of it."""
    text = "".join(traceback.format_exception(error))
    ksr.err(_printable(f"sermod: {what}: {type(error).__name__}: {error}\n{text}"))


def _printable(text: str) -> str:
    """Return what Kamailio takes: a string in C, in UTF-8."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")


def _ksr() -> Any:
    try:
        return importlib.import_module("KSR")
    except ImportError:
        raise RuntimeError(
            "mod_init() is called by Kamailio, and this is not Kamailio: there is no module KSR; to check the script, "
            "run python -m sermod.hosts.kamailio_check SCRIPT"
        ) from None


# Its log --------------------------------------------------------------------------------------------------------------


class LogHandler(logging.Handler):
    """Hands what is logged in Python on to Kamailio's log, each level to the one that it has for it.

    ``CRITICAL``, ``ERROR``, ``WARNING``, ``INFO`` and ``DEBUG`` are its ``crit``, ``err``, ``warn``, ``info`` and
    ``dbg``; what is between ``INFO`` and ``WARNING`` is its ``notice``.
    """

    def __init__(self, ksr: Any) -> None:
        super().__init__()
        self._levels = [
            (logging.CRITICAL, ksr.crit),
            (logging.ERROR, ksr.err),
            (logging.WARNING, ksr.warn),
            (logging.INFO + 1, ksr.notice),
            (logging.INFO, ksr.info),
            (logging.NOTSET, ksr.dbg),
        ]

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            text = _printable(f"{record.name}: {self.format(record)}\n")
        except Exception:  # noqa: BLE001 - as every handler: logging has a way of its own to tell of that
            self.handleError(record)
            return
        next(log for level, log in self._levels if record.levelno >= level)(text)


def log_to(ksr: Any) -> None:
    """Have all that is logged in Python go to Kamailio's log, unless the script has seen to that by itself.

    Args:
        ksr: Kamailio's module ``KSR``. Its ``debug`` level is taken as it is now.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(LogHandler(ksr))
        root.setLevel(_LEVELS.get(ksr.get_debug(), logging.DEBUG if ksr.get_debug() > 0 else logging.CRITICAL))


_LEVELS: Final = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO + 1, 2: logging.INFO}
"""Kamailio's ``debug`` as a level of Python's; above is ``DEBUG``, and below ``CRITICAL``."""
