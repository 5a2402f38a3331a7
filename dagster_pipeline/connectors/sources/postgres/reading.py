"""Reads rows of PostgreSQL as `COPY (SELECT ...) TO STDOUT (FORMAT binary)`, decoded into Arrow's buffers by column.

A stream has a connection of its own. Its rows wait in the connection until they are taken, so a warehouse that is slow
makes the server wait. Memory: what libpq received and has not handed over, one batch in the decoder, one on its way.

What the statement's columns are is asked of the server in the same message that opens the transaction. Columns of a type
without a binary form of ours are printed by the server, as COPY in text would print them, but without its escapes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sources.arrow_rows import BATCH_BYTES, MOST_ROWS, ArrowRows, batch_rows
from dagster_pipeline.connectors.sources.decoding.copy_rows import CopyOut, CopyRows
from dagster_pipeline.connectors.sources.postgres.binary_forms import (
    BinaryForm,
    binary_form,
    flag_form,
    text_form,
)
from dagster_pipeline.connectors.sources.postgres.connection import Connection, Cursor, hang_up, session
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.connectors.sources.postgres.libpq import copy_out
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import FatalError, RetriableError

_RAW_TEXTS = "SELECT set_config('client_encoding', 'SQL_ASCII', true)"
"""A database without an encoding would refuse bytes that are not UTF-8."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the statement, and how it is taken; `is_printed`: the server makes its text of it first."""

    name: str
    form: BinaryForm
    is_printed: bool = False

    @property
    def selected(self) -> str:
        """What COPY is to select: concat prints as COPY does, which some casts to text do not, but makes '' of NULL."""
        quoted = DIALECT.quote(self.name)
        if not self.is_printed:
            return quoted
        return f"CASE WHEN {quoted} IS DISTINCT FROM NULL THEN concat({quoted}) END AS {quoted}"


@dataclass(frozen=True, kw_only=True)
class CopyStream:
    """One COPY on a connection of its own.

    Attributes:
        query: the SELECT.
        statements: run in the same transaction before it, e.g. for keyed masks.
        table: the destination, for errors about values.
        source: the source table, for all other errors.
        most_rows: of a batch.
    """

    connection: Connection
    url: DatabaseUrl
    query: str
    statements: tuple[str, ...]
    select: SelectList
    table: str
    source: str
    most_rows: int = MOST_ROWS

    @contextmanager
    def open(self) -> Generator[Generator[Batch, None, None], None, None]:
        """Start the statement; leaving ends it at the server, whether it was read to its end or not."""
        is_raw = self.connection.info.parameter_status("server_encoding") == "SQL_ASCII"
        statements = (_RAW_TEXTS, *self.statements) if is_raw else self.statements
        doing = f"reading {self.source}"
        with ExitStack() as stack:
            with translating(self.url, doing):
                cursor = stack.enter_context(session(self.connection, statements=statements, bounded=False))
                columns = self._columns(cursor, is_raw=is_raw)
                copy = copy_out(self.connection)
                copy.begin(f"COPY ({self._query(columns)}) TO STDOUT (FORMAT binary)".encode())
            batches = self._batches(copy, [column.form for column in columns])
            try:
                yield batches
            finally:
                batches.close()
                if copy.is_open:
                    hang_up(self.connection)

    def _columns(self, cursor: Cursor, *, is_raw: bool) -> list[_Column]:
        cursor.execute(f"SELECT * FROM ({self.query}\n) AS described LIMIT 0")
        return [
            self._column(place, column.name, int(column.type_code), is_raw=is_raw)
            for place, column in enumerate(cursor.description or ())
        ]

    def _column(self, place: int, name: str, oid: int, *, is_raw: bool) -> _Column:
        if place >= len(self.select.names):
            return _Column(name, flag_form(oid))
        wire_type = self.select.wire_types[place]
        form = binary_form(oid, wire_type, self.select.spans.get(place), is_raw=is_raw)
        if form is not None:
            return _Column(name, form)
        if wire_type != "Nullable(String)":
            raise RetriableError(f"{self.source}: column {name!r} got another type while the table was read.")
        return _Column(name, text_form(is_raw=is_raw), is_printed=True)

    def _query(self, columns: Sequence[_Column]) -> str:
        if not any(column.is_printed for column in columns):
            return self.query
        return f"SELECT {', '.join(column.selected for column in columns)} FROM ({self.query}\n) AS plain"

    def _batches(self, copy: CopyOut, forms: Sequence[BinaryForm]) -> Generator[Batch, None, None]:
        width = sum(form.width for form in forms)
        rows = CopyRows([form.field for form in forms], batch_rows(width, self.most_rows), BATCH_BYTES)
        arrow = ArrowRows(self.select, [form.type for form in forms], table=self.table)
        yield arrow.head
        while self._filled(copy, rows):
            yield arrow.batch(rows.rows, rows.take())
        if rows.rows:
            yield arrow.batch(rows.rows, rows.take())
        yield arrow.end

    def _filled(self, copy: CopyOut, rows: CopyRows) -> bool:
        try:
            with translating(self.url, f"reading {self.source}"):
                return copy.fill(rows)
        except ValueError as error:
            raise FatalError(f"PostgreSQL at {self.url.redacted}: reading {self.source}: {error}.") from error
