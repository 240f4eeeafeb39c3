"""The module interface of the SIP Express Router (SER), for Python programs to embed.

The public names are handed on lazily: ``import sermod`` loads no other file, and a name loads what it needs when it is
first used. A folder or file with an underscore is the engine, free to change; one without is a path that users import.
They stand on a ladder: a file imports from its own folder and from lower floors only.

=====  =============================================================================================================
floor  folders and files
=====  =============================================================================================================
7      ``hosts/``: programs that drive a lifecycle, one file for each
6      ``testing/``: a module tested alone, and whether it keeps the interface;
       ``_prefork/``: a server of forked children
5      ``_core/``: what a host drives: the registry, the loader, bound calls, the lifecycle
4      ``native/``: the binary interface; ``_classes/``: modules as classes
3      ``_interface/``: what a module is: the structures, their pointers, their rules;
       ``_forking``: what each fork in this library does
2      ``errors``: every exception; ``fixups``: ready-made fixups
1      ``_problems``: what validation finds, and the wording of messages
=====  =============================================================================================================
"""

from __future__ import annotations

import sys

_names = sys._getframe().f_code.co_names  # of this file, as it is executed
TYPE_CHECKING = bool()  # noqa: UP018 - False, and no tool takes it for that; typing's own would cost its import
if TYPE_CHECKING:
    # The one list of the public names: for type checkers, and for _find_homes().
    from sermod._classes.commands import command as command
    from sermod._classes.description import describe as describe
    from sermod._classes.module import Module as Module
    from sermod._classes.params import int_param as int_param
    from sermod._classes.params import pointer_param as pointer_param
    from sermod._classes.params import str_param as str_param
    from sermod._core.action import Action as Action
    from sermod._core.lifecycle import Lifecycle as Lifecycle
    from sermod._core.lifecycle import Route as Route
    from sermod._core.loaded import LoadedModule as LoadedModule
    from sermod._core.loader import load as load
    from sermod._core.registry import Registry as Registry
    from sermod._core.state import State as State
    from sermod._interface.exports import INT_PARAM as INT_PARAM
    from sermod._interface.exports import REPLY_ROUTE as REPLY_ROUTE
    from sermod._interface.exports import REQUEST_ROUTE as REQUEST_ROUTE
    from sermod._interface.exports import STR_PARAM as STR_PARAM
    from sermod._interface.exports import CmdExport as CmdExport
    from sermod._interface.exports import Fixup as Fixup
    from sermod._interface.exports import ModuleExports as ModuleExports
    from sermod._interface.exports import ParamExport as ParamExport
    from sermod._interface.exports import ParamType as ParamType
    from sermod._interface.exports import RouteFlag as RouteFlag
    from sermod._interface.lists import list_param as list_param
    from sermod._interface.lookup import find_export as find_export
    from sermod._interface.pointers import Cell as Cell
    from sermod._interface.pointers import Pointer as Pointer
    from sermod._interface.pointers import pointer_to as pointer_to
    from sermod._interface.ranks import PROC_FIFO as PROC_FIFO
    from sermod._interface.ranks import PROC_MAIN as PROC_MAIN
    from sermod._interface.ranks import PROC_TCP_MAIN as PROC_TCP_MAIN
    from sermod._interface.ranks import PROC_TIMER as PROC_TIMER
    from sermod._interface.ranks import lowest_free_rank as lowest_free_rank
    from sermod._interface.validation import check as check
    from sermod._interface.validation import find_problems as find_problems
    from sermod._interface.validation import null_terminated as null_terminated
    from sermod._interface.validation import scan as scan
    from sermod._prefork.events import ChildExited as ChildExited
    from sermod._prefork.events import ChildKilled as ChildKilled
    from sermod._prefork.events import ChildReady as ChildReady
    from sermod._prefork.events import ChildStarted as ChildStarted
    from sermod._prefork.events import Event as Event
    from sermod._prefork.events import GivingUp as GivingUp
    from sermod._prefork.events import RestartDelayed as RestartDelayed
    from sermod._prefork.events import Restarting as Restarting
    from sermod._prefork.events import Stopped as Stopped
    from sermod._prefork.events import Stopping as Stopping
    from sermod._prefork.server import Prefork as Prefork
    from sermod._prefork.server import serve as serve
    from sermod._prefork.settings import RestartPolicy as RestartPolicy
    from sermod._problems import Problem as Problem
    from sermod._problems import Severity as Severity
    from sermod.errors import AlreadyLoadedError as AlreadyLoadedError
    from sermod.errors import ChildDiedError as ChildDiedError
    from sermod.errors import ChildInitError as ChildInitError
    from sermod.errors import CommandResultError as CommandResultError
    from sermod.errors import ConfigurationErrors as ConfigurationErrors
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


if not TYPE_CHECKING:  # no name is there for a type checker but those above

    def __getattr__(name: str) -> object:
        """Load a public name from the file that it lives in, and keep it (PEP 562)."""
        homes = _homes or _find_homes()
        if name == "__all__":
            value: object = sorted(homes)
        elif name in homes:
            from importlib import import_module

            value = getattr(import_module(homes[name]), name)
        else:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *(_homes or _find_homes()), "__all__"})


_homes: dict[str, str] = {}
"""The module that each public name lives in; filled when the first name is used."""


def _find_homes() -> dict[str, str]:
    # The compiled code has the names in the imports at the top in the order of the lines: a module, then its names.
    found: dict[str, str] = {}
    home = ""
    for name in _names:
        if name.startswith(f"{__name__}."):
            home = name
        elif home and not name.startswith("_"):
            found[name] = home
    _homes.update(found)
    return found
