"""Reads rows of MySQL: a prepared statement's binary rows, decoded into Arrow's buffers without a Python object per value.

A stream has a connection of its own. Its rows wait in the connection until they are taken, so a warehouse that is slow
makes the server wait. Memory: what was received and not decoded, one batch in the decoder, one batch on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, FIELD_TYPE
from pymysql.cursors import Cursor

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sources.arrow_rows import (
    BATCH_BYTES,
    MOST_ROWS,
    ArrowRows,
    batch_rows,
    day_count,
    microsecond_count,
)
from dagster_pipeline.connectors.sources.decoding import mysql_rows
from dagster_pipeline.connectors.sources.decoding.mysql_rows import MySQLRows
from dagster_pipeline.connectors.sources.mysql.connection import hang_up
from dagster_pipeline.connectors.sources.mysql.errors import translating
from dagster_pipeline.connectors.sources.mysql.prepared import ResultColumn, execute, raise_error, receiving
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import FatalError

_INTEGERS: Mapping[int, tuple[pa.DataType, pa.DataType]] = {
    FIELD_TYPE.TINY: (pa.int8(), pa.uint8()),
    FIELD_TYPE.SHORT: (pa.int16(), pa.uint16()),
    FIELD_TYPE.YEAR: (pa.uint16(), pa.uint16()),
    FIELD_TYPE.INT24: (pa.int32(), pa.uint32()),
    FIELD_TYPE.LONG: (pa.int32(), pa.uint32()),
    FIELD_TYPE.LONGLONG: (pa.int64(), pa.uint64()),
}
_FLOATS: Mapping[int, pa.DataType] = {FIELD_TYPE.FLOAT: pa.float32(), FIELD_TYPE.DOUBLE: pa.float64()}
_DAYS: Mapping[int, tuple[int, pa.DataType]] = {
    FIELD_TYPE.DATE: (mysql_rows.DATE, pa.date32()),
    FIELD_TYPE.DATETIME: (mysql_rows.DATETIME, pa.timestamp("us")),
    FIELD_TYPE.TIMESTAMP: (mysql_rows.DATETIME, pa.timestamp("us")),
}
_NOT_TEXT = frozenset({FIELD_TYPE.TIME, FIELD_TYPE.BIT, FIELD_TYPE.GEOMETRY})
"""Sent in forms of their own; the type mapper reads them as text or numbers."""
_EVERY_DAY = (-(2**62) + 1, 2**62)


@dataclass(frozen=True, kw_only=True)
class RowStream:
    """One statement on a connection of its own.

    Attributes:
        table: the destination, for errors about values.
        source: the source table, for all other errors.
        most_rows: of a batch.
    """

    connection: Connection[Cursor]
    url: DatabaseUrl
    query: str
    select: SelectList
    table: str
    source: str
    most_rows: int = MOST_ROWS

    @contextmanager
    def open(self) -> Generator[Generator[Batch, None, None], None, None]:
        """Start the statement; leaving ends it at the server, whether it was read to its end or not."""
        with translating(self.url, f"reading {self.source}"):
            columns = execute(self.connection, self.query)
        batches = self._batches(columns)
        try:
            yield batches
        finally:
            batches.close()
            hang_up(self.connection)

    def _batches(self, columns: Sequence[ResultColumn]) -> Generator[Batch, None, None]:
        forms = [self._form(column) for column in columns]
        types = [type_ for _, type_ in forms]
        widths = [0 if form == mysql_rows.TEXT else type_.bit_width // 8 for form, type_ in forms]
        rows = MySQLRows(
            [form for form, _ in forms],
            widths,
            [self._span(place, form) for place, (form, _) in enumerate(forms)],
            batch_rows(sum(widths), self.most_rows),
            BATCH_BYTES,
        )
        arrow = ArrowRows(self.select, types, table=self.table)
        with translating(self.url, f"reading {self.source}"):
            receive = receiving(self.connection)
        yield arrow.head
        while not self._decoded(rows, receive):
            yield arrow.batch(rows.rows, rows.take())
        if rows.rows:
            yield arrow.batch(rows.rows, rows.take())
        self.connection.close()
        yield arrow.end

    def _decoded(self, rows: MySQLRows, receive: Callable[[memoryview], int]) -> bool:
        """Receive and decode until a batch is full; true when the statement has ended."""
        with translating(self.url, f"reading {self.source}"):
            while (state := self._decode(rows)) == mysql_rows.MORE:
                received = receive(rows.room())
                if not received:
                    raise pymysql.OperationalError(CR.CR_SERVER_LOST, "Lost connection during the rows")
                rows.received(received)
            if state == mysql_rows.ERROR:
                raise_error(rows.failure)
        return state == mysql_rows.END

    def _decode(self, rows: MySQLRows) -> int:
        try:
            return rows.decode()
        except ValueError as error:
            raise FatalError(f"MySQL at {self.url.redacted}: reading {self.source}: {error}.") from error

    def _form(self, column: ResultColumn) -> tuple[int, pa.DataType]:
        """How the decoder takes it, and what it is in Arrow."""
        if integers := _INTEGERS.get(column.type):
            return mysql_rows.NUMBER, integers[column.is_unsigned]
        if number := _FLOATS.get(column.type):
            return mysql_rows.NUMBER, number
        if day := _DAYS.get(column.type):
            return day
        if column.type in _NOT_TEXT:
            raise FatalError(
                f"{self.source}: {column.name!r} arrives in a form that the reader does not know ({column.type}).",
                todo="Name the column in an issue, or leave it out of the file.",
            )
        return mysql_rows.TEXT, pa.binary() if column.is_bytes else pa.string()

    def _span(self, place: int, form: int) -> tuple[int, int]:
        """First and last value, as the decoder counts."""
        if place not in self.select.spans:
            return _EVERY_DAY
        count = day_count if form == mysql_rows.DATE else microsecond_count
        first, last = self.select.spans[place]
        return count(first), count(last)
