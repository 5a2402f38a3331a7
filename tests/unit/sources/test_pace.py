"""A row budget for a source: what several streams take together, whatever each of them does."""

from __future__ import annotations

import pytest

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sources.pace import Pace, pace_of
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, RetriableError


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def batches(count: int, rows: int) -> list[Batch]:
    return [Batch(b"", rows) for _ in range(count)]


def never() -> bool:
    return False


def test_two_streams_share_one_budget() -> None:
    time = Time()
    pace = Pace(1000, clock=lambda: time.now, sleep=time.sleep)
    streams = [pace.paced(batches(10, 500), is_cancelled=never) for _ in range(2)]
    for _ in range(10):
        for stream in streams:
            next(stream)
    # 20 batches of half a second each; the last one is passed on when its own half second begins.
    assert 20 * 0.5 - 1.5 <= time.now - 100 <= 20 * 0.5


def test_time_that_was_not_used_is_not_saved_up() -> None:
    time = Time()
    pace = Pace(1000, clock=lambda: time.now, sleep=time.sleep)
    time.now += 3600
    began = time.now
    list(pace.paced(batches(10, 1000), is_cancelled=never))
    assert time.now - began >= 8


def test_a_cancelled_stream_does_not_wait_for_its_turn() -> None:
    time = Time()
    pace = Pace(200, clock=lambda: time.now, sleep=time.sleep)
    stream = pace.paced(batches(2, 100_000), is_cancelled=lambda: time.now > 102)
    next(stream)
    with pytest.raises(RetriableError, match="cancelled"):
        next(stream)
    assert time.now < 103


def url(option: str) -> DatabaseUrl:
    return DatabaseUrl.parse(f"mysql://u:s3cret@h/db{option}", variable="MYSQL_DB_URL", schemes=())


def test_streams_of_one_connection_share_it_and_others_do_not() -> None:
    assert pace_of(url("")) is None
    assert pace_of(url("?max_rows_per_second=1000")) is pace_of(url("?max_rows_per_second=1000"))
    other = DatabaseUrl.parse("mysql://u@h2/db?max_rows_per_second=1000", variable="MYSQL_B_URL", schemes=())
    assert pace_of(other) is not pace_of(url("?max_rows_per_second=1000"))


@pytest.mark.parametrize("text", ["", "fast", "-5", "0", "nan", "inf", "199"])
def test_a_budget_that_is_none_is_refused_with_the_variable_s_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="MYSQL_DB_URL: max_rows_per_second") as caught:
        pace_of(url(f"?max_rows_per_second={text}"))
    assert "s3cret" not in str(caught.value)
