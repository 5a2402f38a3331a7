"""Reconciles one table: the order of the steps, under the table's lock, so that no load of ours moves it meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dagster_pipeline.connectors.batch import EVERYTHING, SourceTable
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.sql_source import SqlSource
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reconcile.clear_keys import with_clear_key
from dagster_pipeline.reconcile.compare import Comparison
from dagster_pipeline.reconcile.deletion_cap import DeletionCap
from dagster_pipeline.reconcile.difference import Compared, Difference, Kind
from dagster_pipeline.reconcile.mending import Reload, mark_deleted
from dagster_pipeline.reconcile.request import whole_rows
from dagster_pipeline.reconcile.result import ReconcileResult
from dagster_pipeline.schema.models import Deletes, OnBadRow, SyncMode, TableSchema
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import TableState
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.sync.drift import Agreement, agree
from dagster_pipeline.sync.version import greatest_version
from dagster_pipeline.throttle import Throttle
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

SHOWN_OF_A_KIND = 5
KEYS_AT_ONCE = 10_000
MOST_DIFFERENCES = 100_000
"""Beyond that a table is not mended row by row: it must be loaded again."""


@dataclass(frozen=True, slots=True)
class ReconcileConfig:
    """Choices for one reconciliation.

    Attributes:
        repair: load again what is missing or different, and mark what is gone, where the table tracks deletes.
        rows_per_second: at most so many rows are read from each side; `None` is no limit.
        allow_deletes: mark also more rows than `sync.max_delete` allows.
    """

    repair: bool = False
    rows_per_second: int | None = None
    allow_deletes: bool = False


@dataclass(slots=True)
class _Tally:
    """What has been found so far: numbers, a few samples, and keys to be marked, of which there is a limit."""

    source_rows: int = 0
    warehouse_rows: int = 0
    reread_rows: int = 0
    parts: int = 0
    pending: int = 0
    quarantined: int = 0
    repaired: int = 0
    marked: int = 0
    set_aside: frozenset[tuple[str, ...]] = frozenset()
    found: Counter[Kind] = field(default_factory=Counter)
    samples: list[Difference] = field(default_factory=list)
    vanished: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_complete: bool = True

    def add(self, part: Compared) -> list[Difference]:
        """Count a part; returns its rows that are at fault."""
        self.parts += 1
        self.source_rows += part.source_rows
        self.warehouse_rows += part.warehouse_rows
        self.reread_rows += part.reread_rows
        settled = [difference for difference in part.differences if not difference.pending]
        self.pending += len(part.differences) - len(settled)
        at_fault = [each for each in settled if each.kind is Kind.EXTRA or each.own_key not in self.set_aside]
        self.quarantined += len(settled) - len(at_fault)
        for difference in at_fault:
            self.found[difference.kind] += 1
            if self.found[difference.kind] <= SHOWN_OF_A_KIND:
                self.samples.append(difference)
        self.vanished += (difference for difference in at_fault if difference.kind is Kind.EXTRA)
        return at_fault


class TableReconciliation:
    """Holds one table against its source, once."""

    def __init__(
        self,
        schema: TableSchema,
        *,
        source: SqlSource[Any],
        sink: ClickHouseSink,
        state: BaseStateStore,
        run_id: str,
        config: ReconcileConfig | None = None,
        mapper: TypeMapper | None = None,
    ) -> None:
        self._schema = schema
        self._source = source
        self._sink = sink
        self._state = state
        self._run_id = run_id
        self._config = config or ReconcileConfig()
        self._mapper = mapper or TypeMapper()
        self._comment = f"dagster_pipeline reconcile table={schema.name} run={run_id}"

    def run(self) -> ReconcileResult:
        """Do it. Raises `PipelineError`s only; what was mended until then stays mended.

        `ConfigurationError`: the table has no primary key, or was never loaded.
        """
        began = time.monotonic()
        tally = _Tally()
        with self._state.lock(self._schema.name, owner=self._run_id) as lock:
            described = self._source.describe()
            reconciled = agree(self._schema, described, self._mapper)
            table = sink_table(reconciled.schema, reconciled.mappings)
            self._require_loaded_and_keyed(table)
            before = self._state.read(self._schema.name)
            comparison = self._comparison(reconciled, table, described, before)
            tally.set_aside = self._set_aside(table)
            reload = self._reload(comparison, reconciled, before) if self._config.repair else None
            self._compare(comparison, reload, tally, lock)
            self._mark(tally, table, reload)
        return self._result(tally, time.monotonic() - began)

    def _require_loaded_and_keyed(self, table: SinkTable) -> None:
        if not table.primary_key:
            raise ConfigurationError(
                f"{table.full_name} has no primary key, so its rows cannot be told apart.",
                todo="Mark the key's columns with primary_key: true, or do not reconcile it.",
            )
        if not self._sink.table_id(table.database, table.name):
            raise ConfigurationError(f"{table.full_name} is not in the warehouse yet.", todo="Load it first.")
        self._sink.ensure_table(table)
        self._sink.catch_up(table)

    def _set_aside(self, table: SinkTable) -> frozenset[tuple[str, ...]]:
        """The keys in quarantine, as far as differences are counted at all: that they differ is known."""
        if self._schema.sync.on_bad_row is not OnBadRow.QUARANTINE:
            return frozenset()
        keys: set[tuple[str, ...]] = set()
        for rows in self._sink.quarantine_of(table).rows(KEYS_AT_ONCE):
            keys.update(row.key for row in rows)
            if len(keys) > MOST_DIFFERENCES:
                break
        return frozenset(keys)

    def _comparison(
        self, reconciled: Agreement, table: SinkTable, described: SourceTable, before: TableState
    ) -> Comparison:
        request = whole_rows(
            reconciled.schema, reconciled.mappings, cursor=before.cursor, query_comment=self._comment
        )
        rows = max(described.estimated_rows, before.rows or 0)
        return Comparison(
            source=self._source,
            sink=self._sink,
            table=table,
            request=request,
            split=lambda rows: self._source.split(table.primary_key, window=EVERYTHING, target_rows=rows),
            table_rows=rows,
            pace=Throttle(self._config.rows_per_second),
        )

    def _reload(self, comparison: Comparison, reconciled: Agreement, before: TableState) -> Reload:
        above = greatest_version(before, self._sink, comparison.table)
        return Reload(
            source=self._source,
            sink=self._sink,
            table=comparison.table,
            mappings=reconciled.mappings,
            window=comparison.request.window,
            version=self._state.next_version(self._schema.name, above=above),
            query_comment=self._comment,
        )

    def _compare(self, comparison: Comparison, reload: Reload | None, tally: _Tally, lock: TableLock) -> None:
        for part in comparison.parts():
            lock.assert_held()
            at_fault = tally.add(part)
            if reload is not None:
                tally.repaired += reload([each for each in at_fault if each.kind is not Kind.EXTRA])
            if tally.found.total() > MOST_DIFFERENCES:
                tally.is_complete = False
                tally.notes.append(
                    f"More than {MOST_DIFFERENCES:,} rows differ, so the comparison stopped after {tally.source_rows:,} "
                    "of the source's rows. Load the table in full."
                )
                return

    def _mark(self, tally: _Tally, table: SinkTable, reload: Reload | None) -> None:
        """Mark what is gone at the source, after everything was counted, so that the cap can be judged."""
        if reload is None or not tally.vanished or not table.tracks_deletes or not tally.is_complete:
            return
        cap = DeletionCap(self._schema.sync.max_delete, approved=self._config.allow_deletes)
        cap.judge(len(tally.vanished), tally.warehouse_rows, table=table.full_name)
        tally.marked = mark_deleted(self._sink, table, tally.vanished, version=reload.version)

    def _result(self, tally: _Tally, seconds: float) -> ReconcileResult:
        sync = self._schema.sync
        tolerates = sync.deletes is Deletes.IGNORE and sync.mode is not SyncMode.FULL
        found = dict(tally.found)
        clear = with_clear_key(self._schema, tally.vanished)
        if clear:
            tally.notes.append(
                f"{clear:,} rows hold their key as it was before its mask. Load the table in full, which drops them."
            )
        tolerated = found.pop(Kind.EXTRA, 0) - clear if tolerates else 0
        if tolerates and clear:
            found[Kind.EXTRA] = clear
        return ReconcileResult(
            table=self._schema.name,
            source_rows=tally.source_rows,
            warehouse_rows=tally.warehouse_rows,
            found=found,
            pending=tally.pending,
            quarantined=tally.quarantined,
            tolerated=tolerated,
            repaired=tally.repaired,
            marked=tally.marked,
            parts=tally.parts,
            reread_rows=tally.reread_rows,
            seconds=seconds,
            samples=tuple(tally.samples),
            notes=tuple(tally.notes),
            is_complete=tally.is_complete,
        )
