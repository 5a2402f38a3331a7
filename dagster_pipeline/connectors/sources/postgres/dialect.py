"""PostgreSQL's words: one quoter, one literal renderer (postgresql.org/docs/current/sql-syntax-lexical.html)."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.connectors.digest import LONGEST_PLAIN_ROW, RangeChecksum
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn, SqlDialect
from dagster_pipeline.errors import ConfigurationError

INTEGER_TYPES = frozenset({"smallint", "integer", "bigint"})
_TEMPORAL = ("date", "timestamp without time zone", "timestamp with time zone")


class PostgresDialect(SqlDialect):
    """Renders for a session with `standard_conforming_strings` on, as `connection` sets it."""

    range_checksum = RangeChecksum.HASH_OF_TEXTS

    def quote(self, name: str) -> str:
        """An identifier in double quotes. Raises `ConfigurationError` for a NUL character."""
        return '"' + _without_nul(name).replace('"', '""') + '"'

    def text(self, value: str) -> str:
        """A string literal. Raises `ConfigurationError` for a NUL character."""
        return "'" + _without_nul(value).replace("'", "''") + "'"

    def compared(self, column: ComparedColumn) -> str:
        """The quoted column."""
        return self.quote(column.name)

    def canonical_text(self, column: ComparedColumn) -> str:
        """The type's own output, which its input reads back exactly."""
        return f"{self.quote(column.name)}::text"

    def literal(self, text: str, column: ComparedColumn) -> str:
        """`'text'::type`."""
        return f"{self.text(text)}::{column.literal_type}"

    def among(self, column: ComparedColumn, values: Sequence[str]) -> str:
        """Once for the index, and once more byte by byte: a collation may be nondeterministic."""
        quoted = self.quote(column.name)
        listed = ", ".join(self.literal(value, column) for value in values)
        if column.literal_type in INTEGER_TYPES:
            return f"{quoted} IN ({listed})"
        exact = ", ".join(self.text(value) for value in values)
        return f'({quoted} IN ({listed}) AND {quoted}::text COLLATE "C" IN ({exact}))'

    def earlier(self, literal: str, column: ComparedColumn, seconds: int) -> str:
        """By interval; a date becomes a timestamp, which compares with dates by the same index."""
        if not is_temporal(column):
            raise ConfigurationError(
                f"sync.lookback needs a date or timestamp cursor, and {column.name!r} is {column.literal_type}.",
                todo="Remove lookback, or choose another cursor.",
            )
        return f"({literal} - interval '{int(seconds)} seconds')"

    def greater(self, keys: Sequence[str], values: Sequence[str]) -> str:
        """Row values compare by one index condition (postgresql.org/docs/current/functions-comparisons.html)."""
        return f"{_row(keys)} > {_row(values)}"

    def at_most(self, keys: Sequence[str], values: Sequence[str]) -> str:
        """As `greater`."""
        return f"{_row(keys)} <= {_row(values)}"

    def digest(self, texts: Sequence[str]) -> str:
        """By way of hexadecimal and a bit string: the shortest way from bytes to a number (measured)."""
        return f"{_first_bytes(texts, 8)}::bit(64)::bigint"

    def range_digest(self, texts: Sequence[str], rows: str, key: Sequence[str]) -> str:
        """See `RangeChecksum.HASH_OF_TEXTS`. A subquery that is sorted is not merged into the outer query."""
        short = f"CASE WHEN octet_length(_row) > {LONGEST_PLAIN_ROW} THEN sha256(_row) ELSE _row END"
        joined = f"sha256(string_agg({short}, '\\x1c'::bytea))"
        ordered = f"SELECT {_row_bytes(texts)} AS _row FROM {rows} ORDER BY {', '.join(key)}"
        return f"SELECT count(*), {_leading_bits(joined, 8)}::bit(64)::bigint FROM ({ordered}) AS texts"

    def digest_bucket(self, texts: Sequence[str], buckets: int) -> str:
        """As `digest`."""
        return f"({_first_bytes(texts, 2)}::bit(16)::integer % {int(buckets)})"


def _first_bytes(texts: Sequence[str], count: int) -> str:
    return _leading_bits(f"sha256({_row_bytes(texts)})", count)


def _row_bytes(texts: Sequence[str]) -> str:
    """In the session's encoding, which is UTF-8; `convert_to` would judge every character again."""
    return f"textsend(concat_ws(chr(31), {', '.join(texts)}))"


def _leading_bits(digest: str, count: int) -> str:
    return f"('x' || encode(substring({digest} for {count}), 'hex'))"


def is_temporal(column: ComparedColumn) -> bool:
    """The column is a point in time, so that an interval can be taken from it."""
    return column.literal_type in _TEMPORAL


def _row(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ConfigurationError("A name or value for PostgreSQL holds a NUL character.")
    return text


DIALECT = PostgresDialect()
