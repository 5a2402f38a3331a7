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
    known = LatenessMark({"shop/orders": minutes(10)})
    assert suspects(TABLES, known, now=minutes(40)) == []
    assert suspects(TABLES, known, now=minutes(41)) == ["shop/orders"]
    after, news = look(TABLES, known, {"shop/orders": minutes(35)}, now=minutes(41))
    assert news == []
    assert suspects(TABLES, after, now=minutes(65)) == []


def test_a_late_table_is_told_once_and_once_that_it_is_well_again() -> None:
    known = LatenessMark({"shop/orders": minutes(0)})
    after, (news,) = look(TABLES, known, {"shop/orders": minutes(0)}, now=minutes(31))
    assert isinstance(news, Alert)
    assert news.sentence == "Its last success was 31m ago; freshness allows 30m."
    after, again = look(TABLES, after, {"shop/orders": minutes(0)}, now=minutes(40))
    assert again == []
    after, (news,) = look(TABLES, after, {"shop/orders": minutes(45)}, now=minutes(46))
    assert isinstance(news, Cleared)
    assert not after.late


def test_a_table_that_was_never_loaded_has_its_time_from_the_first_look_on() -> None:
    assert suspects(TABLES, LatenessMark(), now=NOON) == ["shop/orders"]
    known, news = look(TABLES, LatenessMark(), {}, now=NOON)
    assert news == []
    assert suspects(TABLES, known, now=minutes(30)) == []
    assert look(TABLES, known, {}, now=minutes(30)) == (known, [])
    _, (alert,) = look(TABLES, known, {}, now=minutes(31))
    assert isinstance(alert, Alert)
    assert "Its last success was never" in alert.sentence


def test_a_table_that_is_new_among_old_ones_has_its_time_too() -> None:
    known, _ = look((FRESH,), LatenessMark(), {"shop/orders": NOON}, now=NOON)
    new = WatchedTable("shop/new", freshness=timedelta(minutes=30))
    months_later = NOON + timedelta(days=90)
    asked = {"shop/orders": months_later}
    known, news = look((FRESH, new), known, asked, now=months_later)
    assert news == []
    later = months_later + timedelta(minutes=31)
    _, (alert,) = look((FRESH, new), known, {"shop/orders": later}, now=later)
    assert alert.table == "shop/new"


def test_a_table_that_is_gone_is_forgotten() -> None:
    known = LatenessMark({"shop/orders": minutes(0), "shop/gone": minutes(0)})
    after, _ = look(TABLES, known, {}, now=minutes(1))
    assert set(after.loaded) == {"shop/orders"}
