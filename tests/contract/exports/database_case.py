"""Exports into a table of a real PostgreSQL or MariaDB."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, ClassVar

from tests.contract.exports.export_case import ExportCase
from tests.contract.sources.both_sources import Server

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}"
TYPES = "SELECT column_name, {type} FROM information_schema.columns WHERE table_name = 'orders' AND table_schema = {schema}"


class DatabaseCase(ExportCase):
    """One empty database."""

    schema: ClassVar[str]
    printed_type: ClassVar[str]

    def __init__(self, server: Server) -> None:
        self.server = server

    def sink(self, mode: str) -> dict[str, Any]:
        return self.plain_sink()

    def plain_sink(self) -> dict[str, Any]:
        return {"kind": self.server.dialect, "connection": "reporting", "table": "orders"}

    def environment(self) -> dict[str, str]:
        return {f"{self.server.dialect.upper()}_REPORTING_URL": self.server.url}

    def nowhere(self) -> dict[str, str]:
        scheme = self.server.url.partition(":")[0]
        return {
            f"{self.server.dialect.upper()}_REPORTING_URL": f"{scheme}://user:s3cret-word@127.0.0.1:1/nowhere"
        }

    def rows(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        if "orders" not in self._tables():
            return []
        kinds = dict(self._asked(TYPES.format(type=self.printed_type, schema=self.schema)))
        found = self._asked(f"SELECT {', '.join(columns)} FROM orders")
        return [
            tuple(self.value(value, kinds[name]) for name, value in zip(columns, row, strict=True))
            for row in found
        ]

    def leftovers(self) -> list[str]:
        return [name for name in self._tables() if name != "orders"]

    def value(self, value: Any, kind: str) -> Any:
        """A value of the driver as the contract wants it; `kind` is the column's type."""
        if isinstance(value, dt.datetime):
            return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
        return value

    def _tables(self) -> list[str]:
        return [name for (name,) in self._asked(TABLES.format(schema=self.schema))]

    def _asked(self, question: str) -> list[tuple[Any, ...]]:
        connection = self.server.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(question)
                return [tuple(row) for row in cursor.fetchall()]
        finally:
            connection.close()


class PostgresCase(DatabaseCase):
    """Of PostgreSQL."""

    schema: ClassVar[str] = "'public'"
    printed_type: ClassVar[str] = "data_type"
    moments: ClassVar[tuple[str, ...]] = ("after _lock_stage",)


class MySQLCase(DatabaseCase):
    """Of MariaDB or MySQL."""

    schema: ClassVar[str] = "database()"
    printed_type: ClassVar[str] = "column_type"
    moments: ClassVar[tuple[str, ...]] = ("after _read_mark", "before _clean_up")

    def value(self, value: Any, kind: str) -> Any:
        if kind == "tinyint(1)" and value is not None:
            return bool(value)
        if isinstance(value, str) and value.startswith("["):
            return json.loads(value)
        return super().value(value, kind)
