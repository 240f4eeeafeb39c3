"""The description of a module, as text for people."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import groupby
from types import FunctionType, MethodType
from typing import Any, Final, cast

from sermod._classes.module import Module
from sermod._classes.params import ModuleVariable
from sermod._interface.exports import HOOKS, INT_PARAM, STR_PARAM, CmdExport, ModuleExports, ParamExport, route_names

_WIDTH: Final = 100
_FUNCTIONS: Final = (FunctionType, MethodType)
"""The callables with a docstring of their own; other objects have that of their class."""


def describe(exports: ModuleExports[Any]) -> str:
    """Return a description of a module: its name and purpose, its parameters, its functions, its hooks.

    The order is that of the documentation of SER's modules. The texts are the docstrings of the class or the Python
    file, the docstrings of the functions, and the ``doc`` of the pointers.

    Args:
        exports: The exports of a module in the C shape, or of an instance of :class:`~sermod.Module`.

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
    sections = {
        "Parameters": [line for param in exports.parameters for line in _param(param)],
        "Functions": [line for group in _overloads(exports) for line in _command(group)],
        "Hooks": [line for field, hook in hooks if hook is not None for line in _hook(field, hook)],
    }
    parts = [str(exports.name), "\n".join(_text(_doc_of_module(exports), 1))]
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


def _doc_of_module(exports: ModuleExports[Any]) -> str | None:
    owners: list[Any] = [
        *(command.function for command in exports.commands),
        *(getattr(exports, hook) for hook in HOOKS),
    ]
    for function in owners:
        bound_to = getattr(function, "__self__", None)
        if isinstance(bound_to, Module):
            return _doc_of_class(cast("object", bound_to).__class__)
    for param in exports.parameters:
        if isinstance(param.param_pointer, ModuleVariable):
            return _doc_of_class(type(param.param_pointer.module))
    namespaces = (getattr(each, "__globals__", None) for each in owners)
    return next((cast("Any", names).get("__doc__") for names in namespaces if isinstance(names, dict)), None)


def _doc_of_class(cls: type) -> str | None:
    mine = cls.__mro__[: cls.__mro__.index(Module)]
    return next((base.__doc__ for base in mine if base.__doc__), None)


# Parameters ---------------------------------------------------------------------------------------------------------


def _param(param: ParamExport) -> list[str]:
    pointer = param.param_pointer
    facts = [{int(INT_PARAM): "integer", int(STR_PARAM): "string"}.get(int(param.type), f"type {int(param.type)}")]
    facts.append("required" if getattr(pointer, "required", False) else f"default {_value(pointer)}")
    if isinstance(pointer, ModuleVariable):
        facts.append(pointer.declared.demands())
    return [f"    {param.name} ({', '.join(filter(None, facts))})", *_text(getattr(pointer, "doc", None), 2)]


def _value(pointer: Any) -> str:
    if isinstance(pointer, ModuleVariable):
        value = pointer.declared.default
    else:
        try:
            value = pointer.load()
        except Exception:  # noqa: BLE001 - validation reports what is wrong with a pointer
            return "unknown"
    return "null" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


# Functions ----------------------------------------------------------------------------------------------------------


def _overloads(exports: ModuleExports[Any]) -> Iterator[list[CmdExport[Any]]]:
    """Yield groups of exports that differ only in their number of parameters."""
    for _, group in groupby(exports.commands, lambda each: (each.name, each.function, each.flags)):
        yield list(group)


def _command(group: list[CmdExport[Any]]) -> list[str]:
    first = group[0]
    most = max(each.param_no for each in group)
    least = min(each.param_no for each in group)
    params = _param_texts(first.function, most)
    text = ", ".join(params[:least])
    for number, param in enumerate(params[least:], least):
        text += f"[, {param}" if number else f"[{param}"
    text += "]" * (most - least)
    use = f"For {route_names(first.flags)}." if first.flags else "For other modules only."
    return [f"    {first.name}({text})", f"        {use}", *_text(_doc_of(first.function), 2)]


def _param_texts(function: Callable[..., Any] | None, count: int) -> list[str]:
    """Return the parameters after the message, with their annotations if the function has a readable signature."""
    from sermod._classes.annotations import annotation_text

    try:
        found = [*inspect.signature(function).parameters.values()][1:] if callable(function) else []
    except (ValueError, TypeError):
        found = []
    texts = [
        each.name if each.annotation is each.empty else f"{each.name}: {annotation_text(each.annotation)}"
        for each in found
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    return [*texts, *(f"param{number}" for number in range(len(texts) + 1, count + 1))][:count]


# Hooks --------------------------------------------------------------------------------------------------------------


def _hook(field: str, hook: Callable[..., Any]) -> list[str]:
    name = hook.__name__ if isinstance(hook, _FUNCTIONS) else type(hook).__name__
    return [f"    {field}: {name}", *_text(_doc_of(hook), 2)]


def _doc_of(function: object) -> str | None:
    return function.__doc__ if isinstance(function, _FUNCTIONS) else None
