"""Find the exports of a module to test, and restore what the test changes in the interpreter."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, cast

import attrs

from sermod._classes.module import Module
from sermod._core.loader import load
from sermod._interface.assignments import Snapshot
from sermod._interface.exports import ModuleExports
from sermod._problems import add_note, kind_of, repr_of
from sermod.errors import NoExportsError

Target: TypeAlias = ModuleExports[Any] | Module[Any] | type[Module[Any]] | ModuleType | str | os.PathLike[str]
"""A module to test: its exports, its class or an instance of it, a Python module, a dotted name or a path."""


@attrs.frozen
class FoundModule:
    """A module to test.

    Attributes:
        exports: Its exports.
        instance: The instance, if the module is a class.
    """

    exports: ModuleExports[Any]
    instance: Module[Any] | None = None


def find_target(target: Target, path: Iterable[str | os.PathLike[str]] = ()) -> FoundModule:
    """Return the module to test. A name or a path is loaded.

    Args:
        target: The module.
        path: The directories in which a bare name is looked for first.

    Raises:
        LoadError: There is no module of that name or path, or it cannot be loaded.
        TypeError: *target* is none of what can be tested.
    """
    if isinstance(target, ModuleExports):
        return FoundModule(target)
    if isinstance(target, type) and issubclass(target, Module):
        instance: Module[Any] = target()
        return FoundModule(instance.exports, instance)
    if isinstance(target, Module):
        return FoundModule(target.exports, target)
    if isinstance(target, ModuleType):
        exports: object = getattr(target, "exports", None)
        if not isinstance(exports, ModuleExports):
            msg = f"the Python module {target.__name__!r} has no variable 'exports' that is a ModuleExports; write one"
            raise NoExportsError(msg, what=target.__name__, origin=getattr(target, "__file__", None))
        return FoundModule(cast("ModuleExports[Any]", exports))
    if isinstance(target, (str, os.PathLike)):
        return FoundModule(load(target, path))
    raise TypeError(
        f"a module to test must be a ModuleExports, a Module (class or instance), a Python module, a dotted name or a "
        f"path (got {repr_of(target)}, {kind_of(target)})"
    )


def target_name(target: object) -> str:
    """Return a short name of a module to test, for messages and for the ids of test cases."""
    if isinstance(target, ModuleExports):
        return str(target.name)
    if isinstance(target, (str, os.PathLike)):
        return Path(cast("str | os.PathLike[str]", target)).name.removesuffix(".py")
    named = target if isinstance(target, (type, ModuleType)) else type(target)
    return named.__name__


# Restoring ------------------------------------------------------------------------------------------------------------


class ParameterValues:
    """The values that the parameters of a module have now, to be restored later."""

    def __init__(self, exports: ModuleExports[Any]) -> None:
        pointers = [(str(param.name), param.param_pointer) for param in exports.parameters]
        self._snapshots = [(name, Snapshot(pointer)) for name, pointer in pointers if pointer is not None]

    def restore(self) -> None:
        """Put each variable back: exactly where its pointer can, else by storing a value that has changed.

        Raises:
            ExceptionGroup: Some of them could not be put back.
        """
        failures: list[Exception] = []
        for name, snapshot in self._snapshots:
            try:
                snapshot.put_back(if_changed=True)
            except Exception as error:  # noqa: BLE001 - the other parameters are still to be restored
                add_note(error, f"the value of parameter {name!r} could not be restored")
                failures.append(error)
        if failures:
            raise ExceptionGroup("not every parameter has its value back", failures)


class ImportedModules:
    """The Python modules that are imported now, to be restored later; and stand-ins for some, to be imported meanwhile.

    Args:
        stand_ins: The stand-ins, by the names of the modules.
    """

    def __init__(self, stand_ins: Mapping[str, Any]) -> None:
        self._modules = dict(sys.modules)
        self._stand_ins = stand_ins
        sys.modules.update(stand_ins)

    def restore(self) -> None:
        """Make ``sys.modules`` what it was.

        The modules of Python and of sermod stay, since there must not be two copies of them, and so does a package with
        compiled parts, which can be loaded only once in a process. ``unittest.mock.patch.dict`` would remove them.
        """
        for name in self._stand_ins:
            sys.modules.pop(name, None)
        new = sys.modules.keys() - self._modules.keys()
        stays = {"sermod", *sys.stdlib_module_names, *_compiled_packages(new)}
        for name in new:
            if name.partition(".")[0] not in stays:
                self._forget(name)
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module

    def _forget(self, name: str) -> None:
        module = sys.modules.pop(name)
        above, _, attribute = name.rpartition(".")
        package = self._modules.get(above)
        if package is not None and getattr(package, attribute, None) is module:
            delattr(package, attribute)


def _compiled_packages(names: Iterable[str]) -> set[str]:
    """Return the packages among those of the modules *names* that have a compiled part."""
    loaders = ((name, getattr(getattr(sys.modules[name], "__spec__", None), "loader", None)) for name in names)
    return {name.partition(".")[0] for name, loader in loaders if isinstance(loader, ExtensionFileLoader)}


@contextmanager
def importable(stand_ins: Mapping[str, Any]) -> Generator[None]:
    """Let Python modules be imported from stand-ins in the block, and restore ``sys.modules`` after it.

    Args:
        stand_ins: The stand-ins, by the names of the modules.
    """
    before = ImportedModules(stand_ins)
    try:
        yield
    finally:
        before.restore()
