"""Publishing: what was moved is shown at once, then the load is closed, which moves the cursor in the same transaction."""

from __future__ import annotations

from dataclasses import replace

from dagster_pipeline.reconcile.deletion_cap import DeletionCap
from dagster_pipeline.schema.models import Deletes, SyncMode
from dagster_pipeline.state.records import ChunkStatus, Load, TableState
from dagster_pipeline.sync.deletes import VanishedRows
from dagster_pipeline.sync.loaded_as import remembered
from dagster_pipeline.sync.opening import OpenedLoad
from dagster_pipeline.sync.partition_publisher import PartitionPublisher
from dagster_pipeline.sync.result import Moved
from dagster_pipeline.sync.run_context import RunContext
from dagster_pipeline.sync.shrink_guard import refuse_shrink


def publish(run: RunContext, opened: OpenedLoad, before: TableState, moved: Moved) -> tuple[TableState, int]:
    """Show the load and close it; returns where the table stands now and how many rows a reader sees.

    Raises `TableLockedError` when the lock was lost: a process that stood still must not publish what another one has
    taken over.
    """
    run.lock.assert_held()
    load, table = opened.load, run.table
    if load is None or chunks_left(load, moved):
        known_rows = None if table.tracks_deletes else before.rows  # rows may have been marked since
        return before, run.sink.count_rows(table) if known_rows is None else known_rows
    if run.part is not None:
        rows = _partition_publisher(run).publish(load, table, opened.target)
        _settle_quarantine(run, load, opened.version)
        after = run.state.close_load(
            load.load_id, rows=rows, loaded_as=remembered(before.loaded_as, run.schema, replaces=True)
        )
        run.sink.drop(table.database, load.staging)
        return after, rows
    if load.staging:
        _exchange(run, load)
    _settle_quarantine(run, load, opened.version)
    known = before.rows is not None and not table.tracks_deletes  # rows may have been marked since
    unchanged = moved.rows == 0 and known and not load.staging
    rows = before.rows if unchanged and before.rows is not None else run.sink.count_rows(table)
    loaded_as = remembered(before.loaded_as, run.schema, replaces=bool(load.staging))
    return run.state.close_load(load.load_id, rows=rows, loaded_as=loaded_as), rows


def chunks_left(load: Load | None, moved: Moved) -> int:
    """Chunks that a run did not begin since it had reached its limit; the load stays open for the next one."""
    if load is None:
        return 0
    return sum(chunk.status is not ChunkStatus.DONE for chunk in load.chunks) - moved.chunks


def hide_deleted(run: RunContext, opened: OpenedLoad, *, rows: int) -> int:
    """Mark rows that are gone at the source, and return how many; a full load has just left them behind."""
    wanted = run.schema.sync.deletes is not Deletes.IGNORE
    is_whole = run.part is None and not run.config.overrides_window
    if not wanted or not is_whole or opened.kind == SyncMode.FULL:
        return 0
    search = VanishedRows(
        source=run.source,
        sink=run.sink,
        table=run.table,
        agreement=run.agreement,
        described=run.described,
        rows=rows,
        query_comment=run.comment,
    )
    vanished = search.find(run.lock)
    if not vanished:
        return 0
    cap = DeletionCap(run.schema.sync.max_delete, approved=run.config.allow_deletes)
    return search.mark(vanished, cap, rows=rows, version=run.next_version(run.read_state()))


def _settle_quarantine(run: RunContext, load: Load, version: int) -> None:
    """Before the load is closed, so that a run that is killed in between does it once more."""
    if run.quarantine is not None:
        run.quarantine.settle(
            load.load_id, version=version, anew=load.kind == SyncMode.FULL and bool(load.staging)
        )


def _partition_publisher(run: RunContext) -> PartitionPublisher:
    return PartitionPublisher(
        schema=run.schema,
        keys=run.keys,
        sink=run.sink,
        state=run.state,
        lock=run.lock,
        owner=run.run_id,
        allow_shrink=run.config.allow_shrink,
    )


def _exchange(run: RunContext, load: Load) -> None:
    """Put the staging table in the table's place, unless a killed run already did."""
    table, sink = run.table, run.sink
    if sink.table_id(table.database, table.name) == load.staging_id:
        sink.drop(table.database, load.staging)
        return
    staging = replace(table, name=load.staging)
    if not run.config.allow_shrink:
        refuse_shrink(table.full_name, now=sink.count_rows(table), then=sink.count_rows(staging))
    sink.swap(table, staging)
