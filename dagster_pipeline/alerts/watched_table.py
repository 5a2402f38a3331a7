"""What alerts must know of a table: who owns it, when it is late, and which words are names rather than values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.models import TableSchema


@dataclass(frozen=True, slots=True)
class WatchedTable:
    """A table as alerts see it.

    Attributes:
        name: `database/table`.
        file: its table file, as shown to people.
        names: words that may stand in quotes in a message: columns, databases, tables, the connection.
        checks: kind of each declared check, by its name.
        freshness: the table is late when its last success is older; `None`: never.
    """

    name: str
    owners: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    file: str = ""
    names: frozenset[str] = frozenset()
    checks: Mapping[str, str] = field(default_factory=dict)
    freshness: timedelta | None = None


def watch(schema: TableSchema, *, shown_file: str) -> WatchedTable:
    """A table file as alerts see it."""
    source, destination = schema.source, schema.destination
    places = (source.connection, source.database, source.schema_name, source.table)
    return WatchedTable(
        name=schema.name,
        owners=schema.owners,
        tags=schema.tags,
        group=schema.group,
        file=shown_file,
        names=frozenset(
            (*(column.name for column in schema.columns), *places, destination.database, destination.table)
        ),
        checks={check.name: check.kind for check in schema.checks},
        freshness=schema.freshness,
    )


def watch_all(schemas: Iterable[TableSchema]) -> list[WatchedTable]:
    """Table files as alerts see them."""
    return [watch(schema, shown_file=shown_path(schema.path)) for schema in schemas]


def by_name(tables: Iterable[WatchedTable]) -> dict[str, WatchedTable]:
    """Tables by their name."""
    return {table.name: table for table in tables}
