"""The results of module functions: what is a result, what must be awaited, and the text of a traceback."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, cast

from sermod._interface.values import is_int
from sermod._problems import repr_of, text_of
from sermod.errors import CommandResultError


def traceback_of(error: BaseException) -> str:
    """Return the traceback of an exception as text."""
    import traceback  # slow to import, and needed only for a failure

    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - an exception of the author's own may have no truth value, for example
        return "".join([*traceback.format_tb(error.__traceback__), f"{type(error).__name__}: {text_of(error)}\n"])


def close_coroutine(value: object) -> None:
    """Close a result that is a coroutine, and do nothing with any other."""
    # A coroutine that is never awaited warns when it is collected, in some unrelated place, unless it is closed.
    if isinstance(value, Coroutine):
        value.close()


def expect_no_coroutine(module: str, hook: str, result: object) -> None:
    """Raise :class:`CommandResultError` if the result of a hook is a coroutine."""
    if isinstance(result, Coroutine):
        close_coroutine(cast("object", result))
        message = f"{hook} of module {module!r} is a coroutine function and has not run; write it without async"
        raise CommandResultError(message, module=module, command=hook, value=cast("object", result))


async def awaited(value: Any) -> Any:
    """Return a value, or what it results in if it can be awaited."""
    return await cast("Awaitable[object]", value) if isinstance(value, Awaitable) else value


def check_result(module: str | None, command: object, result: object) -> None:
    """Raise :class:`CommandResultError` if a result is not an ``int``.

    Args:
        module: The name of the module; ``None`` for a route that is a function of the host.
        command: The name of the command, or the host's function.
        result: The result.
    """
    if is_int(result):
        return
    close_coroutine(result)
    name = getattr(command, "__name__", str(command))
    whose = f"{name!r} of module {module!r}" if module is not None else f"the route {name!r}"
    message = (
        f"{whose} returned {repr_of(result)}, which is not a result: return an int, more than 0 for true, less than 0 "
        f"for false, 0 to stop (an awaitable needs run_route_async)"
    )
    raise CommandResultError(message, module=module, command=name, value=result)
