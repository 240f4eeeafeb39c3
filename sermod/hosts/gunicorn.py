"""gunicorn, a server of forked workers for WSGI and ASGI, as the program that owns the processes.

Its configuration has the methods of one object as server hooks. gunicorn itself is never imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, Protocol

from sermod._core.lifecycle import Lifecycle
from sermod._core.state import State
from sermod._forking import flush, thread_warnings
from sermod._interface.ranks import lowest_free_rank
from sermod.errors import LifecycleError

HOOKS: Final = ("when_ready", "pre_fork", "post_fork", "worker_exit", "on_exit")
"""What the configuration has to name."""


class Log(Protocol):
    """gunicorn's log, as far as it is used here."""

    def warning(self, msg: str, /, *args: object) -> object:
        """Write a warning."""
        ...

    def exception(self, msg: str, /, *args: object) -> object:
        """Write an error with its traceback."""
        ...


class Setting(Protocol):
    """One setting of the configuration, as far as it is used here."""

    value: Any
    default: Any


class Config(Protocol):
    """gunicorn's configuration, as far as it is used here."""

    settings: Mapping[str, Setting]


class Worker(Protocol):
    """A worker, as far as it is used here; it gets its rank here as well."""

    cfg: Config
    rank: int


class Arbiter(Protocol):
    """gunicorn's main process, as far as it is used here."""

    cfg: Config
    log: Log
    WORKERS: Mapping[int, Worker]

    def halt(self, reason: str | None = None, exit_status: int = 0) -> NoReturn:
        """Stop what there is, and exit."""
        ...


class ServerHooks:
    """Runs a lifecycle in gunicorn: the arbiter is the main process, and each worker a child with its rank.

    Each method is the server hook of its name, and gunicorn calls it. The configuration names all five::

        from app import hooks

        when_ready = hooks.when_ready
        pre_fork = hooks.pre_fork
        post_fork = hooks.post_fork
        worker_exit = hooks.worker_exit
        on_exit = hooks.on_exit

    gunicorn reads its configuration again when it is reloaded. So the lifecycle belongs into a file that the
    configuration imports, which is then still the same.

    Args:
        life: The lifecycle, which is not initialised yet.
    """

    def __init__(self, life: Lifecycle[Any]) -> None:
        self._life = life

    def when_ready(self, server: Arbiter) -> None:
        """Initialise the modules, in the arbiter, before the first worker is forked (spec, section 1.4).

        What fails is written to gunicorn's log, and gunicorn exits with status 1. The log also names a thread that an
        ``init_f`` has started and left running, since no worker has it.

        Args:
            server: The arbiter.

        Raises:
            SystemExit: The modules could not be initialised, or the configuration lacks a hook.
        """
        try:
            _check_hooks(server, "when_ready()", self._life)
            self._life.init()
        except Exception as error:
            server.log.exception("The modules are not initialised")
            server.halt(str(error), 1)
        for warning in thread_warnings(self._life.threads):
            server.log.warning("%s", warning)

    def pre_fork(self, server: Arbiter, worker: Worker) -> None:
        """Give a worker its rank, in the arbiter, before the worker is forked.

        It is the lowest that no living worker has. Those that a reload is about to replace do not count, for all that
        they live a little longer: so the ranks are 1, 2, 3 and so on after it as well.

        Args:
            server: The arbiter.
            worker: The worker; it has the rank as its attribute ``rank`` from now on.

        Raises:
            LifecycleError: The modules are not initialised, or the configuration lacks a hook.
        """
        _check_hooks(server, "pre_fork()", self._life)
        state = self._life.state
        if state is not State.INITIALISED:
            raise LifecycleError(
                f"pre_fork() wants modules that are initialised, and this lifecycle is {state}: a reload has made "
                f"another; make it in a file that the configuration imports, and to initialise modules anew, restart "
                f"gunicorn",
                state=state,
                call="pre_fork()",
            )
        # A reload makes a new configuration, and then replaces every worker that has the one before.
        worker.rank = lowest_free_rank({other.rank for other in server.WORKERS.values() if other.cfg is worker.cfg})
        flush()

    def post_fork(self, server: Arbiter, worker: Worker) -> None:
        """Initialise the modules for a worker, in that worker, with its rank (spec, section 1.4).

        It runs before gunicorn changes to the user and the group of its settings, and before the worker heeds signals.

        Args:
            server: The arbiter, as it was when the worker was forked.
            worker: The worker.

        Raises:
            ChildInitError: An ``init_child_f`` failed. gunicorn logs it, and exits with status 3, as it does for any
                worker that cannot boot.
            LifecycleError: The configuration lacks a hook.
        """
        _check_hooks(server, "post_fork()", self._life)
        self._life.init_child(worker.rank)

    def worker_exit(self, _server: Arbiter, _worker: Worker) -> None:
        """Write out what is buffered, in a worker that ends: one that does not end soon enough is killed."""
        flush()

    def on_exit(self, server: Arbiter) -> None:
        """Clean up the modules that are initialised, in the arbiter, once no worker is left (spec, section 1.5).

        Args:
            server: The arbiter.

        Raises:
            ExceptionGroup: What each ``destroy_f`` raised; it is in gunicorn's log as well.
        """
        try:
            self._life.close()
        except Exception:
            server.log.exception("The clean-up of modules failed")
            raise


def _check_hooks(server: Arbiter, call: str, life: Lifecycle[Any]) -> None:
    settings = server.cfg.settings
    missing = [name for name in HOOKS if settings[name].value is settings[name].default]
    if missing:
        raise LifecycleError(
            f"{call} needs the other hooks as well, and the configuration of gunicorn lacks {', '.join(missing)}: add "
            + "; ".join(f"{name} = hooks.{name}" for name in missing),
            state=life.state,
            call=call,
        )
