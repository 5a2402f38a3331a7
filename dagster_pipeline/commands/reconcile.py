"""`reconcile`: holds whole tables against their sources, and mends them when asked to.

Exit codes: 0 every table equals its source, or does so now; 1 a table differs, or could not be compared; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from dagster_pipeline.commands.command import Command
from dagster_pipeline.connections import open_source, open_state, open_warehouse
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reconcile.result import ReconcileResult
from dagster_pipeline.reconcile.shown import shown_samples
from dagster_pipeline.reconcile.table_reconciliation import ReconcileConfig, TableReconciliation
from dagster_pipeline.schema.finding import suggest
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `reconcile`."""
    parser.add_argument("tables", nargs="+", metavar="table", help="<destination database>/<table>, or all")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="load again what is missing or different, and mark what is gone where the file tracks deletes",
    )
    parser.add_argument(
        "--allow-deletes", action="store_true", help="mark also more rows than sync.max_delete allows"
    )
    parser.add_argument(
        "--rows-per-second", type=_positive, metavar="N", help="read at most so many rows from each side"
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Compare one table after the other. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    config = ReconcileConfig(arguments.repair, arguments.rows_per_second, arguments.allow_deletes)
    schemas = chosen(load_tables(settings), arguments.tables)
    reports = []
    is_right = True
    for schema in schemas:
        result = _reconcile(schema, settings, config)
        is_right = is_right and result.is_mended
        reports.append(_as_data(schema, result))
        if not arguments.json:
            sys.stdout.write(_as_text(schema, result))
    if arguments.json:
        sys.stdout.write(json.dumps(reports, indent=2) + "\n")
    return 0 if is_right else 1


def chosen(tables: Sequence[TableSchema], names: Sequence[str]) -> list[TableSchema]:
    """The tables of these names; `all` is every enabled one that has a key. Raises `ConfigurationError`."""
    if list(names) == ["all"]:
        return [table for table in tables if table.enabled and table.primary_key]
    by_name = {table.name: table for table in tables}
    for name in names:
        if name not in by_name:
            todo = suggest(name, by_name, otherwise="Write <destination database>/<table>.")
            raise ConfigurationError(f"No file brings {name!r} into the warehouse.", todo=todo)
    return [by_name[name] for name in names]


def _reconcile(schema: TableSchema, settings: Settings, config: ReconcileConfig) -> ReconcileResult:
    run_id = uuid.uuid4().hex[:12]
    with (
        closing(open_state(settings)) as state,
        open_source(settings, schema) as source,
        open_warehouse(settings, run_id=f"reconcile {run_id}") as sink,
    ):
        return TableReconciliation(
            schema, source=source, sink=sink, state=state, run_id=f"reconcile {run_id}", config=config
        ).run()


def _as_text(schema: TableSchema, result: ReconcileResult) -> str:
    lines = [
        f"{result.says} ({result.parts} parts, {result.reread_rows:,} rows read again, {result.seconds:.1f} s)"
    ]
    lines += [f"  {sample['kind']}: {sample['key']}" for sample in shown_samples(schema, result)]
    lines += [f"  {note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def _as_data(schema: TableSchema, result: ReconcileResult) -> dict[str, Any]:
    return {
        "table": result.table,
        "equal": result.is_equal,
        "mended": result.is_mended,
        "source_rows": result.source_rows,
        "warehouse_rows": result.warehouse_rows,
        "found": {str(kind): count for kind, count in result.found.items()},
        "pending": result.pending,
        "quarantined": result.quarantined,
        "tolerated": result.tolerated,
        "repaired": result.repaired,
        "marked": result.marked,
        "parts": result.parts,
        "reread_rows": result.reread_rows,
        "seconds": round(result.seconds, 3),
        "samples": shown_samples(schema, result),
        "notes": list(result.notes),
    }


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


COMMAND = Command(
    "reconcile", "Hold whole tables against their sources, by checksum per key range.", add_arguments, run
)
