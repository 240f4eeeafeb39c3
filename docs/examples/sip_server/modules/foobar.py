"""The module of the spec's section 1.8, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sermod import INT_PARAM, REQUEST_ROUTE, STR_PARAM, CmdExport, ModuleExports, ParamExport, pointer_to

if TYPE_CHECKING:
    from message import SipRequest

foo_bar = 0
bar_foo = "default value"


def foo_req(msg: SipRequest, param1: str, param2: str) -> int:
    """Return true where ``foo_bar`` is set; both parameters come from the script."""
    return foo_int(msg, param1, param2)


def foo_int(_msg: SipRequest, _param1: str, _param2: str) -> int:
    """Return true where ``foo_bar`` is set; other modules can call it, the script cannot."""
    return 1 if foo_bar else -1


def mod_init() -> int:
    """Run once, in the main process, after the parameters are set and before the fork."""
    print(f"foo module initializing (foo_bar={foo_bar}, bar_foo={bar_foo!r})")
    return 0


def child_init(rank: int) -> int:
    """Run once in each child."""
    print(f"child nr. {rank} initializing")
    return 0


def destroy() -> None:
    """Run once, in the main process, when the server shuts down."""
    print("foo module cleaning up")


cmds = [
    CmdExport("foo_req", foo_req, 2, 0, REQUEST_ROUTE),
    CmdExport("foo_int", foo_int, 2, 0, 0),
    CmdExport(0, 0, 0, 0, 0),
]

params = [
    ParamExport("foo_bar", INT_PARAM, pointer_to(globals(), "foo_bar")),
    ParamExport("bar_foo", STR_PARAM, pointer_to(globals(), "bar_foo")),
    ParamExport(0, 0, 0),
]

exports = ModuleExports(
    "foobar",  # Module name
    cmds,  # Exported functions
    params,  # Exported parameters
    mod_init,  # Module initialization function
    0,  # Response function
    destroy,  # Clean-up function
    0,  # On Cancel function
    child_init,  # Per-child init function
)
