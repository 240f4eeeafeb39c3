"""The module interface of the SIP Express Router (SER), for Python programs to embed.

The public names are handed on lazily: ``import sermod`` loads no other file, and a name loads what it needs when it is
first used. A folder or file with an underscore is the engine, free to change; one without is a path that users import.
They stand on a ladder: a file imports from its own folder and from lower floors only. Nothing imports this face but the
face of ``testing/``, which loads its names in the same way.

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

TYPE_CHECKING = bool()  # noqa: UP018  # ty: ignore[invalid-type-checking-constant]
"""False, which no tool can infer, so jedi reads the imports below as type checkers do. Importing typing is slow."""


def _hand_on(names: tuple[str, ...], namespace: dict[str, object]) -> tuple[dict[str, str], object, object]:
    """Make the functions by which a package loads its public names when they are first used (PEP 562).

    The public names are those that the package imports for type checkers. Its compiled code contains these imports too,
    so the list of the names stands once.

    Args:
        names: The names in the compiled code of the package, in the order of the lines: each module that it imports
            from, then the names that it imports from there.
        namespace: The variables of the package.

    Returns:
        The module of each public name; ``__getattr__``; ``__dir__``.
    """
    homes: dict[str, str] = {}
    home = ""
    for name in names:
        if name.startswith("sermod."):
            home = name
        elif name.startswith("_"):  # as the first name after the imports does
            home = ""
        elif home:
            homes[name] = home

    def __getattr__(name: str) -> object:  # noqa: N807 - a package's, not a class's
        if name == "__all__":
            value: object = sorted(homes)
        elif name in homes:
            from importlib import import_module

            value = getattr(import_module(homes[name]), name)
        else:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        namespace[name] = value
        return value

    def __dir__() -> list[str]:  # noqa: N807 - as above
        return [*{*namespace, *homes, "__all__"}]

    return homes, __getattr__, __dir__


if TYPE_CHECKING:
    from sermod._classes.commands import command as command
    from sermod._classes.commands import internal as internal
    from sermod._classes.description import describe as describe
    from sermod._classes.module import Module as Module
    from sermod._classes.params import int_param as int_param
    from sermod._classes.params import str_param as str_param
    from sermod._classes.pointer_params import pointer_param as pointer_param
    from sermod._classes.used import uses as uses
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
    from sermod._interface.lookup import require_function as require_function
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
else:
    _homes, __getattr__, __dir__ = _hand_on(sys._getframe().f_code.co_names, globals())
