"""Takes one snapshot: its rows go into a staging table, and one statement puts them in the place of that date's partition.

Killed at any moment, the table holds the date's snapshot as it was before, or the new one; the next run of the same period
drops what was staged and begins anew. Only while ClickHouse itself is killed within the statement that replaces may it
start again with a part of the new rows, and the next run puts that right: to merge the rows into one part before would
triple the time (measured with 5 million rows).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.slice_replacement import COPY_SETTINGS
from dagster_pipeline.errors import ConfigurationError, ShrinkRefusedError
from dagster_pipeline.schema.snapshot_files import DATE_COLUMN, Snapshot
from dagster_pipeline.snapshots.judgement import SizeVerdict, judge_size, loses_rows
from dagster_pipeline.snapshots.periods import Period, oldest_kept, period_of_key, require_takeable
from dagster_pipeline.snapshots.selection import history, rows_of
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.sync.destination import sink_table, staging_name
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

SPILL_BYTES = 1 << 30
SPILLING = {"max_bytes_before_external_sort": SPILL_BYTES, "max_bytes_before_external_group_by": SPILL_BYTES}
"""A sort or an aggregation that grows beyond this goes on on the warehouse's disk."""


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """One snapshot that was taken.

    Attributes:
        day: `_snapshot_date`.
        rows: how many rows it has.
        replaced: rows of the snapshot of that date that stood there before; `None` when there was none.
        size: the judgement on `rows`.
        dropped: dates whose snapshots retention ended.
        table: where it is.
        seconds: from the lock to the end.
        statements: what filled it and put it in place.
    """

    day: date
    rows: int
    replaced: int | None
    size: SizeVerdict
    dropped: tuple[date, ...]
    table: SinkTable
    seconds: float
    statements: tuple[str, ...]


def read_tables(snapshot: Snapshot) -> dict[str, SinkTable]:
    """The tables that a snapshot reads, as they stand in the warehouse, by name."""
    return {name: sink_table(table, TypeMapper().map(table)) for name, table in snapshot.reads.items()}


def destination_table(snapshot: Snapshot, columns: tuple[SinkColumn, ...]) -> SinkTable:
    """The table that holds the snapshots, given the columns that are copied."""
    file = snapshot.file
    return SinkTable(
        database=snapshot.database,
        name=snapshot.table,
        columns=(
            SinkColumn(DATE_COLUMN, "Date", "Last day of the period whose end the row shows."),
            *columns,
        ),
        engine="MergeTree",
        order_by=(DATE_COLUMN, *snapshot.order_by),
        partition_by=DATE_COLUMN,
        ttl="",
        settings=file.destination.settings,
        comment=file.description,
        tracks_deletes=False,
        primary_key=(),
        is_versioned=False,
    )


def planned_table(snapshot: Snapshot, source: SinkTable) -> SinkTable:
    """The same as far as files tell, for a snapshot of a table."""
    there = {column.name: column for column in source.columns}
    return destination_table(snapshot, tuple(there[column.name] for column in snapshot.columns))


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SnapshotRun:
    """One run of one snapshot file.

    Args:
        snapshot: what to take.
        sink: the warehouse.
        state: where the lock is.
        run_id: told to whoever finds the lock held, and to whoever watches the warehouse.
        allow_shrink: let an existing snapshot be replaced by an empty or much smaller one.
        now: the clock.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        sink: ClickHouseSink,
        state: BaseStateStore,
        run_id: str,
        allow_shrink: bool = False,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._snapshot = snapshot
        self._sink = sink
        self._state = state
        self._run_id = run_id
        self._allow_shrink = allow_shrink
        self._now = now

    def take(self, key: str) -> SnapshotResult:
        """Take the snapshot of a partition, in place of the one that may exist.

        Raises `ConfigurationError` when its rows cannot be known, `ShrinkRefusedError`, `TableLockedError`.
        """
        period = period_of_key(self._snapshot, key)
        require_takeable(self._snapshot, period, self._now())
        owner = f"snapshot run {self._run_id}"
        with self._state.lock(self._snapshot.name, owner=owner, partition=key) as lock:
            return self._take(period, lock)

    def _take(self, period: Period, lock: TableLock) -> SnapshotResult:
        began = time.monotonic()
        select = rows_of(self._snapshot, period, self._sources())
        columns = self._columns(select)
        table = destination_table(self._snapshot, columns)
        self._sink.ensure_table(table)
        self._drop_leftovers(table, period)
        staging = self._sink.create_like(table, staging_name(table.name, _staging_id(period)))
        try:
            filled = self._fill(staging, columns, select, period)
            rows = self._count(staging)
            there = self._existing(table)
            self._refuse_loss(period, rows, there.get(period.last, 0))
            lock.assert_held()
            shown = self._show(table, staging, period, rows)
        finally:
            self._sink.drop(staging.database, staging.name)
        dropped = self._expire(table, there, lock)
        self._make_view(table, columns)
        size = judge_size(period.last, rows, there, max_shrink=self._snapshot.file.max_shrink)
        return SnapshotResult(
            day=period.last,
            rows=rows,
            replaced=there.get(period.last),
            size=size,
            dropped=dropped,
            table=table,
            seconds=time.monotonic() - began,
            statements=(filled, shown),
        )

    def _sources(self) -> dict[str, SinkTable]:
        tables = read_tables(self._snapshot)
        for name, table in tables.items():
            if not self._sink.table_id(table.database, table.name):
                raise ConfigurationError(
                    f"{self._snapshot.name}: {name} is not in the warehouse yet.", todo="Load it first."
                )
            self._sink.catch_up(table)
        return tables

    def _columns(self, select: str) -> tuple[SinkColumn, ...]:
        """Names and types as the warehouse sees them, comments as the table's file says."""
        comments = {column.name: column.description for column in self._snapshot.columns}
        described = self._sink.describe(select, doing=f"Understanding {self._snapshot.path.name}")
        columns = tuple(replace(column, comment=comments.get(column.name, "")) for column in described)
        names = {column.name for column in columns}
        view = self._snapshot.file.slowly_changing
        missing = [
            name for name in (*self._snapshot.key, *(view.columns if view else ())) if name not in names
        ]
        if missing or DATE_COLUMN in names:
            what = f"lack(s) {', '.join(missing)}" if missing else f"hold {DATE_COLUMN}, which is ours"
            raise ConfigurationError(
                f"{self._snapshot.name}: the columns of its source {what}.",
                todo=f"Correct {self._snapshot.path.name}; the source has {', '.join(sorted(names))}.",
            )
        return columns

    def _drop_leftovers(self, table: SinkTable, period: Period) -> None:
        """What killed runs of this period have staged; the lock tells that none of them lives."""
        start = staging_name(table.name, period.partition_id)
        for name in self._sink.stagings(table):
            if name.startswith(start):
                self._sink.drop(table.database, name)

    def _fill(self, staging: SinkTable, columns: tuple[SinkColumn, ...], select: str, period: Period) -> str:
        names = ", ".join(quote_identifier(column.name) for column in (staging.columns[0], *columns))
        ours = ", ".join(quote_identifier(column.name) for column in columns)
        statement = (
            f"INSERT INTO {quote_table(staging.database, staging.name)} ({names}) "
            f"SELECT toDate({quote_string(period.last.isoformat())}), {ours} FROM ({select})"
        )
        self._sink.run(
            statement,
            doing=f"Taking {self._snapshot.name} of {period.last}",
            settings={
                **COPY_SETTINGS,
                **SPILLING,
                "do_not_merge_across_partitions_select_final": 0,
                "log_comment": f"{self._snapshot.name} run {self._run_id}",
            },
        )
        return statement

    def _count(self, table: SinkTable) -> int:
        ((rows,),) = self._sink.rows(f"SELECT count() FROM {quote_table(table.database, table.name)}")
        return int(rows)

    def _existing(self, table: SinkTable) -> dict[date, int]:
        """Rows by date, from the parts' own counts."""
        self._sink.catch_up(table)
        found = self._sink.rows(
            "SELECT partition_id, sum(rows) FROM system.parts WHERE active AND rows > 0 "
            "AND database = {database:String} AND table = {table:String} GROUP BY partition_id",
            {"database": table.database, "table": table.name},
        )
        return {datetime.strptime(str(id_), "%Y%m%d").date(): int(rows) for id_, rows in found}

    def _refuse_loss(self, period: Period, rows: int, there: int) -> None:
        if self._allow_shrink or not loses_rows(rows, there, max_shrink=self._snapshot.file.max_shrink):
            return
        raise ShrinkRefusedError(
            f"{self._snapshot.name}: the snapshot of {period.last} has {there:,} row(s), and its replacement {rows:,}.",
            todo="The snapshot stays as it is. Run it with allow_shrink if the new one is right.",
        )

    def _show(self, table: SinkTable, staging: SinkTable, period: Period, rows: int) -> str:
        """One statement, atomic for readers; an empty partition cannot replace one, so the old one is dropped."""
        partition = f"PARTITION ID {quote_string(period.partition_id)}"
        clause = (
            f"REPLACE {partition} FROM {quote_table(staging.database, staging.name)}"
            if rows
            else f"DROP {partition}"
        )
        return self._alter(table, clause, doing=f"Putting {self._snapshot.name} of {period.last} in place")

    def _expire(self, table: SinkTable, there: Mapping[date, int], lock: TableLock) -> tuple[date, ...]:
        kept = oldest_kept(self._snapshot, self._now())
        old = tuple(sorted(day for day in there if kept is not None and day < kept.first))
        for day in old:
            lock.assert_held()
            self._alter(
                table, f"DROP PARTITION ID '{day:%Y%m%d}'", doing=f"Dropping {self._snapshot.name} of {day}"
            )
        return old

    def _alter(self, table: SinkTable, clause: str, *, doing: str) -> str:
        statement = f"ALTER TABLE {quote_table(table.database, table.name)} {clause}"
        self._sink.run(statement, doing=doing, settings={"max_partition_size_to_drop": 0})
        return statement

    def _make_view(self, table: SinkTable, columns: tuple[SinkColumn, ...]) -> None:
        wanted = self._snapshot.file.slowly_changing
        if wanted is None:
            return
        key = self._snapshot.key
        watched = wanted.columns or tuple(column.name for column in columns if column.name not in key)
        comment = f"How long each state of {', '.join(key)} was seen in {table.full_name}."
        self._sink.replace_view(
            table.database, wanted.view, history(table, columns, key, watched), comment=comment
        )


def _staging_id(period: Period) -> str:
    """The date, so that a later run of it finds what was left, and four letters of its own, so that none is shared."""
    return period.partition_id + uuid.uuid4().hex[:4]
