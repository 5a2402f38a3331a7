"""PostgreSQL as a source: the contract, put together from this folder's parts."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import ClassVar

import psycopg2

from dagster_pipeline.connectors.batch import (
    WHOLE_TABLE,
    Batch,
    KeyRange,
    SourceBounds,
    SourceTable,
    Window,
    WireFormat,
)
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.connectors.sources.key_splitter import KeySplitter
from dagster_pipeline.connectors.sources.mask_key import mask_statements
from dagster_pipeline.connectors.sources.postgres.bounds import BoundsQuestion
from dagster_pipeline.connectors.sources.postgres.catalog import CatalogTable, read_table, relation
from dagster_pipeline.connectors.sources.postgres.connection import (
    Connection,
    Cursor,
    connect,
    hang_up,
    session,
)
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.connectors.sources.postgres.reading import CopyStream
from dagster_pipeline.connectors.sources.postgres.splitting import INTEGER_TYPES, asking, estimating
from dagster_pipeline.connectors.sources.predicates import where_clause
from dagster_pipeline.connectors.sources.query_comment import commented
from dagster_pipeline.connectors.sources.select_list import select_list
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import RetriableError
from dagster_pipeline.schema.models import TableSchema


class PostgresSource(BaseSourceConnector):
    """One table of one PostgreSQL database. Nothing is connected before the first call."""

    dialect: ClassVar[str] = "postgres"
    wire_format: ClassVar[WireFormat] = WireFormat.TAB_SEPARATED

    def __init__(self, schema: TableSchema, *, url: DatabaseUrl, mask_key: str | None = None) -> None:
        super().__init__(schema)
        self._url = url
        self._mask_key = mask_key
        self._database = url.database or schema.source.database
        self._relation = relation(schema.source.schema_name, schema.source.table)
        self._small: Connection | None = None
        self._catalog: CatalogTable | None = None
        self._streaming: set[Connection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def describe(self) -> SourceTable:
        """The table as the catalog has it now."""
        with self._session() as cursor:
            self._catalog = read_table(
                cursor,
                schema=self.schema.source.schema_name,
                table=self.schema.source.table,
                url=self._url,
                database=self._database,
            )
        return self._catalog.described

    def bounds(self, cursor: str, *, floor: str | None, count_nulls: bool) -> SourceBounds:
        """The cursor's bounds; see `settling`."""
        column = self._described().compared[cursor]
        question = BoundsQuestion(
            relation=self._relation,
            column=column,
            floor=floor,
            settle=self.schema.sync.settle,
            session=self._session,
        )
        bounds = question.answer()
        if not (count_nulls and column.nullable):
            return bounds
        without_cursor = f"{DIALECT.quote(cursor)} IS NULL"
        return replace(bounds, null_rows=self._count(f" WHERE {self._own_filter()}{without_cursor}"))

    def split(self, columns: tuple[str, ...], *, window: Window, target_rows: int) -> tuple[KeyRange, ...]:
        """Ranges of the key; see `key_splitter`."""
        catalog = self._described()
        with self._session() as cursor:
            splitter = KeySplitter(
                dialect=DIALECT,
                columns=catalog.compared,
                relation=self._relation,
                table_filter=self.schema.source.where,
                analyzed=catalog.described.estimated_rows > 0,
                integer_types=INTEGER_TYPES,
                ask=asking(cursor),
                estimate=estimating(cursor),
            )
            return splitter.split(columns, window, target_rows)

    def count(self, window: Window) -> int:
        """Rows of the window."""
        return self._count(self._where(window, WHOLE_TABLE))

    @contextmanager
    def stream(self, request: ReadRequest) -> Generator[Generator[Batch, None, None], None, None]:
        """COPY the rows on a connection of their own."""
        select = select_list(DIALECT, request.mappings)
        where = self._where(request.window, request.key_range)
        query = commented(f"SELECT {select.sql} FROM {self._relation}{where}", request.query_comment)
        with self._own_connection() as connection:
            stream = CopyStream(
                connection=connection,
                url=self._url,
                query=query,
                statements=mask_statements("postgres", request.mappings, self._mask_key),
                select=select,
                table=self.schema.destination.full_name,
                source=self._relation,
            )
            with stream.open() as batches:
                yield batches

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
    def _session(self) -> Generator[Cursor, None, None]:
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

    def _described(self) -> CatalogTable:
        if self._catalog is None:
            self.describe()
        if self._catalog is None:
            raise AssertionError("describe() leaves a catalog table behind")
        return self._catalog

    def _where(self, window: Window, key_range: KeyRange) -> str:
        columns = self._described().compared
        table_filter = self.schema.source.where
        return where_clause(DIALECT, columns, table_filter=table_filter, window=window, key_range=key_range)

    def _own_filter(self) -> str:
        return f"({self.schema.source.where}\n) AND " if self.schema.source.where else ""

    def _count(self, where: str) -> int:
        with self._session() as cursor:
            cursor.execute(commented(f"SELECT count(*) FROM {self._relation}{where}"))
            ((rows,),) = cursor.fetchall()
            return int(rows)
