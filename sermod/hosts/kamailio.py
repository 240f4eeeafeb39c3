"""Kamailio, whose module ``app_python3`` hands each message to a Python object: this file makes that object.

A script for Kamailio ends with ``mod_init = Kamailio(...).mod_init``. Kamailio calls this function in its main process,
before it forks. Of the object that it returns, Kamailio calls ``child_init(rank)`` in each process, and a method for
each message. Kamailio calls nothing when it ends, so no ``destroy_f`` runs (spec, section 1.5).

``python -m sermod.hosts.kamailio_check SCRIPT`` checks such a script, which ``kamailio -c`` does not read.
"""

from __future__ import annotations

import importlib
import logging
import os
import traceback
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, Generic, Literal

from sermod._core.lifecycle import Lifecycle, Route
from sermod._core.notes import call_note
from sermod._core.registry import Registry
from sermod._forking import thread_warnings
from sermod._interface.exports import MsgT
from sermod._problems import text_of
from sermod.errors import InterfaceWarning

OnError = Literal["500", "drop"]
"""What becomes of a request whose route raises: it is answered with 500, or dropped."""

_RESERVED: Final = ("child_init", "ksr_request_route", "ksr_reply_route")


def mpath(directories: str) -> list[str]:
    """Return the directories of a search path in the notation of Kamailio's ``mpath``, for ``Registry(path=...)``.

    Args:
        directories: The directories, separated by colons.

    Example:
        >>> mpath("/etc/kamailio/modules/:/usr/local/lib/modules")
        ['/etc/kamailio/modules/', '/usr/local/lib/modules']
    """
    return [directory for directory in directories.split(":") if directory]


class Kamailio(Generic[MsgT]):
    """Runs the modules of a registry inside Kamailio.

    Args:
        registry: The modules, with their parameters set and their calls bound.
        request_route: The route for requests.
        reply_route: The route for the replies that no ``response_f`` drops.
        routes: The other routes, by the names under which Kamailio calls them: ``{"ksr_branch_one": [...]}`` goes with
            ``KSR.tm.t_on_branch("ksr_branch_one")``.
        message: Makes the message for the commands from Kamailio's message object, which is valid during one call. By
            default, commands get Kamailio's object itself.
        on_error: What becomes of a request whose route raises: ``"500"``, which needs Kamailio's module ``sl``, or
            ``"drop"``. A reply whose route raises is dropped, and every other route just ends.

    Attributes:
        life: The lifecycle of the modules.

    Raises:
        LifecycleError: The registry belongs to another lifecycle.
        ValueError: *on_error* is neither of the two, or a name in *routes* is not an identifier or has an argument of
            its own.
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
                    f"Kamailio(routes=...) takes the names of functions that Kamailio calls, except "
                    f"{', '.join(_RESERVED)} (got {name!r})"
                )
        self.life: Lifecycle[MsgT] = Lifecycle(registry)
        self._request_route = request_route
        self._reply_route = reply_route
        self._routes = dict(routes or {})
        self._message = message
        self._on_error = on_error

    def mod_init(self) -> object:
        """Initialise the modules, and return the object that Kamailio calls from then on.

        Kamailio calls this in its main process, before it forks (spec, section 1.4). After the RPC
        ``app_python.reload``, each process that has a message to handle calls it, and becomes the main process of the
        new modules. If that fails, the process keeps the modules that it has, and the log has the error.

        Returns:
            An object with the method ``child_init(rank)``, and a method for each route.

        Raises:
            SermodError: As for ``Lifecycle.init``. Kamailio does not start, and its log has the error.
            RuntimeError: This is not Kamailio, or Kamailio has not loaded its module ``sl``.
        """
        ksr = _import_ksr()
        try:
            self._check_sl(ksr)
            log_to(ksr)
            self.life.init()
        except BaseException as error:
            if _process.handler is None:
                raise
            # If this were raised, Kamailio would release the object that it has, and call it nevertheless.
            _log_error(ksr, f"process {os.getpid()} keeps its modules, since the new ones failed", error)
            return _process.handler
        for warning in self._warnings():
            ksr.warn(_printable(f"sermod: {warning}\n"))
        if _process.handler is not None:
            self._clean_up_replaced(ksr)
        _process.life, _process.handler = self.life, self._make_handler(ksr)
        return _process.handler

    def _check_sl(self, ksr: Any) -> None:
        if self._on_error == "500" and not hasattr(ksr, "sl"):
            raise RuntimeError(
                "Kamailio(on_error='500') sends replies through Kamailio's module sl, which is not loaded; write "
                "loadmodule \"sl.so\", or on_error='drop'"
            )

    def _warnings(self) -> list[InterfaceWarning]:
        """Return the warnings of registration, which Python wrote to standard error, and those about threads."""
        found = [InterfaceWarning(module.name, problem) for module in self.life.registry for problem in module.problems]
        return [*found, *thread_warnings(self.life.threads)]

    def _clean_up_replaced(self, ksr: Any) -> None:
        """Clean up the earlier modules of this process, unless it inherited them from the process that forked it."""
        try:
            _process.life.close()
        except Exception as error:  # noqa: BLE001 - the new modules are initialised all the same
            _log_error(ksr, "the clean-up of the replaced modules failed", error)

    def _make_handler(self, ksr: Any) -> object:
        """Return the object for Kamailio. Its attributes are functions, since calling methods takes longer."""
        life, message = self.life, self._message
        run_route, request_route, reply_route = life.run_route, self._request_route, self._reply_route
        replies_500 = self._on_error == "500"

        def child_init(rank: int) -> int:
            if life.rank == rank:  # Kamailio has reloaded its script, and this process has kept its modules
                return 0
            try:
                life.init_child(rank)
            except BaseException as error:  # noqa: BLE001 - Kamailio would hide it
                _log_error(ksr, f"rank {rank} could not be initialised", error)
                return -1
            return 0

        def ksr_request_route(msg: Any) -> int:
            try:
                return run_route(request_route, msg if message is None else message(msg))
            except Exception as error:  # noqa: BLE001 - Kamailio would hide it
                _log_error(ksr, "ksr_request_route failed", error)
                if replies_500:
                    ksr.sl.sl_send_reply(500, "Server Internal Error")
                return -1

        def ksr_reply_route(msg: Any) -> int:
            try:
                reply = msg if message is None else message(msg)
                if life.process_reply(reply):
                    result = run_route(reply_route, reply)
                    if result:
                        return result
            except Exception as error:  # noqa: BLE001 - Kamailio would hide it
                _log_error(ksr, "ksr_reply_route failed", error)
            ksr.set_drop()
            return 0

        def make_route(name: str, route: Route[MsgT]) -> Callable[..., int]:
            def run(msg: Any, *_event: str) -> int:
                try:
                    return run_route(route, msg if message is None else message(msg))
                except Exception as error:  # noqa: BLE001 - Kamailio would hide it
                    _log_error(ksr, f"{name} failed", error)
                    return -1

            return run

        handler = SimpleNamespace(child_init=child_init, ksr_request_route=ksr_request_route)
        # Kamailio looks for this attribute with each reply; without it, it forwards the reply.
        if callable(reply_route) or [*reply_route] or any(module.exports.response_f for module in life.registry):
            handler.ksr_reply_route = ksr_reply_route
        vars(handler).update({name: make_route(name, route) for name, route in self._routes.items()})
        return handler


# One process of Kamailio ----------------------------------------------------------------------------------------------


class _Process:
    """What outlives a reload of the script: the modules of this process, and the object that Kamailio has for them.

    Attributes:
        life: The lifecycle of the modules.
        handler: The object; ``None`` before there is one.
    """

    life: Lifecycle[Any]
    handler: object = None


_process: Final = _Process()


def _log_error(ksr: Any, event: str, error: BaseException) -> None:
    """Write an exception to Kamailio's log, with its traceback; the first line names the call that failed."""
    call = call_note(error)
    summary = f"{event} {call}" if call else event
    text = "".join(traceback.format_exception(error))
    ksr.err(_printable(f"sermod: {summary}: {type(error).__name__}: {text_of(error)}\n{text}"))


def _printable(text: str) -> str:
    """Return a text that Kamailio can take as a C string in UTF-8."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")


def _import_ksr() -> Any:
    try:
        return importlib.import_module("KSR")
    except ImportError:
        raise RuntimeError(
            "mod_init() is called by Kamailio, and this is not Kamailio: there is no module KSR; to check the script, "
            "run python -m sermod.hosts.kamailio_check SCRIPT"
        ) from None


# Kamailio's log -------------------------------------------------------------------------------------------------------


class LogHandler(logging.Handler):
    """Writes the records of ``logging`` to Kamailio's log, each with the level there that corresponds to its own.

    ``CRITICAL``, ``ERROR``, ``WARNING``, ``INFO`` and ``DEBUG`` become Kamailio's ``crit``, ``err``, ``warn``, ``info``
    and ``dbg``; a level between ``INFO`` and ``WARNING`` becomes ``notice``.

    Args:
        ksr: Kamailio's module ``KSR``.
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
        except Exception:  # noqa: BLE001 - every handler of logging reports it in this way
            self.handleError(record)
            return
        next(log for level, log in self._levels if record.levelno >= level)(text)


def log_to(ksr: Any) -> None:
    """Send all records of ``logging`` to Kamailio's log, unless the script has set up logging itself.

    Args:
        ksr: Kamailio's module ``KSR``. The level of Python's root logger is set to its ``debug``, as it is now.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(LogHandler(ksr))
        root.setLevel(_LEVELS.get(ksr.get_debug(), logging.DEBUG if ksr.get_debug() > 0 else logging.CRITICAL))


_LEVELS: Final = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO + 1, 2: logging.INFO}
"""The levels of ``logging`` for values of Kamailio's ``debug``; above them is ``DEBUG``, below them ``CRITICAL``."""
