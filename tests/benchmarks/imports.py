"""What importing sermod costs, as whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from measure import Row, compare

TOUCH_ALL = "import sermod\nfor name in sermod.__all__: getattr(sermod, name)"


def running(code: str) -> Callable[[], object]:
    # Bytecode is cached by the warm-up, as it is for whoever has installed sermod.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def rows() -> list[Row]:
    """Measure."""
    return [
        compare("import sermod", running("import sermod"), "an empty program", running("pass"), "at most 1.15"),
        compare("every public name", running(TOUCH_ALL), "import attrs", running("import attrs"), "at most 1.5"),
    ]
