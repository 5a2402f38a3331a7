"""Digests as a SQL source computes them: statements out of a request, and their rows into values. No driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagster_pipeline.connectors.batch import EVERYTHING, WHOLE_TABLE, KeyRange
from dagster_pipeline.connectors.digest import Buckets, DigestRequest, RangeDigest, RowDigest, unsigned
from dagster_pipeline.connectors.sources.predicates import Columns, where_clause
from dagster_pipeline.connectors.sources.query_comment import commented
from dagster_pipeline.connectors.sources.sql_dialect import SqlDialect
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn


@dataclass(frozen=True, kw_only=True)
class DigestStatements:
    """The questions about one table.

    Attributes:
        relation: the quoted table.
        table_filter: the file's own `where`.
    """

    dialect: SqlDialect
    columns: Columns
    relation: str
    table_filter: str | None
    request: DigestRequest

    def of_range(self, key_range: KeyRange) -> str:
        """Rows and checksum of a range."""
        texts = [self._text(column) for column in self.request.columns]
        key = [self.dialect.quote(column.name) for column in self.request.key]
        query = self.dialect.range_digest(texts, f"{self.relation}{self._where(key_range)}", key)
        return commented(query, self.request.query_comment)

    def of_buckets(self, key_range: KeyRange, buckets: Buckets) -> str:
        """Bucket, rows and checksum for each bucket that has rows."""
        return (
            self._select(f"{self._bucket(buckets)} AS bucket, {self._totals}", key_range, "") + " GROUP BY 1"
        )

    def of_rows(self, key_range: KeyRange, buckets: Buckets | None) -> str:
        """Checksum, pending, canonical keys, own keys for each row."""
        keys = self.request.key
        own = (self.dialect.canonical_text(self.columns[column.name]) for column in keys)
        canonical = (f"concat({self._text(column)})" for column in keys)
        what = ", ".join([self._row, self._pending, *canonical, *own])
        chosen = ""
        if buckets is not None and buckets.chosen:
            chosen = f"{self._bucket(buckets)} IN ({', '.join(map(str, buckets.chosen))})"
        return self._select(what, key_range, chosen)

    @property
    def _totals(self) -> str:
        return f"count(*), bit_xor({self._row})"

    @property
    def _row(self) -> str:
        return self.dialect.digest([self._text(column) for column in self.request.columns])

    def _bucket(self, buckets: Buckets) -> str:
        key = [self._text(column) for column in self.request.key]
        return self.dialect.digest_bucket(key, buckets.count)

    @property
    def _pending(self) -> str:
        """1 for a row beyond what is settled; a row without a cursor is not."""
        if self.request.settled == EVERYTHING:
            return "0"
        inside = where_clause(
            self.dialect, self.columns, table_filter=None, window=self.request.settled, key_range=WHOLE_TABLE
        )
        return f"CASE WHEN NOT ({inside.removeprefix(' WHERE ')}) THEN 1 ELSE 0 END"

    def _text(self, column: CanonicalColumn) -> str:
        return column.source.replace("{column}", self.dialect.quote(column.name))

    def _select(self, what: str, key_range: KeyRange, chosen: str) -> str:
        where = self._where(key_range)
        if chosen:
            where += f"{' AND' if where else ' WHERE'} {chosen}"
        return commented(f"SELECT {what} FROM {self.relation}{where}", self.request.query_comment)

    def _where(self, key_range: KeyRange) -> str:
        return where_clause(
            self.dialect,
            self.columns,
            table_filter=self.table_filter,
            window=self.request.window,
            key_range=key_range,
        )


def range_digest(row: Sequence[Any]) -> RangeDigest:
    """From `of_range`'s row; the checksum of no rows is NULL or 0."""
    return RangeDigest(int(row[0]), unsigned(row[1] or 0))


def bucket_digests(rows: Sequence[Sequence[Any]]) -> Mapping[int, RangeDigest]:
    """From `of_buckets`' rows."""
    return {int(row[0]): range_digest(row[1:]) for row in rows}


def row_digests(rows: Sequence[Sequence[Any]], key_columns: int) -> tuple[RowDigest, ...]:
    """From `of_rows`' rows."""
    return tuple(
        RowDigest(
            key=tuple(map(_text, row[2 : 2 + key_columns])),
            own_key=tuple(map(_text, row[2 + key_columns :])),
            checksum=unsigned(row[0]),
            pending=bool(int(row[1])),
        )
        for row in rows
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
