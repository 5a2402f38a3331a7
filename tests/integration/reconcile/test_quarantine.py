"""Rows that ClickHouse cannot represent: set aside with their key and value, and back once somebody mended them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dagster_pipeline.sync.quarantine_replay import replay
from tests.contract.sources.both_sources import Server
from tests.integration.reconcile.rig import RUN, Rig

MYSQL = """
version: 1
sync: {mode: MODE, MORE on_bad_row: quarantine}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: region, type: varchar(20), primary_key: true}
  - {name: born, type: date}
  - {name: seen, type: datetime, nullable: true}
  - {name: small, type: bigint, clickhouse_type: Int8}
  - {name: changed, type: int}
"""
POSTGRES = """
version: 1
sync: {mode: MODE, MORE on_bad_row: quarantine}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: region, type: varchar(20), primary_key: true}
  - {name: born, type: date}
  - {name: seen, type: timestamp, nullable: true}
  - {name: small, type: bigint, clickhouse_type: Int8}
  - {name: changed, type: integer}
"""
CREATE = {
    "mysql": "CREATE TABLE t (id bigint, region varchar(20), born date NOT NULL, seen datetime, small bigint NOT NULL, "
    "changed int NOT NULL, PRIMARY KEY (id, region))",
    "postgres": "CREATE TABLE t (id bigint, region varchar(20), born date NOT NULL, seen timestamp, small bigint NOT NULL, "
    "changed integer NOT NULL, PRIMARY KEY (id, region))",
}
NO_DAY = {"mysql": "0000-00-00", "postgres": "infinity"}
ROWS = [
    "(1, 'eu', '2024-01-01', NULL, 1, 1)",
    "(2, 'eu', 'NO_DAY', '2024-01-01 00:00:00', 2, 1)",
    "(3, 'us', 'NO_DAY', 'NO_DAY', 300, 1)",
    "(4, 'us', '2024-01-01', '2024-01-01 00:00:00', -129, 1)",
    "(5, 'us', '2024-01-01', NULL, 5, 1)",
]
SQL_MODE = "SET sql_mode = ''"


def text(server: Server, mode: str) -> str:
    file = MYSQL if server.dialect == "mysql" else POSTGRES
    cursor = "cursor: changed," if mode == "incremental" else ""
    return file.replace("MODE", mode).replace("MORE", cursor)


def statements(server: Server, *given: str) -> list[str]:
    lax = [SQL_MODE] if server.dialect == "mysql" else []
    return [*lax, *(each.replace("NO_DAY", NO_DAY[server.dialect]) for each in given)]


@pytest.fixture
def loaded(request: pytest.FixtureRequest, server: Server, rig: Callable[..., Rig]) -> Rig:
    made = rig(
        text(server, getattr(request, "param", "incremental")),
        *statements(server, CREATE[server.dialect], *(f"INSERT INTO t VALUES {row}" for row in ROWS)),
    )
    made.first = made.load()  # type: ignore[attr-defined]  # kept for the tests
    return made


def entries(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.sink.rows(
        f"SELECT key, column, value FROM `{rig.schema.destination.database}`.t__quarantine FINAL ORDER BY key, column"
    )


def expected(rig: Rig) -> list[tuple[Any, ...]]:
    day = NO_DAY[rig.server.dialect]
    moment = "0000-00-00 00:00:00" if rig.server.dialect == "mysql" else day
    return [
        (["2", "eu"], "born", day),
        (["3", "us"], "born", day),
        (["3", "us"], "seen", moment),
        (["3", "us"], "small", "300"),
        (["4", "us"], "small", "-129"),
    ]


BOTH_MODES = pytest.mark.parametrize("loaded", ["incremental", "full"], indirect=True)


@BOTH_MODES
def test_bad_rows_are_set_aside_and_all_others_arrive(loaded: Rig) -> None:
    assert loaded.stored("id, small") == [(1, 1), (5, 5)]
    assert entries(loaded) == expected(loaded)
    result = loaded.first  # type: ignore[attr-defined]
    assert (result.moved.rows, result.moved.set_aside) == (2, 3)
    assert result.moved.set_aside_by == {"born": 2, "seen": 1, "small": 2}
    assert result.in_quarantine.rows == 3


def test_another_load_neither_doubles_nor_loses_an_entry(loaded: Rig) -> None:
    again = loaded.load(full_refresh=True) if loaded.schema.sync.cursor is None else loaded.load()
    assert entries(loaded) == expected(loaded)
    assert again.in_quarantine is not None
    assert again.in_quarantine.rows == 3
    assert loaded.stored("id") == [(1,), (5,)]


def test_a_row_that_was_mended_at_the_source_arrives_and_leaves(loaded: Rig) -> None:
    loaded.server.run(
        *statements(loaded.server, "UPDATE t SET small = 4, changed = 2 WHERE id = 4"),
        *statements(loaded.server, "UPDATE t SET small = 3, changed = 2 WHERE id = 3"),
    )
    result = loaded.load()
    assert loaded.stored("id, small") == [(1, 1), (4, 4), (5, 5)]
    # Row 3 is still bad in two columns; that its third is good now is known when it arrives, or was loaded anew.
    day = NO_DAY[loaded.server.dialect]
    left = {(tuple(key), column) for key, column, _ in entries(loaded)}
    assert {(("2", "eu"), "born"), (("3", "us"), "born"), (("3", "us"), "seen")} <= left
    assert (("4", "us"), "small") not in left
    assert {value for _, column, value in entries(loaded) if column == "born"} == {day}
    assert result.in_quarantine is not None
    assert result.in_quarantine.rows == 2


def test_a_row_that_becomes_bad_keeps_its_last_good_state(loaded: Rig) -> None:
    loaded.server.run(*statements(loaded.server, "UPDATE t SET small = 1000, changed = 3 WHERE id = 1"))
    loaded.load()
    kept = [(1, 1)] if loaded.schema.sync.cursor else []
    assert loaded.stored("id, small", where="id = 1") == kept
    assert (["1", "eu"], "small", "1000") in entries(loaded)


def test_a_full_refresh_starts_anew(loaded: Rig) -> None:
    loaded.server.run(*statements(loaded.server, "DELETE FROM t WHERE id IN (2, 3)"))
    loaded.load(full_refresh=True)
    assert entries(loaded) == [(["4", "us"], "small", "-129")]


@BOTH_MODES
def test_replay_loads_what_the_mended_file_can_hold(loaded: Rig) -> None:
    day, name = NO_DAY[loaded.server.dialect], loaded.server.dialect
    source = text(loaded.server, str(loaded.schema.sync.mode)).replace(
        "clickhouse_type: Int8", "clickhouse_type: Int16"
    )
    loaded.read(source)
    loaded.server.run(*statements(loaded.server, "DELETE FROM t WHERE id = 2"))
    done = replayed(loaded)
    assert (done.tried, done.loaded, done.gone, done.still_bad) == (3, 1, 1, 1)
    assert loaded.stored("id, small") == [(1, 1), (4, -129), (5, 5)]
    moment = "0000-00-00 00:00:00" if name == "mysql" else day
    assert entries(loaded) == [(["3", "us"], "born", day), (["3", "us"], "seen", moment)]
    assert replayed(loaded).still_bad == 1
    assert len(entries(loaded)) == 2


def test_reconciliation_knows_what_is_in_quarantine(loaded: Rig) -> None:
    result = loaded.reconcile(repair=True)
    assert result.is_equal
    assert (result.quarantined, result.repaired) == (3, 0)
    loaded.disturb("ALTER TABLE {t} DELETE WHERE id = 5")
    assert loaded.reconcile(repair=True).repaired == 1


def replayed(rig: Rig) -> Any:
    with rig._source() as source:
        return replay(rig.schema, source=source, sink=rig.sink, state=rig.state, run_id=RUN)


def test_a_null_in_the_key_of_the_file_is_set_aside(server: Server, rig: Callable[..., Rig]) -> None:
    number = "int" if server.dialect == "mysql" else "integer"
    made = rig(
        "version: 1\nsync: {mode: full, on_bad_row: quarantine}\ncolumns:\n"
        "  - {name: code, type: varchar(10), primary_key: true}\n"
        f"  - {{name: n, type: {number}}}\n",
        "CREATE TABLE t (code varchar(10), n int NOT NULL)",
        "INSERT INTO t VALUES ('a', 1), (NULL, 2)",
    )
    result = made.load()
    assert made.stored("code, n") == [("a", 1)]
    assert result.moved.set_aside_by == {"code": 1}
    ((key, column, value),) = entries(made)
    assert (column, value) == ("code", None)
    assert (replayed(made).unnamed, len(entries(made)), len(key)) == (1, 1, 1)


def test_rows_with_deletes_mirrored_are_not_taken_for_deleted(
    server: Server, rig: Callable[..., Rig]
) -> None:
    made = rig(
        text(server, "incremental").replace("cursor: changed,", "cursor: changed, deletes: mirror,"),
        *statements(server, CREATE[server.dialect], *(f"INSERT INTO t VALUES {row}" for row in ROWS)),
    )
    made.load()
    made.server.run(
        *statements(
            server, "UPDATE t SET small = 1000, changed = 3 WHERE id = 1", "DELETE FROM t WHERE id = 5"
        )
    )
    assert made.load().deleted_rows == 1
    assert made.stored("id, small") == [(1, 1)]
    assert len(entries(made)) == 6
