"""`contract`: holds table files against the catalogs of their sources and of the warehouse. Changes nothing, reads no row.

Exit codes: 0 all three agree; 1 something differs, or could not be asked; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.reconcile import chosen
from dagster_pipeline.connections import open_source, open_warehouse
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.contract.shown import as_data, as_text
from dagster_pipeline.contract.table_contract import contract_of
from dagster_pipeline.errors import PipelineError
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `contract`."""
    parser.add_argument(
        "tables", nargs="*", metavar="table", help="<destination database>/<table>; every enabled one if none"
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Look at one table after the other; one that cannot be looked at does not hide the rest. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    tables = load_tables(settings)
    schemas = (
        chosen(tables, arguments.tables) if arguments.tables else [each for each in tables if each.enabled]
    )
    reports = []
    with open_warehouse(settings, run_id="contract") as sink:
        for schema in schemas:
            report, text = _held(schema, settings, sink)
            reports.append(report)
            if not arguments.json:
                sys.stdout.write(text)
    if arguments.json:
        sys.stdout.write(json.dumps(reports, indent=2) + "\n")
    return 0 if all(report["kept"] for report in reports) else 1


def _held(schema: TableSchema, settings: Settings, sink: ClickHouseSink) -> tuple[dict[str, Any], str]:
    try:
        with open_source(settings, schema) as source:
            contract = contract_of(schema, source=source, sink=sink)
    except PipelineError as error:
        return {"table": schema.name, "kept": False, "error": str(error)}, f"{schema.name}: error: {error}\n"
    return as_data(contract), as_text(contract)


COMMAND = Command(
    "contract", "Hold table files against the catalogs of source and warehouse.", add_arguments, run
)
