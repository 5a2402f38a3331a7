"""A MySQL or MariaDB table that is written to.

No INSERT ... ON DUPLICATE KEY UPDATE: it takes a row for another one that collides with it in any unique index, not only in
the key's (dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html). Which rows exist is known from `read`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor, SSCursor

from dagster_pipeline.connectors.sink.mysql.errors import REFUSED_VALUES
from dagster_pipeline.connectors.sources.mysql.catalog import read_table
from dagster_pipeline.connectors.sources.mysql.connection import connect
from dagster_pipeline.connectors.sources.mysql.dialect import DIALECT
from dagster_pipeline.connectors.sources.mysql.errors import translating
from dagster_pipeline.connectors.sources.mysql.inspector import DENIED, account
from dagster_pipeline.connectors.sources.query_comment import commented
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
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
    value,
)
from dagster_pipeline.type_mapper import outbound_mysql
from dagster_pipeline.type_mapper.outbound import Outbound, Outgoing

SESSION = (
    "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO'",
    "SET innodb_lock_wait_timeout = 10, lock_wait_timeout = 10",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
)
"""What does not fit is an error; a key of 0 stays 0; rows that are read by key lock no gaps."""

_COLUMNS = """
SELECT CONVERT(column_name USING utf8mb4),
       column_default IS NOT NULL OR extra LIKE '%%auto_increment%%' OR extra LIKE '%%DEFAULT_GENERATED%%',
       COALESCE(generation_expression, '') <> ''
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s
"""
_KEYS = """
SELECT CONVERT(index_name USING utf8mb4), CONVERT(column_name USING utf8mb4), sub_part IS NOT NULL
FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s AND non_unique = 0
"""
_ENGINE = "SELECT engine FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
_CASCADES = """
SELECT DISTINCT CONVERT(CONCAT(constraint_schema, '.', table_name) USING utf8mb4)
FROM information_schema.referential_constraints
WHERE unique_constraint_schema = %s AND referenced_table_name = %s AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
"""


class MySQLTarget(Target):
    """See `Target`. Connects with the first call."""

    def __init__(self, url: DatabaseUrl, place: Place, *, comment: str) -> None:
        self._url = url
        self._place = place
        self.name = f"{place.database}.{place.table}"
        self.relation = f"{DIALECT.quote(place.database)}.{DIALECT.quote(place.table)}"
        self._table = self.relation.replace("%", "%%")
        self._comment = comment
        self._connection: Any = None

    def describe(self) -> TargetTable:
        """See `Target`."""
        at = (self._place.database, self._place.table)
        with self._asking("reading the catalog") as cursor:
            try:
                found = read_table(cursor, database=at[0], table=at[1], url=self._url).described
            except ConfigurationError as error:
                raise missing_target(error) from None
            facts = {name: (bool(default), bool(made)) for name, default, made in _rows(cursor, _COLUMNS, at)}
            keys: dict[str, list[tuple[str | None, bool]]] = {}
            for index, column, is_prefix in _rows(cursor, _KEYS, at):
                keys.setdefault(index, []).append((column, bool(is_prefix)))
            ((engine,),) = _rows(cursor, _ENGINE, at)
            cascades = tuple(sorted(name for (name,) in _rows(cursor, _CASCADES, at)))
        return TargetTable(
            name=self.name,
            columns=tuple(
                TargetColumn(column.name, column.type, column.nullable, *facts[column.name])
                for column in found.columns
            ),
            unique_keys=tuple(
                frozenset(name for name, _ in parts if name)
                for parts in keys.values()
                if all(name and not is_prefix for name, is_prefix in parts)
            ),
            cascades=cascades,
            is_transactional=str(engine).lower() == "innodb",
        )

    def rule(self, source: Outgoing, target_type: str) -> Outbound:
        """See `Target`."""
        return outbound_mysql.rule(source, target_type)

    def own(self, column: TargetColumn) -> Outbound:
        """See `Target`."""
        return outbound_mysql.anything(column.type)

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """See `Target`."""
        with translating(self._url, f"writing {self.name}"):
            connection = self._opened()
            connection.begin()
            try:
                yield
                connection.commit()
            except BaseException:
                with suppress(pymysql.MySQLError, OSError):
                    connection.rollback()
                raise

    def read(
        self, key: Sequence[Field], keys: Sequence[Row], fields: Sequence[Field], *, lock: bool = True
    ) -> list[Row]:
        """See `Target`."""
        wanted = ", ".join([placeholders(key)] * len(keys))
        statement = f"SELECT {_shown(key, fields)} FROM {self._table} WHERE ({_names(key)}) IN ({wanted})"
        with self._asking(f"reading {self.name}") as cursor:
            said = self._said(f"{statement} FOR UPDATE" if lock else statement)
            return [_texts(row) for row in _rows(cursor, said, _flat(keys))]

    def page(
        self, key: Sequence[Field], fields: Sequence[Field], *, after: Row | None, where: str, limit: int
    ) -> list[Row]:
        """See `Target`."""
        conditions = [f"({where.replace('%', '%%')})"] if where else []
        if after is not None:
            values = [value(field) for field in key]
            conditions.append(DIALECT.greater([_quoted(field) for field in key], values))
        statement = (
            f"SELECT {_shown(key, fields)} FROM {self._table} {'WHERE ' if conditions else ''}"
            f"{' AND '.join(conditions)} ORDER BY {_names(key)} LIMIT {int(limit)}"
        )
        with self._asking(f"reading {self.name}") as cursor:
            return [_texts(row) for row in _rows(cursor, self._said(statement), _compared(after))]

    def insert(self, fields: Sequence[Field], rows: Sequence[Row]) -> None:
        """See `Target`."""
        given = ", ".join([placeholders(fields)] * len(rows))
        self._change([(f"INSERT INTO {self._table} ({_names(fields)}) VALUES {given}", _flat(rows))])

    def update(self, key: Sequence[Field], fields: Sequence[Field], rows: Sequence[Row]) -> None:
        """A statement a row, all of them in one packet."""
        changes = ", ".join(f"{_quoted(field)} = {value(field)}" for field in fields)
        statement = f"UPDATE {self._table} SET {changes} WHERE {_same(key)}"
        self._change([(statement, [*row[len(key) :], *row[: len(key)]]) for row in rows])

    def delete(self, key: Sequence[Field], keys: Sequence[Key]) -> None:
        """See `Target`."""
        wanted = ", ".join([placeholders(key)] * len(keys))
        self._change([(f"DELETE FROM {self._table} WHERE ({_names(key)}) IN ({wanted})", _flat(keys))])

    def keys(self, key: Sequence[Field], *, at_once: int) -> Iterator[list[Row]]:
        """Through an unbuffered result, over a connection of its own: one that is not read to its end cannot be used again."""
        texts = ", ".join(shown(field, _quoted(field)) for field in key)
        with translating(self._url, f"reading the keys of {self.name}"):
            connection = connect(self._url, self._place.database)
            try:
                cursor = connection.cursor(SSCursor)
                cursor.execute(self._said(f"SELECT {texts} FROM {self._table}"), ())
                while rows := cursor.fetchmany(at_once):
                    yield [_texts(row) for row in rows]
            finally:
                connection.close()

    def count(self) -> int:
        """See `Target`."""
        with self._asking(f"counting {self.name}") as cursor:
            ((rows,),) = _rows(cursor, self._said(f"SELECT count(*) FROM {self._table}"), ())
            return int(rows)

    def only_reads(self) -> bool:
        """See `Target`."""
        with self._asking("examining it") as cursor:
            ((read_only,),) = _rows(cursor, "SELECT @@global.read_only", ())
            return bool(read_only)

    def allows(self, statement: str) -> bool:
        """See `Target`."""
        with self._asking("examining it") as cursor:
            try:
                cursor.execute(f"EXPLAIN {statement}")
            except pymysql.MySQLError as error:
                return not (error.args and error.args[0] in DENIED)
        return True

    def account(self) -> str:
        """See `Target`."""
        with self._asking("examining it") as cursor:
            ((user,),) = _rows(cursor, "SELECT CURRENT_USER()", ())
        return account(str(user))

    def quote(self, name: str) -> str:
        """See `Target`."""
        return DIALECT.quote(name)

    def close(self) -> None:
        """See `Target`."""
        if self._connection is not None:
            with suppress(pymysql.MySQLError, OSError):
                self._connection.close()
            self._connection = None

    def _opened(self) -> Any:
        if self._connection is None:
            self._connection = connect(
                self._url, self._place.database, session=SESSION, client_flag=CLIENT.MULTI_STATEMENTS
            )
        return self._connection

    @contextmanager
    def _asking(self, doing: str) -> Generator[Cursor, None, None]:
        with translating(self._url, doing), self._opened().cursor() as cursor:
            yield cursor

    def _said(self, statement: str) -> str:
        return commented(statement, self._comment)

    def _change(self, statements: Sequence[tuple[str, Sequence[str | None]]]) -> None:
        """All statements or none of them, in one packet."""
        with self._opened().cursor() as cursor:
            packet = ";\n".join(cursor.mogrify(text, tuple(values)) for text, values in statements)
            cursor.execute("SAVEPOINT written_rows")
            try:
                cursor.execute(self._said(packet))
                while cursor.nextset():
                    pass
            except pymysql.MySQLError as error:
                if error.args[0] not in REFUSED_VALUES:
                    raise
                cursor.execute("ROLLBACK TO SAVEPOINT written_rows")
                raise RowsRefusedError(str(error.args[1]), str(error.args[0])) from None


def _compared(after: Row | None) -> list[str | None]:
    """The values of an expanded comparison, in the order in which `DIALECT.greater` names them."""
    if after is None:
        return []
    first, rest = after[0], after[1:]
    return [first, first, first, *_compared(rest)] if rest else [first]


def _shown(key: Sequence[Field], fields: Sequence[Field]) -> str:
    return ", ".join(shown(field, _quoted(field)) for field in (*key, *fields))


def _quoted(field: Field) -> str:
    return DIALECT.quote(field.name).replace("%", "%%")


def _names(fields: Sequence[Field]) -> str:
    return ", ".join(map(_quoted, fields))


def _same(key: Sequence[Field]) -> str:
    return " AND ".join(f"{_quoted(field)} = {value(field)}" for field in key)


def _flat(rows: Sequence[Sequence[str | None]]) -> list[str | None]:
    return [text for row in rows for text in row]


def _rows(cursor: Cursor, statement: str, values: Sequence[object]) -> Sequence[tuple[Any, ...]]:
    cursor.execute(statement, tuple(values))
    return cursor.fetchall()


def _texts(row: Sequence[Any]) -> Row:
    return tuple(None if text is None else str(text) for text in row)
