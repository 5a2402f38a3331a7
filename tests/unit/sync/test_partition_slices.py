"""From partition keys to rows: time arithmetic, gaps, overlaps. Keys are Dagster's own, so it says what they mean."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.factories.table_partitions import due_partitions, partitions_def
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    Partitions,
    SourceRef,
    SyncSettings,
    TableSchema,
)
from dagster_pipeline.sync.partition_slice import partition_key, partition_slice, time_span

STARTS = {"hour": "2024-02-28", "day": "2019-12-30", "week": "2019-12-30", "month": "2019-12-01"}


def table(*, kind: str = "datetime", lookback: str = "0s", **partitions: object) -> TableSchema:
    return TableSchema(
        path=Path("schemas/mysql/db/t.yml"),
        group="db",
        source=SourceRef(dialect="mysql", connection="db", database="db", table="t"),
        destination=DestinationRef(database="db", table="t", engine="ReplacingMergeTree", order_by=("id",)),
        sync=SyncSettings.model_validate({"lookback": lookback}),
        partitions=Partitions.model_validate({"by": "at"} | partitions),
        columns=(
            ColumnSchema(name="id", type="bigint", primary_key=True),
            ColumnSchema(name="at", type=kind, immutable=True),
        ),
    )


@pytest.mark.parametrize("every", STARTS)
def test_our_spans_are_the_time_windows_that_dagster_has(every: str) -> None:
    schema = table(every=every, start=STARTS[every])
    assert schema.partitions
    theirs = partitions_def(schema)
    assert isinstance(theirs, dg.TimeWindowPartitionsDefinition)
    keys = theirs.get_partition_keys(current_time=datetime(2024, 3, 15, 13, 30))
    assert keys[0].startswith(STARTS[every])
    for key in [*keys[:200], *keys[-200:]]:
        window = theirs.time_window_for_partition_key(key)
        ours = tuple(moment.isoformat() for moment in time_span(schema.partitions, key))
        assert ours == (
            window.start.replace(tzinfo=None).isoformat(),
            window.end.replace(tzinfo=None).isoformat(),
        )
        assert partition_key(schema.partitions, window.start) == key
    assert keys[-1] == partition_key(schema.partitions, datetime(2024, 3, 15, 13, 30))


def test_a_range_is_one_half_open_window() -> None:
    part = partition_slice(table(every="month", start="2024-01-01"), ["2024-01-01", "2024-02-01"])
    assert part.window == Window(
        cursor="at", lower="2024-01-01 00:00:00", upper="2024-03-01 00:00:00", upper_inclusive=False
    )
    assert part.name == "2024-01-01...2024-02-01"


def test_a_date_is_compared_with_dates() -> None:
    part = partition_slice(table(kind="date", every="day", start="2024-01-01"), ["2024-02-29"])
    assert (part.window.lower, part.window.upper) == ("2024-02-29", "2024-03-01")


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ((), "no partition was chosen"),
        (("2024-01-01", "2024-01-03"), "gap"),
        (("2024-01-02", "2024-01-01"), "gap"),
        (("yesterday",), "no partition by day"),
    ],
)
def test_keys_that_make_no_sense_are_refused(keys: tuple[str, ...], what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        partition_slice(table(every="day", start="2024-01-01"), keys)


def test_a_value_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no partition 'cn'"):
        partition_slice(table(kind="varchar(9)", values=("eu", "us")), ["eu", "cn"])


@pytest.mark.parametrize(
    ("every", "now", "lookback", "due"),
    [
        ("day", "2024-03-15 00:00", "0s", ("2024-03-14", "2024-03-15")),
        ("day", "2024-03-15 13:30", "0s", ("2024-03-14", "2024-03-15")),
        ("day", "2024-03-15 13:30", "72h", ("2024-03-12", "2024-03-15")),
        ("hour", "2024-03-15 13:30", "0s", ("2024-03-15-12:00", "2024-03-15-13:00")),
        ("month", "2024-03-01 00:00", "0s", ("2024-02-01", "2024-03-01")),
        ("week", "2024-03-18 00:00", "0s", ("2024-03-11", "2024-03-18")),
        ("day", "2024-01-01 00:00", "0s", ("2024-01-01", "2024-01-01")),
        ("day", "2023-12-31 23:59", "0s", None),
    ],
)
def test_a_tick_loads_the_partition_that_fills_up_and_the_one_before_it(
    every: str, now: str, lookback: str, due: tuple[str, str] | None
) -> None:
    start = {"day": "2024-01-01", "hour": "2024-01-01", "month": "2024-01-01", "week": "2024-01-01"}[every]
    schema = table(every=every, start=start, lookback=lookback)
    assert due_partitions(schema, datetime.fromisoformat(now)) == due


def test_a_tick_loads_all_values() -> None:
    schema = table(kind="varchar(9)", values=("eu", "us", "ap"))
    assert due_partitions(schema, datetime(2024, 1, 1)) == ("eu", "ap")
