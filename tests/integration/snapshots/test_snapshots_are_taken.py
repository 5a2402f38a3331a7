"""Snapshots in the real engine: what they hold, how they are replaced, which past ones can be had."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dagster_pipeline.errors import ConfigurationError, ShrinkRefusedError, TableLockedError
from tests.integration.snapshots.house import DAILY, House

COLUMNS = "id, status, balance, updated_at, _version, _deleted"


def accounts(house: House, count: int, status: str, *, version: int, deleted: int = 0) -> None:
    house.insert(
        "accounts",
        COLUMNS,
        f"SELECT number, '{status}', if(number = 0, NULL, number / 4), '2026-01-01 00:00:00', {version}, {deleted} "
        f"FROM numbers({count})",
    )


def test_a_snapshot_is_the_table_as_a_reader_sees_it(house: House) -> None:
    house.write(daily=DAILY)
    house.make_tables()
    accounts(house, 10, "active", version=1)
    accounts(house, 4, "closed", version=2)
    accounts(house, 1, "closed", version=3, deleted=1)
    (result,) = house.take("daily", "2026-01-31")
    assert (result.rows, result.replaced, result.size.passed) == (9, None, True)
    found = house.rows(
        "SELECT toString(_snapshot_date), id, status, balance FROM snapshots.daily ORDER BY id"
    )
    assert [(date, int(id_), status) for date, id_, status, _ in found] == [
        ("2026-01-31", id_, "closed" if id_ < 4 else "active") for id_ in range(1, 10)
    ]
    ((key, cut, engine),) = house.rows(
        "SELECT sorting_key, partition_key, engine FROM system.tables WHERE database = 'snapshots' AND name = 'daily'"
    )
    assert (key, cut, engine) == ("_snapshot_date, id", "_snapshot_date", "MergeTree")


def test_running_a_partition_again_replaces_that_snapshot_and_no_other(house: House) -> None:
    house.write(daily=DAILY + "grace: 3d\n")
    house.make_tables()
    accounts(house, 5, "active", version=1)
    house.take("daily", "2026-01-30", "2026-01-31")
    accounts(house, 7, "closed", version=2)
    (again,) = house.take("daily", "2026-01-31")
    assert (again.rows, again.replaced) == (7, 5)
    assert house.dates("daily") == {"2026-01-30": 5, "2026-01-31": 7}
    assert house.rows("SELECT DISTINCT status FROM snapshots.daily WHERE _snapshot_date = '2026-01-30'") == [
        ("active",)
    ]
    assert house.rows("SELECT name FROM system.tables WHERE name LIKE '%staging%'") == []


def test_the_past_of_a_table_that_holds_the_present_is_refused_and_what_is_there_stays(house: House) -> None:
    house.write(daily=DAILY)
    house.make_tables()
    accounts(house, 5, "active", version=1)
    house.take("daily", "2026-01-31")
    house.now = datetime(2026, 2, 2, 0, 0, 1, tzinfo=UTC)
    with pytest.raises(
        ConfigurationError, match=r"shop/accounts shows only the present, which is no snapshot of 2026-01-31"
    ) as error:
        house.take("daily", "2026-01-31")
    assert "grace is 1d" in str(error.value)
    assert "strategy timestamp or append" in str(error.value)
    assert house.dates("daily") == {"2026-01-31": 5}


def test_an_append_table_gives_any_past_snapshot(house: House) -> None:
    house.write(
        log='version: 1\nsource: {table: shop/events}\nstrategy: append\ntimestamp: at\nevery: month\nstart: "2025-11-01"\n'
    )
    house.make_tables()
    house.insert(
        "events",
        "at, what, _version",
        "VALUES ('2025-11-30 23:59:59', 'a', 1), ('2025-12-01 00:00:00', 'b', 1), ('2026-01-31 23:59:59', 'c', 1), "
        "('2026-02-01 00:00:00', 'd', 1)",
    )
    house.take("log", "2025-12-01", "2025-11-01", "2026-01-01")
    assert house.dates("log") == {"2025-11-30": 1, "2025-12-31": 2, "2026-01-31": 3}


def test_a_table_that_keeps_every_state_gives_the_newest_before_each_moment(house: House) -> None:
    house.write(
        states="version: 1\nsource: {table: shop/states, where: \"status != 'gone'\"}\nstrategy: timestamp\n"
        'timestamp: changed_at\nkey: [account_id]\nevery: day\nstart: "2026-01-01"\n'
    )
    house.make_tables()
    house.insert(
        "states",
        "account_id, status, changed_at, _version",
        "VALUES (1, 'new', '2026-01-01 10:00:00', 1), (1, 'active', '2026-01-02 10:00:00', 1), "
        "(2, 'new', '2026-01-02 23:59:59', 1), (1, 'gone', '2026-01-03 00:00:00', 1), "
        "(2, 'early', '2026-01-04 00:00:00', 1), (2, 'late', '2026-01-04 00:00:00', 2)",
    )
    house.take("states", "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")
    found = house.rows(
        "SELECT toString(_snapshot_date), toInt32(account_id), status FROM snapshots.states ORDER BY 1, 2"
    )
    assert found == [
        ("2026-01-01", 1, "new"),
        ("2026-01-02", 1, "active"),
        ("2026-01-02", 2, "new"),
        ("2026-01-03", 2, "new"),
        ("2026-01-04", 2, "late"),
    ]


def test_midnight_is_that_of_the_time_zone(house: House) -> None:
    house.write(
        log='version: 1\nsource: {table: shop/events}\nstrategy: append\ntimestamp: at\nevery: day\nstart: "2026-01-01"\n'
        "timezone: Europe/Berlin\n"
    )
    house.make_tables()
    house.insert(
        "events",
        "at, what, _version",
        "VALUES ('2026-01-09 22:59:59', 'a', 1), ('2026-01-09 23:00:00', 'b', 1)",
    )
    house.take("log", "2026-01-09")
    assert house.rows("SELECT what FROM snapshots.log") == [("a",)]


def test_a_query_sees_tables_as_readers_do_and_knows_its_moment(house: House) -> None:
    house.write(
        by_status="version: 1\nsource:\n  query: SELECT status, count() AS accounts, {snapshot_date} AS day, "
        "{snapshot_end} AS moment FROM {shop/accounts} GROUP BY status\n"
        'key: [status]\nevery: month\nstart: "2025-01-01"\n'
    )
    house.make_tables()
    accounts(house, 10, "active", version=1)
    accounts(house, 4, "closed", version=2)
    house.take("by_status", "2025-12-01")
    found = house.rows(
        "SELECT status, accounts, toString(day), toString(moment) FROM snapshots.by_status ORDER BY 1"
    )
    assert found == [
        ("active", 6, "2025-12-31", "2026-01-01 00:00:00.000000"),
        ("closed", 4, "2025-12-31", "2026-01-01 00:00:00.000000"),
    ]


def test_a_wrong_query_names_its_file(house: House) -> None:
    house.write(
        wrong='version: 1\nsource: {query: "SELECT stat FROM {shop/accounts}"}\nevery: day\nstart: "2026-01-01"\n'
    )
    house.make_tables()
    with pytest.raises(ConfigurationError, match=r"Understanding wrong\.yml.*stat"):
        house.take("wrong", "2026-01-31")


def test_a_table_that_was_never_loaded_is_named(house: House) -> None:
    house.write(daily=DAILY)
    with pytest.raises(
        ConfigurationError, match=r"shop/accounts is not in the warehouse yet\. Load it first\."
    ):
        house.take("daily", "2026-01-31")


def test_a_column_that_the_table_gains_is_null_in_older_snapshots(house: House) -> None:
    narrow = DAILY.replace("{table: shop/accounts}", "{table: shop/accounts, columns: [id]}")
    house.write(daily=narrow + "grace: 3d\n")
    house.make_tables()
    accounts(house, 2, "active", version=1)
    house.take("daily", "2026-01-30")
    house.write(daily=narrow.replace("[id]", "[id, balance]") + "grace: 3d\n")
    house.take("daily", "2026-01-31")
    found = house.rows(
        "SELECT toString(_snapshot_date), toInt32(id), toString(balance) FROM snapshots.daily ORDER BY 1, 2"
    )
    assert found == [
        ("2026-01-30", 0, None),
        ("2026-01-30", 1, None),
        ("2026-01-31", 0, None),
        ("2026-01-31", 1, "0.25"),
    ]


def test_an_empty_or_much_smaller_snapshot_fails_its_check(house: House) -> None:
    house.write(daily=DAILY + "grace: 9d\nmax_shrink: 30%\n")
    house.make_tables()
    (empty,) = house.take("daily", "2026-01-28")
    assert (empty.size.passed, empty.size.says) == (False, "0 rows: the snapshot is empty")
    accounts(house, 10, "active", version=1)
    (first,) = house.take("daily", "2026-01-29")
    assert (first.size.passed, first.size.before) == (True, None)
    accounts(house, 3, "active", version=2, deleted=1)
    (smaller,) = house.take("daily", "2026-01-30")
    assert (smaller.size.passed, smaller.rows) == (True, 7)
    accounts(house, 7, "active", version=3, deleted=1)
    (tiny,) = house.take("daily", "2026-01-31")
    assert (tiny.size.passed, tiny.rows) == (False, 3)
    assert tiny.size.says == "3 row(s), and 7 on 2026-01-30: more than 30% fewer"
    assert house.dates("daily") == {"2026-01-29": 10, "2026-01-30": 7, "2026-01-31": 3}


def test_a_snapshot_is_not_replaced_by_a_much_smaller_one_unless_told_so(house: House) -> None:
    house.write(daily=DAILY)
    house.make_tables()
    accounts(house, 10, "active", version=1)
    house.take("daily", "2026-01-31")
    accounts(house, 10, "active", version=2, deleted=1)
    with pytest.raises(ShrinkRefusedError, match=r"2026-01-31 has 10 row"):
        house.take("daily", "2026-01-31")
    assert house.dates("daily") == {"2026-01-31": 10}
    house.take("daily", "2026-01-31", allow_shrink=True)
    assert house.dates("daily") == {}
    assert house.rows("SELECT name FROM system.tables WHERE name LIKE '%staging%'") == []


def test_retention_drops_what_is_older_and_refuses_to_take_it(house: House) -> None:
    house.write(
        log='version: 1\nsource: {table: shop/events}\nstrategy: append\ntimestamp: at\nevery: month\nstart: "2025-01-01"\n'
    )
    house.make_tables()
    house.insert("events", "at, what, _version", "VALUES ('2025-01-01 00:00:00', 'a', 1)")
    house.take("log", "2025-10-01", "2025-11-01", "2025-12-01")
    house.write(
        log='version: 1\nsource: {table: shop/events}\nstrategy: append\ntimestamp: at\nevery: month\nstart: "2025-01-01"\n'
        "retention: 2\n"
    )
    (result,) = house.take("log", "2026-01-01")
    assert [str(day) for day in result.dropped] == ["2025-10-31", "2025-11-30"]
    assert house.dates("log") == {"2025-12-31": 1, "2026-01-31": 1}
    with pytest.raises(ConfigurationError, match=r"2025-11-30 would be dropped at once"):
        house.take("log", "2025-11-01")


def test_a_period_that_has_not_ended_and_a_key_that_is_none_are_refused(house: House) -> None:
    house.write(daily=DAILY)
    house.make_tables()
    with pytest.raises(ConfigurationError, match=r"the day 2026-02-01 ends at 2026-02-02 00:00:00 UTC"):
        house.take("daily", "2026-02-01")
    for key in ("2025-12-31", "2026-1-5", "January"):
        with pytest.raises(ConfigurationError, match=r"has no snapshot"):
            house.take("daily", key)


def test_two_runs_of_one_snapshot_exclude_each_other(house: House) -> None:
    house.write(daily=DAILY + "grace: 3d\n")
    house.make_tables()
    accounts(house, 5, "active", version=1)
    with (
        house.open() as (_, state),
        state.lock("snapshots/daily", owner="another run", partition="2026-01-31"),
    ):
        with pytest.raises(TableLockedError, match=r"another run"):
            house.take("daily", "2026-01-31")
        house.take("daily", "2026-01-30")
    assert house.dates("daily") == {"2026-01-30": 5}


def test_the_slowly_changing_view_tells_how_long_each_state_was_seen(house: House) -> None:
    house.write(
        states="version: 1\nsource: {table: shop/states}\nstrategy: timestamp\ntimestamp: changed_at\nkey: [account_id]\n"
        'every: day\nstart: "2026-01-01"\nslowly_changing: {view: status_history, columns: [status]}\n'
    )
    house.make_tables()
    house.insert(
        "states",
        "account_id, status, changed_at, _version",
        "VALUES (1, 'new', '2026-01-01 10:00:00', 1), (1, 'active', '2026-01-03 10:00:00', 1), "
        "(1, 'active', '2026-01-04 10:00:00', 1), (1, 'new', '2026-01-06 10:00:00', 1), (2, 'new', '2026-01-02 10:00:00', 1)",
    )
    house.take("states", *(f"2026-01-0{day}" for day in (1, 2, 3, 5, 6)))
    with house.open() as (sink, _):  # account 2 is missing in one snapshot
        sink.run(
            "ALTER TABLE snapshots.states DELETE WHERE account_id = 2 AND _snapshot_date = '2026-01-05'",
            doing="x",
        )
    found = house.rows(
        "SELECT toInt32(account_id), status, toString(changed_at), toString(valid_from), toString(valid_to) "
        "FROM snapshots.status_history ORDER BY 1, valid_from"
    )
    assert found == [
        (1, "new", "2026-01-01 10:00:00", "2026-01-01", "2026-01-03"),
        (1, "active", "2026-01-04 10:00:00", "2026-01-03", "2026-01-06"),
        (1, "new", "2026-01-06 10:00:00", "2026-01-06", None),
        (2, "new", "2026-01-02 10:00:00", "2026-01-02", "2026-01-05"),
        (2, "new", "2026-01-02 10:00:00", "2026-01-06", None),
    ]


def test_a_view_never_takes_the_place_of_a_table(house: House) -> None:
    house.write(daily=DAILY + "slowly_changing: {view: precious}\n")
    house.make_tables()
    accounts(house, 5, "active", version=1)
    with house.open() as (sink, _):
        sink.run("CREATE DATABASE IF NOT EXISTS snapshots", doing="x")
        sink.run("CREATE TABLE snapshots.precious (a Int8) ENGINE = MergeTree ORDER BY a", doing="x")
    with pytest.raises(ConfigurationError, match=r"snapshots\.precious is no view"):
        house.take("daily", "2026-01-31")
    assert house.rows("SELECT engine FROM system.tables WHERE name = 'precious'") == [("MergeTree",)]
