"""MySQL's and MariaDB's words: one quoter, one literal renderer.

Text literals are written in hexadecimal (dev.mysql.com/doc/refman/8.4/en/hexadecimal-literals.html), so no `sql_mode`
changes what they mean.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Sequence

from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn, SqlDialect
from dagster_pipeline.errors import ConfigurationError

INTEGER_TYPES = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year"})
_EXACT_NUMBERS = INTEGER_TYPES | {"decimal"}
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_TEMPORAL_LITERALS = {"date": "DATE", "datetime": "TIMESTAMP", "time": "TIME"}
_TEMPORAL = frozenset({"date", "datetime", "timestamp"})
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_TIME = re.compile(r"-?\d[\d:. -]*")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d{1,6})?")


class MySQLDialect(SqlDialect):
    """Renders the same text for both products."""

    def quote(self, name: str) -> str:
        """An identifier in back-ticks. Raises `ConfigurationError` for a NUL character."""
        if "\0" in name:
            raise ConfigurationError("A name for MySQL holds a NUL character.")
        return "`" + name.replace("`", "``") + "`"

    def text(self, value: str) -> str:
        """A string literal that no `sql_mode` can change."""
        return f"_utf8mb4 x'{value.encode().hex()}'"

    def either(self, condition: str, then: str, otherwise: str) -> str:
        """By IF: MariaDB makes a DECIMAL of CASE when one branch is an unsigned BIGINT and the other NULL."""
        return f"IF({condition}, {then}, {otherwise})"

    def compared(self, column: ComparedColumn) -> str:
        """The quoted column."""
        return self.quote(column.name)

    def canonical_text(self, column: ComparedColumn) -> str:
        """Digits and calendar text as the server prints them; bytes in hexadecimal."""
        quoted = self.quote(column.name)
        return f"HEX({quoted})" if column.literal_type in _BYTES else f"CAST({quoted} AS CHAR)"

    def literal(self, text: str, column: ComparedColumn) -> str:
        """A value of the column's type; a quoted number would be compared as a double."""
        kind = column.literal_type
        if kind in _EXACT_NUMBERS:
            return _checked(text, _NUMBER, column)
        if kind == "timestamp":
            return _instant(text, column)
        if kind in _TEMPORAL_LITERALS:
            return f"{_TEMPORAL_LITERALS[kind]}'{_checked(text, _TIME, column)}'"
        if kind in _BYTES:
            return f"x'{_checked(text, re.compile('[0-9A-F]*'), column)}'"
        return self.text(text)

    def among(self, column: ComparedColumn, values: Sequence[str]) -> str:
        """Once for the index, and once more as bytes: most collations ignore case and trailing spaces."""
        quoted = self.quote(column.name)
        listed = ", ".join(self.literal(value, column) for value in values)
        if column.literal_type in _EXACT_NUMBERS:
            return f"{quoted} IN ({listed})"
        exact = ", ".join(f"x'{value.encode().hex()}'" for value in values)
        return f"({quoted} IN ({listed}) AND CAST(CONVERT({quoted} USING utf8mb4) AS BINARY) IN ({exact}))"

    def earlier(self, literal: str, column: ComparedColumn, seconds: int) -> str:
        """By interval."""
        if not is_temporal(column):
            raise ConfigurationError(
                f"sync.lookback needs a date, datetime or timestamp cursor, and {column.name!r} is {column.literal_type}.",
                todo="Remove lookback, or choose another cursor.",
            )
        return f"({literal} - INTERVAL {int(seconds)} SECOND)"

    def greater(self, keys: Sequence[str], values: Sequence[str]) -> str:
        """Expanded, with a leading term for the index: row values are not used for ranges (dev.mysql.com, 10.2.1.22)."""
        return _row_compared(keys, values, sign=">", last=">")

    def at_most(self, keys: Sequence[str], values: Sequence[str]) -> str:
        """As `greater`."""
        return _row_compared(keys, values, sign="<", last="<=")

    def digest(self, texts: Sequence[str]) -> str:
        """SHA2 prints hexadecimal, which CONV reads as an unsigned number of 64 bits."""
        return f"CAST({_first_digits(texts, 16)} AS UNSIGNED)"

    def digest_bucket(self, texts: Sequence[str], buckets: int) -> str:
        """As `digest`."""
        return f"(CAST({_first_digits(texts, 4)} AS UNSIGNED) % {int(buckets)})"


def _first_digits(texts: Sequence[str], count: int) -> str:
    return f"CONV(LEFT(SHA2(CONCAT_WS(_utf8mb4 x'1f', {', '.join(texts)}), 256), {count}), 16, 10)"


def is_temporal(column: ComparedColumn) -> bool:
    """The column is a point in time, so that an interval can be taken from it."""
    return column.literal_type in _TEMPORAL


def _row_compared(keys: Sequence[str], values: Sequence[str], *, sign: str, last: str) -> str:
    key, value = keys[0], values[0]
    if len(keys) == 1:
        return f"{key} {last} {value}"
    rest = _row_compared(keys[1:], values[1:], sign=sign, last=last)
    return f"({key} {sign}= {value} AND ({key} {sign} {value} OR ({key} = {value} AND {rest})))"


def _instant(text: str, column: ComparedColumn) -> str:
    """UTC text as an instant: a TIMESTAMP literal would be read in the zone that the statement was prepared in."""
    found = _INSTANT.fullmatch(text)
    if found is None:  # a zero date, which has no instant
        return f"TIMESTAMP'{_checked(text, _TIME, column)}'"
    seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))
    return f"FROM_UNIXTIME({seconds}{found[2] or ''})"


def _checked(text: str, pattern: re.Pattern[str], column: ComparedColumn) -> str:
    if not pattern.fullmatch(text):
        raise ConfigurationError(
            f"{text!r} is no value of column {column.name!r} ({column.literal_type}).",
            todo="Correct the cursor in the state store, or reset it.",
        )
    return text


DIALECT = MySQLDialect()
