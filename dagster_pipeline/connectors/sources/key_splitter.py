"""Cuts one table's window into key ranges: chooses how, and writes the questions that the choice needs.

Which way is taken:
- what the optimizer expects to be at most one target is one range;
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


@dataclass(frozen=True, kw_only=True)
class KeySplitter:
    """One table, ready to be asked.

    Attributes:
        relation: the quoted table.
        table_filter: the file's own `where`.
        analyzed: the catalog knows how many rows the table has, so estimates for parts of it can be trusted.
        integer_types: literal types of integer columns.
        ask: runs a statement and returns its rows.
        estimate: about how many rows a statement returns, without running it.
    """

    dialect: SqlDialect
    columns: Columns
    relation: str
    table_filter: str | None
    analyzed: bool
    integer_types: frozenset[str]
    ask: Callable[[str], Sequence[tuple[Any, ...]]]
    estimate: Callable[[str], int]

    def split(
        self, keys: tuple[str, ...], window: Window, target_rows: int, *, within: KeyRange = WHOLE_TABLE
    ) -> tuple[KeyRange, ...]:
        """Ranges of `keys`, each of about `target_rows` rows of the window; the whole table when there are no keys.

        `within` is a range of the same keys that is cut instead of the whole table.
        """
        if not keys:
            return (WHOLE_TABLE,)
        if self._is_one_range(window, target_rows, within):
            return (KeyRange(keys, within.lower, within.upper),)
        bounds = None
        if (
            len(keys) == 1
            and window.lower is None
            and self.columns[keys[0]].literal_type in self.integer_types
        ):
            bounds = self._bisected(keys, target_rows, within)
        if bounds is None:
            bounds = keyset.walk(
                lambda after: self._key_after(
                    window, target_rows, KeyRange(keys, after or within.lower, within.upper)
                )
            )
        return keyset.ranges_between(keys, bounds, within)

    def _is_one_range(self, window: Window, target_rows: int, within: KeyRange) -> bool:
        where = where_clause(
            self.dialect, self.columns, table_filter=self.table_filter, window=window, key_range=within
        )
        if self.estimate(self._select("1", where)) > target_rows:
            return False
        return self.analyzed or self.estimate(self._select("1", "")) <= target_rows

    def _bisected(self, keys: tuple[str, ...], target_rows: int, within: KeyRange) -> list[keyset.Key] | None:
        key = self.dialect.compared(self.columns[keys[0]])
        inside = where_clause(
            self.dialect, self.columns, table_filter=None, window=EVERYTHING, key_range=within
        )
        ((lowest, highest),) = self.ask(self._select(f"MIN({key}), MAX({key})", inside))
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
            table_rows=self.estimate(self._select(key, inside)),
            estimate=estimate,
        )

    def _key_after(self, window: Window, target_rows: int, beyond: KeyRange) -> keyset.Key | None:
        """The key that lies a target beyond the lower end of a range, `None` when the range has fewer rows."""
        columns = [self.columns[name] for name in beyond.columns]
        where = where_clause(
            self.dialect, self.columns, table_filter=self.table_filter, window=window, key_range=beyond
        )
        # A NULL key is in the first range whatever its bound, and no bound itself.
        for column in columns:
            if column.nullable:
                where += f"{' AND' if where else ' WHERE'} {self.dialect.compared(column)} IS NOT NULL"
        texts = ", ".join(self.dialect.canonical_text(column) for column in columns)
        order = ", ".join(self.dialect.compared(column) for column in columns)
        rows = self.ask(
            self._select(texts, where) + f" ORDER BY {order} LIMIT 1 OFFSET {int(target_rows) - 1}"
        )
        return tuple(str(text) for text in rows[0]) if rows else None

    def _select(self, what: str, where: str) -> str:
        return f"SELECT {what} FROM {self.relation}{where}"
