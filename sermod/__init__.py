"""The module interface of the SIP Express Router (SER), for Python programs to embed.

The public names are handed on lazily: ``import sermod`` loads no other file, and a name loads what it needs when it is
first used. What stands behind them is a ladder: a file imports only from floors below its own.

=====  ==================================================================================
floor  file
=====  ==================================================================================
9      ``lifecycle``: the order in which module functions run, and in which process
8      ``registry``: the loaded modules, and every look-up in them
7      ``action``: one call in a script
6      ``loader``: from a name or a path to exports; ``validation``: the rules of the interface
5      ``errors``: every exception
4      ``exports``: the structures
3      ``routes``: the kinds of route; ``pointers``: where a parameter's value lives
2      ``signatures``: what a callable takes
1      ``problems``: what validation finds; ``ranks``: the special processes
=====  ==================================================================================
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which would cost its import
if TYPE_CHECKING:
    from sermod.action import Action as Action
    from sermod.errors import AlreadyLoadedError as AlreadyLoadedError
    from sermod.errors import ChildDiedError as ChildDiedError
    from sermod.errors import ChildInitError as ChildInitError
    from sermod.errors import CommandResultError as CommandResultError
    from sermod.errors import DuplicateModuleError as DuplicateModuleError
    from sermod.errors import FixupError as FixupError
    from sermod.errors import InsecurePathError as InsecurePathError
    from sermod.errors import InterfaceWarning as InterfaceWarning
    from sermod.errors import InvalidExportsError as InvalidExportsError
    from sermod.errors import LifecycleError as LifecycleError
    from sermod.errors import LoadError as LoadError
    from sermod.errors import ModuleFileNotFoundError as ModuleFileNotFoundError
    from sermod.errors import ModuleInitError as ModuleInitError
    from sermod.errors import NoExportsError as NoExportsError
    from sermod.errors import ParamCountError as ParamCountError
    from sermod.errors import ParamTypeError as ParamTypeError
    from sermod.errors import ParamValueError as ParamValueError
    from sermod.errors import RouteError as RouteError
    from sermod.errors import SermodError as SermodError
    from sermod.errors import ShadowedCommandError as ShadowedCommandError
    from sermod.errors import UnknownCommandError as UnknownCommandError
    from sermod.errors import UnknownModuleError as UnknownModuleError
    from sermod.errors import UnknownParamError as UnknownParamError
    from sermod.exports import INT_PARAM as INT_PARAM
    from sermod.exports import STR_PARAM as STR_PARAM
    from sermod.exports import CmdExport as CmdExport
    from sermod.exports import Fixup as Fixup
    from sermod.exports import ModuleExports as ModuleExports
    from sermod.exports import ParamExport as ParamExport
    from sermod.exports import ParamType as ParamType
    from sermod.lifecycle import Lifecycle as Lifecycle
    from sermod.lifecycle import Route as Route
    from sermod.lifecycle import State as State
    from sermod.loader import load as load
    from sermod.pointers import Cell as Cell
    from sermod.pointers import Pointer as Pointer
    from sermod.pointers import pointer_to as pointer_to
    from sermod.problems import Problem as Problem
    from sermod.problems import Severity as Severity
    from sermod.ranks import PROC_FIFO as PROC_FIFO
    from sermod.ranks import PROC_MAIN as PROC_MAIN
    from sermod.ranks import PROC_TCP_MAIN as PROC_TCP_MAIN
    from sermod.ranks import PROC_TIMER as PROC_TIMER
    from sermod.registry import LoadedModule as LoadedModule
    from sermod.registry import Registry as Registry
    from sermod.registry import find_export as find_export
    from sermod.routes import REPLY_ROUTE as REPLY_ROUTE
    from sermod.routes import REQUEST_ROUTE as REQUEST_ROUTE
    from sermod.routes import RouteFlag as RouteFlag
    from sermod.validation import check as check
    from sermod.validation import find_problems as find_problems
    from sermod.validation import null_terminated as null_terminated
    from sermod.validation import scan as scan

_PUBLIC = {
    "Action": "action",
    "AlreadyLoadedError": "errors",
    "Cell": "pointers",
    "ChildDiedError": "errors",
    "ChildInitError": "errors",
    "CmdExport": "exports",
    "CommandResultError": "errors",
    "DuplicateModuleError": "errors",
    "Fixup": "exports",
    "FixupError": "errors",
    "INT_PARAM": "exports",
    "InsecurePathError": "errors",
    "InterfaceWarning": "errors",
    "InvalidExportsError": "errors",
    "Lifecycle": "lifecycle",
    "LifecycleError": "errors",
    "LoadError": "errors",
    "LoadedModule": "registry",
    "ModuleExports": "exports",
    "ModuleFileNotFoundError": "errors",
    "ModuleInitError": "errors",
    "NoExportsError": "errors",
    "PROC_FIFO": "ranks",
    "PROC_MAIN": "ranks",
    "PROC_TCP_MAIN": "ranks",
    "PROC_TIMER": "ranks",
    "ParamCountError": "errors",
    "ParamExport": "exports",
    "ParamType": "exports",
    "ParamTypeError": "errors",
    "ParamValueError": "errors",
    "Pointer": "pointers",
    "Problem": "problems",
    "REPLY_ROUTE": "routes",
    "REQUEST_ROUTE": "routes",
    "Registry": "registry",
    "Route": "lifecycle",
    "RouteError": "errors",
    "RouteFlag": "routes",
    "STR_PARAM": "exports",
    "SermodError": "errors",
    "Severity": "problems",
    "ShadowedCommandError": "errors",
    "State": "lifecycle",
    "UnknownCommandError": "errors",
    "UnknownModuleError": "errors",
    "UnknownParamError": "errors",
    "check": "validation",
    "find_export": "registry",
    "find_problems": "validation",
    "load": "loader",
    "null_terminated": "validation",
    "pointer_to": "pointers",
    "scan": "validation",
}
"""Where each public name lives."""

__all__ = [
    "INT_PARAM",
    "PROC_FIFO",
    "PROC_MAIN",
    "PROC_TCP_MAIN",
    "PROC_TIMER",
    "REPLY_ROUTE",
    "REQUEST_ROUTE",
    "STR_PARAM",
    "Action",
    "AlreadyLoadedError",
    "Cell",
    "ChildDiedError",
    "ChildInitError",
    "CmdExport",
    "CommandResultError",
    "DuplicateModuleError",
    "Fixup",
    "FixupError",
    "InsecurePathError",
    "InterfaceWarning",
    "InvalidExportsError",
    "Lifecycle",
    "LifecycleError",
    "LoadError",
    "LoadedModule",
    "ModuleExports",
    "ModuleFileNotFoundError",
    "ModuleInitError",
    "NoExportsError",
    "ParamCountError",
    "ParamExport",
    "ParamType",
    "ParamTypeError",
    "ParamValueError",
    "Pointer",
    "Problem",
    "Registry",
    "Route",
    "RouteError",
    "RouteFlag",
    "SermodError",
    "Severity",
    "ShadowedCommandError",
    "State",
    "UnknownCommandError",
    "UnknownModuleError",
    "UnknownParamError",
    "check",
    "find_export",
    "find_problems",
    "load",
    "null_terminated",
    "pointer_to",
    "scan",
]


def __getattr__(name: str) -> object:
    """Load a public name from where it lives, and keep it (PEP 562)."""
    if name not in _PUBLIC:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg, name=name)
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
