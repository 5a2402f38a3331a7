"""A table gets another shape and loses no row, also when whoever does it is killed at any step."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.errors import ConfigurationError, DataQualityError, TableLockedError
from dagster_pipeline.maintenance.table_migration import TableMigration
from dagster_pipeline.maintenance.warehouse import comment, still_running
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.table_lock import hold
from tests.contract.state.loads import a_load
from tests.integration.maintenance.conftest import warehouse_url
from tests.integration.maintenance.migration_process import migration, table_of

OLD: Mapping[str, Any] = {}
NEW: Mapping[str, Any] = {"order_by": ["region", "id"], "partition_by": "toYYYYMM(at)"}
APPEND: Mapping[str, Any] = {"engine": "MergeTree", "order_by": [], "primary_key": []}
APPEND_NEW: Mapping[str, Any] = {**APPEND, "order_by": ["at"], "partition_by": "toYYYYMM(at)"}
DEADLINE = 120.0

Seen = list[tuple[Any, ...]]


def make(sink: ClickHouseSink, database: str, document: Mapping[str, Any] = OLD, *, rows: int = 300) -> None:
    """Three partitions, loaded twice: half of the rows have a newer version in another part. Two are alike but for
    nothing where the table has no key.
    """
    table = table_of({"database": database, **document})
    sink.ensure_table(table)
    for version, share in ((1, 1), (2, 2)):
        sink.run(
            f"INSERT INTO {table.full_name} (id, region, at, text, _version) SELECT number, "
            f"['eu', 'us', 'asia'][number % 3 + 1], "
            f"toDateTime('2024-01-15 00:00:00', 'UTC') + (number % 4) * 2678400, if(number % 7 = 0, NULL, 'v{version}'), "
            f"{version} FROM numbers({rows // share})",
            doing="Filling",
        )


def seen(sink: ClickHouseSink, database: str, document: Mapping[str, Any] = OLD) -> Seen:
    """What a reader sees, asked in SQL of the test's own."""
    final = "" if document.get("engine") == "MergeTree" else "FINAL"
    return sink.rows(
        f"SELECT id, region, toString(at), text, _version, toString(_synced_at) FROM {database}.accounts {final} "
        "ORDER BY ALL SETTINGS do_not_merge_across_partitions_select_final = 0"
    )


def key_of(sink: ClickHouseSink, database: str) -> tuple[str, str]:
    ((sorting, partition),) = sink.rows(
        f"SELECT sorting_key, partition_key FROM system.tables WHERE database = '{database}' AND name = 'accounts'"
    )
    return str(sorting).strip("()"), str(partition)


def beside(sink: ClickHouseSink, database: str) -> list[str]:
    found = sink.rows(
        f"SELECT name FROM system.tables WHERE database = '{database}' AND name != 'accounts' ORDER BY 1"
    )
    return [str(name) for (name,) in found]


def in_a_process(
    url: str, state_url: str, what: str, document: Mapping[str, Any], *, statements: int = -1
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.integration.maintenance.migration_process"),
            *(url, state_url, what, json.dumps(document), str(statements)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=DEADLINE)
    return process.returncode


def test_order_and_partition_key_change_and_the_old_table_is_kept(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    make(sink, database)
    before = seen(sink, database)
    steps: list[str] = []
    table = table_of({"database": database, **NEW})
    with pytest.raises(
        ConfigurationError, match=f"python -m dagster_pipeline migrate-table {database}/accounts"
    ):
        sink.ensure_table(table)
    result = TableMigration(table, sink=sink, state=state, owner="test", report=steps.append).run()

    assert (result.rows, result.pieces, result.copied) == (300, 3, 3)
    assert seen(sink, database) == before
    assert key_of(sink, database) == ("region, id", "toYYYYMM(at)")
    assert beside(sink, database) == [result.kept]
    assert sink.rows(f"SELECT count() FROM {database}.`{result.kept}` FINAL") == [(300,)]
    assert sink.ensure_table(table) == ()  # the next load finds nothing to do
    again = TableMigration(table, sink=sink, state=state, owner="test").run()
    assert (again.changed, again.says) == (False, f"{database}.accounts has the shape that its file wants.")


def test_rollback_puts_the_old_table_back_and_drops_the_new_one(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    make(sink, database)
    before, document = seen(sink, database), {"database": database, **NEW}
    migration(sink, state, document).run()
    assert migration(sink, state, document).rollback().changed
    assert seen(sink, database) == before
    assert key_of(sink, database) == ("id", "region")
    assert beside(sink, database) == []
    with pytest.raises(ConfigurationError, match=r"Nothing of .* was kept"):
        migration(sink, state, document).rollback()


def test_rollback_keeps_rows_that_were_loaded_since(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    make(sink, database)
    document = {"database": database, **NEW}
    first = migration(sink, state, document).run()
    sink.run(
        f"INSERT INTO {database}.accounts (id, region, at, text, _version) VALUES (9999, 'eu', '2025-01-01 00:00:00', 'new', 3)",
        doing="A load",
    )
    now = seen(sink, database)
    result = migration(sink, state, document).rollback()
    assert seen(sink, database) == now
    assert len(now) == 301
    assert key_of(sink, database) == ("id", "region")
    assert "order" in result.says.lower()
    assert sorted(beside(sink, database)) == sorted([first.kept, result.kept])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (APPEND, APPEND_NEW),
        (OLD, {"tracks_deletes": True}),
        ({"tracks_deletes": True}, {}),
        ({"tracks_deletes": True}, {"tracks_deletes": True, "hides_deleted": False}),
        ({"engine": "MergeTree"}, {}),
        (OLD, {"engine": "MergeTree", "order_by": ["at"]}),
        ({"partition_by": ""}, {"partition_by": "toDate(at)"}),
        (
            {"partition_by": "(region, toYYYYMM(at))", "settings": {"index_granularity": 512}},
            {"partition_by": "id % 5"},
        ),
        ({"ttl": "at + INTERVAL 50 YEAR"}, {"partition_by": "", "ttl": "at + INTERVAL 1 DAY"}),
    ],
)
def test_every_change_of_engine_and_keys_keeps_what_a_reader_sees(
    sink: ClickHouseSink, database: str, state: StateManager, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Deleted rows stay hidden, or marked where marks are shown; the TTL is left to the next load."""
    make(sink, database, old) if old.get("engine") != "MergeTree" or old == APPEND else _make_once(
        sink, database, old
    )
    if old.get("tracks_deletes"):
        sink.run(
            f"INSERT INTO {database}.accounts (id, region, at, _version, _deleted) "
            f"SELECT id, region, at, 5, 1 FROM {database}.accounts FINAL WHERE id < 10",
            doing="Marking",
        )
    before = seen(sink, database, old)
    result = migration(sink, state, {"database": database, **new}).run()
    after = seen(sink, database, new)
    if new.get("hides_deleted") is False:
        after = [row for row in after if row[4] != 5]
        assert sink.rows(f"SELECT count() FROM {database}.accounts FINAL WHERE _deleted") == [(10,)]
    assert after == before
    assert result.rows == len(before)


def _make_once(sink: ClickHouseSink, database: str, document: Mapping[str, Any]) -> None:
    """Without a second version of any row, which a table without an engine that collapses would show."""
    make(sink, database, document)
    sink.run(f"ALTER TABLE {database}.accounts DELETE WHERE _version = 2", doing="Leaving one version")


def test_what_cannot_be_migrated_is_refused_and_nothing_changes(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    document = {"database": database, **NEW}
    with pytest.raises(ConfigurationError, match="does not exist"):
        migration(sink, state, document).run()
    make(sink, database)
    before = seen(sink, database)
    with (
        hold(state, f"{database}/accounts", owner="a load", keys=("2024-01-01",)),
        pytest.raises(TableLockedError, match="a load"),
    ):
        migration(sink, state, document).run()
    narrower = [
        column if column.name != "id" else type(column)("id", "UInt8")
        for column in table_of(document).columns
    ]
    with pytest.raises(ConfigurationError, match="UInt8, which cannot hold all its values"):
        migration(sink, state, {**document, "columns": narrower}).run()
    with pytest.raises(ConfigurationError, match="no_such_column"):
        migration(sink, state, {**document, "order_by": ["id", "no_such_column"]}).run()
    assert seen(sink, database) == before
    assert beside(sink, database) == []


def test_rows_that_the_new_key_takes_for_one_are_not_lost_but_refused(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    make(sink, database)
    before, document = (
        seen(sink, database),
        {"database": database, "order_by": ["region"], "partition_by": ""},
    )
    with pytest.raises(DataQualityError, match="3 rows for 300"):
        migration(sink, state, document).run()
    assert seen(sink, database) == before
    assert "was not done yet" in migration(sink, state, document).rollback().says
    assert beside(sink, database) == []


def test_an_append_table_with_half_a_load_is_refused(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    make(sink, database, APPEND)
    state.open_load(a_load(table=f"{database}/accounts"))
    with pytest.raises(ConfigurationError, match="a load that is not done"):
        migration(sink, state, {"database": database, **APPEND_NEW}).run()


STATEMENTS = 6
"""Of one migration: create, three pieces, exchange, rename."""


IN_EVERY_RUN = {(1, "migrate"), (3, "migrate"), (5, "migrate"), (3, "rollback"), (5, "rollback")}
"""The others are left to `make migrations`."""


def kill_points(often: set[tuple[int, str]]) -> list[ParameterSet]:
    """Before the first statement, between two of them, and after the last; what is done then."""
    every = itertools.product(range(STATEMENTS + 1), ("migrate", "rollback"))
    return [pytest.param(*point, marks=() if point in often else pytest.mark.long) for point in every]


@pytest.mark.parametrize(("statements", "afterwards"), kill_points(IN_EVERY_RUN))
def test_killed_after_any_statement_it_goes_on_or_back(
    sink: ClickHouseSink,
    database: str,
    http_url: str,
    state_url: str,
    state: StateManager,
    statements: int,
    afterwards: str,
) -> None:
    make(sink, database, APPEND)
    before, document = seen(sink, database, APPEND), {"database": database, **APPEND_NEW}
    assert (
        ended(in_a_process(http_url, state_url, "migrate", document, statements=statements))
        == -signal.SIGKILL
    )
    assert seen(sink, database, APPEND) == before, "a reader saw something else"
    _afterwards(sink, state, document, afterwards, statements=statements)
    assert seen(sink, database, APPEND) == before


def _afterwards(
    sink: ClickHouseSink, state: StateManager, document: Mapping[str, Any], what: str, *, statements: int
) -> None:
    """Go on, or back, and see that nothing is left but what is kept on purpose."""
    database = document["database"]
    if what == "migrate":
        migration(sink, state, document).run()
        assert key_of(sink, database) == ("at", "toYYYYMM(at)")
        (kept,) = beside(sink, database)
        assert "__retired_" in kept
    elif statements == 0:
        with pytest.raises(ConfigurationError, match="Nothing of"):
            migration(sink, state, document).rollback()
    else:
        migration(sink, state, document).rollback()
        assert key_of(sink, database) == ("", "region")
        assert beside(sink, database) == []


@pytest.mark.parametrize("statements", [1, 2])
def test_a_rollback_that_was_killed_is_gone_on_with(
    sink: ClickHouseSink, database: str, http_url: str, state_url: str, state: StateManager, statements: int
) -> None:
    make(sink, database)
    before, document = seen(sink, database), {"database": database, **NEW}
    migration(sink, state, document).run()
    assert (
        ended(in_a_process(http_url, state_url, "rollback", document, statements=statements))
        == -signal.SIGKILL
    )
    if statements == 1:
        assert migration(sink, state, document).rollback().changed
    assert seen(sink, database) == before
    assert key_of(sink, database) == ("id", "region")
    assert beside(sink, database) == []


def test_a_server_that_still_copies_for_a_killed_process_does_not_double_rows(
    sink: ClickHouseSink, database: str, http_url: str, state_url: str, state: StateManager
) -> None:
    make(sink, database, APPEND, rows=2_000_000)
    count = f"SELECT count(), sum(sipHash64(id, region, at, _version)) FROM {database}.accounts"
    before, document = sink.rows(count), {"database": database, **APPEND_NEW}
    running = comment("migrate", f"{database}/accounts")
    process = in_a_process(http_url, state_url, "migrate", document)
    deadline = time.monotonic() + DEADLINE
    while not still_running(sink, running):
        assert time.monotonic() < deadline
        assert process.poll() is None, "it was done too soon to be killed"
    process.kill()
    assert ended(process) == -signal.SIGKILL
    result = migration(sink, state, document).run()
    assert sink.rows(count) == before
    assert result.rows == before[0][0]
    assert still_running(sink, running) == 0


@pytest.mark.parametrize(("statements", "afterwards"), kill_points({(2, "migrate"), (5, "rollback")}))
def test_killed_with_the_embedded_engine_in_it_it_goes_on_or_back(
    warehouse_dir: Path, state_url: str, state: StateManager, statements: int, afterwards: str
) -> None:
    """Here the engine dies too, in the middle of whatever it does in the background."""
    url = f"chdb://{warehouse_dir}"
    document = {"database": "shop", **APPEND_NEW}
    with ClickHouseSink(warehouse_url(url)) as sink:
        make(sink, "shop", APPEND)
        before = seen(sink, "shop", APPEND)
    assert ended(in_a_process(url, state_url, "migrate", document, statements=statements)) == -signal.SIGKILL
    with ClickHouseSink(warehouse_url(url)) as sink:
        assert seen(sink, "shop", APPEND) == before
        _afterwards(sink, state, document, afterwards, statements=statements)
        assert seen(sink, "shop", APPEND) == before
