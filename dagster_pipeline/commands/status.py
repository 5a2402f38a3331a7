"""`status`: every table in one line. Reads the files and the state store; connects to no source and no warehouse.

Exit codes: 0 shown; 1 an error, named on stderr, or with `--check` a table that is late or was never loaded; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.reconcile import chosen
from dagster_pipeline.commands.status_report import (
    Standing,
    TableStatus,
    ago,
    delivery_statuses,
    span,
    statuses,
)
from dagster_pipeline.commands.terminal import write_json, write_table
from dagster_pipeline.connections import open_state
from dagster_pipeline.delivery_tree import table_of
from dagster_pipeline.schema.data_migration_file import KIND as MIGRATION
from dagster_pipeline.schema_tree import SchemaTree, load_tree
from dagster_pipeline.settings import Settings

STYLES = {
    Standing.OK: "green",
    Standing.LATE: "bold red",
    Standing.NEVER: "yellow",
    Standing.UNFINISHED: "yellow",
    Standing.LOADING: "cyan",
    Standing.DISABLED: "dim",
}
HEAD = ("TABLE", "STATE", "LAST SUCCESS", "LAG", "ROWS", "NEXT DUE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `status`."""
    parser.add_argument(
        "tables", nargs="*", metavar="table", help="<destination database>/<table> (default: every one)"
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument(
        "--check", action="store_true", help="exit code 1 when a table is late or was never loaded"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Ask the store once and report. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    tree = load_tree(settings)
    deliveries = {"/".join(table_of(file)): file for file in tree.deliveries}
    files = [deliveries[name] for name in arguments.tables if name in deliveries]
    named = [name for name in arguments.tables if name not in deliveries]
    schemas = chosen(tree.tables, named) if arguments.tables else tree.tables
    with closing(open_state(settings)) as store:
        states, locks = store.tables(), store.locks()
    now = datetime.now(UTC)
    found = [
        *statuses(schemas, states, locks, now=now),
        *delivery_statuses(files if arguments.tables else tree.deliveries, states, locks, now=now),
    ]
    if arguments.json:
        write_json({"at": now, "tables": [asdict(each) for each in found]})
    else:
        write_table(HEAD, [_line(each, now) for each in found])
    forgotten = sorted({state.table for state in states} - _known(tree))
    if forgotten and not arguments.tables:
        sys.stderr.write(f"The state store also knows, and no file brings: {', '.join(forgotten)}.\n")
    behind = (Standing.LATE, Standing.NEVER)
    return int(arguments.check and any(each.standing in behind for each in found))


def _known(tree: SchemaTree) -> set[str]:
    """Names under which the state store may know what a file of any kind says."""
    return {
        *(table.name for table in tree.tables),
        *("/".join(table_of(file)) for file in tree.deliveries),
        *(snapshot.name for snapshot in tree.snapshots),
        *(flow.state_name for flow in tree.reverse_etl),
        *(f"{MIGRATION}/{each.name}" for each in tree.data_migration),
    }


def _line(status: TableStatus, now: datetime) -> list[Text | str]:
    rows = "-" if status.rows is None else f"{status.rows:,}"
    return [
        status.table,
        Text(status.standing, style=STYLES[status.standing]),
        ago(status.last_success_at, now),
        span(status.lag_seconds),
        f"{rows} in {status.partitions} partition(s)" if status.partitions else rows,
        ago(status.next_due_at, now),
    ]


COMMAND = Command(
    "status", "Show every table: last success, lag, rows, state, when it is due.", add_arguments, run
)
