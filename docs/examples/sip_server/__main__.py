"""A small SIP server that embeds sermod. Without arguments it runs a demonstration, and exits."""

from __future__ import annotations

import argparse
import dataclasses
import io
import logging
import sys
from pathlib import Path
from typing import cast

from config import ConfigurationError, configure
from demo import demonstrate
from server import serve

from sermod import SermodError

HERE = Path(__file__).parent
CONFIG = HERE / "server.toml"


def main() -> int:
    """Run what the command line asks for.

    Returns:
        The exit status: 0; 1 if the server failed; 2 if the configuration has errors.
    """
    parser = argparse.ArgumentParser(prog="sip_server", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--serve", action="store_true", help="serve until SIGINT or SIGTERM")
    mode.add_argument("--check", action="store_true", help="print every error of the configuration, and exit")
    parser.add_argument(
        "--config", type=Path, default=CONFIG, metavar="FILE", help="the configuration; default: %(default)s"
    )
    parser.add_argument("--port", type=int, help="listen on this port instead of that in FILE; 0: any free port")
    parser.add_argument("--trace", action="store_true", help="print the commands that run for each message")
    options = parser.parse_args()

    if not (options.serve or options.check):
        return demonstrate(HERE, options.config)
    try:
        configuration = configure(options.config)
        if options.check:
            print(f"{options.config}: no errors")
            return 0
        if options.port is not None:
            listen = (configuration.listen[0], options.port)
            configuration = dataclasses.replace(configuration, listen=listen)
        # sermod logs what happens to the children.
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        serve(configuration, trace=options.trace)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except (SermodError, OSError, OverflowError) as error:
        print(f"sip_server: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # Whole lines are written at once, also into a pipe, so that the lines of several processes do not mix.
    stdout = cast("io.TextIOWrapper[io.BufferedWriter]", sys.stdout)
    stdout.reconfigure(line_buffering=True, write_through=False)
    sys.exit(main())
