"""What the tests of the example server share."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_server import MODULES, Server


@pytest.fixture(scope="module")
def server():
    """One server for all tests of a file that leave it as it was."""
    running = Server()
    try:
        running.listen()
        yield running
    finally:
        running.close()


@pytest.fixture
def start():
    """Start servers that end with the test."""
    running = []

    def start(*args, **kwargs) -> Server:
        running.append(Server(*args, **kwargs))
        running[-1].listen()
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def configured(tmp_path):
    """Write a configuration file, and modules of the test's own beside it; MODULES are those of the example."""

    def configured(text: str, **modules: str) -> Path:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)
        file = tmp_path / "test.toml"
        file.write_text(text.replace("MODULES", str(MODULES)))
        return file

    return configured
