"""A migration's whole way: agree, then batch by batch in the key's order read, judge, write, report.

Rows are told apart by their key, so a run that is repeated, after a crash too, finds what is done and does the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_pipeline.data_migration.agreement import Agreement, agree, key_texts
from dagster_pipeline.data_migration.report import RowReport
from dagster_pipeline.data_migration.result import SAMPLES, MigrationResult, RejectedRow
from dagster_pipeline.data_migration.validation import Validator
from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.schema.data_migration_file import KIND, MigrationFile, ReferenceRule
from dagster_pipeline.schema.target_models import WriteMode
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.targets.base_target import Row, Target
from dagster_pipeline.targets.batch_writer import BatchWriter
from dagster_pipeline.targets.changes import WRITE, Change, Counts, Outcome
from dagster_pipeline.throttle import Throttle


@dataclass(frozen=True, slots=True)
class MigrationConfig:
    """Choices for one run.

    Attributes:
        limit: look at so many rows at most, the first ones in the key's order; `None` for all.
        skip_validation: the file's rules do not count; the target's own constraints do.
    """

    limit: int | None = None
    skip_validation: bool = False
    dry_run: bool = False


class MigrationRejectsError(DataQualityError):
    """More rows were rejected than one run may."""


class Migration:
    """One run of one file.

    Args:
        open_reference: opens a table of the target's database that a rule names.
        report_path: where every row is listed; `None` for nowhere.
        progress: is told after each batch how many rows were looked at.
    """

    def __init__(
        self,
        name: str,
        file: MigrationFile,
        *,
        source: Target,
        target: Target,
        state: BaseStateStore,
        run_id: str,
        open_reference: Callable[[ReferenceRule], Target],
        config: MigrationConfig = MigrationConfig(),
        report_path: Path | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._name = name
        self._file = file
        self._source = source
        self._target = target
        self._state = state
        self._run_id = run_id
        self._open_reference = open_reference
        self._config = config
        self._report_path = report_path
        self._progress = progress
        self._counts = Counts()
        self._reasons: Counter[str] = Counter()
        self._rejected: list[RejectedRow] = []

    def run(self) -> MigrationResult:
        """Do it. Raises `PipelineError`; batches that were committed stay."""
        began = time.monotonic()
        with self._state.lock(f"{KIND}/{self._name}", owner=self._run_id) as lock:
            agreement = agree(self._file, self._source, self._target)
            with RowReport(self._report_path) as report:
                looked_at = self._move(agreement, report, lock)
        return MigrationResult(
            name=self._name,
            source=self._file.source.full_name,
            target=self._file.target.full_name,
            looked_at=looked_at,
            counts=self._counts,
            reasons=dict(self._reasons.most_common()),
            rejected=tuple(self._rejected),
            left_behind=agreement.left_behind,
            report=str(self._report_path or ""),
            seconds=time.monotonic() - began,
            dry_run=self._config.dry_run,
        )

    def _move(self, agreement: Agreement, report: RowReport, lock: TableLock) -> int:
        """All batches; how many rows were looked at."""

        def before_commit(outcome: Outcome) -> None:
            self._judge_rejects(outcome)
            lock.assert_held()

        shape = agreement.shape
        mode: WriteMode = "upsert" if self._file.on_existing == "update" else "insert"
        writer = BatchWriter(shape, self._target, mode, before_commit=before_commit)
        validator = Validator(self._file.rules, shape, self._target, open_reference=self._open_reference)
        throttle = Throttle(self._file.rows_per_second)
        looked_at, after = 0, None
        while rows := self._page(agreement, after, looked_at):
            after = rows[-1][: len(agreement.read_key)]
            values = [row[len(agreement.read_key) :] for row in rows]
            judged = [[] for _ in values] if self._config.skip_validation else validator.judge(values)
            changes = [
                Change(looked_at + number, WRITE, "\n".join(reasons), row)
                for number, (row, reasons) in enumerate(zip(values, judged, strict=True), 1)
            ]
            outcome = writer.preview(changes) if self._config.dry_run else writer.write(changes)
            if self._config.dry_run:
                self._judge_rejects(outcome)
            self._enter(agreement, report, changes, outcome)
            looked_at += len(rows)
            if self._progress is not None:
                self._progress(looked_at)
            throttle(len(rows))
        return looked_at

    def _page(self, agreement: Agreement, after: Row | None, looked_at: int) -> Sequence[Row]:
        limit = self._file.batch_rows
        if self._config.limit is not None:
            limit = min(limit, self._config.limit - looked_at)
        if limit <= 0:
            return ()
        where = self._file.source.where or ""
        return self._source.page(agreement.read_key, agreement.read, after=after, where=where, limit=limit)

    def _judge_rejects(self, outcome: Outcome) -> None:
        rejected = self._counts.rejected + outcome.counts.rejected
        if rejected > self._file.max_rejects:
            raise MigrationRejectsError(
                f"{self._name}: {rejected:,} rows are rejected, and max_rejects allows {self._file.max_rejects:,}. "
                "What was committed before stays.",
                todo="A dry run with a limit says why; correct the source or the rules, or raise max_rejects.",
            )

    def _enter(
        self, agreement: Agreement, report: RowReport, changes: Sequence[Change], outcome: Outcome
    ) -> None:
        self._counts += outcome.counts
        reasons_of = {reject.change.seq: tuple(reject.reason.split("\n")) for reject in outcome.rejects}
        for change in changes:
            key = key_texts(change.values, agreement.shape)
            reasons = reasons_of.get(change.seq, ())
            report.add(key, "rejected" if reasons else "accepted", reasons)
            self._reasons.update(reasons)
            if reasons and len(self._rejected) < SAMPLES:
                self._rejected.append(RejectedRow(key, reasons))
