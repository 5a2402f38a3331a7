"""PostgreSQL as a source: the contract, put together from this folder's parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import ClassVar

import psycopg2

from dagster_pipeline.connectors.batch import Batch, SourceBounds, WireColumn, WireFormat
from dagster_pipeline.connectors.sources.arrow_rows import MOST_ROWS
from dagster_pipeline.connectors.sources.mask_key import MaskKeys, mask_statements
from dagster_pipeline.connectors.sources.pace import pace_of
from dagster_pipeline.connectors.sources.postgres.binary_forms import wire_column
from dagster_pipeline.connectors.sources.postgres.bounds import BoundsQuestion
from dagster_pipeline.connectors.sources.postgres.catalog import CatalogTable, read_table, relation
from dagster_pipeline.connectors.sources.postgres.connection import (
    Connection,
    Cursor,
    connect,
    hang_up,
    session,
)
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT, INTEGER_TYPES
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.connectors.sources.postgres.reading import CopyStream
from dagster_pipeline.connectors.sources.postgres.splitting import estimating
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn
from dagster_pipeline.connectors.sources.sql_source import SqlSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import RetriableError
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.type_mapper.mapping import ColumnMapping


class PostgresSource(SqlSource[CatalogTable]):
    """One table of one PostgreSQL database. Nothing is connected before the first call."""

    dialect: ClassVar[str] = "postgres"
    wire_format: ClassVar[WireFormat] = WireFormat.ARROW_STREAM

    sql = DIALECT
    integer_types = INTEGER_TYPES

    def __init__(self, schema: TableSchema, *, url: DatabaseUrl, mask_key: MaskKeys = None) -> None:
        source = schema.source
        super().__init__(
            schema, url=url, relation=relation(source.schema_name, source.table), mask_key=mask_key
        )
        self._small: Connection | None = None
        self._streaming: set[Connection] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._pace = pace_of(url)

    def wire_columns(self, mappings: tuple[ColumnMapping, ...]) -> tuple[WireColumn, ...]:
        """As the reader hands them on."""
        return tuple(wire_column(column) for column in super().wire_columns(mappings))

    @contextmanager
    def _streaming_of(
        self, query: str, select: SelectList, mappings: tuple[ColumnMapping, ...]
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """COPY the rows on a connection of their own."""
        with self._own_connection() as connection:
            stream = CopyStream(
                connection=connection,
                url=self._url,
                query=query,
                statements=mask_statements("postgres", mappings, self._mask_key),
                select=select,
                table=self.schema.destination.full_name,
                source=self._relation,
                most_rows=MOST_ROWS if self._pace is None else min(MOST_ROWS, self._pace.rows_at_once),
            )
            with stream.open() as batches:
                yield self._paced(batches)

    def _paced(self, batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
        return self._pace.paced(batches, is_cancelled=lambda: self._closed) if self._pace else batches

    def close(self) -> None:
        """Break every connection, also under a statement that runs in another thread."""
        with self._lock:
            self._closed = True
            streaming, small = list(self._streaming), self._small
            self._small = None
        for connection in streaming:
            hang_up(connection)
        if small is not None:
            with suppress(psycopg2.Error):
                small.close()

    @contextmanager
    def _asking(self) -> Generator[Cursor, None, None]:
        """A transaction for a small question, on the one connection that all of them share."""
        if self._small is None or self._small.closed:
            self._small = connect(self._url, self._database)
        with translating(self._url, f"asking about {self._relation}"), session(self._small) as cursor:
            yield cursor

    @contextmanager
    def _own_connection(self) -> Generator[Connection, None, None]:
        connection = connect(self._url, self._database)
        try:
            with self._lock:
                if self._closed:
                    raise RetriableError(f"Reading {self._relation} was cancelled.")
                self._streaming.add(connection)
            yield connection
        finally:
            with self._lock:
                self._streaming.discard(connection)
            with suppress(psycopg2.Error):
                connection.close()

    def _read_catalog(self, cursor: Cursor) -> CatalogTable:
        source = self.schema.source
        return read_table(
            cursor, schema=source.schema_name, table=source.table, url=self._url, database=self._database
        )

    def _estimating(self, cursor: Cursor) -> Callable[[str], int]:
        return estimating(cursor)

    def _bounds_of(self, column: ComparedColumn, floor: str | None, nulls: str | None) -> SourceBounds:
        settle = self.schema.sync.settle
        bounds = BoundsQuestion(
            relation=self._relation, column=column, floor=floor, settle=settle, session=self._asking
        ).answer()
        return replace(bounds, null_rows=self._count(f" WHERE {nulls}")) if nulls else bounds
