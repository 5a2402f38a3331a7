"""Rules of snapshot files: what the keys of one say together, and what they say of the tables that it reads."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date

from dagster_pipeline.schema.check_sql import judge_query
from dagster_pipeline.schema.expressions import plain_column
from dagster_pipeline.schema.finding import Finding, listed, suggest
from dagster_pipeline.schema.models import Mask, SyncMode, TableSchema
from dagster_pipeline.schema.naming import is_key_part
from dagster_pipeline.schema.rules_table import is_temporal
from dagster_pipeline.schema.snapshot_files import (
    DATE_COLUMN,
    MOMENTS_IN_QUERY,
    TABLE_IN_QUERY,
    Every,
    Snapshot,
    Strategy,
    stored_columns,
    tables_in,
)

VALIDITY = frozenset({"valid_from", "valid_to"})
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FIRST, _LAST = date(1970, 1, 1), date(2149, 6, 1)
"""What ClickHouse's Date holds (clickhouse.com/docs/sql-reference/data-types/date)."""


def judge_snapshot(snapshot: Snapshot, tables: Mapping[str, TableSchema]) -> Iterator[Finding]:
    """What is wrong with one snapshot. `tables` are all tables of the tree, by name."""
    yield from _source(snapshot)
    yield from _query(snapshot)
    yield from _reads(snapshot, tables)
    yield from _start(snapshot)
    yield from _names(snapshot)
    yield from _strategy(snapshot)
    yield from _columns(snapshot)
    yield from _slowly_changing(snapshot)


def _source(snapshot: Snapshot) -> Iterator[Finding]:
    source = snapshot.file.source
    if source.table is None and source.query is None:
        yield Finding("source", "`source` names no table.", "Write table: <database>/<table>, or a query.")
    if source.query is None:
        return
    for key in ("table", "where", "columns"):
        if getattr(source, key):
            yield Finding(
                f"source.{key}",
                f"`source.{key}` and `source.query` exclude each other.",
                "Keep one of them; a query says itself what it reads.",
            )


def _query(snapshot: Snapshot) -> Iterator[Finding]:
    query = snapshot.file.source.query
    if query is None:
        return
    for name in dict.fromkeys(_PLACEHOLDER.findall(query)):
        if name not in MOMENTS_IN_QUERY and not TABLE_IN_QUERY.fullmatch(f"{{{name}}}"):
            yield Finding(
                "source.query",
                f"The query holds {{{name[:80]}}}, which stands for nothing.",
                suggest(
                    name,
                    MOMENTS_IN_QUERY,
                    otherwise="Write {database/table}, {snapshot_date} or {snapshot_end}.",
                ),
            )
    if not tables_in(snapshot.file.source):
        yield Finding(
            "source.query",
            "The query reads no table of this project, so nothing would stand before it in the lineage.",
            "Write the tables that it reads as {database/table}.",
        )
    yield from judge_query(_PLACEHOLDER.sub("placeholder", query), "source.query", ())


def _reads(snapshot: Snapshot, tables: Mapping[str, TableSchema]) -> Iterator[Finding]:
    key = "source.query" if snapshot.file.source.query else "source.table"
    for name in tables_in(snapshot.file.source):
        if name not in tables:
            yield Finding(
                key,
                f"'{name[:120]}' is no table of this project.",
                suggest(name, tables, otherwise="Write <database>/<table> of a table file."),
            )
        elif snapshot.file.enabled and not tables[name].enabled:
            yield Finding(
                key, f"{name} is not enabled, so it has no asset.", "Enable it, or disable this file."
            )


def _start(snapshot: Snapshot) -> Iterator[Finding]:
    start = date.fromisoformat(snapshot.file.start)
    if not _FIRST <= start <= _LAST:
        yield Finding(
            "start",
            f"`start` is {start}, and {DATE_COLUMN} holds days from 1970 to 2149.",
            "Write a day in between.",
        )
    elif snapshot.file.every is Every.MONTH and start.day != 1:
        yield Finding(
            "start",
            f"`start` is {start}, in the middle of a month.",
            f'Write start: "{start.replace(day=1)}".',
        )


def _names(snapshot: Snapshot) -> Iterator[Finding]:
    for part, value in (("database", snapshot.database), ("table", snapshot.table)):
        if not is_key_part(value):
            yield Finding(
                f"destination.{part}",
                f"'{value[:80]}' cannot be the destination's {part}: only letters, digits, '_', '-' and '.' can.",
                "Give another name under destination.",
            )


def _strategy(snapshot: Snapshot) -> Iterator[Finding]:
    file, table = snapshot.file, snapshot.source_table
    if file.strategy is Strategy.QUERY:
        if file.timestamp is not None:
            yield Finding(
                "timestamp",
                "`timestamp` says nothing to `strategy: query`, which copies what is there.",
                "Write strategy: timestamp or append, or remove it.",
            )
        return
    if file.source.query is not None:
        yield Finding(
            "strategy",
            f"`strategy: {file.strategy}` reads a table, and `source` is a query.",
            "Name a table, or write strategy: query and compare with {snapshot_end} in the query.",
        )
        return
    if file.timestamp is None:
        yield Finding(
            "timestamp",
            f"`strategy: {file.strategy}` needs `timestamp`.",
            "Write timestamp: with the column that says since when a row holds.",
        )
    elif table is not None:
        yield from _timestamp(table, file.timestamp)
    if table is not None:
        yield from _has_a_past(snapshot, table)


def _timestamp(table: TableSchema, name: str) -> Iterator[Finding]:
    there = stored_columns(table)
    if name not in there:
        yield _unknown("timestamp", name, there, table)
        return
    column = there[name]
    if not is_temporal(table, column) or column.clickhouse_type is not None or column.mask is not None:
        yield Finding(
            "timestamp",
            f"'{name}' of {table.name} is no plain date or time in the warehouse.",
            "Choose a date or time column without mask and clickhouse_type.",
        )
    if column.nullable:
        yield Finding(
            "timestamp",
            f"'{name}' of {table.name} may be NULL, and such a row would be in no snapshot.",
            "Choose a column that is never NULL.",
        )


def _has_a_past(snapshot: Snapshot, table: TableSchema) -> Iterator[Finding]:
    """The table still knows what it held at a past moment."""
    if snapshot.file.strategy is Strategy.APPEND and table.sync.mode is not SyncMode.APPEND:
        yield Finding(
            "strategy",
            f"`strategy: append` needs a table whose rows never change; {table.name} has sync.mode {table.sync.mode}.",
            "Write strategy: query, which copies the present, or timestamp when the table keeps every state.",
        )
    if snapshot.file.strategy is not Strategy.TIMESTAMP:
        return
    if not snapshot.file.key:
        yield Finding(
            "key", "`strategy: timestamp` needs `key`.", "Write key: with the columns that name a thing."
        )
    elif table.primary_key and set(table.primary_key) <= set(snapshot.file.key):
        yield Finding(
            "strategy",
            f"{table.name} keeps one row for each {listed(table.primary_key)}, so it holds only the present.",
            "Write strategy: query, or name a table that keeps every state of a row.",
        )


def _columns(snapshot: Snapshot) -> Iterator[Finding]:
    """Every name is a column of the table, as far as that is known without asking the warehouse."""
    table, file = snapshot.source_table, snapshot.file
    if table is None:
        return
    there = stored_columns(table)
    for index, name in enumerate(file.source.columns):
        if name not in there:
            yield _unknown(f"source.columns[{index}]", name, there, table)
    if DATE_COLUMN in there:
        yield Finding(
            "source.table", f"{table.name} has a column {DATE_COLUMN} of its own.", "List the other columns."
        )
    copied = {column.name: column for column in snapshot.columns}
    for key, names in (("key", file.key), ("destination.order_by", file.destination.order_by or ())):
        for index, name in enumerate(names):
            column = copied.get(plain_column(name, copied) or "")
            if column is None and (key == "key" or is_key_part(name)):
                yield _unknown(f"{key}[{index}]", name, copied, table)
            elif column is not None and column.nullable:
                yield Finding(
                    f"{key}[{index}]",
                    f"'{name}' may be NULL and cannot be sorted by.",
                    "Choose another column.",
                )


def _slowly_changing(snapshot: Snapshot) -> Iterator[Finding]:
    wanted = snapshot.file.slowly_changing
    if wanted is None:
        return
    if not snapshot.key and (snapshot.source_table or snapshot.file.source.query):
        yield Finding(
            "key", "`slowly_changing` needs `key`, to know a row again.", "Write key: with its columns."
        )
    if not is_key_part(wanted.view) or wanted.view == snapshot.table:
        yield Finding(
            "slowly_changing.view",
            f"'{wanted.view[:80]}' cannot be the view's name.",
            f"Write letters, digits and '_', and another name than '{snapshot.table[:80]}'.",
        )
    if snapshot.source_table is None:
        return
    copied = {column.name: column for column in snapshot.columns}
    for index, name in enumerate(wanted.columns):
        if name not in copied:
            yield _unknown(f"slowly_changing.columns[{index}]", name, copied, snapshot.source_table)
    for name in sorted(VALIDITY & copied.keys()):
        yield Finding(
            "slowly_changing",
            f"{snapshot.source_table.name} has a column '{name}', which the view adds.",
            "List the other columns in source.columns.",
        )
    for name in snapshot.key if not snapshot.file.key else ():
        if name not in copied:
            yield Finding(
                "slowly_changing", f"The key's column '{name}' is not copied.", "Add it to source.columns."
            )


def _unknown(key: str, name: str, known: Collection[str], table: TableSchema) -> Finding:
    is_dropped = any(column.name == name and column.mask is Mask.DROP for column in table.columns)
    why = "is masked with drop" if is_dropped else "is no column"
    return Finding(
        key,
        f"'{name[:80]}' {why} of {table.name}."
        if not is_dropped
        else f"'{name[:80]}' of {table.name} {why}.",
        suggest(name, known, otherwise="Write a column that is copied."),
    )
