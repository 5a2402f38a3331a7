"""Digests as ClickHouse computes them, and the statement that hides rows which are gone. Pure text.

A range's bounds are the source's own texts. They are only used for columns that both databases sort alike, and compared
term by term, since ClickHouse uses its index for `a >= x AND (a > x OR b > y)` but not for `(a, b) > (x, y)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagster_pipeline.connectors.batch import KeyRange
from dagster_pipeline.connectors.digest import (
    LONGEST_PLAIN_ROW,
    Buckets,
    DigestRequest,
    KeySet,
    RangeChecksum,
    RangeDigest,
    RowDigest,
    unsigned,
)
from dagster_pipeline.connectors.sink.base_sink_connector import DELETED_COLUMN, VERSION_COLUMN, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.reader_view import READER_SETTINGS, Relation
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn

_IN_UTC = re.compile(r"[+]00(:00)?$")


@dataclass(frozen=True, kw_only=True)
class DigestStatements:
    """The questions about what a reader sees of one table."""

    table: SinkTable
    request: DigestRequest

    def of_ranges(self, ranges: Sequence[KeyRange], checksum: RangeChecksum) -> str:
        """Number, rows and checksum of each range that has rows; a row belongs to the first range whose end it is not beyond."""
        within = self._in_range(replace(ranges[0], upper=ranges[-1].upper))
        ends = [" AND ".join(self._in_range(replace(each, lower=None))) for each in ranges[:-1]]
        cases = ", ".join(f"{end}, {number}" for number, end in enumerate(ends))
        number = f"multiIf({cases}, {len(ends)})" if ends else "0"
        if checksum is RangeChecksum.XOR_OF_ROWS:
            return self._select(f"{number} AS _range, count(), {self._checksum}", within, "GROUP BY _range")
        row = f"{_joined(self.request.columns)} AS _row"
        rows = Relation(self.table).select(f"{number} AS _range, {row}", *within)
        key = ", ".join(quote_identifier(column.name) for column in self.request.key)
        short = f"if(length(_row) > {LONGEST_PLAIN_ROW}, SHA256(_row), _row)"
        joined = f"SHA256(arrayStringConcat(groupArray({short}), char(28)))"
        return (
            f"SELECT _range, count(), {_number(joined)} FROM ({rows} ORDER BY {key}) GROUP BY _range "
            f"{READER_SETTINGS}, max_threads = 1"
        )

    def of_buckets(self, key_range: KeyRange, buckets: Buckets) -> str:
        """Bucket, rows and checksum for each bucket that has rows."""
        return self._select(
            f"{self._bucket(buckets)} AS bucket, count(), {self._checksum}",
            self._in_range(key_range),
            "GROUP BY bucket",
        )

    def of_rows(self, key_range: KeyRange, buckets: Buckets | None) -> str:
        """Checksum, canonical keys, own keys for each row."""
        keys = self.request.key
        own = (f"toString({quote_identifier(column.name)})" for column in keys)
        what = ", ".join([self._row, *(_text(column) for column in keys), *own])
        conditions = self._in_range(key_range)
        if buckets is not None and buckets.chosen:
            conditions.append(f"{self._bucket(buckets)} IN ({', '.join(map(str, buckets.chosen))})")
        return self._select(what, conditions)

    @property
    def _row(self) -> str:
        return row_digest(self.request.columns)

    @property
    def _checksum(self) -> str:
        return f"groupBitXor({self._row})"

    def _bucket(self, buckets: Buckets) -> str:
        first = f"reinterpretAsUInt16(reverse(substring({_hash(self.request.key)}, 1, 2)))"
        return f"{first} % {int(buckets.count)}"

    def _in_range(self, key_range: KeyRange) -> list[str]:
        if not key_range.columns:
            return []
        columns = {column.name: column for column in self.request.key}
        names = [quote_identifier(name) for name in key_range.columns]
        types = [columns[name].stored for name in key_range.columns]
        terms = []
        if key_range.lower is not None:
            terms.append(_compared(names, _literals(types, key_range.lower), sign=">", last=">"))
        if key_range.upper is not None:
            terms.append(_compared(names, _literals(types, key_range.upper), sign="<", last="<="))
        return terms

    def _select(self, what: str, conditions: Sequence[str], tail: str = "") -> str:
        return f"{Relation(self.table).select(what, *conditions)} {tail} {READER_SETTINGS}"


def row_digest(columns: Sequence[CanonicalColumn]) -> str:
    """The first 64 bits of the SHA-256 of these columns' texts, as a number."""
    return _number(_hash(columns))


def mark_deleted_statement(table: SinkTable, keys: KeySet, *, version: int) -> str:
    """Insert the rows of these keys again, as a reader sees them, with a newer version and `_deleted` set."""
    columns = [quote_identifier(column.name) for column in table.columns]
    types = {column.name: column.type for column in table.columns}
    names = ", ".join(quote_identifier(name) for name in keys.columns)
    rows = [", ".join(_own_literals([types[name] for name in keys.columns], key)) for key in keys.keys]
    chosen = ", ".join(rows) if len(keys.columns) == 1 else ", ".join(f"({row})" for row in rows)
    target = quote_table(table.database, table.name)
    into = ", ".join([*columns, quote_identifier(VERSION_COLUMN), quote_identifier(DELETED_COLUMN)])
    key = names if len(keys.columns) == 1 else f"({names})"
    return (
        f"INSERT INTO {target} ({into}) SELECT {', '.join(columns)}, {int(version)}, 1 FROM {target} FINAL "
        f"WHERE {key} IN ({chosen}) AND NOT {quote_identifier(DELETED_COLUMN)} {READER_SETTINGS}"
    )


def range_digest(row: Sequence[Any]) -> RangeDigest:
    """Of one range or bucket."""
    return RangeDigest(int(row[0]), unsigned(row[1]))


def bucket_digests(rows: Sequence[Sequence[Any]]) -> Mapping[int, RangeDigest]:
    """From the rows of `of_ranges` or `of_buckets`, by number."""
    return {int(row[0]): range_digest(row[1:]) for row in rows}


def row_digests(rows: Sequence[Sequence[Any]], key_columns: int) -> tuple[RowDigest, ...]:
    """From `of_rows`' rows."""
    return tuple(
        RowDigest(
            key=tuple(map(_as_text, row[1 : 1 + key_columns])),
            own_key=tuple(map(_as_text, row[1 + key_columns :])),
            checksum=unsigned(row[0]),
        )
        for row in rows
    )


def _as_text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _text(column: CanonicalColumn) -> str:
    return column.warehouse.replace("{column}", quote_identifier(column.name))


def _number(digest: str) -> str:
    return f"reinterpretAsUInt64(reverse(substring({digest}, 1, 8)))"


def _hash(columns: Sequence[CanonicalColumn]) -> str:
    return f"SHA256({_joined(columns)})"


def _joined(columns: Sequence[CanonicalColumn]) -> str:
    joined = ", char(31), ".join(_text(column) for column in columns)
    return f"concat({joined})" if len(columns) > 1 else joined


def _literals(types: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The source's texts as values of the stored types; a time with zone is printed in UTC."""
    plain = [
        _IN_UTC.sub("", text) if "Time" in type_ else text for type_, text in zip(types, texts, strict=True)
    ]
    wide = ["DateTime64(6, 'UTC')" if "Time" in type_ else type_ for type_ in types]
    return _own_literals(wide, plain)


def _own_literals(types: Sequence[str], texts: Sequence[str]) -> list[str]:
    return [
        f"CAST({quote_string(text)}, {quote_string(type_)})" for type_, text in zip(types, texts, strict=True)
    ]


def _compared(names: Sequence[str], values: Sequence[str], *, sign: str, last: str) -> str:
    name, value = names[0], values[0]
    if len(names) == 1:
        return f"{name} {last} {value}"
    rest = _compared(names[1:], values[1:], sign=sign, last=last)
    return f"({name} {sign}= {value} AND ({name} {sign} {value} OR ({name} = {value} AND {rest})))"
