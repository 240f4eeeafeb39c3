"""The unit of the page on systemd is one that systemd understands."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "systemd.md"


def verify(need, directory, unit):
    """Have systemd read a unit; return what it has to say."""
    directory.joinpath("sip-server.service").write_text(unit, encoding="utf-8")
    command = [need("systemd-analyze"), "verify", "--recursive-errors=no", "./sip-server.service"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def unit_of_the_page():
    (unit,) = re.findall(r":caption: sip-server\.service\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert "/usr/bin/python3" in unit
    return unit.replace("/usr/bin/python3", sys.executable)  # the interpreter of this machine


def test_unit(need, tmp_path):
    """It finds nothing to complain of."""
    assert (0, "") == verify(need, tmp_path, unit_of_the_page())


def test_mistake(need, tmp_path):
    """It would find a mistake."""
    unit = unit_of_the_page().replace("KillMode=mixed", "KillMode=gently")
    assert "Failed to parse kill mode specification" in verify(need, tmp_path, unit)[1]
