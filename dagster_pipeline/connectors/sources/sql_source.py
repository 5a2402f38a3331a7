"""What SQL databases answer alike: describing, bounding, splitting and counting over a cursor and a dialect.

A folder per database brings the dialect, the catalog's questions, the rules of settled bounds, and how rows are read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from dagster_pipeline.connectors.batch import WHOLE_TABLE, Batch, KeyRange, SourceBounds, SourceTable, Window
from dagster_pipeline.connectors.digest import (
    Buckets,
    DigestRequest,
    KeySet,
    RangeChecksum,
    RangeDigest,
    RowDigest,
)
from dagster_pipeline.connectors.sources import digests
from dagster_pipeline.connectors.sources.bad_rows import WIRE_COLUMNS, BadRowsStatement
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.connectors.sources.comparable_source import ComparableSource
from dagster_pipeline.connectors.sources.digests import DigestStatements
from dagster_pipeline.connectors.sources.key_splitter import KeySplitter
from dagster_pipeline.connectors.sources.mask_key import MaskKeys, mask_statements
from dagster_pipeline.connectors.sources.predicates import key_terms, where_clause
from dagster_pipeline.connectors.sources.quarantining_source import BadRowsRequest, QuarantiningSource
from dagster_pipeline.connectors.sources.query_comment import commented
from dagster_pipeline.connectors.sources.select_list import SelectList, plain_list, select_list
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn, SqlDialect
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.type_mapper.mapping import ColumnMapping


class DescribedTable(Protocol):
    """What a database's catalog answers; each folder's own value may hold more."""

    @property
    def described(self) -> SourceTable:
        """The contract's answer."""

    @property
    def compared(self) -> Mapping[str, ComparedColumn]:
        """Every column as windows and key ranges compare it."""


Catalog = TypeVar("Catalog", bound=DescribedTable)


class SqlSource(BaseSourceConnector, ComparableSource, QuarantiningSource, Generic[Catalog]):
    """One table of one SQL database. Nothing is connected before the first call."""

    sql: ClassVar[SqlDialect]
    integer_types: ClassVar[frozenset[str]]
    is_clustered: ClassVar[bool] = False
    """Rows lie in the order of the primary key, and every index holds that key, too."""

    def __init__(
        self, schema: TableSchema, *, url: DatabaseUrl, relation: str, mask_key: MaskKeys = None
    ) -> None:
        super().__init__(schema)
        self._url = url
        self._database = url.database or schema.source.database
        self._relation = relation
        self._mask_key = mask_key
        self._known: Catalog | None = None

    @abstractmethod
    def _asking(self) -> AbstractContextManager[Any]:
        """A DB-API cursor for small questions, whose errors are ours."""

    @abstractmethod
    def _streaming_of(
        self, query: str, select: SelectList, mappings: tuple[ColumnMapping, ...]
    ) -> AbstractContextManager[Generator[Batch, None, None]]:
        """Stream the rows of this SELECT; `mappings` are of what they read, for what must run before."""

    @abstractmethod
    def _read_catalog(self, cursor: Any) -> Catalog:
        """Describe the table."""

    @abstractmethod
    def _estimating(self, cursor: Any) -> Callable[[str], int]:
        """The optimizer's row estimate of a statement."""

    @abstractmethod
    def _bounds_of(self, column: ComparedColumn, floor: str | None, nulls: str | None) -> SourceBounds:
        """The cursor's bounds; see `settling`. `nulls` is a condition of rows to be counted, `None` for no count."""

    def describe(self) -> SourceTable:
        """The table as the catalog has it now."""
        with self._asking() as cursor:
            self._known = self._read_catalog(cursor)
        return self._known.described

    def bounds(self, cursor: str, *, floor: str | None, count_nulls: bool) -> SourceBounds:
        """The cursor's bounds; a column that cannot be NULL is not counted."""
        column = self._catalog.compared[cursor]
        if not (count_nulls and column.nullable):
            return self._bounds_of(column, floor, None)
        own_filter = f"({self.schema.source.where}\n) AND " if self.schema.source.where else ""
        return self._bounds_of(column, floor, f"{own_filter}{self.sql.quote(cursor)} IS NULL")

    def split(
        self,
        columns: tuple[str, ...],
        *,
        window: Window,
        target_rows: int,
        streams: int = 1,
        rows_at_most: int | None = None,
    ) -> tuple[KeyRange, ...]:
        """Ranges of the key; see `key_splitter`."""
        catalog = self._catalog
        with self._asking() as cursor:

            def ask(statement: str) -> Any:
                cursor.execute(statement)
                return cursor.fetchall()

            splitter = KeySplitter(
                dialect=self.sql,
                columns=catalog.compared,
                relation=self._relation,
                table_filter=self.schema.source.where,
                analyzed=catalog.described.estimated_rows > 0,
                integer_types=self.integer_types,
                is_clustered=self.is_clustered,
                indexed=catalog.described.index_heads or frozenset(),
                ask=ask,
                estimate=self._estimating(cursor),
            )
            return splitter.split(columns, window, target_rows, streams=streams, rows_at_most=rows_at_most)

    def statement(self, request: ReadRequest) -> str:
        """The SELECT of a stream; a mask's key is no part of it."""
        columns = select_list(self.sql, request.mappings).sql
        where = self._where(request.window, request.key_range, request.only)
        limit = f" LIMIT {request.limit:d}" if request.limit else ""
        return commented(f"SELECT {columns} FROM {self._relation}{where}{limit}", request.query_comment)

    def stream(self, request: ReadRequest) -> AbstractContextManager[Generator[Batch, None, None]]:
        """The rows on a connection of their own."""
        select = select_list(self.sql, request.mappings)
        return self._streaming_of(self.statement(request), select, request.mappings)

    def stream_bad_rows(
        self, request: BadRowsRequest
    ) -> AbstractContextManager[Generator[Batch, None, None]]:
        """One statement over the same rows."""
        read = request.read
        statement = BadRowsStatement(
            dialect=self.sql,
            bad=[mapping for mapping in read.mappings if mapping.name in request.columns and mapping.guard],
            key=request.key,
            columns=self._catalog.compared,
            relation=self._relation,
        )
        where = self._where(read.window, read.key_range, read.only)
        query = statement.text(where, run_id=request.run_id, load_id=request.load_id)
        names = tuple(column.name for column in WIRE_COLUMNS)
        return self._streaming_of(
            commented(query, read.query_comment), plain_list(query, names), read.mappings
        )

    def count(self, window: Window) -> int:
        """Rows of the window."""
        return self._count(self._where(window, WHOLE_TABLE))

    def holds_values(self, columns: tuple[str, ...], window: Window) -> bool:
        """Asks for one such row."""
        where = self._where(window, WHOLE_TABLE)
        found = " OR ".join(f"{self.sql.quote(column)} IS NOT NULL" for column in columns)
        with self._asking() as cursor:
            term = f"{' AND' if where else ' WHERE'} ({found})"
            cursor.execute(commented(f"SELECT 1 FROM {self._relation}{where}{term} LIMIT 1"))
            return bool(cursor.fetchall())

    @property
    def range_checksum(self) -> RangeChecksum:
        """The dialect's."""
        return self.sql.range_checksum

    def digest(self, request: DigestRequest, key_range: KeyRange) -> RangeDigest:
        """One statement."""
        (row,) = self._ask_digests(request, self._digests(request).of_range(key_range))
        return digests.range_digest(row)

    def bucket_digests(
        self, request: DigestRequest, key_range: KeyRange, buckets: Buckets
    ) -> Mapping[int, RangeDigest]:
        """One statement."""
        statement = self._digests(request).of_buckets(key_range, buckets)
        return digests.bucket_digests(self._ask_digests(request, statement))

    def row_digests(
        self, request: DigestRequest, key_range: KeyRange, buckets: Buckets | None = None
    ) -> tuple[RowDigest, ...]:
        """One statement."""
        statement = self._digests(request).of_rows(key_range, buckets)
        return digests.row_digests(self._ask_digests(request, statement), len(request.key))

    def _digests(self, request: DigestRequest) -> DigestStatements:
        return DigestStatements(
            dialect=self.sql,
            columns=self._catalog.compared,
            relation=self._relation,
            table_filter=self.schema.source.where,
            request=request,
        )

    def _ask_digests(self, request: DigestRequest, statement: str) -> Sequence[Sequence[Any]]:
        masks = mask_statements(self.schema.source.dialect, request.mappings, self._mask_key)
        with self._asking() as cursor:
            for before in masks:
                cursor.execute(before)
            cursor.execute(statement)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

    @property
    def _catalog(self) -> Catalog:
        """What the catalog said the last time; asked now when it was not."""
        if self._known is None:
            with self._asking() as cursor:
                self._known = self._read_catalog(cursor)
        return self._known

    def _where(self, window: Window, key_range: KeyRange, only: KeySet | None = None) -> str:
        table_filter = self.schema.source.where
        columns = self._catalog.compared
        where = where_clause(self.sql, columns, table_filter=table_filter, window=window, key_range=key_range)
        if only is None:
            return where
        return f"{where}{' AND' if where else ' WHERE'} {key_terms(self.sql, columns, only)}"

    def _count(self, where: str) -> int:
        with self._asking() as cursor:
            cursor.execute(commented(f"SELECT count(*) FROM {self._relation}{where}"))
            ((rows,),) = cursor.fetchall()
            return int(rows)
