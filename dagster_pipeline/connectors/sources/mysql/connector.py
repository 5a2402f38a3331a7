"""MySQL and MariaDB as a source: the contract, put together from this folder's parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from dagster_pipeline.connectors.batch import Batch, SourceBounds, WireFormat
from dagster_pipeline.connectors.sources.base_source_connector import ReadRequest
from dagster_pipeline.connectors.sources.mask_key import MaskKeys, mask_statements
from dagster_pipeline.connectors.sources.mysql.bounds import BoundsQuestion
from dagster_pipeline.connectors.sources.mysql.catalog import CatalogTable, read_table
from dagster_pipeline.connectors.sources.mysql.connection import asking, connect, hang_up
from dagster_pipeline.connectors.sources.mysql.dialect import DIALECT, INTEGER_TYPES, MARIADB
from dagster_pipeline.connectors.sources.mysql.reading import Readers, batch_rows
from dagster_pipeline.connectors.sources.mysql.splitting import estimating
from dagster_pipeline.connectors.sources.pace import pace_of
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn, SqlDialect
from dagster_pipeline.connectors.sources.sql_source import SqlSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.type_mapper.mapping import ColumnMapping

PROBED_ROWS = 200
HELD_BYTES = 12 << 20
"""How much of a table one child may come to hold; two of them read a table unless its file says otherwise."""
FEWEST_RANGE_ROWS = 100
UNKNOWN_ROW_BYTES = 1000
PACED_RANGE = 20
"""A range of a source with a row budget, in batches: about ten seconds."""


class MySQLSource(SqlSource[CatalogTable]):
    """One table of one MySQL or MariaDB database. Nothing is connected before the first call."""

    dialect: ClassVar[str] = "mysql"
    wire_format: ClassVar[WireFormat] = WireFormat.ARROW_STREAM

    sql = DIALECT
    integer_types = INTEGER_TYPES

    def __init__(self, schema: TableSchema, *, url: DatabaseUrl, mask_key: MaskKeys = None) -> None:
        database, table = url.database or schema.source.database, schema.source.table
        relation = f"{DIALECT.quote(database)}.{DIALECT.quote(table)}"
        super().__init__(schema, url=url, relation=relation, mask_key=mask_key)
        self._name = f"{database}.{table}"
        self._small: Connection[Cursor] | None = None
        self._readers = Readers(url, database)
        self._lock = threading.Lock()
        self._pace = pace_of(url)
        self._closed = False

    @contextmanager
    def _streaming_of(
        self, queries: Sequence[str], select: SelectList, mappings: tuple[ColumnMapping, ...]
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """Read the rows through a child process."""
        with self._readers.stream(
            queries,
            session=mask_statements("mysql", mappings, self._mask_key),
            select=select,
            rows_per_batch=self._rows_per_batch(),
            table=self.schema.destination.full_name,
            source=self._name,
        ) as batches:
            if self._pace is None:
                yield batches
            else:
                yield self._pace.paced(batches, is_cancelled=lambda: self._closed)

    def _statements(self, request: ReadRequest) -> list[str]:
        """The SELECTs of a stream, one after the other, each of as many rows as a child may hold.

        ConnectorX reads ahead of whoever takes its batches without a bound (its stream is an unbounded channel), so
        when the warehouse is slower than the source, or a row budget is, a child holds up to all rows of a statement.
        """
        keys = request.key_range.columns
        if not keys or request.only is not None:
            return [self.statement(request)]
        with self._lock:  # chunks begin in several threads, the connection serves one
            bytes_per_row = self._catalog.described.estimated_bytes_per_row or UNKNOWN_ROW_BYTES
            most = max(FEWEST_RANGE_ROWS, HELD_BYTES // bytes_per_row)
            if self._pace is not None:
                most = min(most, self._pace.rows_at_once * PACED_RANGE)
            ranges = self._split(keys, request.window, most, request.key_range)
        return [self.statement(replace(request, key_range=each)) for each in ranges]

    def close(self) -> None:
        """End every child and connection, also under a statement that runs in another thread."""
        self._closed = True
        self._readers.close()
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

    def _reading(self) -> SqlDialect:
        return MARIADB if self._catalog.is_mariadb else DIALECT

    def _read_catalog(self, cursor: Cursor) -> CatalogTable:
        return read_table(cursor, database=self._database, table=self.schema.source.table, url=self._url)

    def _estimating(self, cursor: Cursor) -> Callable[[str], int]:
        return estimating(cursor)

    def _bounds_of(self, column: ComparedColumn, floor: str | None) -> SourceBounds:
        return BoundsQuestion(
            relation=self._relation,
            column=column,
            floor=floor,
            settle=self.schema.sync.settle,
            is_mariadb=self._catalog.is_mariadb,
            asking=self._asking,
        ).answer()

    def _rows_per_batch(self) -> int:
        with self._lock:  # chunks begin in several threads, the connection serves one
            rows = self._measured_rows_per_batch
        return rows if self._pace is None else min(rows, self._pace.rows_at_once)

    @cached_property
    def _measured_rows_per_batch(self) -> int:
        """By the catalog's estimate or by what the first rows really are, whichever is wider."""
        catalog = self._catalog
        estimate = catalog.described.estimated_bytes_per_row
        if not catalog.wide:
            return batch_rows(estimate or 1000)
        lengths = " + ".join(f"COALESCE(LENGTH({DIALECT.quote(name)}), 0)" for name in catalog.wide)
        with self._asking() as cursor:
            cursor.execute(
                f"SELECT COALESCE(MAX(size), 0) FROM (SELECT {lengths} AS size FROM {self._relation} LIMIT {PROBED_ROWS}) probe"
            )
            ((widest,),) = cursor.fetchall()
        return batch_rows(max(estimate, int(widest)))
