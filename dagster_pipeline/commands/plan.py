"""`plan`: what a change of table files will do, before it is merged. Changes nothing anywhere.

Exit codes: 0 planned, and nothing is refused; 1 a table's change is refused, or an error, named on stderr; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dagster_pipeline.change_plan import report
from dagster_pipeline.change_plan.catalog import PlanCatalog, load, save
from dagster_pipeline.change_plan.column_users import TreeOfFiles
from dagster_pipeline.change_plan.gather import gather
from dagster_pipeline.change_plan.table_plan import Planner, TablePlan, Verdict
from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.reconcile import chosen
from dagster_pipeline.commands.terminal import counted, telling, write_json, write_lines
from dagster_pipeline.connections import open_warehouse
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `plan`."""
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="table",
        help="<destination database>/<table> (default: every enabled one)",
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write JSON")
    form.add_argument("--markdown", action="store_true", help="write Markdown, for a pull request")
    catalog = parser.add_mutually_exclusive_group()
    catalog.add_argument(
        "--save-catalog", type=Path, metavar="FILE", help="keep what warehouse, sources and state store said"
    )
    catalog.add_argument(
        "--catalog", type=Path, metavar="FILE", help="plan from what was kept; nothing is connected"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Plan and report. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    tables = load_tables(settings)
    enabled = [table for table in tables if table.enabled]
    schemas = chosen(tables, arguments.tables) if arguments.tables else enabled
    plans = _planned(arguments, settings, schemas)
    if arguments.json:
        write_json(report.as_data(plans))
    elif arguments.markdown:
        sys.stdout.write(report.as_markdown(plans))
    else:
        write_lines(report.as_lines(plans, named=bool(arguments.tables)))
    return int(any(plan.verdict is Verdict.REFUSED for plan in plans))


def _planned(
    arguments: argparse.Namespace, settings: Settings, schemas: Sequence[TableSchema]
) -> list[TablePlan]:
    files = TreeOfFiles(settings.schemas_dir)
    if arguments.catalog is not None:
        catalog = load(arguments.catalog)
        with tempfile.TemporaryDirectory() as folder:
            place = DatabaseUrl.parse(f"chdb://{folder}", variable="CLICKHOUSE_URL", schemes=("chdb",))
            with ClickHouseSink(place) as engine:
                planner = Planner(catalog, rows=engine.rows, files=files, recanonize=True)
                return _each(planner, schemas)
    with open_warehouse(settings, run_id="plan") as sink:
        with telling("Asking") as told:
            found: PlanCatalog = gather(settings, schemas, rows=sink.rows, told=told)
        if arguments.save_catalog is not None:
            save(found, arguments.save_catalog)
        return _each(Planner(found, rows=sink.rows, files=files), schemas)


def _each(planner: Planner, schemas: Sequence[TableSchema]) -> list[TablePlan]:
    return [planner.plan(schema, shown=shown_path(schema.path)) for schema in counted(schemas, "Planning")]


COMMAND = Command(
    "plan", "Say what a change of table files will do, before it is merged.", add_arguments, run
)
