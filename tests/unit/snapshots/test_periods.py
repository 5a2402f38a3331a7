"""Days and months: their ends in any time zone, which can be taken, which are kept."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.snapshot_files import Snapshot, SnapshotFile
from dagster_pipeline.snapshots.judgement import judge_size, loses_rows
from dagster_pipeline.snapshots.periods import (
    latest_ended,
    oldest_kept,
    period_of_key,
    require_takeable,
)


def snapshot(every: str = "month", **keys: object) -> Snapshot:
    file = SnapshotFile.model_validate(
        {"version": 1, "source": {"table": "a/b"}, "every": every, "start": "2020-01-01", **keys}
    )
    return Snapshot(path=Path("x.yml"), stem="x", file=file)


@pytest.mark.parametrize(
    ("every", "zone", "key", "last", "ends"),
    [
        ("month", "UTC", "2024-02-01", "2024-02-29", "2024-03-01T00:00"),
        ("month", "UTC", "2023-12-01", "2023-12-31", "2024-01-01T00:00"),
        ("month", "Europe/Berlin", "2024-03-01", "2024-03-31", "2024-03-31T22:00"),
        ("day", "Europe/Berlin", "2024-03-30", "2024-03-30", "2024-03-30T23:00"),
        (
            "day",
            "America/Sao_Paulo",
            "2018-11-03",
            "2018-11-03",
            "2018-11-04T03:00",
        ),  # no midnight that night
        ("day", "Pacific/Kiritimati", "2024-01-01", "2024-01-01", "2024-01-01T10:00"),
    ],
)
def test_a_period_ends_at_midnight_of_its_zone(every, zone, key, last, ends):
    file = {"timezone": zone, "start": "2018-01-01" if every == "day" else "2020-01-01"}
    period = period_of_key(snapshot(every, **file), key)
    assert (period.key, str(period.last)) == (key, last)
    assert period.ends == datetime.fromisoformat(ends).replace(tzinfo=UTC)
    assert period.partition_id == last.replace("-", "")


@pytest.mark.parametrize("key", ["2019-12-01", "2024-01-02", "2024-1-1", "January", "", "2024-01-01T00:00"])
def test_only_first_days_from_start_on_are_keys(key):
    with pytest.raises(ConfigurationError, match="has no snapshot"):
        period_of_key(snapshot(), key)


def test_the_latest_that_has_ended_depends_on_the_zone():
    moment = datetime(2024, 3, 31, 23, 30, tzinfo=UTC)
    assert latest_ended(snapshot(), moment).key == "2024-02-01"
    assert latest_ended(snapshot(timezone="Europe/Berlin"), moment).key == "2024-03-01"


@pytest.mark.parametrize(
    ("every", "retention", "oldest"),
    [
        ("month", 1, "2024-02-01"),
        ("month", 2, "2024-01-01"),
        ("month", 3, "2023-12-01"),
        ("day", 1, "2024-03-14"),
    ],
)
def test_retention_counts_periods_back_from_the_latest(every, retention, oldest):
    kept = oldest_kept(snapshot(every, retention=retention), datetime(2024, 3, 15, 12, tzinfo=UTC))
    assert kept is not None
    assert kept.key == oldest


def test_the_present_is_a_snapshot_within_the_grace_only():
    taken = snapshot("day", grace="2h")
    period = period_of_key(taken, "2024-01-31")
    require_takeable(taken, period, datetime(2024, 2, 1, 2, tzinfo=UTC))
    with pytest.raises(ConfigurationError, match="grace is 2h"):
        require_takeable(taken, period, datetime(2024, 2, 1, 2, 0, 1, tzinfo=UTC))
    with pytest.raises(ConfigurationError, match="ends at 2024-02-01 00:00:00 UTC"):
        require_takeable(taken, period, datetime(2024, 1, 31, 23, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    "keys",
    [
        {"strategy": "append", "timestamp": "at"},
        {"strategy": "timestamp", "timestamp": "at", "key": ["id"]},
        {"source": {"query": "SELECT 1 FROM {a/b} WHERE at < {snapshot_end}"}},
    ],
)
def test_what_knows_its_past_can_be_taken_at_any_time(keys):
    taken = snapshot("day", **keys)
    require_takeable(taken, period_of_key(taken, "2020-01-01"), datetime(2024, 2, 1, tzinfo=UTC))


def test_a_size_is_judged_by_the_nearest_older_snapshot_only():
    others = {date(2024, 1, 29): 1000, date(2024, 1, 30): 100, date(2024, 2, 1): 9}
    verdict = judge_size(date(2024, 1, 31), 50, others, max_shrink=0.5)
    assert (verdict.passed, verdict.before) == (True, (date(2024, 1, 30), 100))
    assert not judge_size(date(2024, 1, 31), 49, others, max_shrink=0.5).passed


def test_only_an_empty_or_much_smaller_replacement_loses_rows():
    assert [loses_rows(rows, 100, max_shrink=0.5) for rows in (0, 49, 50, 200)] == [True, True, False, False]
    assert not loses_rows(0, 0, max_shrink=0.5)
    assert loses_rows(0, 1, max_shrink=1.0)
