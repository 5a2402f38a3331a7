"""`python -m dagster_pipeline <command>`: finds the command, runs it, and turns expected errors into one line.

Only the module of the command that was asked for is imported: drivers and Dagster cost a second that `validate` in an
editor or a commit hook need not pay.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from dagster_pipeline.commands.command import Command
from dagster_pipeline.errors import PipelineError
from dagster_pipeline.settings import Settings

COMMANDS = (
    "new-table",
    "validate",
    "plan",
    "preview",
    "status",
    "docs",
    "state",
    "reconcile",
    "contract",
    "migrate-table",
    "storage-advice",
    "quarantine",
    "reverse-etl",
    "alert-test",
    "serve",
    "doctor",
    "metrics",
)
"""In the order of `--help`; `new-table` stands in `commands/new_table.py`."""


def command_of(name: str) -> Command:
    """One command, imported now."""
    module = import_module(f"dagster_pipeline.commands.{name.replace('-', '_')}")
    command: Command = module.COMMAND
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        parsed = parser_for(words[0] if words else "").parse_args(words)
        return int(parsed.run(parsed, Settings.from_environment()))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser_for(wanted: str) -> argparse.ArgumentParser:
    """The parser of the wanted command, or of all when none of them is wanted."""
    parser = argparse.ArgumentParser(
        prog="dagster-pipeline", description="Tables from YAML files into ClickHouse."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name in (wanted,) if wanted in COMMANDS else COMMANDS:
        command = command_of(name)
        subparser = subparsers.add_parser(name, help=command.summary, description=command.summary)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
