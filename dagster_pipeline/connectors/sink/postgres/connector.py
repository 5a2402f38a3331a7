"""An export into one table of PostgreSQL: COPY into a table beside it, then one transaction that makes the rows visible.

The table beside is dropped in that transaction, so a repeated `publish` finds nothing to do. It is a logged table: rows
that a crash of the server could empty would be published as an empty table.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors

from dagster_pipeline.connectors.sink.base_export_sink import BaseExportSink, Export, Published, Staged
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
from dagster_pipeline.connectors.sink.postgres import catalog, statements
from dagster_pipeline.connectors.sink.postgres.catalog import TableFacts
from dagster_pipeline.connectors.sink.postgres.copy_reader import CopyReader
from dagster_pipeline.connectors.sink.postgres.errors import judging
from dagster_pipeline.connectors.sink.postgres.swap import LIKE, PlaceKeptError, copy_indexes, take_place
from dagster_pipeline.connectors.sink.row_texts import lines, slices
from dagster_pipeline.connectors.sink.stage_names import beside
from dagster_pipeline.connectors.sink.value_guards import postgres_guards
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.export_mode import ExportMode
from dagster_pipeline.targets.base_target import Place
from dagster_pipeline.type_mapper.created_column import postgres_type

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_NAME = 63
READ_BYTES = 1 << 18
PUBLISH_LIMIT = "6h"
"""How long one statement that publishes may run."""

_SETTINGS = (
    "SET LOCAL idle_in_transaction_session_timeout = 0; "
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL standard_conforming_strings = on; SET CONSTRAINTS ALL IMMEDIATE"
)
"""In each transaction, not once: behind PgBouncer the next one may run in another session."""


class PostgresExportSink(BaseExportSink):
    """See `BaseExportSink`."""

    def __init__(self, access: DatabaseAccess, place: Place, *, lock_wait_seconds: int = 10) -> None:
        self._access = access
        self._lock_wait = f"SET LOCAL lock_timeout = '{lock_wait_seconds}s'"
        self._place = place
        self._name = f"{place.database}.{place.schema}.{place.table}"
        self._quote = access.quote
        self._target = self._beside_target(place.table)
        self._connection: Any = None
        self._comment = ""

    def check(self, export: Export) -> tuple[str, ...]:
        """See `BaseExportSink`."""
        with self._transaction(export, "examining the destination") as cursor:
            exists, may_create = catalog.schema_rights(cursor, self._quote(self._place.schema))
            if not may_create:
                grant = (
                    f"GRANT USAGE, CREATE ON SCHEMA {self._quote(self._place.schema)} TO {self._access.user}"
                )
                raise ConfigurationError(
                    f"{self._access.address}: schema {self._place.schema} "
                    f"{'takes no new tables of ours' if exists else 'does not exist'}.",
                    todo=f"Rows are staged in a table beside the target. Run: {grant};"
                    if exists
                    else "Create it.",
                )
            facts = self._facts(cursor)
            if facts is not None and (missing := catalog.missing_rights(cursor, facts.oid)):
                raise ConfigurationError(
                    f"{self._access.address}: {self._name} cannot be written.",
                    todo=f"Run: GRANT {', '.join(missing)} ON {self._target} TO {self._access.user};",
                )
        fields = self._fields(export, facts)
        return self._plan(export, facts, fields)

    def stage(self, export: Export, batches: Iterable[pa.RecordBatch]) -> Staged:
        """See `BaseExportSink`."""
        stage = self._stage(export)
        with self._transaction(export, f"staging rows for {self._name}", limit="0") as cursor:
            facts = self._facts(cursor)
            fields = self._fields(export, facts)
            takes_place = export.mode is ExportMode.REPLACE and (facts is None or not facts.keeps)
            self._run(cursor, f"DROP TABLE IF EXISTS {stage}")
            for statement in self._creation(export, facts, fields, takes_place=takes_place):
                self._run(cursor, statement)
            rows, size = self._copy(cursor, export, fields, batches)
            self._judge_key(cursor, export)
            if takes_place and facts is not None:
                copy_indexes(cursor, facts.oid, stage, prefix=export.load_id, quote=self._quote)
            elif export.key:
                self._run(cursor, self._primary_key(export, stage, "key" if takes_place else "stage_key"))
            note = json.dumps({"rows": rows, "takes_place": takes_place, "for": export.comment})
            self._run(cursor, f"COMMENT ON TABLE {stage} IS {self._access.text(note)}")
            self._run(cursor, f"ANALYZE {stage}")
        return Staged(rows, size)

    def publish(self, export: Export) -> Published:
        """See `BaseExportSink`."""
        stage = self._stage(export)
        with self._transaction(export, f"publishing {self._name}") as cursor:
            staged = self._lock_stage(cursor, export)
            if staged is None:
                return Published(self._name)
            note = json.loads(staged.comment)
            if not (note["takes_place"] and self._take_place(cursor, export, staged)):
                self._change_in_place(cursor, export, stage)
                self._run(cursor, f"DROP TABLE {stage}")
        return Published(self._name, int(note["rows"]) if export.mode is ExportMode.REPLACE else None)

    def discard(self, export: Export) -> None:
        """See `BaseExportSink`."""
        with self._transaction(export, f"discarding rows for {self._name}") as cursor:
            self._run(cursor, f"DROP TABLE IF EXISTS {self._stage(export)}")

    def close(self) -> None:
        """See `BaseExportSink`."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _plan(
        self, export: Export, facts: TableFacts | None, fields: Sequence[ExportField]
    ) -> tuple[str, ...]:
        if facts is None:
            return (created_table(self._name, fields),)
        if export.mode is not ExportMode.REPLACE or not facts.keeps:
            return ()
        if facts.is_referenced and not self._has_unique_key(export):
            raise still_referenced(self._name)
        return (kept_place(self._name, facts.keeps),)

    def _creation(
        self, export: Export, facts: TableFacts | None, fields: Sequence[ExportField], *, takes_place: bool
    ) -> list[str]:
        stage, mark = self._stage(export), export.carries_deletions
        if facts is None:
            return [statements.create_table(stage, fields, self._quote, mark=mark)]
        if takes_place:
            return [f"CREATE TABLE {stage} (LIKE {self._target} {LIKE})"]
        return statements.create_like(stage, self._target, fields, self._quote, mark=mark)

    def _copy(
        self, cursor: Any, export: Export, fields: Sequence[ExportField], batches: Iterable[pa.RecordBatch]
    ) -> tuple[int, int]:
        rows = 0

        def pieces() -> Iterator[memoryview]:
            nonlocal rows
            for batch in slices(batches):
                rows += batch.num_rows
                yield lines(*batch_texts(batch, fields, table=self._name))

        reader = CopyReader(pieces())
        statement = f"COPY {self._stage(export)} ({self._names(staged_names(export))}) FROM STDIN"
        try:
            cursor.copy_expert(self._access.commented(statement, self._comment), reader, READ_BYTES)
        except psycopg2.Error:
            if reader.failure is not None:
                raise reader.failure from None
            raise
        return rows, reader.bytes

    def _judge_key(self, cursor: Any, export: Export) -> None:
        if not export.key:
            return
        self._run(cursor, statements.doubled_keys(self._stage(export), export.key, self._quote))
        (doubled,) = cursor.fetchone()
        refuse_doubled(self._name, export.key, doubled)

    def _lock_stage(self, cursor: Any, export: Export) -> TableFacts | None:
        """So that of two that publish one finds it done."""
        name = beside(self._place.table, "stage", export.load_id, longest=LONGEST_NAME)
        if catalog.table_facts(cursor, self._place.schema, name) is None:
            return None
        self._run(cursor, "SAVEPOINT locking")
        try:
            self._run(cursor, f"LOCK TABLE {self._stage(export)} IN ACCESS EXCLUSIVE MODE")
        except errors.UndefinedTable:
            self._run(cursor, "ROLLBACK TO SAVEPOINT locking")
            return None
        return catalog.table_facts(cursor, self._place.schema, name)

    def _take_place(self, cursor: Any, export: Export, staged: TableFacts) -> bool:
        """False when the target now has something that it would lose; then nothing was done."""
        if self._facts(cursor) is None:
            for statement in self._rename(export):
                self._run(cursor, statement)
            return True
        self._run(cursor, "SAVEPOINT taking_place")
        try:
            self._run(cursor, f"LOCK TABLE {self._target} IN ACCESS EXCLUSIVE MODE")
            facts = self._facts(cursor)
            for statement in take_place(
                cursor, facts, staged, stage=self._stage(export), place=self._place, quote=self._quote
            ):
                self._run(cursor, statement)
            self._run(cursor, self._comment_on_target(export.description or (facts.comment if facts else "")))
        except (PlaceKeptError, errors.DependentObjectsStillExist):
            self._run(cursor, "ROLLBACK TO SAVEPOINT taking_place")
            return False
        return True

    def _rename(self, export: Export) -> Iterator[str]:
        yield f"ALTER TABLE {self._stage(export)} RENAME TO {self._quote(self._place.table)}"
        yield self._comment_on_target(export.description)

    def _primary_key(self, export: Export, table: str, called: str = "key") -> str:
        name = beside(self._place.table, called, export.load_id, longest=LONGEST_NAME)
        return (
            f"ALTER TABLE {table} ADD CONSTRAINT {self._quote(name)} PRIMARY KEY ({self._names(export.key)})"
        )

    def _change_in_place(self, cursor: Any, export: Export, stage: str) -> None:
        facts = self._facts(cursor)
        if facts is None:
            fields = self._fields(export, None)
            self._run(cursor, statements.create_table(self._target, fields, self._quote))
            if export.key:
                self._run(cursor, self._primary_key(export, self._target))
            self._run(cursor, self._comment_on_target(export.description))
        replaces = export.mode is ExportMode.MERGE
        if export.carries_deletions:
            self._run(cursor, statements.delete_marked(self._target, stage, export.key, self._quote))
        if export.mode is ExportMode.REPLACE and facts is not None:
            self._run(cursor, f"LOCK TABLE {self._target} IN SHARE ROW EXCLUSIVE MODE")
            replaces = facts.is_referenced
            absent = statements.delete_absent(self._target, stage, export.key, self._quote)
            self._run(cursor, absent if replaces else f"DELETE FROM {self._target}")
        self._run(
            cursor, statements.insert_staged(self._target, stage, export, self._quote, replaces=replaces)
        )

    def _has_unique_key(self, export: Export) -> bool:
        return bool(export.key) and frozenset(export.key) in self._access.describe().unique_keys

    def _fields(self, export: Export, facts: TableFacts | None) -> tuple[ExportField, ...]:
        if facts is None:
            return created_fields(export, lambda declared, _: postgres_type(declared), postgres_guards)
        if facts.kind not in ("r", "p"):
            raise ConfigurationError(
                f"{self._name} is no table.",
                todo="Name another table in sink.table, or drop what has its name.",
            )
        return fitted_fields(export, self._access.describe(), self._access.rule, postgres_guards)

    def _facts(self, cursor: Any) -> TableFacts | None:
        return catalog.table_facts(cursor, self._place.schema, self._place.table)

    def _stage(self, export: Export) -> str:
        return self._beside_target(beside(self._place.table, "stage", export.load_id, longest=LONGEST_NAME))

    def _beside_target(self, name: str) -> str:
        return f"{self._quote(self._place.schema)}.{self._quote(name)}"

    def _names(self, names: Iterable[str]) -> str:
        return ", ".join(map(self._quote, names))

    def _comment_on_target(self, text: str) -> str:
        return f"COMMENT ON TABLE {self._target} IS {self._access.text(text)}"

    def _run(self, cursor: Any, statement: str) -> None:
        cursor.execute(self._access.commented(statement, self._comment))

    @contextmanager
    def _transaction(
        self, export: Export, doing: str, *, limit: str = PUBLISH_LIMIT
    ) -> Generator[Any, None, None]:
        """Committed when the block ends well; else taken back, and the connection ended with it."""
        self._comment = export.comment
        try:
            with self._access.translating(doing), judging(self._name, user=self._access.user):
                if self._connection is None:
                    self._connection = self._access.connect()
                with self._connection.cursor() as cursor:
                    cursor.execute(
                        f"BEGIN; {_SETTINGS}; {self._lock_wait}; SET LOCAL statement_timeout = '{limit}'"
                    )
                    yield cursor
                    cursor.execute("COMMIT")
        except BaseException:
            self.close()
            raise
