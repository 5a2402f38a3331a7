"""A PostgreSQL table that is written to."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extras import execute_values

from dagster_pipeline.connectors.sources.postgres.catalog import read_table, relation
from dagster_pipeline.connectors.sources.postgres.connection import BEGIN_WRITING, Cursor, connect, session
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.connectors.sources.query_comment import commented
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError
from dagster_pipeline.targets.base_target import (
    Field,
    Key,
    Place,
    Row,
    RowsRefusedError,
    Target,
    TargetColumn,
    TargetTable,
    missing_target,
    placeholders,
    shown,
)
from dagster_pipeline.type_mapper import outbound_postgres
from dagster_pipeline.type_mapper.outbound import Outbound, Outgoing

_REFUSED = re.compile(r"22...|23...|44000|P0001")
"""Data exceptions, constraints, check options of views, and what a trigger raises on purpose."""

DENIED = "42501"

_AT_ONCE = ("SET CONSTRAINTS ALL IMMEDIATE",)
"""A deferred constraint would fail at COMMIT, and nobody could say because of which row."""

_SHAPE = """
WITH found AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s
)
SELECT (SELECT COALESCE(json_agg(json_build_array(a.attname, a.atthasdef OR a.attidentity <> '',
                                                  a.attgenerated <> '')), '[]')
        FROM found JOIN pg_catalog.pg_attribute a ON a.attrelid = found.oid
        WHERE a.attnum > 0 AND NOT a.attisdropped),
       (SELECT COALESCE(json_agg(columns), '[]') FROM (
            SELECT (SELECT json_agg(a.attname) FROM unnest(i.indkey) WITH ORDINALITY AS key (attnum, place)
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
                    WHERE key.place <= i.indnkeyatts) AS columns
            FROM found JOIN pg_catalog.pg_index i ON i.indrelid = found.oid
            WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS listed),
       (SELECT COALESCE(json_agg(DISTINCT c.conrelid::regclass::text), '[]')
        FROM found JOIN pg_catalog.pg_constraint c ON c.confrelid = found.oid
        WHERE c.contype = 'f' AND c.confdeltype IN ('c', 'n', 'd'))
"""


class PostgresTarget(Target):
    """See `Target`. Connects with the first call."""

    def __init__(self, url: DatabaseUrl, place: Place, *, comment: str) -> None:
        self._url = url
        self._place = place
        self.name = f"{place.schema}.{place.table}"
        self.relation = relation(place.schema, place.table)
        self._table = self.relation.replace("%", "%%")
        self._comment = comment
        self._connection: Any = None
        self._cursor: Cursor | None = None

    def describe(self) -> TargetTable:
        """See `Target`."""
        place = self._place
        with self._asking("reading the catalog") as cursor:
            try:
                found = read_table(
                    cursor, schema=place.schema, table=place.table, url=self._url, database=place.database
                ).described
            except ConfigurationError as error:
                raise missing_target(error) from None
            cursor.execute(_SHAPE, (place.schema, place.table))
            columns, keys, cascades = cursor.fetchone() or ([], [], [])
        facts = {name: (bool(has_default), bool(generated)) for name, has_default, generated in columns}
        return TargetTable(
            name=self.name,
            columns=tuple(
                TargetColumn(column.name, column.type, column.nullable, *facts[column.name])
                for column in found.columns
            ),
            unique_keys=tuple(frozenset(key) for key in keys),
            cascades=tuple(sorted(cascades)),
        )

    def rule(self, source: Outgoing, target_type: str) -> Outbound:
        """See `Target`."""
        return outbound_postgres.rule(source, target_type)

    def own(self, column: TargetColumn) -> Outbound:
        """See `Target`."""
        return outbound_postgres.anything(column.type)

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """See `Target`."""
        with (
            translating(self._url, f"writing {self.name}"),
            session(self._opened(), statements=_AT_ONCE, begin=BEGIN_WRITING) as cursor,
        ):
            self._cursor = cursor
            try:
                yield
                cursor.execute("COMMIT")
            finally:
                self._cursor = None

    def read(
        self, key: Sequence[Field], keys: Sequence[Row], fields: Sequence[Field], *, lock: bool = True
    ) -> list[Row]:
        """See `Target`."""
        statement = f"SELECT {_texts(key, fields)} FROM {self._table} t JOIN {_given(key)}"
        if lock:
            statement = f"{statement} FOR UPDATE OF t"
            return _fetched(self._many(self._in_transaction(), statement, keys, key, fetch=True))
        with self._asking(f"reading {self.name}") as cursor:
            cursor.execute("SELECT 1")  # begins the transaction
            return _fetched(self._many(cursor, statement, keys, key, fetch=True))

    def page(
        self, key: Sequence[Field], fields: Sequence[Field], *, after: Row | None, where: str, limit: int
    ) -> list[Row]:
        """See `Target`."""
        order = ", ".join(f"t.{_quoted(field)}" for field in key)
        conditions = [f"({where.replace('%', '%%')})"] if where else []
        conditions += [f"({order}) > {placeholders(key)}"] if after is not None else []
        statement = (
            f"SELECT {_texts(key, fields)} FROM {self._table} t "
            f"{'WHERE ' if conditions else ''}{' AND '.join(conditions)} ORDER BY {order} LIMIT {int(limit)}"
        )
        with self._asking(f"reading {self.name}") as cursor:
            cursor.execute(self._said(statement), after or ())
            return _fetched(cursor.fetchall())

    def insert(self, fields: Sequence[Field], rows: Sequence[Row]) -> None:
        """See `Target`."""
        names = ", ".join(map(_quoted, fields))
        self._change(f"INSERT INTO {self._table} ({names}) OVERRIDING SYSTEM VALUE VALUES %s", rows, fields)

    def update(self, key: Sequence[Field], fields: Sequence[Field], rows: Sequence[Row]) -> None:
        """See `Target`."""
        changes = ", ".join(f"{_quoted(field)} = v.f{index}" for index, field in enumerate(fields))
        given = ", ".join(f"f{index}" for index in range(len(fields)))
        statement = (
            f"UPDATE {self._table} t SET {changes} FROM (VALUES %s) AS v ({_names(key)}, {given}) "
            f"WHERE {_same(key)}"
        )
        self._change(statement, rows, [*key, *fields])

    def delete(self, key: Sequence[Field], keys: Sequence[Key]) -> None:
        """See `Target`."""
        statement = f"DELETE FROM {self._table} t USING (VALUES %s) AS v ({_names(key)}) WHERE {_same(key)}"
        self._change(statement, keys, key)

    def keys(self, key: Sequence[Field], *, at_once: int) -> Iterator[list[Row]]:
        """Through a cursor of the server's."""
        texts = ", ".join(shown(field, _quoted(field)) for field in key)
        with self._asking(f"reading the keys of {self.name}", bounded=False) as cursor:
            cursor.execute(f"DECLARE all_keys NO SCROLL CURSOR FOR SELECT {texts} FROM {self._table}", ())
            while True:
                cursor.execute(f"FETCH {int(at_once)} FROM all_keys")
                rows = [tuple(row) for row in cursor.fetchall()]
                if not rows:
                    return
                yield rows

    def count(self) -> int:
        """See `Target`."""
        with self._asking(f"counting {self.name}") as cursor:
            cursor.execute(self._said(f"SELECT count(*) FROM {self._table}"), ())
            ((rows,),) = cursor.fetchall()
            return int(rows)

    def only_reads(self) -> bool:
        """See `Target`."""
        return bool(self._one("SELECT pg_catalog.pg_is_in_recovery()"))

    def allows(self, statement: str) -> bool:
        """See `Target`."""
        with self._asking("examining it") as cursor:
            try:
                cursor.execute(f"EXPLAIN {statement}")
            except psycopg2.Error as error:
                return error.pgcode != DENIED
        return True

    def account(self) -> str:
        """See `Target`."""
        return DIALECT.quote(str(self._one("SELECT current_user")))

    def quote(self, name: str) -> str:
        """See `Target`."""
        return DIALECT.quote(name)

    def close(self) -> None:
        """See `Target`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _one(self, statement: str) -> object:
        with self._asking("examining it") as cursor:
            cursor.execute(statement)
            ((value,),) = cursor.fetchall()
            return value

    def _opened(self) -> Any:
        if self._connection is None:
            self._connection = connect(self._url, self._place.database)
        return self._connection

    @contextmanager
    def _asking(self, doing: str, *, bounded: bool = True) -> Generator[Cursor, None, None]:
        with translating(self._url, doing), session(self._opened(), bounded=bounded) as cursor:
            yield cursor

    def _said(self, statement: str) -> str:
        return commented(statement, self._comment)

    def _change(self, statement: str, rows: Sequence[Row], fields: Sequence[Field]) -> None:
        """One statement that does all rows or none."""
        cursor = self._in_transaction()
        cursor.execute("SAVEPOINT rows")
        try:
            self._many(cursor, statement, rows, fields)
        except psycopg2.Error as error:
            if not _REFUSED.fullmatch(error.pgcode or ""):
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT rows")
            words = [error.diag.message_primary, error.diag.message_detail]
            raise RowsRefusedError(" ".join(filter(None, words)), error.pgcode or "") from None
        cursor.execute("RELEASE SAVEPOINT rows")

    def _many(
        self,
        cursor: Cursor,
        statement: str,
        rows: Sequence[Row],
        fields: Sequence[Field],
        *,
        fetch: bool = False,
    ) -> Any:
        return execute_values(
            cursor,
            self._said(statement),
            rows,
            template=placeholders(fields),
            page_size=max(len(rows), 1),
            fetch=fetch,
        )

    def _in_transaction(self) -> Cursor:
        if self._cursor is None:
            raise FatalError(f"{self.name}: no transaction is open.")
        return self._cursor


def _texts(key: Sequence[Field], fields: Sequence[Field]) -> str:
    return ", ".join(shown(field, f"t.{_quoted(field)}") for field in (*key, *fields))


def _fetched(rows: Any) -> list[Row]:
    return [tuple(row) for row in rows or ()]


def _quoted(field: Field) -> str:
    return DIALECT.quote(field.name).replace("%", "%%")


def _names(key: Sequence[Field]) -> str:
    return ", ".join(f"k{index}" for index in range(len(key)))


def _same(key: Sequence[Field]) -> str:
    return " AND ".join(f"t.{_quoted(field)} = v.k{index}" for index, field in enumerate(key))


def _given(key: Sequence[Field]) -> str:
    return f"(VALUES %s) AS v ({_names(key)}) ON {_same(key)}"
