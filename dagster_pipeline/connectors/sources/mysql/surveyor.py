"""Surveys tables of one MySQL or MariaDB database by information_schema."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from dagster_pipeline.connectors.sources.base_surveyor import COUNTED_ROWS, BaseSurveyor, CursorFacts, Survey
from dagster_pipeline.connectors.sources.mysql.catalog import read_table
from dagster_pipeline.connectors.sources.mysql.connection import asking, connect
from dagster_pipeline.connectors.sources.mysql.dialect import DIALECT
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import Dialect

_TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = %s AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY table_name
"""
_COMMENT = "SELECT table_comment FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
_INDEXES = """
SELECT index_name, column_name FROM information_schema.statistics
WHERE table_schema = %s AND table_name = %s AND index_type = 'BTREE' ORDER BY index_name, seq_in_index
"""
_RENEWED = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s AND LOWER(extra) LIKE '%%on update current_timestamp%%'
"""


class MySQLSurveyor(BaseSurveyor):
    """Connects at once. Raises `ConfigurationError` (wrong password) or `RetriableError` (unreachable)."""

    dialect: ClassVar[Dialect] = "mysql"

    def __init__(self, url: DatabaseUrl, *, database: str) -> None:
        self._url = url
        self._database = url.database or database
        self._connection = connect(url, self._database)

    def tables(self) -> tuple[str, ...]:
        """Base tables, system-versioned ones too."""
        return tuple(str(name) for (name,) in self._ask(_TABLES, (self._database,)))

    def survey(self, table: str) -> Survey:
        """Four questions to information_schema beyond the ones of a load."""
        with asking(self._connection, self._url, f"asking about {table}") as cursor:
            found = read_table(cursor, database=self._database, table=table, url=self._url)
        place = (self._database, table)
        ((comment,),) = self._ask(_COMMENT, place)
        indexes: dict[str, list[str]] = {}
        for index, column in self._ask(_INDEXES, place):
            indexes.setdefault(str(index), []).append(str(column or ""))
        return Survey(
            table=replace(
                found.described, estimated_rows=found.described.estimated_rows or self._count(table)
            ),
            comment=str(comment or ""),
            indexes=tuple(map(tuple, indexes.values())),
            renewed=frozenset(str(name) for (name,) in self._ask(_RENEWED, place)),
        )

    def cursor_facts(self, table: str, column: str, *, temporal: bool) -> CursorFacts:
        """One aggregate, and one row without a value."""
        relation = f"{DIALECT.quote(self._database)}.{DIALECT.quote(table)}"
        name = DIALECT.quote(column)
        recent = f"MAX({name}) > UTC_TIMESTAMP() - INTERVAL 30 DAY" if temporal else "NULL"
        ((newest, is_recent),) = self._ask(f"SELECT CAST(MAX({name}) AS CHAR), {recent} FROM {relation}")
        without = self._ask(f"SELECT 1 FROM {relation} WHERE {name} IS NULL LIMIT 1")
        return CursorFacts(
            newest=None if newest is None else str(newest),
            has_nulls=bool(without),
            recent=None if is_recent is None else bool(is_recent),
        )

    def extent(self, table: str, column: str) -> tuple[str, str] | None:
        """One aggregate."""
        relation, name = f"{DIALECT.quote(self._database)}.{DIALECT.quote(table)}", DIALECT.quote(column)
        ((first, last),) = self._ask(
            f"SELECT CAST(MIN({name}) AS CHAR), CAST(MAX({name}) AS CHAR) FROM {relation}"
        )
        return None if first is None or last is None else (str(first), str(last))

    def close(self) -> None:
        """End the connection."""
        if self._connection.open:
            self._connection.close()

    def _count(self, table: str) -> int:
        relation = f"{DIALECT.quote(self._database)}.{DIALECT.quote(table)}"
        ((rows,),) = self._ask(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {relation} LIMIT {COUNTED_ROWS}) counted"
        )
        return int(str(rows))

    def _ask(self, statement: str, arguments: tuple[str, ...] = ()) -> tuple[tuple[object, ...], ...]:
        with asking(self._connection, self._url, f"surveying {self._database}") as cursor:
            cursor.execute(statement, arguments or None)
            return cursor.fetchall()
