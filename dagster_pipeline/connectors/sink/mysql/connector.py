"""An export into one table of MySQL or MariaDB: rows into a table beside it, then one change that makes them visible.

Statements that create, rename or drop tables end transactions there, so what was done is kept in one more table beside the
target, of a single row (`_MARK`): it appears when all rows are staged; the transaction that publishes changes it; it is
dropped last. Where the staged table takes the target's place, its absence says the same.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pymysql
from pymysql.constants import CLIENT

from dagster_pipeline.connectors.sink.base_export_sink import (
    GONE_COLUMN,
    BaseExportSink,
    Export,
    Published,
    Staged,
)
from dagster_pipeline.connectors.sink.database_access import DatabaseAccess
from dagster_pipeline.connectors.sink.export_fields import (
    ExportField,
    batch_texts,
    created_fields,
    created_table,
    fitted_fields,
    kept_place,
    refuse_doubled,
    staged_names,
    still_referenced,
)
from dagster_pipeline.connectors.sink.mysql import catalog, statements
from dagster_pipeline.connectors.sink.mysql.catalog import TableFacts
from dagster_pipeline.connectors.sink.mysql.errors import STILL_REFERENCED, judging
from dagster_pipeline.connectors.sink.mysql.load import allows_load_data, insert_bytes, insert_rows, load_rows
from dagster_pipeline.connectors.sink.row_texts import slices
from dagster_pipeline.connectors.sink.stage_names import beside
from dagster_pipeline.connectors.sink.value_guards import mysql_guards
from dagster_pipeline.errors import ConfigurationError, FatalError
from dagster_pipeline.schema.export_mode import ExportMode
from dagster_pipeline.targets.base_target import Place
from dagster_pipeline.type_mapper.created_column import mysql_type

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_NAME = 64
STATEMENT_SECONDS = 6 * 3600
"""How long an answer may take."""

SQL_MODE = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE"
SESSION = (
    f"SET time_zone = '+00:00', sql_mode = '{SQL_MODE}', sql_safe_updates = 0, wait_timeout = 28800",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
)
"""What does not fit is an error; a key of 0 stays 0; a slow warehouse does not cut us off."""

_LONGEST_COMMENT = 1024
_MARK = "(id tinyint NOT NULL PRIMARY KEY, row_count bigint NOT NULL, takes_place tinyint NOT NULL, published tinyint NOT NULL)"


class _Mark(NamedTuple):
    rows: int
    takes_place: bool
    is_published: bool


class MySQLExportSink(BaseExportSink):
    """See `BaseExportSink`."""

    def __init__(self, access: DatabaseAccess, place: Place, *, lock_wait_seconds: int = 10) -> None:
        self._access = access
        waits = f"SET innodb_lock_wait_timeout = {lock_wait_seconds}, lock_wait_timeout = {lock_wait_seconds}"
        self._session = (*SESSION, waits)
        self._place = place
        self._name = f"{place.database}.{place.table}"
        self._quote = access.quote
        self._target = self._full(place.table)
        self._connection: Any = None
        self._comment = ""

    def check(self, export: Export) -> tuple[str, ...]:
        """See `BaseExportSink`."""
        with self._asking(export, "examining the destination") as cursor:
            facts = self._facts(cursor)
        fields = self._fields(export, facts)
        if facts is None:
            return (created_table(self._name, fields),)
        if export.mode is not ExportMode.REPLACE or not facts.keeps:
            return ()
        if facts.is_referenced and not self._has_unique_key(export):
            raise still_referenced(self._name)
        return (kept_place(self._name, facts.keeps),)

    def stage(self, export: Export, batches: Iterable[pa.RecordBatch]) -> Staged:
        """See `BaseExportSink`."""
        with self._asking(export, f"staging rows for {self._name}") as cursor:
            facts = self._facts(cursor)
            fields = self._fields(export, facts)
            takes_place = facts is None or (export.mode is ExportMode.REPLACE and not facts.keeps)
            self._drop(cursor, *self._beside(export, "mark", "stage"))
            for statement in self._creation(export, facts, fields, takes_place=takes_place):
                self._run(cursor, statement)
            rows, size = self._fill(cursor, export, fields, batches)
            self._judge_key(cursor, export)
            (mark,) = self._beside(export, "mark")
            self._run(
                cursor, f"CREATE TABLE {mark} {_MARK} ENGINE = InnoDB COMMENT = {_comment(export.comment)}"
            )
            self._run(cursor, f"INSERT INTO {mark} VALUES (1, {rows}, {int(takes_place)}, 0)")
        return Staged(rows, size)

    def publish(self, export: Export) -> Published:
        """See `BaseExportSink`."""
        with self._asking(export, f"publishing {self._name}") as cursor:
            mark = self._read_mark(cursor, export)
            if mark is not None and not self._is_done(cursor, export, mark):
                took_place = mark.takes_place and self._take_place(cursor, export)
                if not took_place:
                    self._change_in_place(cursor, export)
            self._clean_up(cursor, export)
        is_counted = mark is not None and export.mode is ExportMode.REPLACE
        return Published(self._name, mark.rows if mark is not None and is_counted else None)

    def discard(self, export: Export) -> None:
        """See `BaseExportSink`."""
        with self._asking(export, f"discarding rows for {self._name}") as cursor:
            self._drop(cursor, *self._beside(export, "mark", "stage"))

    def close(self) -> None:
        """See `BaseExportSink`."""
        if self._connection is not None:
            with suppress(pymysql.MySQLError, OSError):
                self._connection.close()
            self._connection = None

    def _creation(
        self, export: Export, facts: TableFacts | None, fields: Sequence[ExportField], *, takes_place: bool
    ) -> Iterator[str]:
        (stage,) = self._beside(export, "stage")
        if facts is None:
            yield statements.create_table(stage, export, fields, self._quote, _comment(export.description))
        elif takes_place:
            yield f"CREATE TABLE {stage} LIKE {self._target}"
        else:
            by_key = export.mode is ExportMode.MERGE or facts.is_referenced
            yield from statements.create_like(stage, self._target, export, self._quote, by_key=by_key)

    def _fill(
        self, cursor: Any, export: Export, fields: Sequence[ExportField], batches: Iterable[pa.RecordBatch]
    ) -> tuple[int, int]:
        """Each piece is a transaction of its own: nobody reads them yet."""
        (stage,) = self._beside(export, "stage")
        names = staged_names(export)
        loads, most = allows_load_data(cursor), insert_bytes(cursor)
        load = self._said(statements.load_data(stage, names, fields, self._quote))
        head = self._said(f"INSERT INTO {stage} ({', '.join(map(self._quote, names))}) VALUES ")
        rows = size = 0
        for batch in slices(batches):
            columns, families = batch_texts(batch, fields, table=self._name)
            connection = self._connection
            if loads:
                size += load_rows(connection, load, columns, families, table=self._name)
            else:
                size += insert_rows(connection, head, columns, families, table=self._name, most_bytes=most)
            rows += batch.num_rows
        return rows, size

    def _judge_key(self, cursor: Any, export: Export) -> None:
        if not export.key:
            return
        (stage,) = self._beside(export, "stage")
        self._run(cursor, statements.doubled_keys(stage, export.key, self._quote))
        (doubled,) = cursor.fetchone()
        refuse_doubled(self._name, export.key, doubled)

    def _clean_up(self, cursor: Any, export: Export) -> None:
        """The mark last: it tells a later run that the rest may go."""
        self._drop(cursor, *self._beside(export, "stage", "old", "mark"))

    def _read_mark(self, cursor: Any, export: Export) -> _Mark | None:
        """`None` when all was done before."""
        mark, stage = self._names(export, "mark", "stage")
        there = catalog.existing(cursor, self._place.database, mark, stage)
        if mark not in there:
            if stage in there:
                raise FatalError(
                    f"{self._name}: the rows of export {export.load_id} were not staged to their end."
                )
            return None
        self._run(cursor, f"SELECT row_count, takes_place, published FROM {self._full(mark)}")
        found = cursor.fetchone()
        if found is None:
            raise FatalError(
                f"{self._name}: the rows of export {export.load_id} were not staged to their end."
            )
        return _Mark(int(found[0]), bool(found[1]), bool(found[2]))

    def _is_done(self, cursor: Any, export: Export, mark: _Mark) -> bool:
        """A run that ended before it removed what it needed."""
        (stage,) = self._names(export, "stage")
        renamed = stage not in catalog.existing(cursor, self._place.database, stage)
        return mark.is_published or (renamed and self._drop_old(cursor, export))

    def _take_place(self, cursor: Any, export: Export) -> bool:
        """False when the target has something that it would lose; then nothing was done."""
        (stage,) = self._names(export, "stage")
        if export.carries_deletions:
            self._drop_marked(cursor, export)
        facts = self._facts(cursor)
        if facts is None:
            self._run(cursor, f"RENAME TABLE {self._full(stage)} TO {self._target}")
            return True
        database = self._place.database
        if facts.keeps or catalog.shape(cursor, database, stage) != catalog.shape(
            cursor, database, self._place.table
        ):
            return False
        (old,) = self._beside(export, "old")
        self._run(cursor, f"RENAME TABLE {self._target} TO {old}, {self._full(stage)} TO {self._target}")
        return self._drop_old(cursor, export)

    def _drop_old(self, cursor: Any, export: Export) -> bool:
        """False when foreign keys that we could not see refer to it: then it has its place back."""
        old, stage = self._beside(export, "old", "stage")
        try:
            self._drop(cursor, old)
        except pymysql.MySQLError as error:
            if error.args[0] not in STILL_REFERENCED:
                raise
            self._run(cursor, f"RENAME TABLE {self._target} TO {stage}, {old} TO {self._target}")
            return False
        return True

    def _drop_marked(self, cursor: Any, export: Export) -> None:
        """From a table that becomes the target: it has no rows to lose, and no column to say so."""
        (stage,) = self._beside(export, "stage")
        columns, _ = catalog.shape(cursor, self._place.database, *self._names(export, "stage"))
        if GONE_COLUMN in {name for name, *_ in columns}:
            self._run(cursor, f"DELETE FROM {stage} WHERE {self._quote(GONE_COLUMN)} <> 0")
            self._run(cursor, f"ALTER TABLE {stage} DROP COLUMN {self._quote(GONE_COLUMN)}")

    def _change_in_place(self, cursor: Any, export: Export) -> None:
        stage, mark = self._beside(export, "stage", "mark")
        facts = self._facts(cursor)
        replaces = export.mode is ExportMode.REPLACE
        by_key = export.mode is ExportMode.MERGE or (replaces and facts is not None and facts.is_referenced)
        self._connection.begin()
        if not cursor.execute(f"UPDATE {mark} SET published = 1 WHERE published = 0"):
            self._connection.rollback()  # another one was first
            return
        if replaces:
            absent = statements.delete_absent(self._target, stage, export.key, self._quote) if by_key else ""
            self._run(cursor, absent or f"DELETE FROM {self._target}")
        for statement in statements.changes(self._target, stage, export, self._quote, by_key=by_key):
            self._run(cursor, statement)
        self._connection.commit()

    def _has_unique_key(self, export: Export) -> bool:
        return bool(export.key) and frozenset(export.key) in self._access.describe().unique_keys

    def _fields(self, export: Export, facts: TableFacts | None) -> tuple[ExportField, ...]:
        if facts is None:
            return created_fields(
                export, lambda declared, in_key: mysql_type(declared, in_key=in_key), mysql_guards
            )
        if facts.kind == "VIEW":
            raise ConfigurationError(
                f"{self._name} is no table.",
                todo="Name another table in sink.table, or drop what has its name.",
            )
        return fitted_fields(export, self._access.describe(), self._access.rule, mysql_guards)

    def _facts(self, cursor: Any) -> TableFacts | None:
        return catalog.table_facts(cursor, self._place.database, self._place.table)

    def _names(self, export: Export, *what: str) -> list[str]:
        return [beside(self._place.table, each, export.load_id, longest=LONGEST_NAME) for each in what]

    def _beside(self, export: Export, *what: str) -> list[str]:
        return [self._full(name) for name in self._names(export, *what)]

    def _full(self, name: str) -> str:
        return f"{self._quote(self._place.database)}.{self._quote(name)}"

    def _drop(self, cursor: Any, *tables: str) -> None:
        """One after the other, so that a run that ends between two leaves what is last."""
        for table in tables:
            self._run(cursor, f"DROP TABLE IF EXISTS {table}")

    def _said(self, statement: str) -> str:
        return self._access.commented(statement, self._comment)

    def _run(self, cursor: Any, statement: str) -> None:
        cursor.execute(self._said(statement))

    @contextmanager
    def _asking(self, export: Export, doing: str) -> Generator[Any, None, None]:
        """A cursor; the connection ends with an error, and an open transaction with it."""
        self._comment = export.comment
        try:
            with self._access.translating(doing), judging(self._name, user=self._access.user):
                if self._connection is None:
                    self._connection = self._access.connect(
                        session=self._session,
                        client_flag=CLIENT.LOCAL_FILES,
                        answer_seconds=STATEMENT_SECONDS,
                    )
                with self._connection.cursor() as cursor:
                    yield cursor
        except BaseException:
            self.close()
            raise


def _comment(text: str) -> str:
    """A literal, as COMMENT takes it: without a character set in front."""
    escaped = text[:_LONGEST_COMMENT].replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
