"""Functions of every signature that Python knows, which return what they were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
from hypothesis import strategies as st

FORMS: Final = ("plain", "coroutine", "generator", "closure")


@attrs.frozen
class Shape:
    """The signature of a function.

    Attributes:
        positional_only: How many parameters go by position alone.
        positional: How many go by position or by name.
        defaults: How many of these two kinds have a default.
        star: Whether it takes ``*args``.
        keyword_only: For each keyword-only parameter, whether it has a default.
        double_star: Whether it takes ``**kwargs``.
        form: One of ``FORMS``.
    """

    positional_only: int
    positional: int
    defaults: int
    star: bool
    keyword_only: tuple[bool, ...]
    double_star: bool
    form: str = "plain"

    def parameters(self, *first: str) -> str:
        """Return the parameters as they are written in a ``def``, behind *first*."""
        count = self.positional_only + self.positional
        names = [f"p{index}" for index in range(count)]
        required = count - self.defaults
        written = [name if index < required else f"{name}='d{index}'" for index, name in enumerate(names)]
        if self.positional_only:
            written.insert(self.positional_only, "/")
        if self.star or self.keyword_only:
            written.append("*args" if self.star else "*")
        written.extend(f"k{index}='dk'" if has else f"k{index}" for index, has in enumerate(self.keyword_only))
        if self.double_star:
            written.append("**kwargs")
        return ", ".join([*first, *written])

    def source(self, *first: str) -> str:
        """Return the source of a function ``made`` that returns, or yields, its own arguments."""
        body = {
            "plain": "return locals()",
            "coroutine": "return locals()",
            "generator": "yield locals()",
            "closure": "return {**locals(), 'around': around}",
        }[self.form]
        prefix = "async " if self.form == "coroutine" else ""
        function = f"{prefix}def made({self.parameters(*first)}):\n    'What it is for.'\n    {body}\n"
        if self.form != "closure":
            return function
        lines = "".join(f"    {line}\n" for line in function.splitlines())
        return f"def outer():\n    around = 'around'\n{lines}    return made\nmade = outer()\n"

    def make(self, *first: str) -> Callable[..., Any]:
        """Make the function."""
        namespace: dict[str, Any] = {"__name__": "some_module"}
        exec(self.source(*first), namespace)  # noqa: S102 - the source is our own
        made: Callable[..., Any] = namespace["made"]
        return made


def shapes(*, forms: tuple[str, ...] = ("plain",)) -> st.SearchStrategy[Shape]:
    """Return a strategy for signatures."""
    return st.tuples(st.integers(0, 3), st.integers(0, 3)).flatmap(
        lambda counts: st.builds(
            Shape,
            st.just(counts[0]),
            st.just(counts[1]),
            st.integers(0, sum(counts)),
            st.booleans(),
            st.lists(st.booleans(), max_size=2).map(tuple),
            st.booleans(),
            st.sampled_from(forms),
        )
    )
