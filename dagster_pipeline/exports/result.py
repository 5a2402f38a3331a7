"""What a run of an export gives back: frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_export_sink import ExportMode


@dataclass(frozen=True, slots=True)
class ExportResult:
    """One run.

    Attributes:
        export: `exports/<name>`.
        mode: as it was done; a merge of everything may be a replacement.
        load: its name at the destination; empty when nothing was new, or in a dry run.
        rows: exported, those that are marked as gone included.
        bytes: as the destination took them.
        place: for people.
        place_rows: in the destination afterwards, `None` where that is not known.
        above, up_to: versions of the table's rows, both 0 when they were not asked for.
        slices: dates that were exported anew, of a sink that exchanges whole ones.
        finished: loads of runs that died, which this run finished first.
        select: what was read.
        notes: sentences for the run's log.
    """

    export: str
    mode: ExportMode
    load: str
    rows: int
    bytes: int
    place: str
    seconds: float
    select: str
    place_rows: int | None = None
    above: int = 0
    up_to: int = 0
    slices: int = 0
    finished: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False
