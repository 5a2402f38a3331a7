"""`quarantine`: what rows could not be represented in the warehouse, and loading them again once the mapping is mended.

Exit codes: 0 nothing is left in quarantine; 1 something is, or it could not be asked; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.reconcile import chosen
from dagster_pipeline.connections import open_source, open_state, open_warehouse
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.schema.models import OnBadRow, TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.sync.quarantine_replay import replay
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

LISTED = 20
"""Entries of a table that `list` shows unless told otherwise."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `quarantine`."""
    parser.add_argument(
        "action", choices=("list", "replay"), help="list: show what is there; replay: load it again"
    )
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="table",
        help="<destination database>/<table>; every one with quarantine if none",
    )
    parser.add_argument(
        "--limit", type=int, default=LISTED, metavar="N", help="entries of a table that list shows"
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """List or replay one table after the other. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    tables = load_tables(settings)
    schemas = chosen(tables, arguments.tables) if arguments.tables else _with_quarantine(tables)
    reports = []
    for schema in schemas:
        report = {"table": schema.name}
        if arguments.action == "replay":
            report |= _replayed(schema, settings)
        with open_warehouse(settings, run_id="quarantine") as sink:
            report |= _listed(schema, sink, arguments.limit)
        reports.append(report)
        if not arguments.json:
            sys.stdout.write(_as_text(report))
    if arguments.json:
        sys.stdout.write(json.dumps(reports, indent=2) + "\n")
    return 1 if any(report["rows"] for report in reports) else 0


def _with_quarantine(tables: tuple[TableSchema, ...]) -> list[TableSchema]:
    return [table for table in tables if table.enabled and table.sync.on_bad_row is OnBadRow.QUARANTINE]


def _replayed(schema: TableSchema, settings: Settings) -> dict[str, Any]:
    run_id = f"replay {uuid.uuid4().hex[:12]}"
    with (
        closing(open_state(settings)) as state,
        open_source(settings, schema) as source,
        open_warehouse(settings, run_id=run_id) as sink,
    ):
        done = replay(schema, source=source, sink=sink, state=state, run_id=run_id)
    return {
        "replayed": {
            "tried": done.tried,
            "loaded": done.loaded,
            "gone at the source": done.gone,
            "still bad": done.still_bad,
            "without a key": done.unnamed,
        }
    }


def _listed(schema: TableSchema, sink: ClickHouseSink, limit: int) -> dict[str, Any]:
    store = sink.quarantine_of(sink_table(schema, TypeMapper().map(schema)))
    counted = store.counted()
    return {
        "rows": counted.rows,
        "columns": dict(counted.by_column),
        "entries": [asdict(entry) for entry in store.entries(limit)],
    }


def _as_text(report: dict[str, Any]) -> str:
    name, lines = report["table"], []
    if "replayed" in report:
        lines.append(f"{name}: " + ", ".join(f"{count} {what}" for what, count in report["replayed"].items()))
    by_column = ", ".join(f"{column}: {rows:,}" for column, rows in report["columns"].items())
    lines.append(f"{name}: {report['rows']:,} row(s) in quarantine{f' ({by_column})' if by_column else ''}")
    for entry in report["entries"]:
        where = f"  {', '.join(entry['key'])}: {entry['column']} = {entry['value']!r}"
        lines.append(f"{where}: {entry['reason']} (run {entry['run_id']}, {entry['at']})")
    return "\n".join(lines) + "\n"


COMMAND = Command(
    "quarantine",
    "Show rows that could not be represented, and load them again once that is mended.",
    add_arguments,
    run,
)
