"""What `status` says of a table, from its file and what is remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dagster_pipeline.commands.status_report import Standing, TableStatus, ago, next_due, span, statuses
from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.schema.models import ColumnSchema, Schedule, SyncMode, SyncSettings, TableSchema
from dagster_pipeline.state.records import Load, LoadStatus, LockRecord, TableState
from tests.type_lab.table_file import table_of

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
SCHEMA = table_of(
    "postgres",
    ColumnSchema(name="id", type="bigint", primary_key=True),
    ColumnSchema(name="at", type="timestamp with time zone"),
).model_copy(
    update={
        "freshness": timedelta(hours=1),
        "sync": SyncSettings(mode=SyncMode.INCREMENTAL, cursor="at"),
        "schedule": Schedule(cron="0 3 * * *", timezone="Europe/Berlin"),
    }
)
LEFT = Load("0" * 12, SCHEMA.name, "", "full", Window(), None, "", "", "", LoadStatus.OPEN, NOW, ())


def state(minutes: int, *, partition: str = "", rows: int | None = 5, left: Load | None = None) -> TableState:
    return TableState(
        SCHEMA.name, partition, "2026-03-29 00:00:00+00", 7, rows, NOW - timedelta(minutes=minutes), left
    )


def lock(expires_in: int) -> LockRecord:
    return LockRecord(SCHEMA.name, "", "run", NOW, NOW, NOW + timedelta(seconds=expires_in))


def status(
    *states: TableState, locks: tuple[LockRecord, ...] = (), schema: TableSchema = SCHEMA
) -> TableStatus:
    (found,) = statuses([schema], states, locks, now=NOW)
    return found


@pytest.mark.parametrize(
    ("states", "locks", "standing"),
    [
        ((), (), Standing.NEVER),
        ((TableState(SCHEMA.name),), (), Standing.NEVER),
        ((state(59),), (), Standing.OK),
        ((state(61),), (), Standing.LATE),
        ((state(59, left=LEFT),), (), Standing.UNFINISHED),
        ((state(61),), (lock(30),), Standing.LOADING),
        ((state(61),), (lock(-30),), Standing.LATE),
    ],
)
def test_the_first_thing_to_know_is_said(
    states: tuple[TableState, ...], locks: tuple[LockRecord, ...], standing: Standing
) -> None:
    assert status(*states, locks=locks).standing is standing


def test_a_disabled_table_is_never_due() -> None:
    found = status(state(1), schema=SCHEMA.model_copy(update={"enabled": False}))
    assert (found.standing, found.next_due_at) == (Standing.DISABLED, None)


def test_lag_is_from_the_cursor_to_now() -> None:
    assert status(state(1)).lag_seconds == 1800


def test_partitions_are_counted_and_their_rows_added() -> None:
    found = status(state(5, partition="a"), state(9, partition="b", rows=6))
    assert (found.partitions, found.rows, found.last_success_at) == (2, 11, NOW - timedelta(minutes=5))
    assert status(state(5, partition="a"), state(9, partition="b", rows=None)).rows is None


def test_the_next_time_is_that_of_the_schedules_own_zone() -> None:
    # 3:00 in Berlin is 1:00 UTC after the clocks were put forward in that night.
    assert next_due(Schedule(cron="0 3 * * *", timezone="Europe/Berlin"), now=NOW) == NOW + timedelta(
        minutes=30
    )
    assert next_due(Schedule(cron="0 3 * * *"), now=NOW) == NOW + timedelta(hours=2, minutes=30)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (5, "5 s"), (60, "1 min"), (3700, "1 h 1 min"), (90_000, "1 d 1 h"), (-65, "-1 min")],
)
def test_lengths_of_time_are_short(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_what_lies_ahead_is_in_some_time() -> None:
    assert (ago(None, NOW), ago(NOW + timedelta(minutes=2), NOW)) == ("-", "in 2 min")
