"""`python -m scripts.servers start|stop|status|remove`: the demo's servers by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.process import ServerError
from scripts.servers.provide import choose, ours

DIRECTORY = Path(".local/servers")
PRODUCTS = (Postgres(), MariaDb())


def main(words: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.servers", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "remove"])
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where data and records are")
    arguments = parser.parse_args(words)
    try:
        _run(arguments.command, arguments.directory)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(command: str, directory: Path) -> None:
    for product in PRODUCTS:
        if command == "start":
            server = choose(product, directory, variable=product.variable)
            server.start()
            print(f"{product.title}: {server.origin}")
            continue
        for server in ours(product, directory):
            if command == "stop":
                server.stop()
            if command == "remove":
                server.remove()
            print(f"{product.title}: {server.origin}")


if __name__ == "__main__":
    sys.exit(main())
