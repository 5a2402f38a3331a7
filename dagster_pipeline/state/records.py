"""The frozen values that the state store keeps: a table's position, its loads, their chunks.

Words: a *load* is one attempt to bring a table forward over one window, however many runs it takes; a *chunk* is the
part of a load that is written at once; the *ledger* is the list of a load's chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dagster_pipeline.connectors.batch import KeyRange, Window


class ChunkStatus(StrEnum):
    """How far a chunk is. `STARTED` means that the sink may hold some of it."""

    PLANNED = "planned"
    STARTED = "started"
    DONE = "done"


class LoadStatus(StrEnum):
    """How a load stands. Only one load of a table (and partition) is open at a time."""

    OPEN = "open"
    DONE = "done"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One line of the ledger.

    Attributes:
        index: position in the load, from 0.
        key_range: which keys.
        status: how far it is.
        rows, bytes, seconds: what the sink acknowledged; 0 until done.
    """

    index: int
    key_range: KeyRange
    status: ChunkStatus = ChunkStatus.PLANNED
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """One load with its ledger.

    Attributes:
        load_id: 12 lower-case hex digits, unique; part of the staging table's name and of the chunks' tokens.
        table: `<destination database>/<table>`.
        partition: Dagster partition key, empty for none.
        kind: `full`, `incremental` or `append`.
        window: fixed before anything was read.
        advance_to: where the cursor stands after the load; `None` leaves it.
        fingerprint: of everything that must not change between a load's runs (columns, types, filter, mode).
        staging: name of the staging table; empty when rows go straight into the table.
        staging_id: the sink's own identity of the staging table, which stays with the data when names are exchanged:
            tells a run that was killed around the exchange whether it has happened.
        status, created_at, chunks: as they say.
    """

    load_id: str
    table: str
    partition: str
    kind: str
    window: Window
    advance_to: str | None
    fingerprint: str
    staging: str
    staging_id: str
    status: LoadStatus
    created_at: datetime
    chunks: tuple[Chunk, ...]

    def token(self, chunk: Chunk) -> str:
        """The chunk's deterministic identity, used as the sink's deduplication token."""
        return f"{self.load_id}:{chunk.index}"


@dataclass(frozen=True, slots=True)
class TableState:
    """Where a table (and partition) stands.

    Attributes:
        cursor: canonical text of the last settled cursor value; `None` before the first load.
        version: the highest `_version` ever given out for the table.
        rows: rows in the destination after the last load, for the shrink guard; `None` when unknown.
        last_success_at: when a run last ended well, also one that found nothing new, as Dagster's materializations have it;
            UTC, `None` before the first.
        open_load: the load that a dead run left behind, to be resumed or abandoned.
        loaded_as: what the rows there may have been loaded under (`sync.loaded_as`); empty when unknown.
    """

    table: str
    partition: str = ""
    cursor: str | None = None
    version: int = 0
    rows: int | None = None
    last_success_at: datetime | None = None
    open_load: Load | None = None
    loaded_as: str = ""


@dataclass(frozen=True, slots=True)
class PastLoad:
    """A load that is done, its ledger in sums.

    Attributes:
        kind: as in `Load`.
        created_at: UTC, when it was opened.
        chunks, rows, bytes: what the sink acknowledged.
        seconds: of all chunks together; those of one load ran beside each other.
    """

    table: str
    partition: str
    kind: str
    created_at: datetime
    chunks: int
    rows: int
    bytes: int
    seconds: float


def for_people(table: str, partition: str) -> str:
    """A table and partition in a sentence."""
    return f"{table}, partition {partition}" if partition else table


@dataclass(frozen=True, slots=True)
class LockRecord:
    """Who may work on a table right now, for people.

    Attributes:
        partition: empty when the whole table is held.
        owner: names the run, its host and its process.
        acquired_at, heartbeat_at, expires_at: UTC, by the store's clock.
    """

    table: str
    partition: str
    owner: str
    acquired_at: datetime
    heartbeat_at: datetime
    expires_at: datetime
