"""The hooks of modules as classes: which methods they are, and names that are nearly a hook's."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from types import FunctionType
from typing import Final

from sermod._interface.exports import HOOKS
from sermod._interface.signatures import accepts, signature_of
from sermod._problems import kind_of

HOOK_METHODS: Final = {
    "mod_init": "init_f",
    "response": "response_f",
    "destroy": "destroy_f",
    "onbreak": "onbreak_f",
    "child_init": "init_child_f",
}
"""The methods that are hooks, each with the field of the exports that it goes to."""


def plain_method(cls: type, attribute: str, value: object) -> FunctionType:
    """Return an object of the body of a class, which must be a plain method.

    Raises:
        TypeError: It is anything else.
    """
    if isinstance(value, FunctionType):
        return value
    raise TypeError(
        f"{cls.__qualname__}.{attribute}: must be a plain method, which takes self (got {kind_of(value)}); "
        f"write def {attribute}(self, ...)"
    )


def find_hooks(cls: type, root: type) -> dict[str, str]:
    """Return the field of the exports for each hook of a class, by the name of its method.

    Args:
        cls: The class.
        root: The base class of all modules, whose hooks do nothing.

    Raises:
        TypeError: A hook cannot be called as the core calls it, or would never run.
    """
    hooks: dict[str, str] = {}
    for method, field in HOOK_METHODS.items():
        takes = HOOKS[field]
        owner = next(base for base in cls.__mro__ if method in vars(base))
        if owner is root:
            _check_not_passed_over(cls, method, root)
            continue
        function = plain_method(cls, method, vars(owner)[method])
        signature = f"def {method}({', '.join(('self', *takes))})"
        if not accepts(function, 1 + len(takes)):
            written = f"{method}{signature_of(function)}"
            raise TypeError(f"{cls.__qualname__}.{method}: {written} cannot be called by the core; write {signature}")
        if inspect.iscoroutinefunction(function) and method != "onbreak":
            raise TypeError(f"{cls.__qualname__}.{method}: it is never awaited; write {signature}, without async")
        hooks[method] = field
    return hooks


def _check_not_passed_over(cls: type, method: str, root: type) -> None:
    for base in cls.__mro__[cls.__mro__.index(root) + 1 :]:
        if method in vars(base):
            raise TypeError(
                f"{cls.__qualname__}.{method}: {base.__qualname__}.{method} would never run, since {root.__name__} "
                f"comes before {base.__name__}; write class {cls.__name__}({base.__name__}, ...)"
            )


# Names that are nearly a hook's ---------------------------------------------------------------------------------------

_LETTERS: Final = {method.replace("_", ""): method for method in HOOK_METHODS}
"""The hooks by their letters alone: on_break, onBreak and onbreak are one name."""

_MISTAKEN: Final = {
    **dict.fromkeys(("init", "initf", "initmod", "initmodule", "moduleinit"), "mod_init"),
    **dict.fromkeys(("initchild", "initchildf", "childinitf", "modchildinit", "modinitchild"), "child_init"),
    **dict.fromkeys(("destroyf", "moddestroy", "moduledestroy", "destroymod", "destroymodule"), "destroy"),
    **dict.fromkeys(("responsef", "onresponse", "modresponse"), "response"),
    **dict.fromkeys(("onbreakf", "modonbreak"), "onbreak"),
}
"""Names that other hosts and the fields of the structure have for a hook, by their letters."""


def check_near_names(cls: type, body: type, hooks: Collection[str], commands: Collection[str]) -> None:
    """Refuse a method whose name is nearly a hook's: it would silently never run.

    Near is a name with the same letters, one with one letter more, less, other or exchanged with its neighbour, and the
    names of :data:`_MISTAKEN`. A class that has the hook itself may have such a method, and a plural is not near; names
    that only mean the same (``initialise``, ``setup``, ``close``) are the author's own.

    Args:
        cls: The class that is being made, for messages.
        body: The class in whose body the methods stand: *cls*, or a mixin.
        hooks: The names of the hooks that *cls* has.
        commands: The names of the methods of *cls* that are commands.

    Raises:
        TypeError: There is such a method.
    """
    for attribute, value in vars(body).items():
        if not isinstance(value, FunctionType) or attribute in commands or attribute in HOOK_METHODS:
            continue
        hook = _near_hook(attribute)
        if hook is not None and hook not in hooks:
            raise TypeError(
                f"{cls.__qualname__}.{attribute}: the core never calls it; rename it to {hook} if it is meant to be "
                f"that hook, and otherwise give it a name that is not so near (or mark it with @internal, if other "
                f"modules call it)"
            )


def _near_hook(name: str) -> str | None:
    if name.startswith("_"):
        return None
    letters = name.replace("_", "").lower()
    same = _LETTERS.get(letters) or _MISTAKEN.get(letters)
    if same is not None:
        return same
    return next((method for hook, method in _LETTERS.items() if _differ_by_one(letters, hook)), None)


def _differ_by_one(name: str, hook: str) -> bool:
    """Return whether *name* has one letter more, less or other than *hook*, or two neighbours exchanged."""
    if abs(len(name) - len(hook)) > 1 or name == f"{hook}s":
        return False
    start = 0
    while start < min(len(name), len(hook)) and name[start] == hook[start]:
        start += 1
    ours, theirs = name[start:], hook[start:]
    exchanged = ours[:2] == theirs[1::-1] and ours[2:] == theirs[2:]
    return exchanged or ours[1:] == theirs[1:] or ours[1:] == theirs or ours == theirs[1:]
