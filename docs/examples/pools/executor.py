"""Runs modules in a `concurrent.futures.ProcessPoolExecutor`. The argument is a start method, `spawn` for example."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from tempfile import NamedTemporaryFile

from serving import Request, begin, handle, life


def main(method: str) -> None:
    """Answer some requests."""
    context = multiprocessing.get_context(method)
    requests = [Request("OPTIONS", max_forwards=70) for _ in range(20)]
    with (
        NamedTemporaryFile() as ranks,
        life if method == "fork" else nullcontext(),
        ProcessPoolExecutor(3, context, begin, (ranks.name,)) as pool,
    ):
        answered = [*pool.map(handle, requests)]
    print({(request.answer, request.max_forwards) for request in answered})


if __name__ == "__main__":
    main(sys.argv[1])
