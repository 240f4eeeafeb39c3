"""A WSGI application with the recorded modules, for gunicorn; the variable FAULT of the environment says what is wrong.

Its record is the file ``record`` of the directory in which it runs.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from recorded import bind_route, make_core

from sermod import REQUEST_ROUTE, CmdExport, Lifecycle, ModuleExports, null_terminated
from sermod.hosts.gunicorn import ServerHooks

FAULT = os.environ.get("FAULT", "")


def mod_init() -> int:
    """Fail, or start a thread, if that is the fault; say so in a buffer, which is to be written once."""
    if FAULT == "init_f":
        raise ValueError("there is no licence")
    if FAULT == "thread":
        threading.Thread(target=threading.Event().wait, name="of-init_f", daemon=True).start()
    sys.stdout.write("initialised, once\n")
    return 0


def child_init(rank: int) -> int:
    """Fail, or start a thread that never ends, if that is the fault."""
    if FAULT == "init_child_f" and rank == 2:
        raise ValueError("there is no second licence")
    if FAULT == "stays":
        threading.Thread(target=threading.Event().wait).start()
        sys.stdout.write("this worker stays\n")
    return 0


def destroy() -> None:
    """Fail, if that is the fault."""
    if FAULT == "destroy_f":
        raise ValueError("the licence cannot be given back")


def fail(_msg: object) -> int:
    """Fail."""
    raise ValueError("the command fails")


faulty = ModuleExports[Any](
    "faulty", null_terminated(CmdExport("fail", fail, 0, 0, REQUEST_ROUTE)), None, mod_init, 0, destroy, 0, child_init
)
core = make_core("record", faulty)
if FAULT == "parameter":
    core.set_param("foobar", "foo_baz", 5)
routes = {"/": bind_route(core), "/fail": [core.bind("fail", route=REQUEST_ROUTE)]}
life = Lifecycle(core)
hooks = ServerHooks(life)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer one request; the answer has the rank of the process."""
    answers: list[str] = []

    def append_to_reply(_name: str, _value: str) -> None:
        pass

    def reply(code: int, phrase: str) -> None:
        answers.append(f"{code} {phrase}")

    msg = SimpleNamespace(
        method=environ["REQUEST_METHOD"], max_forwards=70, append_to_reply=append_to_reply, reply=reply
    )
    life.run_route(routes[environ["PATH_INFO"]], msg)
    start_response(answers[-1], [("Content-Length", "0"), ("Rank", str(life.rank))])
    return []
