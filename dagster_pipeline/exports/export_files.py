"""From the files of `schemas/exports/` to exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.errors import Problem
from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.schema.export_file import BEGIN, KIND, ExportFile
from dagster_pipeline.schema.export_sink_s3 import S3ExportSink
from dagster_pipeline.schema.finding import Finding, child, suggest
from dagster_pipeline.schema.kind_files import KindFile, read_kind
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS, is_key_part, op_name
from dagster_pipeline.schema.rules_exports import judge_export, judge_together
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

DATE_TYPES = ("Date", "Date32", "DateTime", "DateTime64")


def read_exports(
    root: Path, tables: Sequence[TableSchema] | None
) -> tuple[tuple[NamedExport, ...], tuple[Problem, ...]]:
    """All exports and all problems; `tables` is `None` while table files have problems of their own, which say enough."""
    found = read_kind(root, KIND, ExportFile, begin=BEGIN)
    by_name = {table.name: table for table in tables or ()}
    wanted = {file.value.source.table for file in found.files}
    shapes = {
        name: sink_table(table, TypeMapper().map(table)) for name, table in by_name.items() if name in wanted
    }
    problems = list(found.problems)
    for index, file in enumerate(found.files):
        findings = [
            *judge_export(file.value, by_name),
            *judge_together(file, found.files[:index]),
            *_name(file, found.files[:index]),
            *_fits_columns(file.value, shapes),
        ]
        if tables is None:
            findings = [each for each in findings if not each.key.startswith("source.")]
        problems.extend(file.problems(findings))
    if problems:
        return (), tuple(problems)
    return tuple(_export(file, shapes) for file in found.files), ()


def _name(file: KindFile[ExportFile], before: Sequence[KindFile[ExportFile]]) -> Iterator[Finding]:
    if not is_key_part(file.name):
        yield Finding(
            "", f"The name {file.name!r} is no name of an asset.", "Use letters, digits, '_' and '-'."
        )
    for other in before:
        if op_name(KIND, other.name) == op_name(KIND, file.name):
            yield Finding("", f"{other.name}.yml has the same name to Dagster.", "Rename one of them.")


def _fits_columns(file: ExportFile, shapes: Mapping[str, SinkTable]) -> Iterator[Finding]:
    """What can be said of a table's columns without asking the warehouse."""
    table = shapes.get(file.source.table or "")
    if table is None:
        return
    types = {column.name: column.type for column in table.columns}
    named = {
        child(f"columns[{index}]", "name"): column.name
        for index, column in enumerate(file.columns)
        if column.source is None and column.name not in SYSTEM_COLUMNS
    }
    cut = file.sink.partition_by if isinstance(file.sink, S3ExportSink) else None
    if not file.columns:
        named |= {child("key", index): name for index, name in enumerate(file.key)}
        named |= {"sink.partition_by.column": cut.column} if cut else {}
    for at, name in named.items():
        if name not in types:
            todo = suggest(name, types, otherwise="Write a column of the table, or `from:` an expression.")
            yield Finding(at, f"'{name}' is no column of {file.source.table}.", todo)
    if cut is not None:
        sources = {column.name: column.source or column.name for column in file.columns}
        found = types.get(sources.get(cut.column, cut.column))
        if found is not None and parse_clickhouse_type(found).name not in DATE_TYPES:
            what = f"'{cut.column}' is {found}, which is neither a date nor a time."
            yield Finding("sink.partition_by.column", what, "Choose another column.")


def _export(file: KindFile[ExportFile], shapes: Mapping[str, SinkTable]) -> NamedExport:
    source = file.value.source
    return NamedExport(
        file.name,
        file.path,
        file.value,
        table=shapes.get(source.table) if source.table else None,
        sources=(source.table,) if source.table else source.depends_on,
    )
