"""Loads for the tests of the state store."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from dagster_pipeline.connectors.batch import KeyRange, Window
from dagster_pipeline.state.base_state_store import BaseStateStore
from dagster_pipeline.state.records import Chunk, Load, LoadStatus, TableState

TABLE = "amtdb/accounts"
CREATED = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
WINDOW = Window(
    cursor="updated_at",
    lower="2026-03-28 00:00:00.000001",
    lower_inclusive=False,
    upper="2026-03-29 01:00:00",
    include_nulls=True,
    lookback_seconds=600,
)

_numbers = itertools.count(1)


def ranges(count: int) -> tuple[KeyRange, ...]:
    """Ranges of a composite key that cover everything, with text that needs care; none for 0."""
    if not count:
        return ()
    bounds = [None, *((str(number), "Ø'\"\\\n\t\0😀") for number in range(1, count)), None]
    return tuple(KeyRange(("region", "id"), lower, upper) for lower, upper in itertools.pairwise(bounds))


def a_load(
    table: str = TABLE,
    *,
    chunks: int = 2,
    partition: str = "",
    advance_to: str | None = "2026-03-29 01:00:00",
    created_at: datetime = CREATED,
) -> Load:
    """An open load that has not begun."""
    return Load(
        load_id=f"{next(_numbers):012x}",
        table=table,
        partition=partition,
        kind="incremental",
        window=WINDOW,
        advance_to=advance_to,
        fingerprint="a1b2",
        staging="accounts__staging",
        staging_id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
        status=LoadStatus.OPEN,
        created_at=created_at,
        chunks=tuple(Chunk(index, key_range) for index, key_range in enumerate(ranges(chunks))),
    )


def run(store: BaseStateStore, load: Load, *, rows: int | None = 10) -> TableState:
    """Take a load from its opening to its end."""
    store.open_load(load)
    for chunk in load.chunks:
        store.start_chunk(load.load_id, chunk.index)
        store.commit_chunk(load.load_id, chunk.index, rows=5, bytes_=500, seconds=0.25)
    return store.close_load(load.load_id, rows=rows)
