"""Rules of an export file: between its keys, and between it and the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from dagster_pipeline.schema.export_file import ExportFile
from dagster_pipeline.schema.export_mode import ExportMode
from dagster_pipeline.schema.export_sink_s3 import S3ExportSink
from dagster_pipeline.schema.finding import Finding, child, suggest
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.models import SyncMode, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS
from dagster_pipeline.schema.warehouse_rows import judge_warehouse_rows


def judge_export(file: ExportFile, tables: Mapping[str, TableSchema]) -> Iterator[Finding]:
    """What is wrong with one file; `tables` are all tables, by `<database>/<table>`."""
    yield from judge_warehouse_rows(file.source, tables)
    yield from file.sink.findings()
    yield from _columns(file)
    yield from _key(file)
    table = tables.get(file.source.table or "")
    if table is not None:
        yield from _mode_fits_table(file, table)
    if isinstance(file.sink, S3ExportSink):
        yield from _merges_by_partition(file, file.sink, table)


def judge_together(file: KindFile[ExportFile], before: Sequence[KindFile[ExportFile]]) -> Iterator[Finding]:
    """Two exports never write to one place; `before` are the files whose names come first."""
    for other in before:
        ours, theirs = file.value.sink, other.value.sink
        if ours.kind != theirs.kind or ours.connection != theirs.connection:
            continue
        if isinstance(ours, S3ExportSink) and isinstance(theirs, S3ExportSink):
            if ours.prefix.startswith(theirs.prefix) or theirs.prefix.startswith(ours.prefix):
                what = f"{other.name}.yml writes below '{theirs.prefix}' of this bucket."
                yield Finding("sink.prefix", what, "Give each export a folder of its own.")
        elif ours.full_name == theirs.full_name:
            yield Finding(
                "sink.table", f"{other.name}.yml writes {theirs.full_name}.", "Give each export a table."
            )


def _columns(file: ExportFile) -> Iterator[Finding]:
    names = [column.name for column in file.columns]
    for index, name in enumerate(names):
        if name in SYSTEM_COLUMNS:
            yield Finding(
                child(f"columns[{index}]", "name"),
                f"'{name}' is a name of our own columns.",
                f"Write another one: {{name: {name.strip('_')}, from: {name}}}.",
            )
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding("columns", f"Column '{name}' is exported {count} times.", "Remove all but one.")


def _key(file: ExportFile) -> Iterator[Finding]:
    names = [column.name for column in file.columns]
    for index, name in enumerate(file.key if names else ()):
        if name not in names:
            todo = suggest(name, names, otherwise="Add it to columns.")
            yield Finding(child("key", index), f"'{name}' is no column of this file.", todo)
    if len(set(file.key)) != len(file.key):
        yield Finding("key", "A column stands twice in the key.", "Remove one.")
    if file.export_mode is ExportMode.MERGE and not file.key:
        yield Finding("mode", "Nothing tells rows apart that are to be merged.", "Write key: [column].")
    if file.export_mode is ExportMode.APPEND and file.key:
        yield Finding("key", "An appended row replaces none, so a key means nothing.", "Remove it.")


def _mode_fits_table(file: ExportFile, table: TableSchema) -> Iterator[Finding]:
    """What is new is found by `_version`; a row that vanishes without a mark cannot be found so."""
    if file.export_mode is ExportMode.MERGE:
        if table.sync.mode is SyncMode.FULL:
            what = f"{table.name} is loaded in full, so rows that vanish leave no trace to be merged."
            yield Finding("mode", what, "Write mode: replace.")
        elif table.partitions is not None:
            what = (
                f"Partitions of {table.name} are replaced, so rows that vanish leave no trace to be merged."
            )
            yield Finding("mode", what, "Write mode: replace.")
    if file.export_mode is ExportMode.APPEND and (
        table.sync.mode is not SyncMode.APPEND or table.partitions is not None
    ):
        what = f"Rows of {table.name} are loaded again when they change, and would be appended again."
        yield Finding("mode", what, "Write mode: merge with a key, or replace.")


def _merges_by_partition(
    file: ExportFile, sink: S3ExportSink, table: TableSchema | None
) -> Iterator[Finding]:
    """Objects cannot be changed row by row, so a merge writes whole dates of a table anew."""
    cut = sink.partition_by
    names = [column.name for column in file.columns]
    if cut is not None and names and cut.column not in names:
        todo = suggest(cut.column, names, otherwise="Add it to columns.")
        yield Finding("sink.partition_by.column", f"'{cut.column}' is no column of this file.", todo)
    if file.export_mode is not ExportMode.MERGE:
        return
    if cut is None or file.source.table is None:
        what = "Into a bucket, merge writes the dates anew in which a row of a table has changed."
        yield Finding("mode", what, "Write source.table and sink.partition_by, or mode: replace.")
    elif table is not None:
        source = next((each.source for each in file.columns if each.name == cut.column), None) or cut.column
        column = next((each for each in table.columns if each.name == source), None)
        if column is not None and not (column.immutable or column.primary_key):
            what = f"A row of {table.name} may move to another date, and would then stand in both."
            todo = (
                f"If '{source}' never changes, write immutable: true in the table's file; else mode: replace."
            )
            yield Finding("sink.partition_by.column", what, todo)
