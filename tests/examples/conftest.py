"""Fixtures for the tests of the example server."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_server import MODULES, Server


@pytest.fixture(scope="module")
def server():
    """Yield one server for all tests of a file that do not change it."""
    running = Server()
    try:
        running.listen()
        yield running
    finally:
        running.close()


@pytest.fixture
def start():
    """Return a function that starts servers; they are stopped at the end of the test."""
    running = []

    def start(*args, **kwargs) -> Server:
        running.append(Server(*args, **kwargs))
        running[-1].listen()
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture
def configured(tmp_path):
    """Return a function that writes a configuration file, and modules beside it; MODULES is the example's directory."""

    def configured(text: str, **modules: str) -> Path:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)
        file = tmp_path / "test.toml"
        file.write_text(text.replace("MODULES", str(MODULES)))
        return file

    return configured
