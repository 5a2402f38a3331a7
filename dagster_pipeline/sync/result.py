"""What a run did, as values that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.quarantine_store import InQuarantine


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows that the sink acknowledged; adds with `+`.

    Attributes:
        rows, bytes: as acknowledged; bytes are those on the wire.
        chunks: how many chunks they came in.
        coerced: rows changed by policy, by column.
        query_ids: the warehouse's names of the inserts.
        set_aside: rows that went into quarantine.
        set_aside_by: the same by column; a row can be at fault in several.
    """

    rows: int = 0
    bytes: int = 0
    chunks: int = 0
    coerced: Mapping[str, int] = field(default_factory=dict)
    query_ids: tuple[str, ...] = ()
    set_aside: int = 0
    set_aside_by: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Moved) -> Moved:
        return Moved(
            rows=self.rows + other.rows,
            bytes=self.bytes + other.bytes,
            chunks=self.chunks + other.chunks,
            coerced=dict(Counter(self.coerced) + Counter(other.coerced)),
            query_ids=self.query_ids + other.query_ids,
            set_aside=self.set_aside + other.set_aside,
            set_aside_by=dict(Counter(self.set_aside_by) + Counter(other.set_aside_by)),
        )


@dataclass(frozen=True, slots=True)
class SyncResult:
    """One run of one table.

    Attributes:
        table: the destination with every column, as it stands now.
        kind: `full`, `incremental` or `append`.
        moved: what this run moved; a resumed load's earlier chunks are not in it.
        chunks_planned: chunks of the whole load.
        chunks_left: chunks that wait for the next run, since this one had a limit.
        resumed: the run finished what an earlier one began.
        seconds: wall time of the run, planning included.
        window: what was read.
        newest: greatest cursor value that the source showed; `None` without a cursor.
        cursor_before, cursor_after: canonical text.
        null_cursor_rows: rows whose cursor is NULL, at the source.
        rows_in_destination: what a reader sees now, of the partitions when only they were loaded.
        deleted_rows: rows that this run marked as deleted.
        rows_before: what a reader saw after the load before; `None` when unknown.
        version: `_version` of the rows that this run wrote; 0 when there was nothing to read.
        statements: DDL that was run.
        notes: sentences worth a warning.
        partition: the partitions' name in the state store; empty for the whole table.
        rows_in_no_partition: rows at the source that belong to no partition of the table.
        query: the source's statement for the whole window, as no chunk's own bounds stand in it.
        drift: those of them that say how the source has drifted from the file.
        in_quarantine: what has not arrived yet, of this run and all before; `None` where there is no quarantine.
    """

    table: SinkTable
    kind: str
    moved: Moved
    chunks_planned: int
    resumed: bool
    seconds: float
    window: Window
    newest: str | None
    cursor_before: str | None
    cursor_after: str | None
    null_cursor_rows: int
    rows_in_destination: int
    deleted_rows: int
    rows_before: int | None
    version: int
    statements: tuple[str, ...]
    notes: tuple[str, ...]
    partition: str = ""
    rows_in_no_partition: int = 0
    query: str = ""
    chunks_left: int = 0
    drift: tuple[str, ...] = ()
    in_quarantine: InQuarantine | None = None

    @property
    def newest_visible(self) -> str | None:
        """The greatest cursor value that a reader finds now, as far as the run knows; `None` without a cursor."""
        if self.partition:
            return None
        return self.window.upper or self.newest or self.cursor_after

    @property
    def rows_per_second(self) -> float:
        """Rows moved by wall time of the whole run; 0 when nothing moved."""
        return self.moved.rows / self.seconds if self.seconds > 0 else 0.0
