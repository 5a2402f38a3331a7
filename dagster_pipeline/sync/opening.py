"""Opening a load: the one that an earlier run left open, or a new one. After it the plan stands in the ledger."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dagster_pipeline.connectors.batch import SourceBounds, Window
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.schema.models import SyncMode
from dagster_pipeline.state.records import Chunk, ChunkStatus, Load, LoadStatus, TableState
from dagster_pipeline.sync.append_guard import refuse_half_a_load, refuse_unknown_position, repeats_rows
from dagster_pipeline.sync.destination import staging_name
from dagster_pipeline.sync.gained_columns import backfill_brings, cannot_reread, loaded_rows_lack, rereads
from dagster_pipeline.sync.partition_publisher import rebuilt_name
from dagster_pipeline.sync.partition_slice import overlap
from dagster_pipeline.sync.plan import PARTITION, SyncPlan, fingerprint, plan_sync, resumable
from dagster_pipeline.sync.run_context import RunContext
from dagster_pipeline.sync.table_lock import holds_table


@dataclass(frozen=True, slots=True)
class OpenedLoad:
    """A load that is ready to move; `load` is `None` when there is nothing to read."""

    load: Load | None
    kind: str
    window: Window
    target: SinkTable
    version: int
    resumed: bool = False
    bounds: SourceBounds | None = None
    statements: tuple[str, ...] = ()


def standing(run: RunContext) -> tuple[TableState, tuple[str, ...]]:
    """Where the table stands, and a note when it is to be read from the start although rows of it were loaded.

    The cursor is forgotten before the table is made or altered: whatever happens then, no run takes it for complete.
    """
    before, table = run.read_state(), run.table
    if run.part is not None:
        gained = run.sink.missing_columns(table)
        return before, (backfill_brings(gained, table),) if gained else ()
    if run.config.full_refresh or run.schema.sync.mode is SyncMode.FULL:
        return before, ()
    left = before.open_load
    loaded = before.cursor is not None or (left is not None and not left.staging)
    if not loaded:
        return before, ()
    if not run.sink.table_id(table.database, table.name):
        note = f"{table.full_name} is gone from the warehouse, so it is loaded from the start."
    else:
        gained = run.sink.missing_columns(table)
        if not loaded_rows_lack(gained, run.agreement.schema, run.source, cursor=before.cursor):
            return before, ()
        if not table.collapses_rereads:
            return before, (cannot_reread(gained, table),)
        note = rereads(gained, table)
    run.lock.assert_held()
    run.state.set_cursor(run.schema.name, None)
    return run.read_state(), (note,)


def open_load(run: RunContext, before: TableState) -> OpenedLoad:
    """Go on with what was left, or plan anew and record the plan."""
    mark = fingerprint(
        run.agreement.schema,
        run.table,
        run.agreement.mappings,
        config=run.config,
        part=run.part,
        origin=run.origin,
    )
    left = before.open_load
    if left is not None and resumable(left, mark, run.config) and _can_go_on(run, left):
        target, statements = _target_of(run, left)
        version = run.next_version(before)
        return OpenedLoad(left, left.kind, left.window, target, version, resumed=True, statements=statements)
    run.lock.assert_held()
    if left is not None and run.part is None and not run.config.full_refresh:
        refuse_half_a_load(left, run.table)
    _clear_the_way(run)
    return _open_anew(run, before, mark)


def is_atomic(load: Load, table: SinkTable) -> bool:
    """A second write would double rows, and the chunk is small enough to be one block."""
    cut = any(chunk.key_range.columns for chunk in load.chunks)
    bounded = cut or (load.window.cursor is not None and load.kind != PARTITION)
    return not table.collapses_rereads and bounded


def is_rewritable(load: Load, table: SinkTable) -> bool:
    """A chunk that was started may be written again."""
    return table.collapses_rereads or is_atomic(load, table)


def _can_go_on(run: RunContext, left: Load) -> bool:
    """Whether the rows that an earlier run wrote for this load are still there and can be completed."""
    if left.staging:
        places = (left.staging, run.table.name)
        if left.staging_id not in {run.sink.table_id(run.table.database, name) for name in places}:
            return False
    started = any(chunk.status is ChunkStatus.STARTED for chunk in left.chunks)
    return not started or is_rewritable(left, run.table)


def _clear_the_way(run: RunContext) -> None:
    """End loads whose run is dead, as the lock that we hold tells, and drop what they have staged."""
    dead = run.state.open_loads(run.schema.name)
    stale: tuple[str, ...]
    if holds_table(run.keys):
        stale = run.sink.stagings(run.table)
    else:  # others may be loading other partitions
        dead = tuple(load for load in dead if overlap(run.part, load))
        stale = tuple(name for load in dead for name in (load.staging, rebuilt_name(load, run.table)) if name)
    for load in dead:
        run.state.abandon_load(load.load_id)
    for name in stale:
        run.sink.drop(run.table.database, name)


def _open_anew(run: RunContext, before: TableState, mark: str) -> OpenedLoad:
    bounds = _bounds(run, before)
    plan = plan_sync(
        run.agreement.schema,
        before,
        bounds,
        run.config,
        fingerprint=mark,
        bytes_per_row=run.described.estimated_bytes_per_row,
        cursor_is_indexed=run.described.finds_by(run.schema.sync.cursor or ""),
        part=run.part,
    )
    if repeats_rows(plan.kind, before.cursor, run.table):
        refuse_unknown_position(run.table, run.sink.count_rows(run.table))
    if plan.nothing_to_read:
        statements = run.sink.ensure_table(run.table)
        return OpenedLoad(None, plan.kind, plan.window, run.table, 0, bounds=bounds, statements=statements)
    ranges = run.source.split(
        plan.split_by,
        window=plan.window,
        target_rows=plan.chunk_rows,
        streams=run.schema.sync.parallelism,
        rows_at_most=plan.rows_at_most,
    )
    load = _planned_load(run, plan, tuple(Chunk(index, key_range) for index, key_range in enumerate(ranges)))
    target, statements = _target_of(run, load)
    if load.staging:
        load = replace(load, staging_id=run.sink.table_id(target.database, target.name))
    version = run.next_version(before)
    run.lock.assert_held()
    run.state.open_load(load)
    return OpenedLoad(load, plan.kind, plan.window, target, version, bounds=bounds, statements=statements)


def _bounds(run: RunContext, before: TableState) -> SourceBounds | None:
    cursor = run.schema.sync.cursor
    if cursor is None or run.schema.sync.mode is SyncMode.FULL or run.part is not None:
        return None
    return run.source.bounds(cursor, floor=before.cursor, count_nulls=True)


def _planned_load(run: RunContext, plan: SyncPlan, chunks: tuple[Chunk, ...]) -> Load:
    load_id = uuid.uuid4().hex[:12]
    return Load(
        load_id=load_id,
        table=run.schema.name,
        partition=run.partition,
        kind=plan.kind,
        window=plan.window,
        advance_to=plan.advance_to,
        fingerprint=plan.fingerprint,
        staging=staging_name(run.table.name, load_id) if plan.kind in (SyncMode.FULL, PARTITION) else "",
        staging_id="",
        status=LoadStatus.OPEN,
        created_at=datetime.now(UTC),
        chunks=chunks,
    )


def _target_of(run: RunContext, load: Load) -> tuple[SinkTable, tuple[str, ...]]:
    """The table that this load writes into, and the DDL that it took."""
    if not load.staging:
        return run.table, run.sink.ensure_table(run.table)
    if load.kind == PARTITION:  # only a table of the very same structure can take over its partitions
        statements = run.sink.ensure_table(run.table)
        return run.sink.create_like(run.table, load.staging), statements
    return run.sink.create_staging(run.table, load.staging), ()
