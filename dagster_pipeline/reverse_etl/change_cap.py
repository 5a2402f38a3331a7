"""How many rows one run may change: a query that goes wrong must not go wrong in production too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.reverse_etl.difference import DifferenceSize

FEW_ROWS = 100
"""So many may always change: a share of a small table is less than one row."""


class ChangesRefusedError(DataQualityError):
    """More rows would change than one run may."""


class RejectsRefusedError(DataQualityError):
    """The target refuses more rows than one run may set aside."""


@dataclass(frozen=True, slots=True)
class ChangeCap:
    """The limits of one run.

    Attributes:
        share: of the rows that were written before.
        approved: a person has said that it is right this time.
    """

    share: float
    approved: bool
    max_rejects: int

    def judge(self, difference: DifferenceSize, *, flow: str, knows_rows: bool) -> None:
        """Raise `ChangesRefusedError` before anything is written. What was never written before has no share.

        `knows_rows`: rows that are looked at count as changes, else only those that are to be deleted: a first run, and
        a full refresh, look at every row.
        """
        most = max(FEW_ROWS, int(difference.written_before * self.share))
        changes = difference.changes if knows_rows else difference.deletes
        if difference.written_before and not self.approved and changes > most:
            raise ChangesRefusedError(
                f"{flow}: {changes:,} rows would change ({difference.deletes:,} of them be deleted), and "
                f"max_change allows {most:,} of {difference.written_before:,}. Nothing was written.",
                todo="If that is right, run it once with allow_change: true; or raise max_change.",
            )

    def judge_rejects(self, rejected: int, *, flow: str, reasons: Sequence[tuple[str, int]] = ()) -> None:
        """Raise `RejectsRefusedError` when there are too many. Reasons are told when they hold no value of a row."""
        if rejected > self.max_rejects:
            told = "".join(f"\n  - {rows:,} row(s): {reason}" for reason, rows in reasons)
            raise RejectsRefusedError(
                f"{flow}: {rejected:,} rows cannot be written, and max_rejects allows {self.max_rejects:,}."
                + (f"{told}\n" if told else " What was committed before stays."),
                todo="Nothing was written; correct the source, or raise max_rejects."
                if told
                else f"The warehouse's table reverse_etl.{flow.rpartition('/')[2]}__rejects says why.",
            )
