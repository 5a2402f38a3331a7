"""What a migration did, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagster_pipeline.targets.changes import Counts

SAMPLES = 100


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that did not move: its key and every reason."""

    key: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrationResult:
    """One run.

    Attributes:
        looked_at: rows of the source.
        counts: what became of them; in a dry run, what would.
        reasons: how many rows were rejected for each reason.
        rejected: the first `SAMPLES` of them.
        left_behind: columns of the source that do not move.
        report: the file that names every row; empty for none.
    """

    name: str
    source: str
    target: str
    looked_at: int
    counts: Counts
    reasons: Mapping[str, int]
    rejected: tuple[RejectedRow, ...]
    left_behind: tuple[str, ...]
    report: str
    seconds: float
    dry_run: bool

    @property
    def accepted(self) -> int:
        """Rows that stand in the target now, or would."""
        return self.looked_at - self.counts.rejected

    @property
    def says(self) -> str:
        """In a sentence."""
        counts, would = self.counts, "would be " if self.dry_run else ""
        return (
            f"{self.source} to {self.target}: {self.looked_at:,} rows looked at, {counts.inserted:,} {would}inserted, "
            f"{counts.updated:,} {would}updated, {counts.unchanged + counts.kept:,} there already, "
            f"{counts.rejected:,} rejected, {self.seconds:.1f} s."
        )
