"""Rules between the columns of one file, its keys and its order: what would lose, double or freeze rows later."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dagster_pipeline.schema.expressions import named_columns, plain_column
from dagster_pipeline.schema.finding import Finding, listed, suggest
from dagster_pipeline.schema.models import ColumnSchema, Mask, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS

_UNREADABLE = {Mask.DROP, Mask.REDACT}


def column_names(table: TableSchema) -> Iterator[Finding]:
    """Names are there once, and none is one of ours. MySQL and MariaDB do not tell column names apart by case."""
    first: dict[str, int] = {}
    for index, column in enumerate(table.columns):
        key = f"columns[{index}].name"
        if column.name.lower() in SYSTEM_COLUMNS:
            yield Finding(
                key,
                f"Column '{column.name}' has a name that every table here uses for itself.",
                f"Remove it; {listed(SYSTEM_COLUMNS)} are added to every table.",
            )
        folded = column.name.lower() if table.source.dialect == "mysql" else column.name
        if folded in first:
            line = table.line(f"columns[{first[folded]}].name")
            yield Finding(
                key, f"Column '{column.name}' is listed twice; first on line {line}.", "Keep one of them."
            )
        first.setdefault(folded, index)


def primary_key(table: TableSchema) -> Iterator[Finding]:
    """A primary key is there where rows are replaced by it, and can be read and compared."""
    for index, column in enumerate(table.columns):
        if column.primary_key and column.nullable:
            yield Finding(
                f"columns[{index}].nullable",
                f"Column '{column.name}' is part of the primary key and nullable.",
                "Remove `nullable: true`; a key cannot be NULL.",
            )
        if column.primary_key and column.mask in _UNREADABLE:
            yield Finding(
                f"columns[{index}].mask",
                f"Column '{column.name}' is part of the primary key, but `mask: {column.mask}` hides its values.",
                "Use sha256 or hmac_sha256, which keep values apart.",
            )
    if not table.primary_key and table.destination.engine == "ReplacingMergeTree":
        yield Finding(
            "destination.engine",
            "ReplacingMergeTree needs a primary key; without one the table would collapse.",
            "Mark the key's columns with `primary_key: true`, or write engine: MergeTree.",
        )


def masks(table: TableSchema) -> Iterator[Finding]:
    """What is said beside a mask belongs to it."""
    for index, column in enumerate(table.columns):
        if column.mask_key is not None and column.mask is not Mask.HMAC_SHA256:
            yield Finding(
                f"columns[{index}].mask_key",
                f"Column '{column.name}' names a key, and {column.mask or 'no mask'} needs none.",
                "Write mask: hmac_sha256, or remove mask_key.",
            )
        if column.waiver is not None and column.mask is not None:
            yield Finding(
                f"columns[{index}].waiver",
                f"Column '{column.name}' has a mask, so its waiver waives nothing.",
                "Keep one of them.",
            )


def order_by(table: TableSchema) -> Iterator[Finding]:
    """The sorting key is made of known columns and holds the primary key where rows are replaced by it.

    ReplacingMergeTree replaces by the whole ORDER BY
    (clickhouse.com/docs/engines/table-engines/mergetree-family/replacingmergetree).
    """
    names = {column.name: column for column in table.columns}
    for index, term in enumerate(table.destination.order_by):
        yield from _term(table, names, f"destination.order_by[{index}]", "order_by", term)
    if table.destination.engine != "ReplacingMergeTree":
        return
    plain = {plain_column(term, names) for term in table.destination.order_by}
    missing = [name for name in table.primary_key if name not in plain]
    if missing:
        yield Finding(
            "destination.order_by",
            f"order_by lacks {listed(missing)} of the primary key, so different rows would replace each other.",
            f"Write order_by: [{', '.join([*table.destination.order_by, *missing])}].",
        )


def partition_by(table: TableSchema) -> Iterator[Finding]:
    """The partition expression is made of known columns that never change."""
    if table.destination.partition_by is not None:
        names = {column.name: column for column in table.columns}
        yield from _term(
            table, names, "destination.partition_by", "partition_by", table.destination.partition_by
        )


def _term(
    table: TableSchema, names: dict[str, ColumnSchema], key: str, where: str, expression: str
) -> Iterator[Finding]:
    replaces = table.destination.engine == "ReplacingMergeTree"
    for name in named_columns(expression, names):
        column = names.get(name)
        if column is None:
            yield unknown_column(key, where, name, names)
            continue
        if column.primary_key:
            continue  # what a key may not be is said where the column stands
        if column.mask is Mask.DROP:
            yield Finding(
                key, f"{where} names '{name}', which `mask: drop` leaves out.", "Use another column."
            )
        if replaces and not column.immutable:
            yield mutable_column(key, where, column)
        if column.nullable and not table.destination.settings.get("allow_nullable_key"):
            yield Finding(
                key,
                f"{where} names '{name}', which is nullable.",
                "Leave it out, or write settings: {allow_nullable_key: 1}; NULLs then sort last.",
            )


def mutable_column(key: str, where: str, column: ColumnSchema) -> Finding:
    """The finding for a column that decides where a row stands, and may change."""
    return Finding(
        key,
        f"{where} names '{column.name}', which may change at the source; the old row would stay beside the new one.",
        f"If it never changes, write immutable: true at column '{column.name}'; else leave it out.",
    )


def unknown_column(key: str, where: str, name: str, names: Collection[str]) -> Finding:
    """The finding for a name that is no column of the file."""
    return Finding(
        key,
        f"{where} names '{name}', which is no column of this file.",
        suggest(name, names, otherwise="Add it to columns."),
    )
