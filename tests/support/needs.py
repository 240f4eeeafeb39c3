"""What a test needs from the machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest

# Servers live where only root looks by default.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])


def missing(what: str) -> NoReturn:
    """Skip the test for want of something; with ``SERMOD_CI`` set, fail."""
    reason = f"this test needs {what}, which is not installed"
    if os.environ.get("SERMOD_CI"):
        pytest.fail(f"{reason}; SERMOD_CI is set, so it does not count as skipped")
    pytest.skip(reason, allow_module_level=True)


def need(tool: str) -> str:
    """Return the path of a program, such as ``cc``, ``sipp``, ``sipsak`` or ``kamailio``.

    Where it is missing the test is skipped. With ``SERMOD_CI`` set it fails instead: there every
    tool is installed, and nothing is left untested unnoticed.
    """
    path = shutil.which(tool, path=SEARCH_PATH)
    if path:
        return path
    missing(f"the program {tool!r}")


def need_package(name: str) -> None:
    """Want a package of Python, such as ``distributed``: at the top of a file of tests, before what imports it.

    Where it is missing all tests of the file are skipped; with ``SERMOD_CI`` set they fail.
    """
    if importlib.util.find_spec(name) is None:
        missing(f"the package {name!r}")
