"""From a window, a key range and the file's own filter to one WHERE clause. Pure text, no driver.

Every row of the window lies in exactly one range of a split, NULLs too: a range is what is greater than its lower
bound and not greater than its upper one, and NULL is not greater than anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagster_pipeline.connectors.batch import KeyRange, Window
from dagster_pipeline.connectors.digest import KeySet
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn, SqlDialect

Columns = Mapping[str, ComparedColumn]


def where_clause(
    dialect: SqlDialect, columns: Columns, *, table_filter: str | None, window: Window, key_range: KeyRange
) -> str:
    """` WHERE ...` with a leading space, or nothing.

    `columns` holds at least those that the window and the range name. `table_filter` is SQL that the table's file
    gives; a line break ends a comment in it.
    """
    terms = [
        *([f"({table_filter}\n)"] if table_filter else []),
        *_window_terms(dialect, columns, window),
        *_range_terms(dialect, columns, key_range),
    ]
    return f" WHERE {' AND '.join(terms)}" if terms else ""


def key_terms(dialect: SqlDialect, columns: Columns, keys: KeySet) -> str:
    """The condition that a row's key is one of these."""
    named = [columns[name] for name in keys.columns]
    compared = [dialect.compared(column) for column in named]
    values = [_literals(dialect, named, key) for key in keys.keys]
    if len(compared) == 1:
        return f"{compared[0]} IN ({', '.join(value for (value,) in values)})"
    return f"({', '.join(compared)}) IN ({', '.join(f'({chr(44).join(value)})' for value in values)})"


def _window_terms(dialect: SqlDialect, columns: Columns, window: Window) -> list[str]:
    if window.cursor is None:
        return []
    column = columns[window.cursor]
    compared = dialect.compared(column)
    terms = []
    if window.lower is not None:
        lower = dialect.literal(window.lower, column)
        if window.lookback_seconds:
            lower = dialect.earlier(lower, column, window.lookback_seconds)
        terms.append(f"{compared} {'>=' if window.lower_inclusive else '>'} {lower}")
    if window.upper is not None:
        sign = "<=" if window.upper_inclusive else "<"
        terms.append(f"{compared} {sign} {dialect.literal(window.upper, column)}")
    if window.values:
        among = dialect.among(column, window.values)
        terms.append(f"NOT ({among})" if window.all_but_values else among)
    if not column.nullable:
        return terms
    if window.include_nulls:
        return [f"({' AND '.join(terms)} OR {compared} IS NULL)"] if terms else []
    return terms or [f"{compared} IS NOT NULL"]


def _range_terms(dialect: SqlDialect, columns: Columns, key_range: KeyRange) -> list[str]:
    keys = [columns[name] for name in key_range.columns]
    compared = [dialect.compared(key) for key in keys]
    terms = []
    if key_range.lower is not None:
        terms.append(dialect.greater(compared, _literals(dialect, keys, key_range.lower)))
    if key_range.upper is not None:
        upper = _literals(dialect, keys, key_range.upper)
        at_most = dialect.at_most(compared, upper)
        if any(key.nullable for key in keys) and (key_range.lower is None or len(keys) > 1):
            at_most = f"({at_most}) IS NOT FALSE"
            # The first column alone can still use an index where there is one.
            if key_range.lower is not None:
                terms.append(dialect.at_most(compared[:1], upper[:1]))
        terms.append(at_most)
    return terms


def _literals(dialect: SqlDialect, keys: Sequence[ComparedColumn], values: Sequence[str]) -> list[str]:
    return [dialect.literal(value, key) for value, key in zip(values, keys, strict=True)]
