"""Finds rows that are gone at the source without anybody having said so, and marks them as deleted.

After a load, the keys of both sides are compared by digests of key ranges; where they differ, the keys themselves tell
which rows only the warehouse has. Those are written once more with a newer `_version` and `_deleted` set. A cap stops a
source that lost its rows by accident from emptying the warehouse. A key that is back later is simply loaded again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import EVERYTHING, SourceTable
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable
from dagster_pipeline.connectors.sink.comparable_sink import ComparableSink
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector
from dagster_pipeline.connectors.sources.comparable_source import ComparableSource
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reconcile.compare import Comparison
from dagster_pipeline.reconcile.deletion_cap import DeletionCap
from dagster_pipeline.reconcile.difference import Difference, Kind
from dagster_pipeline.reconcile.mending import mark_deleted
from dagster_pipeline.reconcile.request import keys_only
from dagster_pipeline.state.base_state_store import TableLock
from dagster_pipeline.sync.drift import Agreement

MOST_VANISHED = 1_000_000
"""Keys that are held in memory until the cap has been judged, some hundred bytes each."""


@dataclass(frozen=True, kw_only=True)
class VanishedRows:
    """The search in one table.

    Attributes:
        rows: about how many rows the table has.
    """

    source: BaseSourceConnector
    sink: BaseSinkConnector
    table: SinkTable
    agreement: Agreement
    described: SourceTable
    rows: int
    query_comment: str

    def find(self, lock: TableLock) -> tuple[Difference, ...]:
        """Every row that only the warehouse has. Raises `ConfigurationError` when the two sides cannot be compared."""
        found: list[Difference] = []
        for vanished in self._vanished(lock):
            found.append(vanished)
            if len(found) > MOST_VANISHED:
                raise ConfigurationError(
                    f"{self.table.full_name}: more than {MOST_VANISHED:,} rows are gone at the source.",
                    todo="Run a full refresh, which replaces the whole table.",
                )
        return tuple(found)

    def mark(self, vanished: tuple[Difference, ...], cap: DeletionCap, *, rows: int, version: int) -> int:
        """Mark them, unless the cap forbids it; returns how many. `rows` are those that a reader sees."""
        cap.judge(len(vanished), rows, table=self.table.full_name)
        if not isinstance(self.sink, ComparableSink):
            raise self._not_comparable()
        return mark_deleted(self.sink, self.table, vanished, version=version)

    def _vanished(self, lock: TableLock) -> Iterator[Difference]:
        for part in self._comparison().parts():
            lock.assert_held()
            yield from (each for each in part.differences if each.kind is Kind.EXTRA)

    def _comparison(self) -> Comparison:
        if not isinstance(self.source, ComparableSource) or not isinstance(self.sink, ComparableSink):
            raise self._not_comparable()
        agreement, source = self.agreement, self.source
        return Comparison(
            source=source,
            sink=self.sink,
            table=self.table,
            request=keys_only(agreement.schema, agreement.mappings, query_comment=self.query_comment),
            split=lambda rows: self.source.split(self.table.primary_key, window=EVERYTHING, target_rows=rows),
            table_rows=max(self.described.estimated_rows, self.rows),
        )

    def _not_comparable(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.table.full_name}: its source and its warehouse cannot be compared.",
            todo="Set sync.deletes to ignore.",
        )
