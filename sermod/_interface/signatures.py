"""Whether a callable takes a given number of arguments, and how to fix its last arguments.

``inspect.signature`` is the general answer, but slow. Nearly everything that a module exports is a plain function or
method: its code object gives the same answer at almost no cost, and the right one where a decorator copied a signature
(``__wrapped__``) that its wrapper does not take.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

C_SHAPE: Final = 2
"""How many parameters a command in the C shape takes, whatever its ``param_no``: ``(msg, p1, p2)``."""
_STAR_ARGS: Final = inspect.CO_VARARGS
_Prepares = Callable[[Callable[..., Any], tuple[object, ...]], Callable[[Any], Any]]

if sys.version_info >= (3, 14):  # pragma: no cover - tests/modules/test_lazy_annotations.py runs it on every Python
    from annotationlib import Format, get_annotations

    # From 3.14 on, annotations are evaluated when they are asked for. A name that is imported under TYPE_CHECKING alone
    # is then no reason to fail: it becomes a ForwardRef.

    def signature_of(function: Any) -> inspect.Signature:
        return inspect.signature(function, annotation_format=Format.FORWARDREF)

    def annotations_of(function: FunctionType) -> dict[str, Any]:
        return get_annotations(function, format=Format.FORWARDREF)
else:

    def signature_of(function: Any) -> inspect.Signature:
        """Return the signature of a callable, whose annotations may have names that cannot be resolved."""
        return inspect.signature(function)

    def annotations_of(function: FunctionType) -> dict[str, Any]:
        """Return the annotations of a function, which may have names that cannot be resolved."""
        return function.__annotations__


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Return whether *function* can be called with *count* positional arguments and nothing else.

    The answer is yes for a callable without a readable signature, such as some built-ins.

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
    """Return whether *function* takes *count* positional arguments and its signature says so as well.

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
        signature = signature_of(function)
    except Exception:  # noqa: BLE001 - a callable of the author's own may raise anything
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def argument_name(function: Callable[..., Any] | None, index: int) -> str | None:
    """Return the name of a positional argument of *function*, for messages.

    Args:
        function: Any callable.
        index: Which argument, from 0.

    Returns:
        The name; ``None`` if it has none, or has no readable signature.
    """
    try:
        parameters = [*signature_of(function).parameters.values()]
    except Exception:  # noqa: BLE001 - a callable of the author's own may raise anything
        return None
    names = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return names[index] if index < len(names) else None


def with_last_arguments(function: Callable[..., Any], values: tuple[object, ...]) -> Callable[[Any], Any]:
    """Return a callable of one argument that calls ``function(argument, *values)`` as cheaply as Python can.

    A plain function or a bound method becomes a copy of itself whose defaults are *values*: a call needs no frame but
    the function's own. The class of a callable may have a method ``with_last_arguments(values)``, which then returns
    the result, so that the arguments of a C function are prepared once. Any other callable is called through a
    function, one frame.

    Args:
        function: Any callable that takes one argument and *values*.
        values: Its arguments from the second on.
    """
    # Looked up in the class: an instance of Mock has every attribute.
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
    """Copy *function* with the defaults *values* from argument *first* on; ``None`` if ``*args`` would get some."""
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
    # Nearly all calls have one or two values, and written out they need no unpacking.
    match values:
        case (one,):
            return lambda msg: function(msg, one)
        case (one, two):
            return lambda msg: function(msg, one, two)
        case _:
            return lambda msg: function(msg, *values)
