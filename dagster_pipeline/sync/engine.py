"""The one loop that brings a table forward. The order of the calls is the delivery guarantee; read `run` from the top.

Why a crash anywhere is harmless:
- before the ledger is written, nothing happened but an empty staging table, which the next run drops;
- a chunk that was started and not committed is written again: into a table that collapses by key that replaces the
  rows, into any other the chunk is one atomic block under its token, which the sink takes once;
- where neither holds (a full load of a table without key), the staging table is emptied and the load begins anew;
- around the exchange, the staging table's own identity says whether it has happened;
- partitions are replaced from a staging table that stands until the load is closed, and may be replaced again;
- the cursor moves in the same transaction that closes the load.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dagster_pipeline.connectors.batch import SourceBounds, SourceTable, Window
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable, WriteRequest
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.reconcile.deletion_cap import DeletionCap
from dagster_pipeline.schema.models import Deletes, SyncMode, TableSchema
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import Chunk, ChunkStatus, Load, LoadStatus, TableState
from dagster_pipeline.sync.append_guard import refuse_half_a_load, refuse_unknown_position, repeats_rows
from dagster_pipeline.sync.chunk_mover import ChunkMover
from dagster_pipeline.sync.config import SyncConfig, refuse_senseless
from dagster_pipeline.sync.deletes import VanishedRows
from dagster_pipeline.sync.destination import sink_table, staging_name
from dagster_pipeline.sync.drift import Reconciled, reconcile
from dagster_pipeline.sync.gained_columns import backfill_brings, cannot_reread, loaded_rows_lack, rereads
from dagster_pipeline.sync.lost_lock import lost_lock_comes_first
from dagster_pipeline.sync.partition_publisher import PartitionPublisher, rebuilt_name
from dagster_pipeline.sync.partition_slice import PartitionSlice, loads_all, outside_all_partitions, overlap
from dagster_pipeline.sync.plan import PARTITION, SyncPlan, fingerprint, plan_sync, resumable
from dagster_pipeline.sync.progress import Progress, ProgressMeter
from dagster_pipeline.sync.result import Moved, SyncResult
from dagster_pipeline.sync.shrink_guard import refuse_shrink
from dagster_pipeline.sync.table_lock import hold, holds_table
from dagster_pipeline.sync.version import greatest_version
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

REPORT_SECONDS = 5.0
CHUNK_ATTEMPTS = 4


class TableSync:
    """Brings one table forward, once."""

    def __init__(
        self,
        schema: TableSchema,
        *,
        source: BaseSourceConnector,
        sink: BaseSinkConnector,
        state: BaseStateStore,
        run_id: str,
        config: SyncConfig | None = None,
        report: Callable[[Progress], None] = lambda _progress: None,
        mapper: TypeMapper | None = None,
        part: PartitionSlice | None = None,
        origin: str = "",
    ) -> None:
        """Make it ready.

        `part` are the partitions to replace; `None` brings the whole table forward. `origin` is the run of which this one
        is a retry, itself when there is none.
        """
        self._schema = schema
        self._part = part
        self._partition = part.name if part else ""
        self._keys = part.keys if part else ()
        self._origin = origin or run_id
        self._source = source
        self._sink = sink
        self._state = state
        self._run_id = run_id
        self._config = config or SyncConfig()
        self._report = report
        self._mapper = mapper or TypeMapper()
        self._comment = f"dagster_pipeline table={schema.name} run={run_id}"

    def run(self) -> SyncResult:
        """Do it. Raises only `PipelineError`s, or what interrupted it; either way the next run can go on."""
        began = time.monotonic()
        refuse_senseless(self._config, self._schema, by_partition=self._part is not None)
        with (
            hold(self._state, self._schema.name, owner=self._run_id, keys=self._keys) as lock,
            lost_lock_comes_first(lock),
        ):
            described = self._source.describe()
            reconciled = reconcile(self._schema, described, self._mapper)
            table = sink_table(reconciled.schema, reconciled.mappings)
            before, notes = self._standing(reconciled.schema, table, lock)
            outside = self._rows_in_no_partition()
            opened = self._open(before, described, reconciled, table, lock)
            moved = self._move(opened, reconciled, described, lock)
            lock.assert_held()  # a process that stood still must not publish what another one has taken over
            after, rows = self._publish(opened, table, before, moved, lock)
            deleted = self._hide_deleted(opened, reconciled, described, table, rows, lock)
        return SyncResult(
            table=table,
            kind=opened.kind,
            moved=moved,
            chunks_planned=len(opened.load.chunks) if opened.load else 0,
            chunks_left=_chunks_left(opened.load, moved),
            resumed=opened.resumed,
            seconds=time.monotonic() - began,
            window=opened.window,
            newest=opened.bounds.newest if opened.bounds else None,
            cursor_before=before.cursor,
            cursor_after=after.cursor,
            null_cursor_rows=opened.bounds.null_rows if opened.bounds else 0,
            rows_in_destination=rows - (deleted if table.tracks_deletes else 0),
            deleted_rows=deleted,
            rows_before=None if self._part is not None else before.rows,
            version=opened.version,
            statements=opened.statements,
            notes=notes + reconciled.notes + (opened.bounds.notes if opened.bounds else ()),
            partition=self._partition,
            rows_in_no_partition=outside,
            query=self._source.statement(ReadRequest(mappings=reconciled.mappings, window=opened.window)),
            drift=reconciled.notes,
        )

    def _standing(
        self, schema: TableSchema, table: SinkTable, lock: TableLock
    ) -> tuple[TableState, tuple[str, ...]]:
        """Where the table stands, and a note when it is to be read from the start although rows of it were loaded.

        The cursor is forgotten before the table is made or altered: whatever happens then, no run takes it for complete.
        """
        before = self._state.read(self._schema.name, self._partition)
        if self._part is not None:
            gained = self._sink.missing_columns(table)
            return before, (backfill_brings(gained, table),) if gained else ()
        if self._config.full_refresh or schema.sync.mode is SyncMode.FULL:
            return before, ()
        left = before.open_load
        loaded = before.cursor is not None or (left is not None and not left.staging)
        if not loaded:
            return before, ()
        if not self._sink.table_id(table.database, table.name):
            note = f"{table.full_name} is gone from the warehouse, so it is loaded from the start."
        else:
            gained = self._sink.missing_columns(table)
            if not loaded_rows_lack(gained, schema, self._source, cursor=before.cursor):
                return before, ()
            if not table.collapses_rereads:
                return before, (cannot_reread(gained, table),)
            note = rereads(gained, table)
        lock.assert_held()
        self._state.set_cursor(self._schema.name, None)
        return self._state.read(self._schema.name), (note,)

    def _rows_in_no_partition(self) -> int:
        if not loads_all(self._schema, self._part):
            return 0
        return self._source.count(outside_all_partitions(self._schema))

    # Opening a load: the one that was left open, or a new one.

    def _open(
        self,
        before: TableState,
        described: SourceTable,
        reconciled: Reconciled,
        table: SinkTable,
        lock: TableLock,
    ) -> _Opened:
        mark = fingerprint(
            reconciled.schema,
            table,
            reconciled.mappings,
            config=self._config,
            part=self._part,
            origin=self._origin,
        )
        left = before.open_load
        if left is not None and resumable(left, mark, self._config) and self._can_go_on(left, table):
            target, statements = self._target_of(left, table)
            version = self._version(before, table)
            return _Opened(left, left.kind, left.window, target, version, resumed=True, statements=statements)
        lock.assert_held()
        if left is not None and self._part is None and not self._config.full_refresh:
            refuse_half_a_load(left, table)
        self._clear_the_way(table)
        return self._open_anew(before, described, reconciled.schema, table, mark, lock)

    def _clear_the_way(self, table: SinkTable) -> None:
        """End loads whose run is dead, as the lock that we hold tells, and drop what they have staged."""
        dead = self._state.open_loads(self._schema.name)
        stale: tuple[str, ...]
        if holds_table(self._keys):
            stale = self._sink.stagings(table)
        else:  # others may be loading other partitions
            dead = tuple(load for load in dead if overlap(self._part, load))
            stale = tuple(name for load in dead for name in (load.staging, rebuilt_name(load, table)) if name)
        for load in dead:
            self._state.abandon_load(load.load_id)
        for name in stale:
            self._sink.drop(table.database, name)

    def _open_anew(
        self,
        before: TableState,
        described: SourceTable,
        schema: TableSchema,
        table: SinkTable,
        mark: str,
        lock: TableLock,
    ) -> _Opened:
        bounds = self._bounds(before)
        plan = plan_sync(
            schema,
            before,
            bounds,
            self._config,
            fingerprint=mark,
            bytes_per_row=described.estimated_bytes_per_row,
            part=self._part,
        )
        if repeats_rows(plan.kind, before.cursor, table):
            refuse_unknown_position(table, self._sink.count_rows(table))
        if plan.nothing_to_read:
            statements = self._sink.ensure_table(table)
            return _Opened(None, plan.kind, plan.window, table, 0, bounds=bounds, statements=statements)
        ranges = self._source.split(plan.split_by, window=plan.window, target_rows=plan.chunk_rows)
        load = self._planned_load(
            plan, tuple(Chunk(index, key_range) for index, key_range in enumerate(ranges)), table
        )
        target, statements = self._target_of(load, table)
        load = replace(
            load, staging_id=self._sink.table_id(target.database, target.name) if load.staging else ""
        )
        version = self._version(before, table)
        lock.assert_held()
        self._state.open_load(load)
        return _Opened(load, plan.kind, plan.window, target, version, bounds=bounds, statements=statements)

    def _planned_load(self, plan: SyncPlan, chunks: tuple[Chunk, ...], table: SinkTable) -> Load:
        load_id = uuid.uuid4().hex[:12]
        return Load(
            load_id=load_id,
            table=self._schema.name,
            partition=self._partition,
            kind=plan.kind,
            window=plan.window,
            advance_to=plan.advance_to,
            fingerprint=plan.fingerprint,
            staging=staging_name(table.name, load_id) if plan.kind in (SyncMode.FULL, PARTITION) else "",
            staging_id="",
            status=LoadStatus.OPEN,
            created_at=datetime.now(UTC),
            chunks=chunks,
        )

    def _bounds(self, before: TableState) -> SourceBounds | None:
        cursor = self._schema.sync.cursor
        if cursor is None or self._schema.sync.mode is SyncMode.FULL or self._part is not None:
            return None
        return self._source.bounds(cursor, floor=before.cursor, count_nulls=True)

    def _version(self, before: TableState, table: SinkTable) -> int:
        """A version above all before."""
        above = greatest_version(before, self._sink, table)
        return self._state.next_version(self._schema.name, above=above)

    def _target_of(self, load: Load, table: SinkTable) -> tuple[SinkTable, tuple[str, ...]]:
        """The table that this load writes into, and the DDL that it took."""
        if not load.staging:
            return table, self._sink.ensure_table(table)
        if load.kind == PARTITION:  # only a table of the very same structure can take over its partitions
            statements = self._sink.ensure_table(table)
            return self._sink.create_like(table, load.staging), statements
        return self._sink.create_staging(table, load.staging), ()

    def _can_go_on(self, left: Load, table: SinkTable) -> bool:
        """Whether the rows that an earlier run wrote for this load are still there and can be completed."""
        if left.staging and left.staging_id not in self._ids_of(left, table):
            return False
        started = any(chunk.status is ChunkStatus.STARTED for chunk in left.chunks)
        return not started or _rewritable(left, table)

    def _ids_of(self, load: Load, table: SinkTable) -> set[str]:
        return {self._sink.table_id(table.database, name) for name in (load.staging, table.name)}

    # Moving chunks.

    def _move(
        self, opened: _Opened, reconciled: Reconciled, described: SourceTable, lock: TableLock
    ) -> Moved:
        load = opened.load
        open_chunks = [chunk for chunk in load.chunks if chunk.status is not ChunkStatus.DONE] if load else []
        if load is None or not open_chunks:
            return Moved()
        meter = ProgressMeter(
            self._report,
            every_seconds=REPORT_SECONDS,
            expected_rows=described.estimated_rows if load.window.lower is None else 0,
            chunks=len(load.chunks),
            done=len(load.chunks) - len(open_chunks),
        )
        mover = ChunkMover(
            source=self._source,
            sink=self._sink,
            state=self._state,
            lock=lock,
            meter=meter,
            load=load,
            read=ReadRequest(mappings=reconciled.mappings, window=load.window, query_comment=self._comment),
            write=WriteRequest(
                table=opened.target,
                columns=tuple(mapping.wire_column for mapping in reconciled.mappings),
                wire_format=self._source.wire_format,
                version=opened.version,
                token="",
                atomic=_atomic(load, opened.target),
                query_comment=self._comment,
                partitions=len(self._keys),
            ),
            attempts=CHUNK_ATTEMPTS if _rewritable(load, opened.target) else 1,
        )
        parallelism, limit = self._schema.sync.parallelism, self._config.limit
        return mover.move_all(open_chunks, parallelism=parallelism, limit=limit)

    # Publishing: the exchange of a full load, then the cursor.

    def _publish(
        self, opened: _Opened, table: SinkTable, before: TableState, moved: Moved, lock: TableLock
    ) -> tuple[TableState, int]:
        load = opened.load
        if load is None or _chunks_left(load, moved):
            return before, before.rows if before.rows is not None else self._sink.count_rows(table)
        if self._part is not None:
            rows = self._publisher(lock).publish(load, table, opened.target)
            after = self._state.close_load(load.load_id, rows=rows)
            self._sink.drop(table.database, load.staging)
            return after, rows
        if load.staging:
            self._exchange(load, table)
        known = before.rows is not None and not table.tracks_deletes  # rows may have been marked since
        unchanged = moved.rows == 0 and known and not load.staging
        rows = before.rows if unchanged and before.rows is not None else self._sink.count_rows(table)
        return self._state.close_load(load.load_id, rows=rows), rows

    def _publisher(self, lock: TableLock) -> PartitionPublisher:
        return PartitionPublisher(
            schema=self._schema,
            keys=self._keys,
            sink=self._sink,
            state=self._state,
            lock=lock,
            owner=self._run_id,
            allow_shrink=self._config.allow_shrink,
        )

    def _hide_deleted(
        self,
        opened: _Opened,
        reconciled: Reconciled,
        described: SourceTable,
        table: SinkTable,
        rows: int,
        lock: TableLock,
    ) -> int:
        """Mark rows that are gone at the source; a full load has just left them behind."""
        wanted = self._schema.sync.deletes is not Deletes.IGNORE
        is_whole = self._part is None and not self._config.overrides_window
        if not wanted or not is_whole or opened.kind == SyncMode.FULL:
            return 0
        search = VanishedRows(
            source=self._source,
            sink=self._sink,
            table=table,
            reconciled=reconciled,
            described=described,
            rows=rows,
            query_comment=self._comment,
        )
        vanished = search.find(lock)
        if not vanished:
            return 0
        cap = DeletionCap(self._schema.sync.max_delete, approved=self._config.allow_deletes)
        version = self._version(self._state.read(self._schema.name), table)
        return search.mark(vanished, cap, rows=rows, version=version)

    def _exchange(self, load: Load, table: SinkTable) -> None:
        """Put the staging table in the table's place, unless a killed run already did."""
        if self._sink.table_id(table.database, table.name) == load.staging_id:
            self._sink.drop(table.database, load.staging)
            return
        staging = replace(table, name=load.staging)
        if not self._config.allow_shrink:
            refuse_shrink(
                table.full_name, now=self._sink.count_rows(table), then=self._sink.count_rows(staging)
            )
        self._sink.swap(table, staging)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A load that is ready to move; `load` is `None` when there is nothing to read."""

    load: Load | None
    kind: str
    window: Window
    target: SinkTable
    version: int
    resumed: bool = False
    bounds: SourceBounds | None = None
    statements: tuple[str, ...] = ()


def _chunks_left(load: Load | None, moved: Moved) -> int:
    """Chunks that a run did not begin since it had reached its limit; the load stays open for the next one."""
    if load is None:
        return 0
    return sum(chunk.status is not ChunkStatus.DONE for chunk in load.chunks) - moved.chunks


def _atomic(load: Load, table: SinkTable) -> bool:
    """A second write would double rows, and the chunk is small enough to be one block."""
    cut = any(chunk.key_range.columns for chunk in load.chunks)
    bounded = cut or (load.window.cursor is not None and load.kind != PARTITION)
    return not table.collapses_rereads and bounded


def _rewritable(load: Load, table: SinkTable) -> bool:
    """A chunk that was started may be written again."""
    return table.collapses_rereads or _atomic(load, table)
