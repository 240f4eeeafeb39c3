"""Prints the table of all benchmarks: ``python tests/benchmarks [NAME ...]``.

Needs the dependency group ``bench``. Ratios are medians of measurements in turn; nothing here judges them.
"""

from __future__ import annotations

import platform
import sys
from importlib import import_module

from measure import table

NAMES = ("calls", "lookups", "registration", "imports", "classes", "children", "native", "sip_server", "kamailio")


def main() -> None:
    """Run the benchmarks that are named, or all."""
    rows = []
    for name in sys.argv[1:] or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += import_module(name).rows()
    print(f"CPython {platform.python_version()} on {platform.machine()}\n")
    print(table(rows))


main()
