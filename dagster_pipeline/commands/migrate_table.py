"""`migrate-table`: gives a table what ALTER cannot give it, or takes that back. May be killed and run again at any moment.

Exit codes: 0 the table has the shape that was asked for; 1 it has not, and why; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.reconcile import chosen
from dagster_pipeline.connections import open_state, open_warehouse
from dagster_pipeline.maintenance.table_migration import KEEP_DAYS, TableMigration
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

MOST_DAYS = 3650


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `migrate-table`."""
    parser.add_argument("table", help="<destination database>/<table>")
    parser.add_argument(
        "--rollback",
        action="store_true",
        help="put the old table in its place again; rows loaded since are kept",
    )
    parser.add_argument(
        "--keep-days",
        type=_days,
        default=KEEP_DAYS,
        metavar="N",
        help=f"keep the old table for so many days (default: {KEEP_DAYS}); maintenance drops it then",
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Migrate or roll back, and say each step. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    (schema,) = chosen(load_tables(settings), [arguments.table])
    run_id = f"migrate-table {uuid.uuid4().hex[:12]}"
    with closing(open_state(settings)) as state, open_warehouse(settings, run_id=run_id) as sink:
        migration = TableMigration(
            sink_table(schema, TypeMapper().map(schema)),
            sink=sink,
            state=state,
            owner=run_id,
            keep_days=arguments.keep_days,
            report=_say,
        )
        result = migration.rollback() if arguments.rollback else migration.run()
    _say(result.says)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _days(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MOST_DAYS}")
    return number


COMMAND = Command(
    "migrate-table", "Change a table's engine, order_by or partition_by by a proven copy.", add_arguments, run
)
