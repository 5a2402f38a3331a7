"""Rules of `partitions`: a row belongs to one partition for ever, and a partition can be replaced at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import ColumnSchema, Partitions, TableSchema
from dagster_pipeline.schema.partition_cut import holds_whole_partitions, reaches_the_start
from dagster_pipeline.schema.rules_columns import mutable_column, unknown_column
from dagster_pipeline.schema.rules_table import TEMPORAL

_INTEGERS = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "int2", "int4", "int8"}
)
_TEXTS = {
    "mysql": frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum"}),
    "postgres": frozenset({"varchar", "text", "character varying"}),
}
_NO_VALUES = frozenset(
    {
        *("char", "character", "bpchar", "citext", "real", "float", "double", "float4", "float8"),
        *(
            "numeric",
            "decimal",
            "json",
            "jsonb",
            "bytea",
            "bool",
            "boolean",
            "bit",
            "date",
            "time",
            "timestamp",
        ),
        *("timestamptz", "interval", "uuid", "money", "xml", "inet", "cidr"),
    }
)
"""PostgreSQL types that are no text and no integer, or compare by other rules; the name of an enum is not known here."""

_INTEGER = re.compile(r"0|-?[1-9]\d{0,18}")
_KEY = re.compile(r"[^\x00-\x1f\x7f,\[\]]{1,100}")
_FIRST, _LAST = date(1900, 1, 2), date(2299, 12, 31)
_MONDAY = 0


def partitions(table: TableSchema) -> Iterator[Finding]:
    """A table is cut either by time or by values, by a column that decides for ever."""
    cut = table.partitions
    if cut is None:
        return
    if (cut.every is None) == (not cut.values):
        yield Finding(
            "partitions", "`partitions` needs either `every` or `values`, and not both.", "Keep one of them."
        )
    yield from _start(cut)
    yield from _values(cut)
    names = {column.name: column for column in table.columns}
    if cut.by not in names:
        yield unknown_column("partitions.by", "partitions.by", cut.by, names)
        return
    column = names[cut.by]
    problems = [*_column(column), *_kind(table, cut, column)]
    yield from problems
    if problems:
        return
    if not holds_whole_partitions(table):
        yield _torn(table, cut)
    elif not reaches_the_start(table):
        yield Finding(
            "partitions.start",
            f"partitions.start is {cut.start}, and partition_by {(table.destination.partition_by or '')[:80]} knows no "
            "time before 1970.",
            f"Cut by toYYYYMMDD({cut.by}), toYYYYMM({cut.by}) or toYear({cut.by}), or begin later.",
        )


def _start(cut: Partitions) -> Iterator[Finding]:
    if cut.every is None:
        if cut.start is not None and cut.values:
            yield Finding(
                "partitions.start",
                "`partitions` by values has no `start`.",
                "Remove it, or write every: day.",
            )
        return
    if cut.start is None:
        yield Finding(
            "partitions.start",
            "`partitions` by time needs `start`.",
            'Write start: "2024-01-31" or another day.',
        )
        return
    start = date.fromisoformat(cut.start)
    if not _FIRST <= start <= _LAST:
        yield Finding(
            "partitions.start",
            f"partitions.start is {start}, and ClickHouse holds times from 1900 to 2299.",
            f"Write a day from {_FIRST} to {_LAST}.",
        )
    if cut.every == "month" and start.day != 1:
        yield Finding(
            "partitions.start",
            f"partitions.start is {start}, in the middle of a month; rows before the next one would be in no partition.",
            f'Write start: "{start.replace(day=1)}".',
        )
    if cut.every == "week" and start.weekday() != _MONDAY:
        monday = date.fromordinal(max(start.toordinal() - start.weekday(), 1))
        yield Finding(
            "partitions.start",
            f"partitions.start is {start}, and a week begins on Monday; rows before the next one would be in no partition.",
            f'Write start: "{monday}".',
        )


def _values(cut: Partitions) -> Iterator[Finding]:
    if len(set(cut.values)) != len(cut.values):
        yield Finding("partitions.values", "A value is listed twice.", "Keep one of each.")
    for index, value in enumerate(cut.values):
        if "..." in value or not _KEY.fullmatch(value):
            yield Finding(
                f"partitions.values[{index}]",
                f"'{value[:80]}' cannot be the name of a partition.",
                "Use at most 100 characters, and none of '...', ',', '[' and ']'.",
            )


def _column(column: ColumnSchema) -> Iterator[Finding]:
    if column.nullable:
        yield Finding(
            "partitions.by",
            f"partitions.by names '{column.name}', which is nullable; a row without a value is in no partition.",
            "Choose a column that is never NULL.",
        )
    if column.mask is not None:
        yield Finding(
            "partitions.by",
            f"partitions.by names '{column.name}', which has `mask: {column.mask}`; the warehouse could not tell its rows.",
            "Choose a column that is not masked.",
        )
    if column.clickhouse_type is not None:
        yield Finding(
            "partitions.by",
            f"partitions.by names '{column.name}', which has a `clickhouse_type` of its own; values might compare differently.",
            "Remove clickhouse_type there, or choose another column.",
        )
    if not (column.primary_key or column.immutable):
        yield mutable_column("partitions.by", "partitions.by", column)


def _kind(table: TableSchema, cut: Partitions, column: ColumnSchema) -> Iterator[Finding]:
    dialect, base = table.source.dialect, _base(column.type)
    if cut.every is not None and base not in TEMPORAL[dialect]:
        yield Finding(
            "partitions.by",
            f"partitions.by names '{column.name}', which is {column.type[:80]}, no date or time.",
            "Choose a date or time column, or list values.",
        )
    elif cut.every == "hour" and base == "date":
        yield Finding(
            "partitions.every",
            f"'{column.name}' is a date, which has no hours.",
            "Write every: day or longer.",
        )
    if cut.every is not None:
        return
    if base in _INTEGERS:
        for index, value in enumerate(cut.values):
            if not _INTEGER.fullmatch(value):
                yield Finding(
                    f"partitions.values[{index}]",
                    f"'{value[:80]}' is no value of '{column.name}', which is {column.type[:80]}.",
                    'Write whole numbers in quotes, e.g. values: ["1", "2"].',
                )
    elif base not in _TEXTS[dialect] and (dialect == "mysql" or base in _NO_VALUES):
        yield Finding(
            "partitions.by",
            f"partitions.by names '{column.name}', whose type {column.type[:80]} has no values to list.",
            "Choose a text, an enum or an integer column.",
        )


def _torn(table: TableSchema, cut: Partitions) -> Finding:
    better = {"hour": "toYYYYMMDD", "day": "toYYYYMM", "week": "toMonday", "month": "toYYYYMM"}
    advice = cut.by if cut.every is None else f"{better[cut.every]}({cut.by})"
    return Finding(
        "destination.partition_by",
        f"partition_by is {(table.destination.partition_by or '')[:80]}, so a partition by {cut.every or 'value'} of "
        f"'{cut.by}' may lie in several of the warehouse's and could not be replaced at once.",
        f"Write partition_by: {advice}, or remove it.",
    )


def _base(type_text: str) -> str:
    lowered = type_text.strip().lower()
    return (
        "character varying" if lowered.startswith("character varying") else re.split(r"[\s(\[]", lowered)[0]
    )
