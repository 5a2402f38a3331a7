"""When a table is late, and how little must be asked to know it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dagster_pipeline.alerts.alert import Alert, Cleared
from dagster_pipeline.alerts.lateness import LatenessMark, look, suspects
from dagster_pipeline.alerts.watched_table import WatchedTable

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FRESH = WatchedTable("shop/orders", freshness=timedelta(minutes=30))
ANY_AGE = WatchedTable("shop/archive")
TABLES = (FRESH, ANY_AGE)


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


def test_only_tables_that_may_be_late_are_asked_for() -> None:
    known = LatenessMark(NOON, {"shop/orders": minutes(10)})
    assert suspects(TABLES, known, now=minutes(40)) == []
    assert suspects(TABLES, known, now=minutes(41)) == ["shop/orders"]
    after, news = look(TABLES, known, {"shop/orders": minutes(35)}, now=minutes(41))
    assert news == []
    assert suspects(TABLES, after, now=minutes(65)) == []


def test_a_late_table_is_told_once_and_once_that_it_is_well_again() -> None:
    known = LatenessMark(NOON, {"shop/orders": minutes(0)})
    after, (news,) = look(TABLES, known, {"shop/orders": minutes(0)}, now=minutes(31))
    assert isinstance(news, Alert)
    assert news.sentence == "Its last success was 31m ago; freshness allows 30m."
    after, again = look(TABLES, after, {"shop/orders": minutes(0)}, now=minutes(40))
    assert again == []
    after, (news,) = look(TABLES, after, {"shop/orders": minutes(45)}, now=minutes(46))
    assert isinstance(news, Cleared)
    assert not after.late


def test_a_table_that_was_never_loaded_has_its_time_from_the_first_look_on() -> None:
    known = LatenessMark(NOON)
    assert look(TABLES, known, {}, now=minutes(30)) == (known, [])
    _, (news,) = look(TABLES, known, {}, now=minutes(31))
    assert isinstance(news, Alert)
    assert "Its last success was never" in news.sentence


def test_a_table_that_is_gone_is_forgotten() -> None:
    known = LatenessMark(NOON, {"shop/orders": minutes(0), "shop/gone": minutes(0)})
    after, _ = look(TABLES, known, {}, now=minutes(1))
    assert set(after.loaded) == {"shop/orders"}
