"""Runs modules in a `multiprocessing.Pool`, which replaces its processes. The argument is a start method."""

from __future__ import annotations

import multiprocessing
import sys
from contextlib import nullcontext
from tempfile import NamedTemporaryFile

from serving import Request, begin, handle, life


def main(method: str) -> None:
    """Answer some requests."""
    context = multiprocessing.get_context(method)
    requests = [Request("OPTIONS", max_forwards=70) for _ in range(20)]
    with NamedTemporaryFile() as ranks, life if method == "fork" else nullcontext():
        pool = context.Pool(3, begin, (ranks.name,), maxtasksperchild=5)
        try:
            answered = pool.map(handle, requests, chunksize=1)
        finally:  # the end of a `with` block would kill the processes before they have cleaned up
            pool.close()
            pool.join()
    print({(request.answer, request.max_forwards) for request in answered})


if __name__ == "__main__":
    main(sys.argv[1])
