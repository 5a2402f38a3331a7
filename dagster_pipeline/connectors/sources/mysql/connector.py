"""MySQL and MariaDB as a source: the contract, put together from this folder's parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from dagster_pipeline.connectors.batch import Batch, SourceBounds, WireFormat
from dagster_pipeline.connectors.sources.arrow_rows import MOST_ROWS
from dagster_pipeline.connectors.sources.mask_key import MaskKeys, mask_statements
from dagster_pipeline.connectors.sources.mysql.bounds import BoundsQuestion
from dagster_pipeline.connectors.sources.mysql.catalog import CatalogTable, read_table
from dagster_pipeline.connectors.sources.mysql.connection import SESSION, asking, connect, cut, hang_up
from dagster_pipeline.connectors.sources.mysql.dialect import DIALECT, INTEGER_TYPES
from dagster_pipeline.connectors.sources.mysql.reading import RowStream
from dagster_pipeline.connectors.sources.mysql.splitting import estimating
from dagster_pipeline.connectors.sources.pace import pace_of
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn
from dagster_pipeline.connectors.sources.sql_source import SqlSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import RetriableError
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.type_mapper.mapping import ColumnMapping

SILENT_SECONDS = 3600
"""The longest that a server may take for the next row, as long as it waits for us (`net_write_timeout`)."""


class MySQLSource(SqlSource[CatalogTable]):
    """One table of one MySQL or MariaDB database. Nothing is connected before the first call."""

    dialect: ClassVar[str] = "mysql"
    wire_format: ClassVar[WireFormat] = WireFormat.ARROW_STREAM

    sql = DIALECT
    integer_types = INTEGER_TYPES
    is_clustered = True

    def __init__(self, schema: TableSchema, *, url: DatabaseUrl, mask_key: MaskKeys = None) -> None:
        database, table = url.database or schema.source.database, schema.source.table
        relation = f"{DIALECT.quote(database)}.{DIALECT.quote(table)}"
        super().__init__(schema, url=url, relation=relation, mask_key=mask_key)
        self._name = f"{database}.{table}"
        self._small: Connection[Cursor] | None = None
        self._streaming: set[Connection[Cursor]] = set()
        self._lock = threading.Lock()
        self._pace = pace_of(url)
        self._closed = False

    @contextmanager
    def _streaming_of(
        self, query: str, select: SelectList, mappings: tuple[ColumnMapping, ...]
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """Read the rows on a connection of their own."""
        masks = mask_statements("mysql", mappings, self._mask_key)
        with self._own_connection((*SESSION, *masks)) as connection:
            stream = RowStream(
                connection=connection,
                url=self._url,
                query=query,
                select=select,
                table=self.schema.destination.full_name,
                source=self._name,
                most_rows=MOST_ROWS if self._pace is None else min(MOST_ROWS, self._pace.rows_at_once),
            )
            with stream.open() as batches:
                if self._pace is None:
                    yield batches
                else:
                    yield self._pace.paced(batches, is_cancelled=lambda: self._closed)

    @contextmanager
    def _own_connection(self, session: Sequence[str]) -> Generator[Connection[Cursor], None, None]:
        """A connection that `close` breaks under its statement."""
        connection = connect(self._url, self._database, session=session, answer_seconds=SILENT_SECONDS)
        with self._lock:
            is_late = self._closed
            self._streaming.add(connection)
        try:
            if is_late:
                raise RetriableError(f"Reading from {self._url.redacted} was cancelled.")
            yield connection
        finally:
            hang_up(connection)
            with self._lock:
                self._streaming.discard(connection)

    def close(self) -> None:
        """End every connection, also under a statement that runs in another thread."""
        with self._lock:
            self._closed = True
            streaming = list(self._streaming)
        for connection in streaming:
            cut(connection)
        if self._small is not None:
            hang_up(self._small)
            self._small = None

    @contextmanager
    def _asking(self) -> Generator[Cursor, None, None]:
        """A cursor for a small question, on the one connection that all of them share."""
        if self._small is None or not self._small.open:
            self._small = connect(self._url, self._database)
        with asking(self._small, self._url, f"asking about {self._name}") as cursor:
            yield cursor

    def _read_catalog(self, cursor: Cursor) -> CatalogTable:
        return read_table(cursor, database=self._database, table=self.schema.source.table, url=self._url)

    def _estimating(self, cursor: Cursor) -> Callable[[str], int]:
        return estimating(cursor)

    def _bounds_of(self, column: ComparedColumn, floor: str | None, nulls: str | None) -> SourceBounds:
        question = BoundsQuestion(
            relation=self._relation,
            column=column,
            floor=floor,
            lookback=self.schema.sync.lookback,
            nulls=nulls,
            settle=self.schema.sync.settle,
            is_mariadb=self._catalog.is_mariadb,
            is_indexed=self._catalog.described.finds_by(column.name),
            asking=self._asking,
        )
        bounds = question.answer()
        if nulls is None or question.reads_whole_table:
            return bounds
        return replace(bounds, null_rows=self._count(f" WHERE {nulls}"))
