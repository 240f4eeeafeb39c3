"""What a value becomes on its way to another process."""

from __future__ import annotations

import pickle
from typing import TypeVar

T = TypeVar("T")


def pickled(value: T, protocol: int | None = None) -> T:
    """Return what another process would get if *value* were sent to it."""
    copy: T = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - what comes back is what went in
    return copy
