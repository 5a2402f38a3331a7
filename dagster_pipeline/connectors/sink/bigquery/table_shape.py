"""The destination as it stands against what an export needs, and tables as they are made. Pure, but for the client's types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export, ExportMode
from dagster_pipeline.connectors.sink.bigquery.column_types import (
    NULLABLE,
    REPEATED,
    REQUIRED,
    StoredColumn,
    stored_columns,
)
from dagster_pipeline.connectors.sink.bigquery.statements import quoted, table_name
from dagster_pipeline.errors import ConfigurationError

_STANDARD_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
_DIGITS = {"NUMERIC": (29, 9), "BIGNUMERIC": (38, 38)}
_TO_PARTITION_BY = ("DATE", "TIMESTAMP")
_NOT_TO_CLUSTER_BY = ("FLOAT64",)
_GONE = bigquery.SchemaField(GONE_COLUMN, "INT64", mode=REQUIRED)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the table is cut and sorted when we make it.

    Attributes:
        partition_by: a DATE or TIMESTAMP column; empty for none.
        every: `HOUR`, `DAY`, `MONTH` or `YEAR`.
        cluster_by: at most four columns.
    """

    partition_by: str = ""
    every: str = "DAY"
    cluster_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """What one export needs of its destination.

    Attributes:
        columns: as the Parquet files have them, `GONE_COLUMN` not among them.
        given: the same as BigQuery's fields, `GONE_COLUMN` last where the export carries deletions.
        fields: of the destination.
        staged: of the staged rows.
    """

    columns: tuple[StoredColumn, ...]
    given: tuple[bigquery.SchemaField, ...]
    fields: tuple[bigquery.SchemaField, ...]
    staged: tuple[bigquery.SchemaField, ...]
    notes: tuple[str, ...] = field(default=())


def shape_of(
    export: Export, target: bigquery.TableReference, existing: bigquery.Table | None, layout: Layout
) -> Shape:
    """Raises `ConfigurationError` with everything by which export and destination do not fit."""
    wanted = stored_columns(export)
    if existing is None:
        return _shape_to_make(export, target, wanted, layout)
    return _shape_there(export, wanted, existing, layout)


def _shape_to_make(
    export: Export, target: bigquery.TableReference, wanted: tuple[StoredColumn, ...], layout: Layout
) -> Shape:
    wrong = list(_layout_problems(wanted, layout))
    if wrong:
        raise ConfigurationError(f"{target}: {' '.join(wrong)}", todo="Correct sink in the export's file.")
    fields = tuple(_field(column) for column in wanted)
    given = (*fields, _GONE) if export.carries_deletions else fields
    return Shape(wanted, given, fields, given, (f"{target} will be created.",))


def _shape_there(
    export: Export, wanted: tuple[StoredColumn, ...], existing: bigquery.Table, layout: Layout
) -> Shape:
    target = existing.reference
    wrong = list(_table_problems(existing, export))
    names = {each.name.lower(): each for each in existing.schema}
    pairs = [(column, names.get(column.name.lower())) for column in wanted]
    wrong += [problem for column, found in pairs for problem in _column_problems(column, found, target)]
    exported = {column.name.lower() for column in wanted}
    others = tuple(each for each in existing.schema if each.name.lower() not in exported)
    wrong += [
        f"'{each.name}' wants a value there, and the export gives none (ALTER COLUMN ... DROP NOT NULL)."
        for each in others
        if each.mode == REQUIRED
    ]
    if wrong:
        raise ConfigurationError(f"{target} does not fit the export: {' '.join(wrong)}")
    ours = tuple(found for _, found in pairs if found is not None)
    columns = tuple(_as_there(column, found) for column, found in zip(wanted, ours, strict=True))
    given = (*ours, _GONE) if export.carries_deletions else ours
    there = tuple(existing.schema)
    return Shape(
        columns,
        given,
        fields=there,
        # a MERGE names the columns that it sets, a copy needs every one of the destination
        staged=given if export.mode is ExportMode.MERGE else there,
        notes=tuple(_notes(export, existing, others, layout)),
    )


def staging_table(
    name: bigquery.TableReference, shape: Shape, like: bigquery.Table | None, *, days: float
) -> bigquery.Table:
    """A table that vanishes by itself; cut and sorted like the destination, so that it can be copied onto it."""
    table = bigquery.Table(name, schema=shape.staged)
    table.expires = datetime.now(UTC) + timedelta(days=days)
    if like is not None:
        _cut_alike(table, like)
    return table


def destination_table(
    name: bigquery.TableReference, shape: Shape, layout: Layout, *, description: str
) -> bigquery.Table:
    """The destination, when we make it."""
    table = bigquery.Table(name, schema=shape.fields)
    table.description = description or None
    if layout.partition_by:
        table.time_partitioning = bigquery.TimePartitioning(type_=layout.every, field=layout.partition_by)
    if layout.cluster_by:
        table.clustering_fields = list(layout.cluster_by)
    return table


def _cut_alike(table: bigquery.Table, like: bigquery.Table) -> None:
    """Without the expiry of partitions: staged rows of an old day would vanish before they are seen."""
    if like.time_partitioning is not None:
        table.time_partitioning = bigquery.TimePartitioning(
            type_=like.time_partitioning.type_, field=like.time_partitioning.field
        )
    if like.range_partitioning is not None:
        table.range_partitioning = like.range_partitioning
    if like.clustering_fields:
        table.clustering_fields = like.clustering_fields


def _field(column: StoredColumn) -> bigquery.SchemaField:
    digits = {"precision": column.precision, "scale": column.scale} if column.precision else {}
    described = {"description": column.description} if column.description else {}
    return bigquery.SchemaField.from_api_repr(
        {"name": column.name, "type": column.type, "mode": column.mode, **digits, **described}
    )


def _as_there(column: StoredColumn, found: bigquery.SchemaField) -> StoredColumn:
    return StoredColumn(
        found.name, column.type, found.mode or NULLABLE, column.arrow, column.precision, column.scale
    )


def _layout_problems(wanted: Sequence[StoredColumn], layout: Layout) -> Iterator[str]:
    by_name = {column.name: column for column in wanted}
    named = [("partition_by", layout.partition_by)] if layout.partition_by else []
    named += [("cluster_by", name) for name in layout.cluster_by]
    for key, name in named:
        column = by_name.get(name)
        if column is None:
            yield f"{key} names '{name}', which is not exported."
        elif column.mode == REPEATED:
            yield f"{key} names '{name}', which is an array."
        elif key == "partition_by" and column.type not in _TO_PARTITION_BY:
            yield f"partition_by names '{name}', which is {column.type}, not a date or time."
        elif key == "partition_by" and column.type == "DATE" and layout.every == "HOUR":
            yield f"partition_by cuts '{name}' by the hour, and a date has none."
        elif key == "cluster_by" and column.type in _NOT_TO_CLUSTER_BY:
            yield f"cluster_by names '{name}', and {column.type} cannot be clustered by."


def _table_problems(existing: bigquery.Table, export: Export) -> Iterator[str]:
    if existing.table_type not in (None, "TABLE"):
        yield f"It is a {str(existing.table_type).lower()}, not a table."
    if export.mode is ExportMode.MERGE and existing.require_partition_filter:
        yield "It demands a partition filter, which a merge on keys has not (require_partition_filter = false)."


def _column_problems(
    column: StoredColumn, found: bigquery.SchemaField | None, target: bigquery.TableReference
) -> Iterator[str]:
    if found is None:
        kind = f"ARRAY<{column.type}>" if column.mode == REPEATED else column.type
        yield (
            f"'{column.name}' is missing "
            f"(ALTER TABLE {table_name(target)} ADD COLUMN {quoted(column.name)} {kind})."
        )
        return
    there = _STANDARD_NAMES.get(found.field_type, found.field_type)
    mode = found.mode or NULLABLE
    if (mode == REPEATED) != (column.mode == REPEATED) or not _holds(there, found, column):
        yield f"'{column.name}' is {_shown(there, found)} {mode} and would have to be {column}."
    elif mode == REQUIRED and column.mode == NULLABLE:
        yield f"'{column.name}' wants a value there, and the export has NULL (ALTER COLUMN ... DROP NOT NULL)."


def _shown(there: str, found: bigquery.SchemaField) -> str:
    arguments = [found.max_length] if found.max_length else [found.precision, found.scale or 0]
    return f"{there}({', '.join(map(str, arguments))})" if arguments[0] else there


def _holds(there: str, found: bigquery.SchemaField, column: StoredColumn) -> bool:
    """Whether every value fits into what stands there."""
    if column.type not in _DIGITS:
        return there == column.type and not found.max_length
    if there not in _DIGITS:
        return False
    before, after = _DIGITS[there]
    if found.precision:
        after = int(found.scale or 0)
        before = int(found.precision) - after
    return column.precision - column.scale <= before and column.scale <= after


def _notes(
    export: Export,
    existing: bigquery.Table,
    others: Sequence[bigquery.SchemaField],
    layout: Layout,
) -> Iterator[str]:
    if others and export.mode is not ExportMode.MERGE:
        names = ", ".join(each.name for each in others)
        yield f"{existing.reference}: the export does not give {names}, which will be NULL in its rows."
    partitioning = existing.time_partitioning
    if layout.partition_by and (partitioning is None or partitioning.field != layout.partition_by):
        yield f"{existing.reference} exists and is not partitioned by '{layout.partition_by}'; it stays as it is."
    if layout.cluster_by and tuple(existing.clustering_fields or ()) != layout.cluster_by:
        yield f"{existing.reference} exists and is not clustered by {', '.join(layout.cluster_by)}; it stays as it is."
