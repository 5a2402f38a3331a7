"""Cuts one table's window into key ranges: chooses how, and writes the questions that the choice needs.

Which way is taken:
- what the optimizer expects to be at most one target is one range, or a few for as many streams, where one would wait for
  a disk row by row;
- a window that is to be cut by keys without its cursor is one that no index finds: the whole table has to be read for it,
  so it is the whole table that is cut;
- a single integer key, when the window has no lower end, is halved by the optimizer's estimates (`keyset.bisect`);
- everything else is walked along its index (`keyset.walk`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dagster_pipeline.connectors.batch import EVERYTHING, WHOLE_TABLE, KeyRange, Window
from dagster_pipeline.connectors.sources import keyset
from dagster_pipeline.connectors.sources.predicates import Columns, where_clause
from dagster_pipeline.connectors.sources.sql_dialect import SqlDialect

STREAM_ROWS = 5_000
"""Rows that are worth a stream of their own where each is looked up in another place, in up to 0.1 ms from a disk."""

STREAM_TABLE_ROWS = 250_000
"""The same for rows of a table that is read over."""


@dataclass(frozen=True, kw_only=True)
class KeySplitter:
    """One table, ready to be asked.

    Attributes:
        relation: the quoted table.
        table_filter: the file's own `where`.
        analyzed: the catalog knows how many rows the table has, so estimates for parts of it can be trusted.
        integer_types: literal types of integer columns.
        is_clustered: rows lie in the order of the primary key, and every index holds that key, too.
        indexed: columns that an index is known to begin with.
        ask: runs a statement and returns its rows.
        estimate: about how many rows a statement returns, without running it.
    """

    dialect: SqlDialect
    columns: Columns
    relation: str
    table_filter: str | None
    analyzed: bool
    integer_types: frozenset[str]
    is_clustered: bool
    indexed: frozenset[str]
    ask: Callable[[str], Sequence[tuple[Any, ...]]]
    estimate: Callable[[str], int]

    def split(
        self,
        keys: tuple[str, ...],
        window: Window,
        target_rows: int,
        *,
        streams: int = 1,
        rows_at_most: int | None = None,
    ) -> tuple[KeyRange, ...]:
        """Ranges of `keys`, each of about `target_rows` rows of the window; the whole table when there are no keys.

        `streams` ranges are read at the same time. The window is known to have no more than `rows_at_most` rows.
        """
        if not keys:
            return (WHOLE_TABLE,)
        one_range = KeyRange(keys)
        if window.lower is not None and window.cursor not in keys:
            if rows_at_most is not None and rows_at_most <= target_rows:
                if not (self.is_clustered and self._can_be_bisected(keys, EVERYTHING)):
                    return (one_range,)
                target_rows = max(self._expected(EVERYTHING) // streams, STREAM_TABLE_ROWS)
            window = EVERYTHING
        expected = self._expected(window)
        if expected <= target_rows and (self.analyzed or self._expected(EVERYTHING) <= target_rows):
            parts, rows = self._streams(window, expected, streams)
            if parts == 1:
                return (one_range,)
            target_rows = rows // parts + 1
        bounds = None
        if self._can_be_bisected(keys, window):
            bounds = self._bisected(keys, target_rows)
        if bounds is None:
            bounds = keyset.walk(lambda after: self._key_after(window, target_rows, KeyRange(keys, after)))
        return keyset.ranges_between(keys, bounds)

    def _can_be_bisected(self, keys: tuple[str, ...], window: Window) -> bool:
        is_integer = self.columns[keys[0]].literal_type in self.integer_types
        return len(keys) == 1 and window.lower is None and is_integer

    def _streams(self, window: Window, expected: int, streams: int) -> tuple[int, int]:
        """In how many ranges a small window is best read, and its rows, counted in the index where that matters."""
        is_looked_up = self.is_clustered and window.lower is not None and window.cursor in self.indexed
        if streams == 1 or not is_looked_up or expected < 2 * STREAM_ROWS:
            return 1, expected
        ((rows,),) = self.ask(self._select("count(*)", self._where(window)))
        return max(1, min(streams, rows // STREAM_ROWS)), rows

    def _expected(self, window: Window) -> int:
        return self.estimate(self._select("1", self._where(window)))

    def _where(self, window: Window, key_range: KeyRange = WHOLE_TABLE) -> str:
        return where_clause(
            self.dialect, self.columns, table_filter=self.table_filter, window=window, key_range=key_range
        )

    def _bisected(self, keys: tuple[str, ...], target_rows: int) -> list[keyset.Key] | None:
        key = self.dialect.compared(self.columns[keys[0]])
        ((lowest, highest),) = self.ask(self._select(f"MIN({key}), MAX({key})", ""))
        if lowest is None:
            return []

        def estimate(lower: int, upper: int) -> int:
            part = KeyRange(keys, (str(lower),), (str(upper),))
            where = where_clause(
                self.dialect, self.columns, table_filter=None, window=EVERYTHING, key_range=part
            )
            return self.estimate(self._select(key, where))

        return keyset.bisect(
            int(lowest),
            int(highest),
            target_rows=target_rows,
            table_rows=self.estimate(self._select(key, "")),
            estimate=estimate,
        )

    def _key_after(self, window: Window, target_rows: int, beyond: KeyRange) -> keyset.Key | None:
        """The key that lies a target beyond the lower end of a range, `None` when the range has fewer rows."""
        columns = [self.columns[name] for name in beyond.columns]
        where = self._where(window, beyond)
        # A NULL key is in the first range whatever its bound, and no bound itself.
        for column in columns:
            if column.nullable:
                where += f"{' AND' if where else ' WHERE'} {self.dialect.compared(column)} IS NOT NULL"
        # Named, since PostgreSQL calls a cast column by the column's name and would order by the text.
        texts = ", ".join(
            f"{self.dialect.canonical_text(column)} AS {self.dialect.quote(f'key_{place}')}"
            for place, column in enumerate(columns)
        )
        order = ", ".join(self.dialect.compared(column) for column in columns)
        rows = self.ask(
            self._select(texts, where) + f" ORDER BY {order} LIMIT 1 OFFSET {int(target_rows) - 1}"
        )
        return tuple(str(text) for text in rows[0]) if rows else None

    def _select(self, what: str, where: str) -> str:
        return f"SELECT {what} FROM {self.relation}{where}"
