"""Whether a callable takes a given number of arguments, and how to give it its last ones once and for all.

``inspect.signature`` is the general answer and a slow one. Plain functions and methods, nearly all that a module
exports, tell the same by their code object at almost no cost, and they tell what a call really does: a signature that
a decorator has put on (``__wrapped__``) may promise what the wrapper does not take.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any, Final, cast

C_SHAPE: Final = 2
"""How many parameters a command in the C shape takes, whatever its ``param_no``: ``(msg, p1, p2)``."""
_STAR_ARGS: Final = inspect.CO_VARARGS
_Prepares = Callable[[Callable[..., Any], tuple[object, ...]], Callable[[Any], Any]]


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Tell whether *function* can be called with *count* positional arguments and nothing else.

    A callable that has no signature to read, as some built-ins have none, is given the benefit of the doubt.

    Args:
        function: Any callable.
        count: The number of arguments.
    """
    if isinstance(function, FunctionType):
        return _code_accepts(function, count)
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        return _code_accepts(function.__func__, count + 1)
    return _signature_accepts(function, count)


def declares(function: Callable[..., Any], count: int) -> bool:
    """Tell whether *function* takes *count* positional arguments and its signature says so as well.

    The ``*args`` of a decorator's wrapper take any number of arguments, and the function behind it does not: the
    signature that ``functools.wraps`` has copied says how many it takes.

    Args:
        function: Any callable.
        count: The number of arguments.
    """
    return accepts(function, count) and (not hasattr(function, "__wrapped__") or _signature_accepts(function, count))


def _code_accepts(function: FunctionType, count: int) -> bool:
    code: CodeType = function.__code__
    most = code.co_argcount
    if count != most:
        if count > most:
            if not code.co_flags & _STAR_ARGS:
                return False
        elif count < most - len(function.__defaults__ or ()):
            return False
    if not code.co_kwonlyargcount:
        return True
    keyword_only = code.co_varnames[most : most + code.co_kwonlyargcount]
    return all(name in (function.__kwdefaults__ or ()) for name in keyword_only)


def _signature_accepts(function: Callable[..., Any], count: int) -> bool:
    try:
        signature = inspect.signature(function)
    except Exception:  # noqa: BLE001 - a callable of the author's own may fail here in any way
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def argument_name(function: Callable[..., Any] | None, index: int) -> str | None:
    """Return the name that *function* has for a positional argument, for messages.

    Args:
        function: Any callable.
        index: Which argument, from 0.

    Returns:
        The name; ``None`` where the function has none for it, or does not tell.
    """
    try:
        parameters = [*inspect.signature(cast("Any", function)).parameters.values()]
    except Exception:  # noqa: BLE001 - a callable of the author's own may fail here in any way
        return None
    names = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return names[index] if index < len(names) else None


def with_last_arguments(function: Callable[..., Any], values: tuple[object, ...]) -> Callable[[Any], Any]:
    """Return a callable of one argument that calls ``function(argument, *values)``, as cheaply as Python can.

    A plain function or a bound method becomes a copy of itself whose defaults are *values*: calling that costs no frame
    beside the function's own. A callable whose class has a method ``with_last_arguments(values)`` makes its own: so a
    C function's arguments are prepared once. Any other callable is called by a function of ours, one frame.

    Args:
        function: Any callable that takes one argument and *values*.
        values: Its arguments from the second on.
    """
    # Of its class: a Mock has every attribute, its class none.
    prepare: _Prepares | None = getattr(type(function), "with_last_arguments", None)
    if prepare is not None:
        return prepare(function, values)
    if not values:
        return function
    copy: Callable[..., Any] | None = None
    if isinstance(function, FunctionType):
        copy = _with_defaults(function, values, 1)
    elif isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        copy = _with_defaults(function.__func__, values, 2)
        copy = copy and MethodType(copy, function.__self__)
    return copy or _calling(function, values)


def _with_defaults(function: FunctionType, values: tuple[object, ...], first: int) -> Callable[..., Any] | None:
    """Copy *function* with the defaults *values* from argument *first* on, or return ``None`` where that cannot be.

    It cannot where some of the values would arrive in ``*args``.
    """
    code = function.__code__
    unset = code.co_argcount - first - len(values)
    if unset < 0:
        return None
    kept = (function.__defaults__ or ())[-unset:] if unset else ()
    copy = FunctionType(code, function.__globals__, function.__name__, (*values, *kept), function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__qualname__ = function.__qualname__
    copy.__module__ = function.__module__
    copy.__doc__ = function.__doc__
    return copy


def _calling(function: Callable[..., Any], values: tuple[object, ...]) -> Callable[[Any], Any]:
    # One and two values are nearly all calls, and spelling them out spares the unpacking.
    match values:
        case (one,):
            return lambda msg: function(msg, one)
        case (one, two):
            return lambda msg: function(msg, one, two)
        case _:
            return lambda msg: function(msg, *values)
