"""The description of a module, as text for people."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from enum import IntFlag
from functools import partial
from inspect import Parameter
from itertools import groupby
from types import FunctionType, MethodType
from typing import Any, Final, cast

from sermod._classes.module import Module
from sermod._classes.params import Declared, ModuleVariable
from sermod._classes.pointer_params import PointerParam
from sermod._classes.used import UsingInit
from sermod._interface.assignments import MASK
from sermod._interface.exports import (
    HOOKS,
    INT_PARAM,
    STR_PARAM,
    CmdExport,
    ModuleExports,
    ParamExport,
    route_names,
    routes_of,
)
from sermod._interface.lists import ListPointer
from sermod._interface.lookup import UsedFunction, used_functions
from sermod._interface.signatures import signature_of
from sermod._interface.validation import SPEC_ROUTES
from sermod._problems import counted

_WIDTH: Final = 100
_FUNCTIONS: Final = (FunctionType, MethodType)
"""The callables with a docstring of their own; other objects have that of their class."""


def describe(exports: ModuleExports[Any], *, route_flags: int | type[IntFlag] = SPEC_ROUTES) -> str:
    """Return a description of a module: its name and purpose, its parameters, its functions, its hooks.

    The order is that of the documentation of SER's modules. The texts are the docstrings of the class or the Python
    file, the docstrings of the functions, and the ``doc`` of the pointers. Defaults are as declared, whatever is set
    now; those of a secret parameter are not shown. The same module has the same description with each start.

    Args:
        exports: The exports of a module in the C shape, or of an instance of :class:`~sermod.Module`.
        route_flags: The kinds of route that the host's script knows; an ``IntFlag`` class or member also names them.

    Example:
        >>> from sermod import REQUEST_ROUTE, command, int_param
        >>> class Pong(Module):
        ...     "Answers."
        ...
        ...     name = "pong"
        ...     retries = int_param(3, doc="How often to try.")
        ...
        ...     @command(REQUEST_ROUTE)
        ...     def ping(self, msg: object, text: str) -> int:
        ...         "Answer with a text."
        ...         return 1
        >>> print(describe(Pong().exports))
        pong
        <BLANKLINE>
            Answers.
        <BLANKLINE>
        Parameters
        <BLANKLINE>
            retries (integer, default 3)
                How often to try.
        <BLANKLINE>
        Functions
        <BLANKLINE>
            ping(text: str)
                For REQUEST_ROUTE.
                Answer with a text.
    """
    hooks = [(field, getattr(exports, field)) for field in HOOKS]
    names = type(routes_of(route_flags))
    instance = _instance_of(exports)
    sections = {
        "Parameters": [line for param in exports.parameters for line in _param(param, instance)],
        "Functions": [line for group in _overloads(exports) for line in _command(group, names)],
        "Uses": [_use(used, names) for used in used_functions(exports.init_f)],
        "Hooks": [line for field, hook in hooks for line in _hook(field, hook)],
    }
    doc = _doc_of_file(exports) if instance is None else _doc_of_class(type(instance))
    parts = [str(exports.name), "\n".join(_text(doc, 1))]
    parts += ["\n".join([title, "", *lines]) for title, lines in sections.items() if lines]
    return "\n\n".join(filter(None, parts))


def _text(doc: str | None, depth: int) -> list[str]:
    """Return the lines of a docstring: its paragraphs are filled, and indented parts stay as they are."""
    import textwrap  # imported here, as annotations below, since both are slow to import

    if not doc:
        return []
    indent = "    " * depth
    paragraphs = inspect.cleandoc(doc).split("\n\n")
    filled = [each if "\n " in each else textwrap.fill(each, _WIDTH - len(indent)) for each in paragraphs]
    return textwrap.indent("\n\n".join(filled), indent).split("\n")


# Overview -----------------------------------------------------------------------------------------------------------


def _functions_of(exports: ModuleExports[Any]) -> list[Any]:
    return [*(command.function for command in exports.commands), *(getattr(exports, hook) for hook in HOOKS)]


def _instance_of(exports: ModuleExports[Any]) -> Module[Any] | None:
    """Return the instance whose exports these are; ``None`` for the C shape."""
    owners = [getattr(function, "__self__", None) for function in _functions_of(exports)]
    pointers = [param.param_pointer for param in exports.parameters]
    owners += [pointer.module for pointer in pointers if isinstance(pointer, ModuleVariable)]
    return next((cast("Module[Any]", each) for each in owners if isinstance(each, Module)), None)


def _doc_of_file(exports: ModuleExports[Any]) -> str | None:
    namespaces = (getattr(each, "__globals__", None) for each in _functions_of(exports))
    return next((cast("Any", names).get("__doc__") for names in namespaces if isinstance(names, dict)), None)


def _doc_of_class(cls: type) -> str | None:
    mine = cls.__mro__[: cls.__mro__.index(Module)]
    return next((base.__doc__ for base in mine if base.__doc__), None)


# Parameters ---------------------------------------------------------------------------------------------------------


def _param(param: ParamExport, instance: Module[Any] | None) -> list[str]:
    pointer: Any = param.param_pointer
    secret = bool(getattr(pointer, "secret", False))
    collects = isinstance(pointer, ListPointer)
    facts = [{int(INT_PARAM): "integer", int(STR_PARAM): "string"}.get(int(param.type), f"type {int(param.type)}")]
    if getattr(pointer, "required", False):
        facts.append("required")
    elif not collects:
        facts.append(f"default {_default(pointer, instance, secret=secret)}")
    if collects:
        facts.append("may be set several times")
    if isinstance(pointer, ModuleVariable) and not (secret and pointer.declared.choices):
        facts.append(pointer.declared.demands())
    doc: str | None = getattr(param.param_pointer, "doc", None)
    return [f"    {param.name} ({', '.join(filter(None, facts))})", *_text(doc, 2)]


def _default(pointer: Any, instance: Module[Any] | None, *, secret: bool) -> str:
    from sermod._classes.annotation_texts import without_addresses

    try:
        value = _declared_default(pointer, instance)
    except Exception:  # noqa: BLE001 - validation reports what is wrong with a pointer
        return "unknown"
    if value is None:
        return "null"
    return MASK if secret else f'"{value}"' if isinstance(value, str) else without_addresses(str(value))


def _declared_default(pointer: Any, instance: Module[Any] | None) -> Any:
    if isinstance(pointer, ModuleVariable):
        return pointer.declared.default
    declarations: Mapping[str, Declared] = {} if instance is None else type(instance).__sermod__.params
    for attribute, declared in declarations.items():
        if isinstance(declared, PointerParam) and vars(instance).get(attribute) is pointer:
            return declared.make().load()  # a pointer that has never been set
    return pointer.default if hasattr(pointer, "default") else pointer.load()


# Functions ----------------------------------------------------------------------------------------------------------


def _overloads(exports: ModuleExports[Any]) -> Iterator[list[CmdExport[Any]]]:
    """Yield groups of exports that differ only in their number of parameters."""
    for _, group in groupby(exports.commands, lambda each: (each.name, each.function, each.flags)):
        yield list(group)


def _command(group: list[CmdExport[Any]], names: type[IntFlag]) -> list[str]:
    first = group[0]
    most = max(each.param_no for each in group)
    least = min(each.param_no for each in group)
    found = _parameters_of(first.function)
    positional = [each for each in found if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if _has_own_shape(first, most, len(positional)):
        required = sum(each.default is each.empty for each in positional)
        text = _bracketed([*map(_param_text, positional)], required)
        text = ", ".join(each for each in [text, *_others(found)] if each)
        natural = range(required, len(positional) + 1)
        number = "" if least in natural and most in natural else f", with param_no {least}"
    else:
        texts = [*map(_param_text, positional[1:])]
        texts += [f"param{number}" for number in range(len(texts) + 1, most + 1)]
        text, number = _bracketed(texts[:most], least), ""
    use = f"For {route_names(first.flags, names)}." if first.flags else f"For other modules only{number}."
    return [f"    {first.name}({text})", f"        {use}", *_text(_doc_of(first.function), 2)]


def _has_own_shape(command: CmdExport[Any], most: int, positional: int) -> bool:
    """Return whether other modules call a function with arguments of its own, of which the message need not be one."""
    owner = getattr(command.function, "__self__", None)
    if isinstance(owner, Module):
        known = cast("type[Module[Any]]", type(cast("object", owner))).__sermod__.commands.values()
        method = getattr(command.function, "__func__", None)
        return any(each.function is method and not each.mark.takes_msg for each in known)
    return not command.flags and (most < 0 or positional == most)


def _parameters_of(function: Callable[..., Any] | None) -> list[Parameter]:
    """Return the parameters of a function; an empty list if it has no readable signature."""
    try:
        return [*signature_of(function).parameters.values()] if callable(function) else []
    except Exception:  # noqa: BLE001 - a callable of the author's own may raise anything
        return []


def _param_text(param: Parameter) -> str:
    from sermod._classes.annotation_texts import annotation_text

    return param.name if param.annotation is param.empty else f"{param.name}: {annotation_text(param.annotation)}"


def _bracketed(texts: list[str], least: int) -> str:
    """Join the texts of parameters, those after the first *least* in brackets, since they may be left out."""
    text = ", ".join(texts[:least])
    for number, each in enumerate(texts[least:], least):
        text += f"[, {each}" if number else f"[{each}"
    return text + "]" * (len(texts) - least)


def _others(params: list[Parameter]) -> list[str]:
    """Return the texts of the parameters that have no place of their own: ``*args``, and those given by name."""
    shapes: dict[Any, str] = {
        Parameter.VAR_POSITIONAL: "*{}",
        Parameter.KEYWORD_ONLY: "{}=...",
        Parameter.VAR_KEYWORD: "**{}",
    }
    return [shape.format(each.name) for each in params if (shape := shapes.get(each.kind))]


def _use(used: UsedFunction, names: type[IntFlag]) -> str:
    route = f", for {route_names(used.flags, names)}" if used.flags else ""
    return f"    {used.name}, with {counted(used.param_no, 'parameter')}{route}"


# Hooks --------------------------------------------------------------------------------------------------------------


def _hook(field: str, hook: Any) -> list[str]:
    if hook is None or (isinstance(hook, UsingInit) and not hook.has_mod_init):
        return []
    name = _name_of(hook)
    return [f"    {field}" if name == field else f"    {field}: {name}", *_text(_doc_of(hook), 2)]


def _name_of(function: Any) -> str:
    """Return the name of a function, also of one in C and of one that is partially applied."""
    while isinstance(function, partial):
        function = cast("partial[Any]", function).func
    names = (getattr(function, "__name__", None), getattr(function, "name", None), type(function).__name__)
    return next(name for name in names if isinstance(name, str))


def _doc_of(function: object) -> str | None:
    # The docstring of an object is that of its class, unless it was given one of its own.
    own = function.__doc__ if isinstance(function, _FUNCTIONS) else getattr(function, "__dict__", {}).get("__doc__")
    return own if isinstance(own, str) else None
