"""What a window costs its source: look-ups where an index begins with the cursor, one pass where none does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dagster_pipeline.connectors.batch import KeyRange, SourceBounds, Window
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector
from tests.contract.sources.both_sources import Server, mariadb
from tests.contract.sources.test_source_contract import DIGITS, read

ROWS = 40_000
CHANGED = 12_000
FLOOR = "2024-01-02 00:00:00"
NUMBERS = f"""(SELECT a.n + 10*b.n + 100*c.n + 1000*d.n + 10000*e.n AS i
FROM digits a, digits b, digits c, digits d, digits e) s WHERE i < {ROWS}"""
COLUMNS = {
    "postgres": {"id": "integer", "at": "timestamp without time zone null"},
    "mysql": {"id": "int(11)", "at": "datetime null"},
}
WINDOW = Window(cursor="at", lower=FLOOR)


def filled(server: Server, *, indexed: bool, changed: int) -> BaseSourceConnector:
    """A table of which `changed` rows, all over it, were changed together."""
    server.run(
        *DIGITS,
        "CREATE TABLE t (id int PRIMARY KEY, at timestamp NULL)".replace(
            "timestamp", "datetime" if server.dialect == "mysql" else "timestamp"
        ),
        f"INSERT INTO t SELECT i, '2024-01-01' FROM {NUMBERS}",
        f"UPDATE t SET at = '{FLOOR}' WHERE id % 5 < 3 AND id < {changed // 3 * 5}",
        *(["CREATE INDEX t_at ON t (at)"] if indexed else []),
        "ANALYZE TABLE t" if server.dialect == "mysql" else "ANALYZE t",
    )
    return server.source(COLUMNS[server.dialect])


def keys_of(server: Server, source: BaseSourceConnector, parts: tuple[KeyRange, ...]) -> Counter[int]:
    return Counter(
        int(str(key)) for part in parts for (key,) in read(server, source, "id", window=WINDOW, part=part)
    )


def changed_keys(changed: int) -> Counter[int]:
    return Counter(key for key in range(changed // 3 * 5) if key % 5 < 3)


@pytest.fixture
def rows_touched(server: Server, request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], int]:
    """Rows that the server itself says it has read for what was done, those of its catalog aside."""
    name = "postgres_server" if server.dialect == "postgres" else "mariadb_server"
    if request.getfixturevalue(name).process is None:
        pytest.skip("another's server may do other things meanwhile")

    def ask() -> int:
        connection = server.connect()
        with connection.cursor() as cursor:
            if server.dialect == "mysql":
                cursor.execute("SHOW GLOBAL STATUS LIKE 'Handler_read%'")
                found = sum(int(value) for _, value in cursor.fetchall())
            else:
                _wait_until_alone(cursor)
                cursor.execute(
                    "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 't'"
                )
                ((found,),) = cursor.fetchall()
        connection.close()
        return int(found)

    def touched(doing: Callable[[], Any]) -> int:
        ask()
        idle = -ask() + ask()
        before = ask()
        doing()
        return ask() - before - idle

    return touched


def _wait_until_alone(cursor: Any) -> None:
    """PostgreSQL counts what a session has read when the session ends."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if cursor.fetchone() == (0,):
            return
        cursor.execute("ROLLBACK")
        time.sleep(0.05)
    raise AssertionError("another session stays open")


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "not-indexed"])
def test_the_bounds_of_a_cursor_are_looked_up_or_take_one_pass_over_the_table(
    server: Server, rows_touched: Callable[[Callable[[], Any]], int], indexed: bool
) -> None:
    source = filled(server, indexed=indexed, changed=300)

    def bound() -> None:
        with source:
            bounds = source.bounds("at", floor="2024-01-01 12:00:00", count_nulls=True)
            assert (bounds.newest, bounds.settled, bounds.null_rows) == (FLOOR, FLOOR, 0)

    rows = rows_touched(bound)
    if indexed:
        assert rows < ROWS / 10
    elif server.dialect == "mysql":
        assert ROWS <= rows < 1.5 * ROWS
    else:  # rows without a value are counted by a statement of their own
        assert ROWS <= rows < 2.5 * ROWS


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "not-indexed"])
def test_a_small_window_is_cut_and_read_by_its_index_or_in_one_pass(
    server: Server, rows_touched: Callable[[Callable[[], Any]], int], indexed: bool
) -> None:
    source = filled(server, indexed=indexed, changed=300)

    def load() -> None:
        with source:
            at_most = None if indexed or server.dialect == "postgres" else 300
            keys = ("at", "id") if indexed else ("id",)
            parts = source.split(keys, window=WINDOW, target_rows=5_000, streams=2, rows_at_most=at_most)
            assert keys_of(server, source, parts) == changed_keys(300)

    rows = rows_touched(load)
    if indexed:
        assert rows < ROWS / 10
    else:
        assert ROWS <= rows < 2.5 * ROWS


def test_the_catalog_says_which_columns_begin_an_index(server: Server) -> None:
    server.run(
        "CREATE TABLE t (id int, part int, at int, note varchar(9), PRIMARY KEY (id, part))",
        "CREATE INDEX t_at ON t (at, note)",
        "CREATE VIEW v AS SELECT * FROM t",
    )
    columns = {"id": "int", "part": "int", "at": "int null", "note": "varchar(9) null"}
    with server.source(columns, key=("id", "part")) as source:
        table = source.describe()
    assert table.index_heads == {"id", "at"}
    assert [table.finds_by(name) for name in columns] == [True, False, True, False]
    with server.source(columns, key=("id", "part"), table="v") as source:
        assert source.describe().finds_by("part")  # an index of the table below may serve a view


@pytest.mark.parametrize("changed", [CHANGED, 3_000], ids=["large", "small"])
def test_rows_that_were_changed_together_are_read_by_as_many_streams_as_they_are_worth(
    mariadb_server: Any, changed: int
) -> None:
    server = mariadb(mariadb_server.create_database("sources_contract"))
    with filled(server, indexed=True, changed=changed) as source:
        parts = source.split(("at", "id"), window=WINDOW, target_rows=50_000, streams=2)
        found = [keys_of(server, source, (part,)) for part in parts]
    assert sum(found, Counter()) == changed_keys(changed)
    assert len(parts) == (2 if changed == CHANGED else 1)
    assert max(each.total() for each in found) <= changed / len(parts) + 1


def test_chunks_stay_small_where_all_rows_have_one_value_of_the_cursor(server: Server) -> None:
    with filled(server, indexed=True, changed=CHANGED) as source:
        parts = source.split(("at", "id"), window=WINDOW, target_rows=2_500)
        found = [keys_of(server, source, (part,)) for part in parts]
    assert sum(found, Counter()) == changed_keys(CHANGED)
    assert max(each.total() for each in found) <= 2_500


def test_a_window_without_an_index_is_cut_like_the_table(server: Server) -> None:
    with filled(server, indexed=False, changed=CHANGED) as source:
        source.describe()
        parts = source.split(("id",), window=WINDOW, target_rows=5_000)
        found = [keys_of(server, source, (part,)) for part in parts]
    assert sum(found, Counter()) == changed_keys(CHANGED)
    assert 3 <= len(parts) <= 2 * ROWS / 5_000
    assert max(each.total() for each in found) <= 7_500


@pytest.mark.parametrize("kind", ["datetime(6)", "timestamp(6)", "date"])
def test_one_pass_finds_the_bounds_that_two_look_ups_find(mariadb_server: Any, kind: str) -> None:
    server = mariadb(mariadb_server.create_database("sources_contract"))
    day_or_time = slice(10) if kind == "date" else slice(None)
    floors = (None, "2024-01-01 00:00:05.000000"[day_or_time], "2037-06-01 00:00:00.000000"[day_or_time])
    server.run(f"CREATE TABLE t (id int PRIMARY KEY, at {kind} NULL)")

    def bounds() -> list[SourceBounds]:
        with server.source({"id": "int", "at": f"{kind} null"}) as source:
            return [source.bounds("at", floor=floor, count_nulls=True) for floor in floors]

    for row in (
        "1, NULL",
        "2, '2024-01-01 00:00:04'",
        "3, '2024-01-01 00:00:09'",
        "4, '2037-01-01 00:00:09'",
    ):
        server.run(f"INSERT INTO t VALUES ({row})")
        passed = bounds()
        server.run("CREATE INDEX t_at ON t (at)")
        looked_up = bounds()
        server.run("DROP INDEX t_at ON t")
        assert [each.rows_at_most is None for each in passed] == [True, False, False]
        assert {each.null_rows for each in passed} == {1}
        for one, other in zip(passed, looked_up, strict=True):
            assert replace(one, rows_at_most=None, settled=None) == replace(other, settled=None)
            assert same_moment(one.settled, other.settled)


def same_moment(one: str | None, other: str | None) -> bool:
    """What is settled may follow the clock."""
    if one is None or other is None:
        return one == other
    return abs(datetime.fromisoformat(one) - datetime.fromisoformat(other)) <= timedelta(
        days=len(one) == 10, minutes=5
    )
