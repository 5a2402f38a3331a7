"""Surveys tables of one PostgreSQL schema by its catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from dagster_pipeline.connectors.sources.base_surveyor import COUNTED_ROWS, BaseSurveyor, CursorFacts, Survey
from dagster_pipeline.connectors.sources.postgres.catalog import read_table, relation
from dagster_pipeline.connectors.sources.postgres.connection import connect, session
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import Dialect

_TABLES = """
SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname
"""
_COMMENT = "SELECT COALESCE(obj_description(%s::regclass, 'pg_class'), '')"
_INDEXES = """
SELECT i.indexrelid::bigint, a.attname
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS key (attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = c.relam AND am.amname = 'btree'
WHERE i.indrelid = %s::regclass AND i.indisvalid AND i.indpred IS NULL AND key.place <= i.indnkeyatts
  AND NOT EXISTS (SELECT FROM unnest(i.indkey) AS part (attnum) WHERE part.attnum = 0)
ORDER BY i.indexrelid, key.place
"""
"""Partial indexes, indexes on expressions and other kinds than btree serve no plain comparison, so they are left out."""


class PostgresSurveyor(BaseSurveyor):
    """Connects at once. Raises `ConfigurationError` (wrong password) or `RetriableError` (unreachable)."""

    dialect: ClassVar[Dialect] = "postgres"

    def __init__(self, url: DatabaseUrl, *, database: str, schema: str) -> None:
        self._url = url
        self._database = url.database or database
        self._schema = schema
        self._connection = connect(url, self._database)

    def tables(self) -> tuple[str, ...]:
        """Tables and partitioned tables; a partition is part of its table."""
        return tuple(name for (name,) in self._ask(_TABLES, self._schema))

    def survey(self, table: str) -> Survey:
        """The load's own questions, the comment and the indexes. No column is renewed by the server without a trigger."""
        with translating(self._url, f"asking about {table}"), session(self._connection) as cursor:
            found = read_table(
                cursor, schema=self._schema, table=table, url=self._url, database=self._database
            )
        name = relation(self._schema, table)
        ((comment,),) = self._ask(_COMMENT, name)
        indexes: dict[int, list[str]] = {}
        for index, column in self._ask(_INDEXES, name):
            indexes.setdefault(index, []).append(column)
        return Survey(
            table=replace(
                found.described, estimated_rows=found.described.estimated_rows or self._count(name)
            ),
            comment=comment,
            indexes=tuple(map(tuple, indexes.values())),
            renewed=frozenset(),
        )

    def cursor_facts(self, table: str, column: str, *, temporal: bool) -> CursorFacts:
        """One aggregate, and one row without a value."""
        place, name = relation(self._schema, table), DIALECT.quote(column)
        recent = f"max({name}) > now() - interval '30 days'" if temporal else "NULL::boolean"
        ((newest, is_recent),) = self._ask(f"SELECT max({name})::text, {recent} FROM {place}")
        without = self._ask(f"SELECT 1 FROM {place} WHERE {name} IS NULL LIMIT 1")
        return CursorFacts(newest=newest, has_nulls=bool(without), recent=is_recent)

    def extent(self, table: str, column: str) -> tuple[str, str] | None:
        """One aggregate."""
        place, name = relation(self._schema, table), DIALECT.quote(column)
        ((first, last),) = self._ask(f"SELECT min({name})::text, max({name})::text FROM {place}")
        return None if first is None or last is None else (first, last)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _count(self, place: str) -> int:
        ((rows,),) = self._ask(f"SELECT count(*) FROM (SELECT FROM {place} LIMIT {COUNTED_ROWS}) counted")
        return int(rows)

    def _ask(self, statement: str, *arguments: str) -> list[tuple[Any, ...]]:
        with translating(self._url, f"surveying {self._schema}"), session(self._connection) as cursor:
            cursor.execute(statement, arguments or None)
            return cursor.fetchall()
