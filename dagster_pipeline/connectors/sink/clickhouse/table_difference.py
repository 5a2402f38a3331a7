"""In what a live table is not what its file wants, one value each: what it is about, in words, and what would settle it.

For people who ask before anything runs (`contract`, `plan`); a load acts on the same comparison (`table_diff`). Both sides
are in ClickHouse's own canonical words, so another spelling of the same type, key or setting is no difference. Not compared:
the order of columns, and settings that only the warehouse has. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl
from dagster_pipeline.connectors.sink.clickhouse.table_diff import (
    AddColumn,
    Change,
    ChangeSetting,
    ChangeTtl,
    CommentColumn,
    CommentTable,
    Refusal,
    WidenColumn,
    compare,
    is_harmless,
    surplus_columns,
)
from dagster_pipeline.connectors.sink.clickhouse.table_shape import TableShape

BY_FULL_REFRESH = "A run with full_refresh: true makes the table anew as the file says."


@dataclass(frozen=True, slots=True)
class TableDifference:
    """One difference.

    Attributes:
        what: both sides in words, a sentence.
        key: the key of the table file that wants it otherwise; below the column's entry when a column is named.
        column: the column's name, empty when the difference is about the table.
        statements: DDL that settles it, in order; empty when none does.
        todo: what to do where no DDL settles it, or what to think of before running it.
        stops_load: the next load would refuse to begin; else it makes the change itself, or lets it be.
        changes_by_load: the next load runs the statements itself.
    """

    what: str
    key: str
    column: str = ""
    statements: tuple[str, ...] = ()
    todo: str = ""
    stops_load: bool = False
    changes_by_load: bool = False


def table_is_missing(table: SinkTable, creation: Sequence[str]) -> TableDifference:
    """There is no table at all; `creation` would make it."""
    return TableDifference(
        f"{table.full_name} is not in the warehouse.",
        "destination.table",
        statements=tuple(creation),
        todo="The first load makes it.",
        changes_by_load=True,
    )


def table_differences(
    table: SinkTable, wanted: TableShape, existing: TableShape, ddl: Ddl
) -> tuple[TableDifference, ...]:
    """Every difference of a table that exists: first those that stop a load."""
    diff = compare(wanted, existing)
    refused = {refusal.column for refusal in diff.refusals if refusal.column}
    changes = (change for change in diff.changes if not _is_refused(change, refused))
    return (
        *(_of_refusal(table, ddl, refusal) for refusal in diff.refusals),
        *(_of_change(table, existing, ddl, change) for change in changes),
        *_leftovers(table, wanted, existing, ddl),
    )


def _is_refused(change: Change, refused: set[str]) -> bool:
    return isinstance(change, WidenColumn) and change.name in refused


def _of_refusal(table: SinkTable, ddl: Ddl, refusal: Refusal) -> TableDifference:
    what = f"{table.full_name}: {refusal.says}."
    if refusal.key == "columns":
        todo = f"Dropping the column loses its values. {BY_FULL_REFRESH}"
        statements = (ddl.drop_column(table, refusal.column),)
        return TableDifference(what, refusal.key, refusal.column, statements, todo, stops_load=True)
    return TableDifference(what, refusal.key, refusal.column, todo=BY_FULL_REFRESH, stops_load=True)


def _of_change(table: SinkTable, existing: TableShape, ddl: Ddl, change: Change) -> TableDifference:
    what, key, column = _described(existing, change)
    return TableDifference(
        f"{table.full_name}: {what}.",
        key,
        column,
        statements=ddl.alter(table, [change]),
        todo="The next load does it.",
        changes_by_load=True,
    )


def _described(existing: TableShape, change: Change) -> tuple[str, str, str]:
    """What is to change, the file's key, and the column."""
    match change:
        case AddColumn(column):
            return f"it has no column {column.name}, the file wants {column.type}", "name", column.name
        case WidenColumn(name, type_):
            old = existing.column(name)
            return f"column {name} is {old.type if old else 'absent'}, the file wants {type_}", "type", name
        case CommentColumn(name):
            return f"column {name} has another comment than the file's description", "description", name
        case CommentTable():
            return "it has another comment than the file's description", "description", ""
        case ChangeTtl(ttl):
            is_ = existing.engine.ttl or "absent"
            return f"its TTL is {is_}, the file wants {ttl or 'none'}", "destination.ttl", ""
        case ChangeSetting(name, value):
            is_ = existing.engine.settings.get(name, "the default")
            return f"its setting {name} is {is_}, the file wants {value}", f"destination.settings.{name}", ""


def _leftovers(
    table: SinkTable, wanted: TableShape, existing: TableShape, ddl: Ddl
) -> Iterator[TableDifference]:
    """Columns that nobody fills any more and that do no harm."""
    for column in surplus_columns(wanted, existing):
        if is_harmless(column):
            yield TableDifference(
                f"{table.full_name}: it has a column {column.name} {column.type} that the file does not name.",
                "columns",
                column.name,
                statements=(ddl.drop_column(table, column.name),),
                todo="Dropping it loses its values; it may also stay.",
            )
