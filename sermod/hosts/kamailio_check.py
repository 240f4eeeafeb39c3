"""Checks a script for Kamailio, without Kamailio: ``python -m sermod.hosts.kamailio_check SCRIPT``.

Kamailio's own check, ``kamailio -c``, reads its configuration file and initialises no module. So it does not look at
what ``modparam("app_python3", "load", ...)`` names. This does.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from pathlib import Path
from unittest import mock

from sermod.errors import SermodError
from sermod.testing.harness.target import importable


def find_mistakes(script: Path) -> list[str]:
    """Run a script as Kamailio does when it loads it, and tell what is wrong with it.

    Its ``mod_init`` is not called. So all that it loads, sets and binds is checked, and of its modules nothing runs but
    what importing them runs. What it asks of Kamailio meanwhile is answered by a stand-in.

    Args:
        script: What ``modparam("app_python3", "load", ...)`` names.

    Returns:
        A text for each mistake.
    """
    before = [*sys.path]
    sys.path.insert(0, str(script.parent))  # as Kamailio does
    try:
        with importable({"KSR": mock.MagicMock(name="KSR")}):
            mod_init = runpy.run_path(str(script), run_name=script.stem).get("mod_init")
    except SermodError as error:
        return [str(error)]
    except ExceptionGroup as group:  # of Registry.collect_errors()
        return [str(error) for error in group.exceptions]
    except Exception:  # noqa: BLE001 - whatever the script raises, its traceback says where
        return [traceback.format_exc()]
    finally:
        sys.path[:] = before
    return [] if callable(mod_init) else ["it has no function mod_init; write mod_init = Kamailio(...).mod_init"]


def main() -> int:
    """Check the script that the command line names, and print what is wrong with it.

    Returns:
        The exit status: 0, or 1 where something is.
    """
    parser = argparse.ArgumentParser(prog="python -m sermod.hosts.kamailio_check", description="Check a script.")
    parser.add_argument("script", type=Path, metavar="SCRIPT", help="what app_python3 is to load")
    script: Path = parser.parse_args().script
    mistakes = find_mistakes(script) or ["no errors"]
    print(*(f"{script}: {mistake}" for mistake in mistakes), sep="\n")  # noqa: T201 - that is what it is for
    return int(mistakes != ["no errors"])


if __name__ == "__main__":
    sys.exit(main())
