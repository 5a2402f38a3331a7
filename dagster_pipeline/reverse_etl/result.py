"""What a run did, as frozen values that add up."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_pipeline.targets.changes import Counts

SAMPLES = 5


@dataclass(frozen=True, slots=True)
class ReverseEtlResult:
    """One run.

    Attributes:
        load: names the run's images and rejects; what `undo` asks for.
        changes: rows that differed from what was written last.
        reasons: up to `SAMPLES` different reasons of rejects, with how often each came.
        target_rows: rows of the target afterwards, counted for `mirror` only.
        source_rows: rows that are written and not deleted, by our own books.
        dry_run: nothing was written.
    """

    flow: str
    target: str
    load: str
    changes: int
    deletes: int
    counts: Counts
    batches: int
    seconds: float
    source_rows: int
    target_rows: int | None = None
    reasons: tuple[tuple[str, int], ...] = ()
    dry_run: bool = False

    @property
    def is_reconciled(self) -> bool:
        """Every row that was to be written is there as it was meant to be."""
        counts_agree = self.target_rows is None or self.target_rows == self.source_rows
        return counts_agree and not self.counts.differing and not self.counts.rejected

    @property
    def says(self) -> str:
        """In a sentence."""
        counts = self.counts
        if self.dry_run:
            return (
                f"{self.target}: a run would look at {self.changes:,} changed rows, {self.deletes:,} of them to delete, "
                f"and reject {counts.rejected:,} that do not fit. Nothing was written."
            )
        return (
            f"{self.target}: {counts.inserted:,} rows inserted, {counts.updated:,} updated, {counts.deleted:,} deleted, "
            f"{counts.unchanged:,} as wanted already, {counts.rejected:,} rejected, {self.seconds:.1f} s."
        )
