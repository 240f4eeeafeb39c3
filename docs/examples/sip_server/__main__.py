"""A small SIP server that embeds sermod. Without arguments it shows itself at work, and ends."""

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
    """Do what the command line says.

    Returns:
        The exit status: 0, 1 where something went wrong at work, 2 where the configuration is.
    """
    parser = argparse.ArgumentParser(prog="sip_server", description=__doc__)
    job = parser.add_mutually_exclusive_group()
    job.add_argument("--serve", action="store_true", help="serve until SIGINT or SIGTERM")
    job.add_argument("--check", action="store_true", help="say all that is wrong with the configuration, and end")
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--port", type=int, help="listen on this port, 0 for a free one, whatever FILE says")
    parser.add_argument("--trace", action="store_true", help="print for each message which commands ran")
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
        # sermod tells there what becomes of the children.
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
    # What is printed is seen at once, also by who reads it through a pipe; and lines of several processes do not mix.
    stdout = cast("io.TextIOWrapper[io.BufferedWriter]", sys.stdout)
    stdout.reconfigure(line_buffering=True, write_through=False)
    sys.exit(main())
