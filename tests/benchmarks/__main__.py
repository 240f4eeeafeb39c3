"""Prints the table of all benchmarks: ``python tests/benchmarks [NAME ...]``.

Needs the dependency group ``bench``. Ratios are medians of measurements in turn; nothing here judges them.
"""

from __future__ import annotations

import multiprocessing
import platform
import sys
from concurrent.futures import ProcessPoolExecutor

from measure import Row, rows_of, table

NAMES = ("calls", "lookups", "registration", "imports", "classes", "children", "native", "sip_server", "kamailio")


def main() -> None:
    """Run the benchmarks that are named, or all."""
    rows: list[Row] = []
    spawn = multiprocessing.get_context("spawn")
    for name in sys.argv[1:] or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        with ProcessPoolExecutor(1, mp_context=spawn) as process:
            rows += process.submit(rows_of, name).result()
    print(f"CPython {platform.python_version()} on {platform.machine()}\n")
    print(table(rows))


if __name__ == "__main__":
    main()
