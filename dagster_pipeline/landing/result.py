"""What landing gives back: frozen values, added up."""

from __future__ import annotations

from dataclasses import dataclass, field

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sources.base_delivery_source import Delivery, Findings


@dataclass(frozen=True, slots=True)
class Landed:
    """One delivery that is there now.

    Attributes:
        version: the `_version` of its rows.
        rejected: rows that were left out, within what the file allows.
        resumed: an earlier run had begun it, so some of its rows may be older than this run.
    """

    delivery: str
    rows: int
    bytes: int
    version: int = 0
    rejected: int = 0
    notes: tuple[str, ...] = ()
    resumed: bool = False

    @classmethod
    def of(cls, delivery: Delivery, *, rows: int, version: int, findings: Findings) -> Landed:
        """From what was found while it was read."""
        return cls(delivery.name, rows, delivery.bytes, version, findings.rejected, tuple(findings.notes))


@dataclass(frozen=True, slots=True)
class LandingResult:
    """One run of one table.

    Attributes:
        landed: what this run brought.
        skipped: replaced objects that the file says to skip.
        left: deliveries that wait for the next run, since this one had a limit.
        rows_in_destination: what a reader sees now.
        rows_before: what a reader saw before the run; `None` where nobody asked, or nothing had landed.
        statements: DDL that was run.
    """

    table: SinkTable
    landed: tuple[Landed, ...]
    skipped: tuple[str, ...]
    left: int
    seconds: float
    rows_in_destination: int
    statements: tuple[str, ...] = field(default=())
    rows_before: int | None = None

    @property
    def rows(self) -> int:
        """Rows that this run brought."""
        return sum(each.rows for each in self.landed)

    @property
    def bytes(self) -> int:
        """Bytes of the deliveries, where they are stored."""
        return sum(each.bytes for each in self.landed)

    @property
    def rejected(self) -> int:
        """Rows that were left out."""
        return sum(each.rejected for each in self.landed)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences worth a warning, each once."""
        return tuple(dict.fromkeys(note for each in self.landed for note in each.notes))
