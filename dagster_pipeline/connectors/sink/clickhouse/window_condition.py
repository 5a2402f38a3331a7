"""A window over a destination table as a ClickHouse condition. Pure.

The condition means the very rows that the source's own one means: values arrive as they were, times stand in UTC, and
the listed values are compared byte for byte.
"""

from __future__ import annotations

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string


def window_condition(window: Window, table: SinkTable) -> str:
    """The rows of a partition window: a half-open span of time, or listed values."""
    column = quote_identifier(window.cursor or "")
    type_ = column_type(table, window.cursor or "")
    if window.values:
        return f"{_text(column, type_)} IN ({', '.join(map(quote_string, window.values))})"
    upper = "<=" if window.upper_inclusive else "<"
    terms = [
        f"{column} {sign} {_moment(value, type_)}"
        for sign, value in ((">=", window.lower), (upper, window.upper))
        if value is not None
    ]
    return f"({' AND '.join(terms) or '1'})"


def column_type(table: SinkTable, name: str) -> str:
    """The stored type without `LowCardinality` and `Nullable`."""
    type_ = next(column.type for column in table.columns if column.name == name)
    for wrapper in ("LowCardinality(", "Nullable("):
        type_ = type_.removeprefix(wrapper)
    return type_


def _text(column: str, type_: str) -> str:
    """Text as it is, so that an index serves; numbers and enums by their text."""
    return column if type_.startswith("String") else f"toString({column})"


def _moment(text: str, type_: str) -> str:
    if type_.startswith("Date") and not type_.startswith("DateTime"):
        return f"toDate32({quote_string(text)})"
    return f"toDateTime64({quote_string(text)}, 6, 'UTC')"
