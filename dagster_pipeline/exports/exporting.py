"""Exports the rows of one file: all of them become visible at the destination, once, or none. Read `run` from the top.

    lock -> finish what a killed run left -> choose the rows -> open the load: lines STAGE and PUBLISH
         -> stage -> commit the line -> publish -> commit the line -> close the load, which moves the position

Why a crash anywhere is harmless:
- before STAGE is done, nothing is visible; what is staged is discarded, and the next run chooses its rows anew;
- after that, the next run publishes under the same name, which changes nothing where it was done before;
- the position moves in the transaction that closes the load, so rows are exported by this load or by the next one.
- the load's fingerprint describes the whole export, so that one that is half published is finished as it was begun,
  whatever the file says now.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster_pipeline.connectors.batch import WHOLE_TABLE, Window
from dagster_pipeline.connectors.sink.base_export_sink import (
    BaseExportSink,
    Export,
    ExportMode,
    Published,
    Staged,
)
from dagster_pipeline.connectors.sink.base_sink_connector import VERSION_COLUMN
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.export_types import conformed, wire_schema
from dagster_pipeline.errors import DataQualityError, FatalError
from dagster_pipeline.exports.choosing import Choosing, Chosen
from dagster_pipeline.exports.description import read, written
from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.exports.result import ExportResult
from dagster_pipeline.schema.export_file import KIND
from dagster_pipeline.state.base_state_store import TableLock
from dagster_pipeline.state.records import Chunk, ChunkStatus, Load, LoadStatus
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.throttle import Throttle

if TYPE_CHECKING:
    import pyarrow as pa

STAGE, PUBLISH = 0, 1
"""Lines of a load's ledger: every row is where no reader looks; readers see them."""

REPORT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """One run of one file.

    Attributes:
        warehouse: where the rows are.
        sink: where they go.
        full_refresh: export every row, and exchange what the destination has for them.
        report: told every few seconds how many rows were read.
    """

    export: NamedExport
    warehouse: ClickHouseSink
    sink: BaseExportSink
    state: StateManager
    run_id: str
    full_refresh: bool = False
    report: Callable[[int], None] = lambda _rows: None

    def run(self) -> ExportResult:
        """Do it. Raises `PipelineError`s only; what was published stays, and the next run goes on."""
        began = time.monotonic()
        with self.state.lock(self.export.state_name, owner=self.run_id) as lock:
            choosing = self._choosing()
            finished = self._finish_what_is_left(choosing, lock)
            chosen = choosing.choose()
            load_id = uuid.uuid4().hex[:12]
            export = replace(chosen.export, load_id=load_id, comment=self.comment)
            said = self._checked(choosing, chosen, export)
            result = self._result(chosen, began, finished=finished, notes=said)
            if chosen.is_empty:
                return result
            self._open(choosing, chosen, export, lock)
            staged = self._stage(chosen, export, lock)
            published = self._publish(export, lock)
            self.state.close_load(load_id, rows=published.rows)
        return replace(
            result,
            load=load_id,
            rows=staged.rows,
            bytes=staged.bytes,
            place=published.place,
            place_rows=published.rows,
            seconds=time.monotonic() - began,
        )

    def dry_run(self) -> ExportResult:
        """What a run would read and write; nothing is done."""
        began = time.monotonic()
        choosing = self._choosing()
        chosen = choosing.choose()
        said = self._checked(choosing, chosen, chosen.export)
        rows = 0
        if not chosen.is_empty:
            ((rows,),) = self.warehouse.rows(choosing.selection.counted(chosen.select))
        return replace(self._result(chosen, began, notes=said), rows=int(rows), dry_run=True)

    def _choosing(self) -> Choosing:
        return Choosing(
            export=self.export,
            warehouse=self.warehouse,
            sink=self.sink,
            state=self.state,
            full_refresh=self.full_refresh,
        )

    def _finish_what_is_left(self, choosing: Choosing, lock: TableLock) -> tuple[str, ...]:
        """Loads of runs that died. What readers may see of one is published to its end; what they cannot is taken back."""
        finished = []
        for left in self.state.open_loads(self.export.state_name):
            export, place, definition = read(left.fingerprint, load_id=left.load_id, comment=self.comment)
            stage, publish = left.chunks[STAGE].status, left.chunks[PUBLISH].status
            is_same = definition == choosing.definition and not self.full_refresh
            may_be_seen = publish is ChunkStatus.STARTED
            if publish is ChunkStatus.DONE:
                self.state.close_load(left.load_id, rows=None)
            elif stage is ChunkStatus.DONE and place == choosing.place and (is_same or may_be_seen):
                published = self._publish(export, lock)
                self.state.close_load(left.load_id, rows=published.rows)
                finished.append(left.load_id)
            else:
                self.sink.discard(export)
                lock.assert_held()
                self.state.abandon_load(left.load_id)
        return tuple(finished)

    def _checked(self, choosing: Choosing, chosen: Chosen, export: Export) -> tuple[str, ...]:
        """Everything that can be known before a row is read."""
        said = self.sink.check(export)
        if self.export.file.export_mode is ExportMode.MERGE and not chosen.is_empty:
            self._refuse_bad_keys(choosing, chosen)
        return said

    def _refuse_bad_keys(self, choosing: Choosing, chosen: Chosen) -> None:
        """Raise when rows are without a key, or share one: the destination would keep any of them."""
        if choosing.selection.has_the_tables_key:
            return
        ((nameless, doubled),) = self.warehouse.rows(choosing.selection.bad_keys(chosen.select))
        key = ", ".join(self.export.file.key)
        if nameless:
            raise DataQualityError(
                f"{self.export.state_name}: {nameless:,} row(s) have NULL in the key ({key}). Nothing was exported.",
                todo="Leave them out by `where` or in the query, or choose another key.",
            )
        if doubled:
            raise DataQualityError(
                f"{self.export.state_name}: {doubled:,} rows share a key ({key}) with another one. Nothing was exported.",
                todo="Group by the key in the query, or correct `key`.",
            )

    def _open(self, choosing: Choosing, chosen: Chosen, export: Export, lock: TableLock) -> None:
        """Record what is about to be done; nothing was written yet."""
        position = chosen.position
        load = Load(
            load_id=export.load_id,
            table=self.export.state_name,
            partition="",
            kind=KIND,
            window=Window(VERSION_COLUMN, lower=str(chosen.above), upper=str(position.version))
            if position
            else Window(),
            advance_to=str(position) if position else None,
            fingerprint=written(export, place=choosing.place, definition=choosing.definition),
            staging="",
            staging_id="",
            status=LoadStatus.OPEN,
            created_at=datetime.now(UTC),
            chunks=tuple(Chunk(line, WHOLE_TABLE) for line in (STAGE, PUBLISH)),
        )
        lock.assert_held()
        self.state.open_load(load)

    def _stage(self, chosen: Chosen, export: Export, lock: TableLock) -> Staged:
        began = time.monotonic()
        self.state.start_chunk(export.load_id, STAGE)
        counted = _Counted(self, chosen.select, export, lock)
        staged = self.sink.stage(export, counted)
        if staged.rows != counted.rows:
            raise FatalError(
                f"{self.export.state_name}: {counted.rows:,} rows were read, and the destination staged {staged.rows:,}."
            )
        lock.assert_held()
        self.state.commit_chunk(
            export.load_id, STAGE, rows=staged.rows, bytes_=staged.bytes, seconds=time.monotonic() - began
        )
        return staged

    def _publish(self, export: Export, lock: TableLock) -> Published:
        began = time.monotonic()
        lock.assert_held()
        self.state.start_chunk(export.load_id, PUBLISH)
        published = self.sink.publish(export)
        lock.assert_held()
        self.state.commit_chunk(export.load_id, PUBLISH, rows=0, bytes_=0, seconds=time.monotonic() - began)
        return published

    @property
    def comment(self) -> str:
        """Names export and run, for whoever watches the warehouse or the destination."""
        return f"dagster_pipeline {self.export.state_name} run={self.run_id}"

    def _result(
        self, chosen: Chosen, began: float, *, finished: tuple[str, ...] = (), notes: tuple[str, ...] = ()
    ) -> ExportResult:
        return ExportResult(
            export=self.export.state_name,
            mode=chosen.export.mode,
            load="",
            rows=0,
            bytes=0,
            place=self.export.file.sink.full_name,
            seconds=time.monotonic() - began,
            select=chosen.select,
            above=chosen.above,
            up_to=chosen.position.version if chosen.position else 0,
            slices=len(chosen.export.slices),
            finished=finished,
            notes=(*chosen.notes, *notes),
        )


class _Counted:
    """The rows as the sink takes them: in the promised types, at the file's pace, while the lock is held."""

    def __init__(self, run: Exporting, select: str, export: Export, lock: TableLock) -> None:
        self.rows = 0
        self._run = run
        self._select = select
        self._lock = lock
        self._schema = wire_schema(export)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """May be begun once."""
        run, doing = self._run, f"Reading the rows of {self._run.export.state_name}"
        throttle = Throttle(run.export.file.rows_per_second)
        reported = time.monotonic()
        batches = run.warehouse.batches(self._select, doing=doing, comment=run.comment)
        try:
            for batch in batches:
                self._lock.assert_held()
                self.rows += batch.num_rows
                yield conformed(batch, self._schema, where=doing)
                throttle(batch.num_rows)
                if time.monotonic() - reported > REPORT_SECONDS:
                    reported = time.monotonic()
                    run.report(self.rows)
        finally:
            batches.close()
