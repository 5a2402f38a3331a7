"""A flow's whole way: agree with the target, compare, judge, write batch by batch, count.

    lock -> describe both sides -> agreement -> difference (one query in the warehouse) -> cap
         -> for each batch:  transaction: read by key, write, read back, images to the warehouse; commit
                             acknowledge in the warehouse -> commit the chunk in the state store
         -> reconcile

What a run that was killed left behind: a batch is done in the target and acknowledged; or done and not acknowledged, and the
next run finds the wanted values there; or not done. So the next run compares anew, and nothing is written twice.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dagster_pipeline.connectors.batch import KeyRange, Window
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.reverse_etl.agreement import Agreement, agreement_of
from dagster_pipeline.reverse_etl.books import Books
from dagster_pipeline.reverse_etl.change_cap import ChangeCap
from dagster_pipeline.reverse_etl.difference import DifferenceSize
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.reverse_etl.result import SAMPLES, ReverseEtlResult
from dagster_pipeline.schema.reverse_etl_file import KIND
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import Chunk, Load, LoadStatus
from dagster_pipeline.targets.base_target import Target
from dagster_pipeline.targets.batch_writer import BatchWriter
from dagster_pipeline.targets.changes import Counts, Outcome
from dagster_pipeline.throttle import Throttle

BATCH_BYTES = 8 << 20
"""A batch has fewer rows than the file says when they are wide: it is in memory, and in one packet."""

KEYS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class ReverseEtlConfig:
    """Choices for one run."""

    dry_run: bool = False
    allow_change: bool = False
    full_refresh: bool = False


class ReverseEtl:
    """One run of one flow.

    Args:
        report: is told after each batch how many of how many changes are done.
    """

    def __init__(
        self,
        flow: Flow,
        *,
        sink: ClickHouseSink,
        target: Target,
        state: BaseStateStore,
        run_id: str,
        config: ReverseEtlConfig = ReverseEtlConfig(),
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        self._flow = flow
        self._sink = sink
        self._target = target
        self._state = state
        self._run_id = run_id
        self._config = config
        self._report = report
        self._load_id = uuid.uuid4().hex[:12]
        self._began = time.monotonic()
        self._cap = ChangeCap(flow.file.max_change, config.allow_change, flow.file.max_rejects)
        self._reasons: Counter[str] = Counter()

    def run(self) -> ReverseEtlResult:
        """Do it. Raises `PipelineError`."""
        with self._state.lock(self._flow.state_name, owner=self._run_id) as lock:
            agreement = agreement_of(self._flow, self._sink, self._target)
            books = Books(self._flow, agreement, self._sink)
            books.ensure()
            books.drop_changes()
            version = self._next_version(books)
            knows_rows = bool(books.count_written()) and not self._config.full_refresh
            if not knows_rows:
                self._learn_the_targets_rows(books, agreement, version)
            difference = self._difference(books, knows_rows=knows_rows)
            try:
                if self._config.dry_run:
                    return self._result(books, difference, Counts(rejected=difference.refused))
                return self._write(books, agreement, difference, version, lock)
            finally:
                books.drop_changes()

    def _next_version(self, books: Books) -> int:
        if self._config.dry_run:
            return 0
        for load in self._state.open_loads(self._flow.state_name):
            self._state.abandon_load(load.load_id)
        return self._state.next_version(
            self._flow.state_name, above=self._sink.highest_version(books.written)
        )

    def _learn_the_targets_rows(self, books: Books, agreement: Agreement, version: int) -> None:
        """A mirror deletes rows that it never wrote, too, so it reads the target's keys, once."""
        if self._flow.file.mode == "mirror" and not self._config.dry_run:
            books.remember_keys(
                self._target.keys(agreement.key_fields, at_once=KEYS_AT_ONCE), version=version
            )

    def _difference(self, books: Books, *, knows_rows: bool) -> DifferenceSize:
        difference = books.compute(self._load_id, every_row=self._config.full_refresh)
        if difference.changes and (doubled := books.doubled(self._load_id)):
            keys = "; ".join(", ".join(map(str, key)) for key in doubled)
            raise DataQualityError(
                f"{self._flow.state_name}: the source gives a key more than once, e.g. {keys}. Nothing was written.",
                todo="Group the query by the key, or correct `key`.",
            )
        reasons = books.refusals(self._load_id, most=SAMPLES) if difference.refused else []
        if not self._config.dry_run:
            self._cap.judge(difference, flow=self._flow.state_name, knows_rows=knows_rows)
            self._cap.judge_rejects(difference.refused, flow=self._flow.state_name, reasons=reasons)
        else:
            self._reasons.update(dict(reasons))
        return difference

    def _write(
        self, books: Books, agreement: Agreement, difference: DifferenceSize, version: int, lock: TableLock
    ) -> ReverseEtlResult:
        file, counts = self._flow.file, Counts()

        def before_commit(outcome: Outcome) -> None:
            books.save_rejects(self._load_id, outcome.rejects, version=version)
            self._cap.judge_rejects(counts.rejected + outcome.counts.rejected, flow=self._flow.state_name)
            if file.undo:
                books.save_images(self._load_id, outcome.images, run_id=self._run_id, version=version)
            lock.assert_held()

        writer = BatchWriter(agreement.shape, self._target, file.mode, before_commit=before_commit)
        throttle = Throttle(file.rows_per_second)
        load = self._open_load(books, difference)
        for chunk in load.chunks:
            lower, upper = _range(chunk)
            lock.assert_held()
            self._state.start_chunk(load.load_id, chunk.index)
            began = time.monotonic()
            outcome = writer.write(books.page(load.load_id, lower, upper))
            books.acknowledge(load.load_id, lower, upper, but=outcome.forgotten, version=version)
            counts += outcome.counts
            self._state.commit_chunk(
                load.load_id,
                chunk.index,
                rows=outcome.counts.written,
                bytes_=0,
                seconds=time.monotonic() - began,
            )
            self._reasons.update(reject.reason for reject in outcome.rejects)
            if self._report is not None:
                self._report(upper, difference.rows)
            throttle(upper - lower)
        result = self._result(books, difference, counts, batches=len(load.chunks))
        self._state.close_load(load.load_id, rows=result.source_rows)
        return result

    def _open_load(self, books: Books, difference: DifferenceSize) -> Load:
        most = max(1, min(self._flow.file.batch_rows, BATCH_BYTES // max(difference.longest, 1)))
        bounds = range(0, difference.rows, most)
        load = Load(
            load_id=self._load_id,
            table=self._flow.state_name,
            partition="",
            kind=KIND,
            window=Window(),
            advance_to=None,
            fingerprint=self._flow.fingerprint,
            staging=books.changes_table(self._load_id).full_name,
            staging_id="",
            status=LoadStatus.OPEN,
            created_at=datetime.now(UTC),
            chunks=tuple(
                Chunk(index, KeyRange(("seq",), (str(lower),), (str(min(lower + most, difference.rows)),)))
                for index, lower in enumerate(bounds)
            ),
        )
        self._state.open_load(load)
        return load

    def _result(
        self, books: Books, difference: DifferenceSize, counts: Counts, *, batches: int = 0
    ) -> ReverseEtlResult:
        result = ReverseEtlResult(
            flow=self._flow.name,
            target=self._flow.file.target.full_name,
            load=self._load_id,
            changes=difference.rows,
            deletes=difference.deletes,
            counts=counts,
            batches=batches,
            seconds=time.monotonic() - self._began,
            source_rows=books.count_written(),
            reasons=tuple(self._reasons.most_common(SAMPLES)),
            dry_run=self._config.dry_run,
        )
        if self._flow.file.mode == "mirror" and not self._config.dry_run:
            return replace(result, target_rows=self._target.count())
        return result


def _range(chunk: Chunk) -> tuple[int, int]:
    lower, upper = chunk.key_range.lower, chunk.key_range.upper
    return int(lower[0]) if lower else 0, int(upper[0]) if upper else 0
