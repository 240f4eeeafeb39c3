"""What can be run as a route, and the errors for what cannot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from sermod._core.action import Action
from sermod._problems import kind_of, repr_of


def checked_route(route: object) -> Iterable[Action[Any]]:
    """Return a route that is not a function, if it can be run for message after message.

    Raises:
        TypeError: It is a single call, an iterator, which is empty after its first message, or nothing to iterate over.
    """
    if isinstance(route, Action):
        raise TypeError(f"a route is a list of bound calls, or a function (got one call, {route}); write [action]")
    if not isinstance(route, Iterable):
        got = f"got {repr_of(route)}, {kind_of(route)}"
        raise TypeError(f"a route is a list of bound calls, or a function of the message ({got})")
    if iter(cast("Iterable[object]", route)) is route:
        got = f"got {kind_of(cast('object', route))}"
        raise TypeError(f"a route runs for every message, and an iterator only once ({got}); write list(...)")
    return cast("Iterable[Action[Any]]", route)


def checked_call(entry: object, cause: Exception) -> Action[Any]:
    """Return an entry of a route whose run has raised, if it is a bound call.

    Raises:
        TypeError: It is something else, which explains *cause*.
    """
    if isinstance(entry, Action):
        return cast("Action[Any]", entry)
    raise TypeError(
        f"a route is a list of bound calls (got {repr_of(entry)}, {kind_of(entry)}, in it); bind each call of the "
        f"script: Registry.bind(name, *params, route=...)"
    ) from cause
