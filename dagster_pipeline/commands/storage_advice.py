"""`storage-advice`: how tables are stored and read, what could be better, and that as a patch of their files.

Exit codes: 0 nothing to say; 1 there is a suggestion, or something failed; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dagster_pipeline.commands.command import Command
from dagster_pipeline.connections import open_warehouse
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.maintenance.advice_patch import patched, unified_diff
from dagster_pipeline.maintenance.column_use import TableUse, read_use
from dagster_pipeline.maintenance.storage_advice import Suggestion, advise
from dagster_pipeline.schema.finding import suggest
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `storage-advice`."""
    parser.add_argument(
        "tables", nargs="*", metavar="table", help="<destination database>/<table>; none for all"
    )
    parser.add_argument(
        "--patch", action="store_true", help="write only the patch of the table files, for `git apply`"
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Look at one table after the other. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    schemas = _chosen(load_tables(settings), arguments.tables)
    found = 0
    with open_warehouse(settings, run_id=f"storage-advice {uuid.uuid4().hex[:12]}") as sink:
        for schema in schemas:
            use = read_use(sink, sink_table(schema, TypeMapper().map(schema)))
            suggestions = advise(use, schema) if use else ()
            found += len(suggestions)
            if not arguments.patch:
                sys.stdout.write(_as_text(schema, use, suggestions))
            sys.stdout.write(_patch(schema, suggestions))
    return 1 if found else 0


def _chosen(tables: Sequence[TableSchema], names: Sequence[str]) -> list[TableSchema]:
    by_name = {table.name: table for table in tables}
    for name in names:
        if name not in by_name:
            todo = suggest(name, by_name, otherwise="Write <destination database>/<table>.")
            raise ConfigurationError(f"No file brings {name!r} into the warehouse.", todo=todo)
    return [by_name[name] for name in names] or [table for table in tables if table.enabled]


def _patch(schema: TableSchema, suggestions: Sequence[Suggestion]) -> str:
    text = schema.path.read_text()
    path = schema.path.relative_to(Path.cwd()) if schema.path.is_relative_to(Path.cwd()) else schema.path
    return unified_diff(path.as_posix().lstrip("/"), text, patched(text, schema.lines, suggestions))


def _as_text(schema: TableSchema, use: TableUse | None, suggestions: Sequence[Suggestion]) -> str:
    if use is None:
        return f"{schema.name}: it is not in the warehouse yet.\n"
    lines = [f"{schema.name}: {use.rows:,} rows, {use.bytes:,} bytes, {use.partitions:,} partition(s)"]
    for column in sorted(use.columns, key=lambda one: -one.compressed):
        ratio = column.uncompressed / max(column.compressed, 1)
        reads = "" if column.reads is None else f", read by {column.reads:,} queries"
        lines.append(
            f"  {column.name} {column.type}: {column.compressed:,} bytes, {ratio:.1f} times smaller than its values, "
            f"{column.distinct:,} values in {use.sampled:,} rows{reads}"
        )
    if use.columns and use.columns[0].reads is None:
        lines.append("  Nobody knows who reads what: the warehouse keeps no query log.")
    lines += [f"  - {suggestion.says}" for suggestion in suggestions] or ["  Nothing to suggest."]
    return "\n".join(lines) + "\n"


COMMAND = Command(
    "storage-advice", "How tables are stored, and what could be better, as a patch.", add_arguments, run
)
