"""How many rows one run may mark as deleted: a source that lost its rows by accident must not empty the warehouse too."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_pipeline.errors import DataQualityError

FEW_ROWS = 10
"""So many may always go: 1 % of a small table is less than one row."""


class DeletesRefusedError(DataQualityError):
    """More rows vanished at the source than one run may mark as deleted."""


@dataclass(frozen=True, slots=True)
class DeletionCap:
    """The limit of one run.

    Attributes:
        share: of the rows that a reader sees, e.g. 0.01.
        approved: a person has said that it is right this time.
    """

    share: float
    approved: bool = False

    def allows(self, vanished: int, rows: int) -> bool:
        """So many of so many rows may be marked."""
        return self.approved or vanished <= max(FEW_ROWS, int(rows * self.share))

    def judge(self, vanished: int, rows: int, *, table: str) -> None:
        """Raise `DeletesRefusedError` when they may not."""
        if not self.allows(vanished, rows):
            raise DeletesRefusedError(
                f"{table}: {vanished:,} of {rows:,} rows are gone at the source, more than max_delete "
                f"({self.share:.4g} of the rows, or {FEW_ROWS}) allows. None was marked.",
                todo="If that is right, run it once with allow_deletes: true; or raise sync.max_delete.",
            )
