"""The module interface of the SIP Express Router (SER), for Python programs to embed.

The public names are handed on lazily: ``import sermod`` loads no other file, and a name loads what it needs when it is
first used. What stands behind them is a ladder: a file imports only from floors below its own.

=====  ================================================================================================================
floor  file
=====  ================================================================================================================
15     ``hosts``: programs that drive a lifecycle, one file for each
14     ``prefork``: a server of forked children
13     ``supervision``: what is done about them; ``alone``: a server without any
12     ``failures``: what went wrong
11     ``children``: the children as processes
10     ``child``: what a child does, from its fork to its end;
       ``testing``: a module tested alone, and whether it keeps the interface
9      ``lifecycle``: the order in which module functions run, and in which process; ``description``: a module as text
8      ``registry``: the loaded modules, and every look-up in them; ``module``: a module that is a class
7      ``action``: one call in a script; ``commands``: the commands of all modules; ``parameters``: setting parameters;
       ``module_commands``, ``module_params``: what the body of such a class says;
       ``loader``: from a name or a path to exports
6      ``native``: the binary interface; ``permissions``: who may replace a module's file
5      ``reports``: what children tell the main process; ``threads``: those that no child will have;
       ``mistakes``: what is wrong with a configuration;
       ``validation``: the rules of the interface; ``lookup``: finding a command from within a module's function
4      ``errors``: every exception; ``exports``: the structures
3      ``routes``: the kinds of route; ``pointers``: where a parameter's value lives; ``annotations``: their fixups
2      ``settings``: how children are to be run; ``stopsignals``: SIGTERM and SIGINT, noted;
       ``signatures``: what a callable takes; ``fixups``: ready-made ones
1      ``events``: what happens to children; ``descriptors``: those of one process alone;
       ``problems``: what validation finds; ``ranks``: which process is which; ``stdio``: what is buffered
=====  ================================================================================================================
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which would cost its import
if TYPE_CHECKING:
    from sermod.action import Action as Action
    from sermod.description import describe as describe
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
    from sermod.errors import MissingParamError as MissingParamError
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
    from sermod.events import ChildExited as ChildExited
    from sermod.events import ChildKilled as ChildKilled
    from sermod.events import ChildReady as ChildReady
    from sermod.events import ChildStarted as ChildStarted
    from sermod.events import Event as Event
    from sermod.events import GivingUp as GivingUp
    from sermod.events import RestartDelayed as RestartDelayed
    from sermod.events import Restarting as Restarting
    from sermod.events import Stopped as Stopped
    from sermod.events import Stopping as Stopping
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
    from sermod.lookup import find_export as find_export
    from sermod.module import Module as Module
    from sermod.module_commands import command as command
    from sermod.module_params import int_param as int_param
    from sermod.module_params import pointer_param as pointer_param
    from sermod.module_params import str_param as str_param
    from sermod.pointers import Cell as Cell
    from sermod.pointers import Pointer as Pointer
    from sermod.pointers import pointer_to as pointer_to
    from sermod.prefork import Prefork as Prefork
    from sermod.prefork import serve as serve
    from sermod.problems import Problem as Problem
    from sermod.problems import Severity as Severity
    from sermod.ranks import PROC_FIFO as PROC_FIFO
    from sermod.ranks import PROC_MAIN as PROC_MAIN
    from sermod.ranks import PROC_TCP_MAIN as PROC_TCP_MAIN
    from sermod.ranks import PROC_TIMER as PROC_TIMER
    from sermod.ranks import lowest_free_rank as lowest_free_rank
    from sermod.registry import LoadedModule as LoadedModule
    from sermod.registry import Registry as Registry
    from sermod.routes import REPLY_ROUTE as REPLY_ROUTE
    from sermod.routes import REQUEST_ROUTE as REQUEST_ROUTE
    from sermod.routes import RouteFlag as RouteFlag
    from sermod.settings import RestartPolicy as RestartPolicy
    from sermod.validation import check as check
    from sermod.validation import find_problems as find_problems
    from sermod.validation import null_terminated as null_terminated
    from sermod.validation import scan as scan

_PUBLIC = {
    "Action": "action",
    "AlreadyLoadedError": "errors",
    "Cell": "pointers",
    "ChildDiedError": "errors",
    "ChildExited": "events",
    "ChildInitError": "errors",
    "ChildKilled": "events",
    "ChildReady": "events",
    "ChildStarted": "events",
    "CmdExport": "exports",
    "CommandResultError": "errors",
    "DuplicateModuleError": "errors",
    "Event": "events",
    "Fixup": "exports",
    "FixupError": "errors",
    "GivingUp": "events",
    "INT_PARAM": "exports",
    "InsecurePathError": "errors",
    "InterfaceWarning": "errors",
    "InvalidExportsError": "errors",
    "Lifecycle": "lifecycle",
    "LifecycleError": "errors",
    "LoadError": "errors",
    "LoadedModule": "registry",
    "MissingParamError": "errors",
    "Module": "module",
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
    "Prefork": "prefork",
    "Problem": "problems",
    "REPLY_ROUTE": "routes",
    "REQUEST_ROUTE": "routes",
    "Registry": "registry",
    "RestartDelayed": "events",
    "RestartPolicy": "settings",
    "Restarting": "events",
    "Route": "lifecycle",
    "RouteError": "errors",
    "RouteFlag": "routes",
    "STR_PARAM": "exports",
    "SermodError": "errors",
    "Severity": "problems",
    "ShadowedCommandError": "errors",
    "State": "lifecycle",
    "Stopped": "events",
    "Stopping": "events",
    "UnknownCommandError": "errors",
    "UnknownModuleError": "errors",
    "UnknownParamError": "errors",
    "check": "validation",
    "command": "module_commands",
    "describe": "description",
    "find_export": "lookup",
    "find_problems": "validation",
    "int_param": "module_params",
    "load": "loader",
    "lowest_free_rank": "ranks",
    "null_terminated": "validation",
    "pointer_param": "module_params",
    "pointer_to": "pointers",
    "scan": "validation",
    "serve": "prefork",
    "str_param": "module_params",
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
    "ChildExited",
    "ChildInitError",
    "ChildKilled",
    "ChildReady",
    "ChildStarted",
    "CmdExport",
    "CommandResultError",
    "DuplicateModuleError",
    "Event",
    "Fixup",
    "FixupError",
    "GivingUp",
    "InsecurePathError",
    "InterfaceWarning",
    "InvalidExportsError",
    "Lifecycle",
    "LifecycleError",
    "LoadError",
    "LoadedModule",
    "MissingParamError",
    "Module",
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
    "Prefork",
    "Problem",
    "Registry",
    "RestartDelayed",
    "RestartPolicy",
    "Restarting",
    "Route",
    "RouteError",
    "RouteFlag",
    "SermodError",
    "Severity",
    "ShadowedCommandError",
    "State",
    "Stopped",
    "Stopping",
    "UnknownCommandError",
    "UnknownModuleError",
    "UnknownParamError",
    "check",
    "command",
    "describe",
    "find_export",
    "find_problems",
    "int_param",
    "load",
    "lowest_free_rank",
    "null_terminated",
    "pointer_param",
    "pointer_to",
    "scan",
    "serve",
    "str_param",
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
