"""What a plan makes of the bounds and of the source's indexes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dagster_pipeline.connectors.batch import SourceBounds
from dagster_pipeline.schema.models import NullCursor, SyncMode, SyncSettings, TableSchema
from dagster_pipeline.state.records import TableState
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.plan import SyncPlan, plan_sync
from tests.contract.sources.both_sources import table_schema

STANDS_AT = "2024-01-01 00:00:00"
NOTHING_NEWER = SourceBounds(newest="2023-12-31 00:00:00", settled=STANDS_AT, rows_at_most=0)


def orders(**sync: object) -> TableSchema:
    settings = SyncSettings.model_copy(SyncSettings(mode=SyncMode.INCREMENTAL, cursor="at"), update=sync)
    columns = {"id": "bigint", "part": "int", "at": "datetime null"}
    return table_schema("mysql", "shop", columns, ("id", "part")).model_copy(update={"sync": settings})


def planned(
    schema: TableSchema,
    bounds: SourceBounds,
    *,
    cursor: str | None = STANDS_AT,
    config: SyncConfig | None = None,
    cursor_is_indexed: bool = True,
) -> SyncPlan:
    return plan_sync(
        schema,
        TableState("d.t", cursor=cursor),
        bounds,
        config or SyncConfig(),
        fingerprint="",
        bytes_per_row=100,
        cursor_is_indexed=cursor_is_indexed,
    )


@pytest.mark.parametrize(
    ("cursor", "indexed", "expected"),
    [
        (None, True, ("id", "part")),
        (STANDS_AT, True, ("at", "id", "part")),
        (STANDS_AT, False, ("id", "part")),
    ],
    ids=["first-load", "indexed", "not-indexed"],
)
def test_chunks_are_cut_by_what_the_source_finds_rows_by(
    cursor: str | None, indexed: bool, expected: tuple[str, ...]
) -> None:
    bounds = SourceBounds(newest="2024-02-02 00:00:00", settled="2024-02-02 00:00:00")
    assert planned(orders(), bounds, cursor=cursor, cursor_is_indexed=indexed).split_by == expected


def test_a_window_that_was_counted_and_has_no_row_is_not_read() -> None:
    assert planned(orders(), NOTHING_NEWER).nothing_to_read
    assert planned(orders(lookback=timedelta(minutes=10)), NOTHING_NEWER).nothing_to_read


def test_rows_without_a_cursor_are_read_although_the_window_has_no_other() -> None:
    bounds = replace(NOTHING_NEWER, null_rows=3)
    assert not planned(orders(null_cursor=NullCursor.INCLUDE), bounds).nothing_to_read
    assert planned(orders(null_cursor=NullCursor.EXCLUDE), bounds).nothing_to_read


def test_a_count_of_the_planned_window_says_nothing_of_one_that_a_person_gives() -> None:
    config = SyncConfig(window_from="2023-01-01 00:00:00")
    plan = planned(orders(), NOTHING_NEWER, config=config)
    assert (plan.nothing_to_read, plan.rows_at_most) == (False, None)
