"""An export sink of a database, rows for it, and the database's own view of what became of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dagster_pipeline.connectors.sink.base_export_sink import (
    GONE_COLUMN,
    BaseExportSink,
    Export,
    ExportColumn,
    ExportMode,
    Published,
)
from dagster_pipeline.connectors.sink.mysql.connector import MySQLExportSink
from dagster_pipeline.connectors.sink.postgres.connector import PostgresExportSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.targets.base_target import Place
from dagster_pipeline.targets.export_access import mysql_access, postgres_access
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type
from tests.contract.sources.both_sources import Server

COLUMNS = (
    ExportColumn("id", parse_clickhouse_type("UInt32")),
    ExportColumn("name", parse_clickhouse_type("Nullable(String)")),
)
_numbers = itertools.count(1)


def open_sink(dialect: str, url: str, *, table: str = "t", lock_wait_seconds: int = 2) -> BaseExportSink:
    """A sink of one table."""
    parsed = DatabaseUrl.parse(url, variable="REPORTING_URL", schemes=())
    place = Place(parsed.database, table)
    if dialect == "mysql":
        return MySQLExportSink(mysql_access(parsed, place), place, lock_wait_seconds=lock_wait_seconds)
    return PostgresExportSink(postgres_access(parsed, place), place, lock_wait_seconds=lock_wait_seconds)


def export(mode: ExportMode = ExportMode.REPLACE, *, key: Sequence[str] = (), **named: Any) -> Export:
    """An export of `COLUMNS` with a name of its own."""
    facts: dict[str, Any] = {"load_id": f"load{next(_numbers):08}", "columns": COLUMNS, "comment": "run 1"}
    return Export(mode=mode, key=tuple(key), **(facts | named))


def batch(*rows: tuple[int, str | None], gone: Iterable[int] | None = None) -> pa.RecordBatch:
    """Rows of `COLUMNS`, with marks of deletion where `gone` is given."""
    columns = {
        "id": pa.array([each for each, _ in rows], pa.uint32()),
        "name": pa.array([name for _, name in rows], pa.string()),
    }
    if gone is not None:
        columns[GONE_COLUMN] = pa.array(list(gone), pa.uint8())
    return pa.RecordBatch.from_pydict(columns)


@dataclass
class TableRig:
    """One empty database."""

    server: Server
    sinks: list[BaseExportSink] = field(default_factory=list)

    @property
    def dialect(self) -> str:
        """`postgres` or `mysql`."""
        return self.server.dialect

    def sink(self, table: str = "t") -> BaseExportSink:
        """A new sink, closed with the test."""
        self.sinks.append(open_sink(self.dialect, self.server.url, table=table))
        return self.sinks[-1]

    def deliver(self, wanted: Export, *batches: pa.RecordBatch, table: str = "t") -> Published:
        """All of it, as a run does."""
        sink = self.sink(table)
        sink.check(wanted)
        sink.stage(wanted, iter(batches))
        return sink.publish(wanted)

    def run(self, *statements: str) -> None:
        """In the database, by its administrator."""
        self.server.run(*statements)

    def rows(self, select: str = "SELECT id, name FROM t ORDER BY id") -> list[tuple[Any, ...]]:
        """As another session sees them."""
        connection = self.server.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(select)
                return [tuple(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def tables(self) -> set[str]:
        """Every table of the database."""
        schema = "'public'" if self.dialect == "postgres" else "database()"
        found = self.rows(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}")
        return {name for (name,) in found}

    def close(self) -> None:
        """End the sinks."""
        for sink in self.sinks:
            sink.close()
