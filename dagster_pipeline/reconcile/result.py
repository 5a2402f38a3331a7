"""What one reconciliation found and did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagster_pipeline.reconcile.difference import Difference, Kind


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """One table, compared once.

    Attributes:
        table: `<destination database>/<table>`.
        source_rows, warehouse_rows: as they were counted.
        found: rows that differ, by kind; those that only wait for the next load are not in it.
        pending: rows that changed at the source after the last load.
        quarantined: rows that differ since they are in quarantine.
        tolerated: rows that only the warehouse has, of a table that ignores deletes.
        repaired: rows that were loaded again.
        marked: rows that were marked as deleted.
        parts: how many parts were compared.
        reread_rows: rows that were read a second time to name the keys.
        seconds: wall time.
        samples: a few of the differing rows.
        notes: sentences worth a warning.
        is_complete: the whole table was compared.
    """

    table: str
    source_rows: int
    warehouse_rows: int
    found: Mapping[Kind, int]
    pending: int
    tolerated: int
    repaired: int
    marked: int
    parts: int
    reread_rows: int
    seconds: float
    samples: tuple[Difference, ...]
    notes: tuple[str, ...]
    is_complete: bool = True
    quarantined: int = 0

    @property
    def faults(self) -> int:
        """Rows that differ and should not."""
        return sum(self.found.values())

    @property
    def is_equal(self) -> bool:
        """The warehouse was what it must be."""
        return self.faults == 0

    @property
    def is_mended(self) -> bool:
        """Whatever differed does so no longer."""
        return self.is_complete and self.faults <= self.repaired + self.marked

    @property
    def says(self) -> str:
        """The result as a sentence."""
        if self.is_equal:
            text = f"{self.table}: {self.warehouse_rows:,} rows equal their source"
        else:
            counts = ", ".join(f"{count:,} {kind}" for kind, count in self.found.items() if count)
            text = f"{self.table}: {counts} of {self.source_rows:,} rows at the source"
        if self.repaired or self.marked:
            text += f"; {self.repaired:,} loaded again, {self.marked:,} marked as deleted"
        if self.pending:
            text += f"; {self.pending:,} wait for the next load"
        if self.quarantined:
            text += f"; {self.quarantined:,} are in quarantine"
        if self.tolerated:
            text += f"; {self.tolerated:,} are gone at the source and stay (sync.deletes: ignore)"
        return f"{text}."
