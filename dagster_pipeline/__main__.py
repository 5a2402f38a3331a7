"""`python -m dagster_pipeline <command>`: finds the command, runs it, and turns expected errors into one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dagster_pipeline.commands import alert_test, new_table, plan, reconcile, state, validate
from dagster_pipeline.errors import PipelineError
from dagster_pipeline.settings import Settings

COMMANDS = (
    new_table.COMMAND,
    validate.COMMAND,
    plan.COMMAND,
    state.COMMAND,
    reconcile.COMMAND,
    alert_test.COMMAND,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="dagster-pipeline", description="Tables from YAML files into ClickHouse."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.summary, description=command.summary)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed, Settings.from_environment()))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
