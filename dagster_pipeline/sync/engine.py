"""The one loop that brings a table forward. The order of the calls is the delivery guarantee; read `run` from the top.

Why a crash anywhere is harmless:
- before the ledger is written, nothing happened but an empty staging table, which the next run drops;
- a chunk that was started and not committed is written again: into a table that collapses by key that replaces the
  rows, into any other the chunk is one atomic block under its token, which the sink takes once;
- where neither holds (a full load of a table without key), the staging table is dropped and the load begins anew;
- around the exchange, the staging table's own identity says whether it has happened;
- partitions are replaced from a staging table that stands until the load is closed, and may be replaced again;
- the cursor moves in the same transaction that closes the load.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, WriteRequest
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import ChunkStatus
from dagster_pipeline.sync.chunk_mover import ChunkMover
from dagster_pipeline.sync.config import SyncConfig, refuse_senseless
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.sync.drift import agree
from dagster_pipeline.sync.opening import OpenedLoad, is_atomic, is_rewritable, open_load, standing
from dagster_pipeline.sync.partition_slice import PartitionSlice, loads_all, outside_all_partitions
from dagster_pipeline.sync.progress import Progress, ProgressMeter
from dagster_pipeline.sync.publishing import chunks_left, hide_deleted, publish
from dagster_pipeline.sync.quarantine import quarantine_of
from dagster_pipeline.sync.result import Moved, SyncResult
from dagster_pipeline.sync.run_context import RunContext
from dagster_pipeline.sync.table_lock import hold
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
        self._origin = origin or run_id
        self._source = source
        self._sink = sink
        self._state = state
        self._run_id = run_id
        self._config = config or SyncConfig()
        self._report = report
        self._mapper = mapper or TypeMapper()

    def run(self) -> SyncResult:
        """Do it. Raises only `PipelineError`s, or what interrupted it; either way the next run can go on."""
        began = time.monotonic()
        refuse_senseless(self._config, self._schema, by_partition=self._part is not None)
        keys = self._part.keys if self._part else ()
        with hold(self._state, self._schema.name, owner=self._run_id, keys=keys) as lock:
            run = self._context(lock)
            before, notes = standing(run)
            outside = _rows_in_no_partition(run)
            opened = open_load(run, before)
            moved = self._move(run, opened)
            after, rows = publish(run, opened, before, moved)
            deleted = hide_deleted(run, opened, rows=rows)
            if self._part is None and (opened.load is None or chunks_left(opened.load, moved)):
                self._state.note_success(self._schema.name)
        return SyncResult(
            table=run.table,
            kind=opened.kind,
            moved=moved,
            chunks_planned=len(opened.load.chunks) if opened.load else 0,
            chunks_left=chunks_left(opened.load, moved),
            resumed=opened.resumed,
            seconds=time.monotonic() - began,
            window=opened.window,
            newest=opened.bounds.newest if opened.bounds else None,
            cursor_before=before.cursor,
            cursor_after=after.cursor,
            null_cursor_rows=opened.bounds.null_rows if opened.bounds else 0,
            rows_in_destination=rows - (deleted if run.table.tracks_deletes else 0),
            deleted_rows=deleted,
            rows_before=None if self._part is not None else before.rows,
            version=opened.version,
            statements=opened.statements,
            notes=notes + run.agreement.notes + (opened.bounds.notes if opened.bounds else ()),
            partition=run.partition,
            rows_in_no_partition=outside,
            query=self._source.statement(ReadRequest(mappings=run.agreement.mappings, window=opened.window)),
            drift=run.agreement.notes,
            in_quarantine=run.quarantine.store.counted() if run.quarantine else None,
        )

    def _context(self, lock: TableLock) -> RunContext:
        """Ask the source what it has, and hold the file against it."""
        described = self._source.describe()
        agreement = agree(self._schema, described, self._mapper)
        table = sink_table(agreement.schema, agreement.mappings)
        return RunContext(
            schema=self._schema,
            source=self._source,
            sink=self._sink,
            state=self._state,
            config=self._config,
            run_id=self._run_id,
            origin=self._origin,
            part=self._part,
            lock=lock,
            described=described,
            agreement=agreement,
            table=table,
            quarantine=quarantine_of(
                agreement.schema,
                table,
                agreement.mappings,
                source=self._source,
                sink=self._sink,
                run_id=self._run_id,
            ),
            comment=f"dagster_pipeline table={self._schema.name} run={self._run_id}",
        )

    def _move(self, run: RunContext, opened: OpenedLoad) -> Moved:
        """Move every chunk that is not done; each is committed only after the sink acknowledged it."""
        load = opened.load
        open_chunks = [chunk for chunk in load.chunks if chunk.status is not ChunkStatus.DONE] if load else []
        if load is None or not open_chunks:
            return Moved()
        mappings = run.agreement.mappings
        meter = ProgressMeter(
            self._report,
            every_seconds=REPORT_SECONDS,
            expected_rows=run.described.estimated_rows if load.window.lower is None else 0,
            chunks=len(load.chunks),
            done=len(load.chunks) - len(open_chunks),
        )
        mover = ChunkMover(
            source=run.source,
            sink=run.sink,
            state=run.state,
            lock=run.lock,
            meter=meter,
            load=load,
            quarantine=run.quarantine,
            read=ReadRequest(mappings=mappings, window=load.window, query_comment=run.comment),
            write=WriteRequest(
                table=opened.target,
                columns=run.source.wire_columns(mappings),
                wire_format=run.source.wire_format,
                version=opened.version,
                token="",
                atomic=is_atomic(load, opened.target),
                query_comment=run.comment,
                partitions=len(run.keys),
            ),
            attempts=CHUNK_ATTEMPTS if is_rewritable(load, opened.target) else 1,
        )
        return mover.move_all(open_chunks, parallelism=run.schema.sync.parallelism, limit=run.config.limit)


def _rows_in_no_partition(run: RunContext) -> int:
    if not loads_all(run.schema, run.part):
        return 0
    return run.source.count(outside_all_partitions(run.schema))
