"""What could be stored better, judged from a table's figures. Pure.

Rules of thumb, each from ClickHouse's own advice (clickhouse.com/docs/optimize, /docs/data-compression/compression-in-clickhouse,
/docs/sql-reference/data-types/lowcardinality): they propose, and a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SYSTEM_COLUMNS
from dagster_pipeline.maintenance.column_use import ColumnUse, TableUse
from dagster_pipeline.schema.models import TableSchema

FEW_VALUES = 10_000
FEW_SHARE = 0.01
SMALLEST_SAMPLE = 10_000
"""A LowCardinality pays below 10,000 values; in few rows everything has few values."""
LARGE_SHARE = 0.2
LARGE_COLUMN = 64 << 20
"""A column that is worth a codec of its own takes a fifth of its table, and more than 64 MiB."""
MANY_PARTITIONS = 200
LARGE_TABLE = 100 << 30
"""From 100 GiB on a table without partitions is slow to change: TTL, mutations and merges work on partitions."""
KEY_VALUES = 1_000
KEY_ROWS = 1_000_000
READ_SHARE = 0.5

_STRING = re.compile(r"(Nullable\()?String\)?")
_FINE_PARTITIONS = re.compile(
    r"(?:toDate|toYYYYMMDD|toStartOfDay|toMonday|toStartOfWeek|toStartOfHour)\((?P<column>\w+)\)"
)
_MONTHS = re.compile(r"(?:toYYYYMM|toStartOfMonth)\((?P<column>\w+)\)")
_TIME_TYPES = ("Date", "DateTime")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to change.

    Attributes:
        says: what and why, with the figures.
        key: the key of the table file, e.g. `columns[3].clickhouse_type`; empty when the file has none for it.
        value: what to write there, as YAML.
    """

    says: str
    key: str = ""
    value: str = ""


def advise(use: TableUse, schema: TableSchema) -> tuple[Suggestion, ...]:
    """Suggestions for one table, those with the largest effect first."""
    return (
        *_partition_key(use, schema),
        *_order_by(use, schema),
        *_low_cardinality(use, schema),
        *_codecs(use),
        *_unused(use),
    )


def _partition_key(use: TableUse, schema: TableSchema) -> Iterator[Suggestion]:
    key = schema.destination.partition_by or ""
    if schema.partitions is not None:
        return  # the cut follows from the Dagster partitions
    if use.partitions > MANY_PARTITIONS:
        fine, months = _FINE_PARTITIONS.fullmatch(key), _MONTHS.fullmatch(key)
        coarser = f"toYYYYMM({fine['column']})" if fine else f"toYear({months['column']})" if months else ""
        says = f"{use.partitions:,} partitions are many: cut coarser than {key}"
        yield Suggestion(
            f"{says}{f', e.g. {coarser}' if coarser else ''}.",
            coarser and "destination.partition_by",
            coarser,
        )
    elif not key and use.bytes > LARGE_TABLE:
        times = [column.name for column in schema.columns if column.immutable and _is_time(use, column.name)]
        by = f"toYYYYMM({times[0]})" if times else ""
        says = f"{use.bytes >> 30:,} GiB in one partition: cut it by a time that never changes"
        yield Suggestion(f"{says}{f', e.g. {by}' if by else ''}.", by and "destination.partition_by", by)


def _is_time(use: TableUse, name: str) -> bool:
    column = use.column(name)
    return column is not None and column.type.startswith(_TIME_TYPES)


def _order_by(use: TableUse, schema: TableSchema) -> Iterator[Suggestion]:
    """A column of few values that most queries read belongs in front: then they skip most of the table."""
    total = max((column.reads or 0 for column in use.columns), default=0)
    if use.rows < KEY_ROWS or not total:
        return
    order_by = schema.destination.order_by
    for column in schema.columns:
        found = use.column(column.name)
        if not column.immutable or found is None or column.name in order_by:
            continue
        if found.distinct <= KEY_VALUES and (found.reads or 0) >= READ_SHARE * total:
            says = (
                f"{found.reads:,} of {total:,} queries read {column.name}, which has {found.distinct:,} values: "
                "in front of order_by it lets them skip most rows, if they filter by it"
            )
            yield Suggestion(f"{says}.", "destination.order_by", f"[{', '.join((column.name, *order_by))}]")
            return


def _low_cardinality(use: TableUse, schema: TableSchema) -> Iterator[Suggestion]:
    if use.sampled < SMALLEST_SAMPLE:
        return
    for index, column in enumerate(schema.columns):
        found = use.column(column.name)
        if found is None or found.in_key or not _STRING.fullmatch(found.type):
            continue
        if found.distinct <= min(FEW_VALUES, FEW_SHARE * use.sampled):
            yield Suggestion(
                f"{column.name} has {found.distinct:,} values in {use.sampled:,} rows: LowCardinality stores them once.",
                f"columns[{index}].clickhouse_type",
                f"LowCardinality({found.type})",
            )


def _codecs(use: TableUse) -> Iterator[Suggestion]:
    for column in sorted(use.columns, key=lambda column: -column.compressed):
        is_large = column.compressed > max(LARGE_COLUMN, LARGE_SHARE * use.bytes)
        if is_large and not column.codec:
            codec = "Delta, ZSTD(1)" if column.type.startswith((*_TIME_TYPES, "Int", "UInt")) else "ZSTD(3)"
            yield Suggestion(
                f"{column.name} takes {column.compressed / max(use.bytes, 1):.0%} of the table, "
                f"{_ratio(column)} times smaller than its values: try "
                f"`ALTER TABLE {use.full_name} MODIFY COLUMN {column.name} CODEC({codec})` and measure. "
                "A table that is loaded in full forgets it."
            )


def _unused(use: TableUse) -> Iterator[Suggestion]:
    if not any(column.reads for column in use.columns):
        return
    unused = [
        column
        for column in use.columns
        if not column.reads and not column.in_key and column.name not in SYSTEM_COLUMNS
    ]
    if unused:
        share = sum(column.compressed for column in unused) / max(use.bytes, 1)
        names = ", ".join(column.name for column in unused)
        yield Suggestion(
            f"No query of the last 30 days read {names}: {share:.0%} of the table. Are they needed?"
        )


def _ratio(column: ColumnUse) -> str:
    return f"{column.uncompressed / max(column.compressed, 1):.1f}"
