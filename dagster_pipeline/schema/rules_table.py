"""Rules of one file about how the table is followed and named."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import (
    ColumnSchema,
    Deletes,
    Mask,
    NullCursor,
    OnBadRow,
    SyncMode,
    TableSchema,
)
from dagster_pipeline.schema.naming import QUARANTINE_CHECK, is_key_part
from dagster_pipeline.schema.rules_columns import unknown_column

TEMPORAL = {
    "mysql": frozenset({"date", "datetime", "timestamp"}),
    "postgres": frozenset({"date", "timestamp", "timestamptz"}),
}


def mode(table: TableSchema) -> Iterator[Finding]:
    """The mode has what it needs, and nothing that it would ignore."""
    sync = table.sync
    if sync.mode is not SyncMode.FULL and sync.cursor is None:
        yield Finding(
            "sync.cursor",
            f"`sync.mode: {sync.mode}` needs a cursor.",
            "Write cursor: with the column that grows with every change, or mode: full.",
        )
    if sync.mode is SyncMode.INCREMENTAL and not table.primary_key:
        yield Finding(
            "sync.mode",
            "`sync.mode: incremental` needs a primary key; without one a changed row would be added a second time.",
            "Mark the key's columns with `primary_key: true`, or write mode: append if rows never change.",
        )
    elif sync.mode is SyncMode.INCREMENTAL and table.destination.engine != "ReplacingMergeTree":
        yield Finding(
            "destination.engine",
            f"`sync.mode: incremental` needs ReplacingMergeTree; with {table.destination.engine} changed rows pile up.",
            "Write engine: ReplacingMergeTree, or remove the key.",
        )
    if sync.mode is SyncMode.APPEND and sync.null_cursor is NullCursor.INCLUDE:
        yield Finding(
            "sync.null_cursor",
            "`null_cursor: include` reads rows without a cursor every time; `mode: append` would add them every time.",
            "Write exclude or fail.",
        )
    if sync.mode is SyncMode.APPEND and sync.lookback:
        yield Finding(
            "sync.lookback",
            "`lookback` reads rows again; `mode: append` never does.",
            "Write lookback: 0, or remove it.",
        )


def cursor(table: TableSchema) -> Iterator[Finding]:
    """The cursor is a column that can be compared at the source."""
    sync = table.sync
    names = {column.name: column for column in table.columns}
    if sync.cursor is None:
        return
    if sync.cursor not in names:
        yield unknown_column("sync.cursor", "`sync.cursor`", sync.cursor, names)
        return
    column = names[sync.cursor]
    if column.mask in {Mask.DROP, Mask.REDACT}:
        yield Finding(
            "sync.cursor",
            f"The cursor '{column.name}' has `mask: {column.mask}`.",
            "Choose a column that is not masked.",
        )
    if sync.lookback and sync.mode is SyncMode.INCREMENTAL and not is_temporal(table, column):
        yield Finding(
            "sync.lookback",
            f"`lookback` needs a cursor that is a date or a time; '{column.name}' is {column.type[:80]}.",
            "Write lookback: 0, or choose another cursor.",
        )


def deletes(table: TableSchema) -> Iterator[Finding]:
    """Rows that vanish can be found by their key and marked, where they are not left behind anyway."""
    sync = table.sync
    if sync.deletes is Deletes.IGNORE:
        return
    if sync.mode is SyncMode.APPEND:
        yield Finding(
            "sync.deletes",
            f"`deletes: {sync.deletes}` is not for `mode: append`, whose rows never change.",
            "Write deletes: ignore, or mode: incremental.",
        )
    elif sync.mode is SyncMode.FULL and sync.deletes is Deletes.SOFT:
        yield Finding(
            "sync.deletes",
            "`deletes: soft` marks rows that vanished; `mode: full` replaces the table and forgets them.",
            "Write mode: incremental with a cursor, or deletes: mirror.",
        )
    elif table.partitions is not None and sync.deletes is Deletes.SOFT:
        yield Finding(
            "sync.deletes",
            "`deletes: soft` marks rows that vanished; a run of `partitions` replaces them whole and forgets such rows.",
            "Remove it: rows that vanish at the source vanish with their partition's next load.",
        )


def quarantine(table: TableSchema) -> Iterator[Finding]:
    """A row that is set aside can be named by its key, written again, and shown."""
    if table.sync.on_bad_row is not OnBadRow.QUARANTINE:
        return
    says = "`on_bad_row: quarantine` "
    if not table.primary_key or table.destination.engine != "ReplacingMergeTree":
        yield Finding(
            "sync.on_bad_row",
            says
            + "needs a primary key and ReplacingMergeTree: a row is named by its key, and replayed over it.",
            "Mark the key's columns with `primary_key: true`, or write on_bad_row: fail.",
        )
    for index, check in enumerate(table.checks):
        if check.name == QUARANTINE_CHECK:
            yield Finding(
                f"checks[{index}]",
                f"{says}has a check '{check.name}' of its own.",
                "Give this check another name.",
            )
    for index, column in enumerate(table.columns):
        if column.primary_key and column.mask is not None:
            yield Finding(
                f"columns[{index}].mask",
                f"{says}keeps the key of a row as it is at the source, and '{column.name}' has `mask: {column.mask}`.",
                "Write on_bad_row: fail, or take the mask away.",
            )


def is_temporal(table: TableSchema, column: ColumnSchema) -> bool:
    """The column is a date or a point in time at the source."""
    base = re.split(r"[\s(]", column.type.strip().lower(), maxsplit=1)[0]
    return base in TEMPORAL[table.source.dialect]


def names(table: TableSchema) -> Iterator[Finding]:
    """Dagster takes the destination's names as an asset key, and the source section fits the database."""
    for part, value in (("database", table.destination.database), ("table", table.destination.table)):
        if not is_key_part(value):
            yield Finding(
                f"destination.{part}",
                f"'{value[:80]}' cannot be the destination's {part}: only letters, digits, '_', '-' and '.' can.",
                f"Write destination: {{{part}: {re.sub(r'[^A-Za-z0-9_.-]+', '_', value)[:80]}}} or another name.",
            )
    if table.source.dialect == "mysql" and "source.schema" in table.lines:
        yield Finding("source.schema", "`source.schema` is for PostgreSQL; MySQL has none.", "Remove it.")
