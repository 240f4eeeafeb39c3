"""From whatever a test gives as the module to be tested, to its exports; and how all is put back afterwards."""

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
from sermod._interface.exports import ModuleExports
from sermod.errors import NoExportsError

Target: TypeAlias = ModuleExports[Any] | Module[Any] | type[Module[Any]] | ModuleType | str | os.PathLike[str]
"""A module to be tested: its exports, its class or an instance of that, a Python module, a dotted name or a path."""


@attrs.frozen
class Found:
    """A module to be tested.

    Attributes:
        exports: What it passes to the core.
        instance: The instance, where the module is a class.
        origin: Where a text or a path has led to; ``None`` for what is in memory.
    """

    exports: ModuleExports[Any]
    instance: Module[Any] | None = None
    origin: str | None = None


def find_target(target: Target, path: Iterable[str | os.PathLike[str]] = ()) -> Found:
    """Return the module that is meant.

    Args:
        target: The module.
        path: The directories in which a bare name is looked for first.

    Raises:
        LoadError: A name or a path does not lead to a module.
        TypeError: It is nothing of the kind.
    """
    if isinstance(target, ModuleExports):
        return Found(target)
    if isinstance(target, type) and issubclass(target, Module):
        instance: Module[Any] = target()
        return Found(instance.exports, instance)
    if isinstance(target, Module):
        return Found(target.exports, target)
    if isinstance(target, ModuleType):
        exports: object = getattr(target, "exports", None)
        if not isinstance(exports, ModuleExports):
            msg = f"the Python module {target.__name__!r} has no variable 'exports' that is a ModuleExports; write one"
            raise NoExportsError(msg, what=target.__name__, origin=getattr(target, "__file__", None))
        return Found(cast("ModuleExports[Any]", exports))
    if isinstance(target, (str, os.PathLike)):
        return Found(load(target, path), origin=os.fspath(target))
    raise TypeError(
        f"a module to be tested is a ModuleExports, a Module (class or instance), a Python module, a dotted name or a "
        f"path (got {target!r}, a {type(target).__name__})"
    )


def target_name(target: object) -> str:
    """Return a short name of what a test gives, for messages and for the ids of its cases."""
    if isinstance(target, ModuleExports):
        return str(target.name)
    if isinstance(target, (str, os.PathLike)):
        return Path(cast("str | os.PathLike[str]", target)).name.removesuffix(".py")
    kind = target if isinstance(target, (type, ModuleType)) else type(target)
    return kind.__name__


# What was there before ----------------------------------------------------------------------------------------------


class Variables:
    """The values that the parameters of a module had."""

    def __init__(self, exports: ModuleExports[Any]) -> None:
        pointers = [(str(param.name), param.param_pointer) for param in exports.parameters]
        self._values = [(name, pointer, pointer.load()) for name, pointer in pointers if pointer is not None]

    def give_back(self) -> None:
        """Store them again, where they are not there any more.

        Raises:
            ExceptionGroup: Some of them could not be stored.
        """
        failures: list[Exception] = []
        for name, pointer, value in self._values:
            try:
                if pointer.load() != value:
                    pointer.store(value)
            except Exception as error:  # noqa: BLE001 - the others are still to be put back
                error.add_note(f"parameter {name!r} could not be put back to {value!r}")
                failures.append(error)
        if failures:
            raise ExceptionGroup("not every parameter has its value back", failures)


@contextmanager
def importable(imports: Mapping[str, Any]) -> Generator[None]:
    """Have Python modules imported from stand-ins in the block.

    Args:
        imports: The stand-ins, by the names of the modules.
    """
    before = {name: sys.modules[name] for name in imports if name in sys.modules}
    sys.modules.update(imports)
    try:
        yield
    finally:
        for name in imports:
            sys.modules.pop(name, None)
        sys.modules.update(before)


class Interpreter:
    """The Python modules that were imported."""

    def __init__(self) -> None:
        self._modules = dict(sys.modules)

    def give_back(self) -> None:
        """Make ``sys.modules`` what it was.

        What belongs to Python itself or to sermod stays, and so does a package with compiled parts: those can be loaded
        only once in the life of a process.
        """
        new = sys.modules.keys() - self._modules.keys()
        stays = {"sermod", *sys.stdlib_module_names, *_compiled(sys.modules, new)}
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


def _compiled(modules: Mapping[str, ModuleType], names: Iterable[str]) -> set[str]:
    """Return the packages among those *names* that have a compiled part."""
    loaders = ((name, getattr(getattr(modules[name], "__spec__", None), "loader", None)) for name in names)
    return {name.partition(".")[0] for name, loader in loaders if isinstance(loader, ExtensionFileLoader)}
