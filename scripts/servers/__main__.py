"""`python -m scripts.servers COMMAND`: the demo's database servers by hand, and what the tests' servers need."""

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
COMMANDS = {
    "start": "start both servers, or find them running",
    "stop": "end them; their data stays",
    "status": "say where they run",
    "remove": "end them and delete their data",
    "install": "install the programs that the tests' servers need, where they are missing",
}


def main(words: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.servers", description=__doc__)
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where data and records are")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text)
    arguments = parser.parse_args(words)
    try:
        _run(arguments.command, arguments.directory)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(command: str, directory: Path) -> None:
    for product in PRODUCTS:
        if command == "install":
            choose(product, directory, variable=f"TEST_{product.variable}").install()
            continue
        servers = ours(product, directory)
        if command == "start":
            servers = [choose(product, directory, variable=product.variable)]
            servers[0].start()
        for server in servers:
            if command == "stop":
                server.stop()
            if command == "remove":
                server.remove()
            print(f"{product.title}: {server.origin}")


if __name__ == "__main__":
    sys.exit(main())
