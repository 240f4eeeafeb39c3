"""Checks a script for Kamailio, without Kamailio: ``python -m sermod.hosts.kamailio_check SCRIPT``.

Kamailio's own check, ``kamailio -c``, reads its configuration file and initialises no module. So it does not read the
script that ``modparam("app_python3", "load", ...)`` names. This program does.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from pathlib import Path
from typing import cast
from unittest import mock

from sermod.errors import SermodError


def find_mistakes(script: Path) -> list[str]:
    """Run a script as Kamailio does when it loads it, and return what is wrong with it.

    Everything that the script loads, sets and binds is checked. Its ``mod_init`` is not called: of the modules, only
    the code runs that importing them runs. A stand-in answers what the script asks of Kamailio meanwhile.

    Args:
        script: The file that ``modparam("app_python3", "load", ...)`` names.

    Returns:
        A text for each mistake.
    """
    path, ksr = [*sys.path], sys.modules.get("KSR")
    sys.path.insert(0, str(script.parent))  # as Kamailio does
    sys.modules["KSR"] = mock.MagicMock(name="KSR")
    try:
        mod_init = runpy.run_path(str(script), run_name=script.stem).get("mod_init")
    except Exception as error:  # noqa: BLE001 - a script may raise anything
        return _texts(error)
    finally:
        # mock.patch.dict would also remove the files of sermod that the script has imported.
        if ksr is None:
            sys.modules.pop("KSR", None)
        else:
            sys.modules["KSR"] = ksr
        sys.path[:] = path
    if callable(mod_init):
        return []
    return ["the script has no function mod_init; write mod_init = Kamailio(...).mod_init"]


def _texts(error: Exception) -> list[str]:
    """Return a text for each mistake: the message of an error of sermod, the traceback of any other exception."""
    if isinstance(error, ExceptionGroup):  # of Registry.collect_errors()
        group = cast("ExceptionGroup[Exception]", error)
        return [*(text for each in group.exceptions for text in _texts(each)), *getattr(group, "__notes__", ())]
    if isinstance(error, SermodError):
        return [str(error)]
    return ["".join(traceback.format_exception(error)).rstrip()]


def main() -> int:
    """Check the script that the command line names, and print what is wrong with it.

    Returns:
        The exit status: 0, or 1 if there are mistakes.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sermod.hosts.kamailio_check", description="Check a script for Kamailio."
    )
    parser.add_argument("script", type=Path, metavar="SCRIPT", help="the script that app_python3 loads")
    script: Path = parser.parse_args().script
    mistakes = find_mistakes(script)
    print(*(f"{script}: {text}" for text in mistakes or ["no errors"]), sep="\n")  # noqa: T201 - this is a program
    return int(bool(mistakes))


if __name__ == "__main__":
    sys.exit(main())
