"""What may go from the warehouse goes when it is asked for, and only that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.maintenance.beside_names import Beside, migrating, retired
from dagster_pipeline.maintenance.expiry import expire
from dagster_pipeline.maintenance.leftovers import LeftoverConfig, clear_leftovers
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.table_lock import hold
from tests.integration.maintenance.maintained_tables import a_table

AN_ID = "0123456789ab-cdef"
A_WEEK_AGO = datetime.now(UTC) - timedelta(days=7)
DUE = retired("orders", AN_ID, since=A_WEEK_AGO, days=7)
NOT_DUE = retired("orders", AN_ID, since=A_WEEK_AGO, days=9)
DROP = LeftoverConfig(staging_days=0, quarantine_days=0, dry_run=False)


@pytest.fixture
def dated(sink: ClickHouseSink, database: str) -> SinkTable:
    """Rows of last year, of which ClickHouse's own merges have not taken any, and of this month."""
    table = a_table(
        database,
        "events",
        columns=(SinkColumn("id", "UInt64"), SinkColumn("at", "DateTime('UTC')")),
        order_by=("id",),
        primary_key=("id",),
        partition_by="toYYYYMM(at)",
        ttl="at + INTERVAL 100 DAY",
    )
    sink.ensure_table(table)
    sink.run(f"SYSTEM STOP TTL MERGES {table.full_name}", doing="Keeping what has expired")
    sink.run(
        f"INSERT INTO {table.full_name} (id, at, _version) SELECT number, now() - if(number < 10, 400, 1) * 86400, 1 "
        "FROM numbers(20)",
        doing="Filling",
    )
    return table


def ids(sink: ClickHouseSink, table: SinkTable) -> int:
    return int(sink.rows(f"SELECT count() FROM {table.full_name}")[0][0])


def test_a_partition_goes_when_all_of_it_has_expired_and_only_when_asked(
    sink: ClickHouseSink, dated: SinkTable, state: StateManager
) -> None:
    (told,) = expire(sink, [dated], state=state, owner="test", dry_run=True)
    assert (told.size.rows, told.left) == (10, "dry run")
    with hold(state, f"{dated.database}/events", owner="a load", keys=()):
        (loaded,) = expire(sink, [dated], state=state, owner="test", dry_run=False)
    assert loaded.left == "the table is being loaded"
    longer = replace(dated, ttl="at + INTERVAL 10 YEAR")
    (kept,) = expire(sink, [longer], state=state, owner="test", dry_run=False)
    assert kept.left == "10 rows stay by the file's ttl"
    assert ids(sink, dated) == 20
    (gone,) = expire(sink, [dated], state=state, owner="test", dry_run=False)
    assert (gone.size.rows, gone.left) == (10, "")
    assert ids(sink, dated) == 10
    assert expire(sink, [dated], state=state, owner="test", dry_run=False) == ()


@pytest.mark.parametrize(
    "ttl", ["at + INTERVAL 1 DAY DELETE WHERE id > 3", "at + INTERVAL 1 DAY TO VOLUME 'cold'", ""]
)
def test_a_ttl_that_says_more_than_a_moment_is_left_to_clickhouse(
    sink: ClickHouseSink, dated: SinkTable, state: StateManager, ttl: str
) -> None:
    assert expire(sink, [replace(dated, ttl=ttl)], state=state, owner="test", dry_run=False) == ()


def beside(sink: ClickHouseSink, database: str) -> dict[str, Beside | None]:
    """Tables beside `orders`, by name, and what each is."""
    names = {
        "orders__staging_0123456789ab": Beside.STAGING,
        "orders__quarantine": Beside.QUARANTINE,
        DUE: Beside.RETIRED,
        NOT_DUE: Beside.RETIRED,
        migrating("orders", AN_ID): Beside.MIGRATING,
        "orders__staging_of_mine": None,
        "others__staging_0123456789ab": None,
        "somebodys": None,
    }
    for name in ("orders", *names):
        sink.run(
            f"CREATE TABLE {database}.`{name}` (id UInt8) ENGINE = MergeTree ORDER BY id", doing="Making"
        )
    return names


def test_what_is_old_enough_goes_and_what_nobody_knows_is_only_reported(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    names = beside(sink, database)
    known = {(database, "orders")}
    dry = clear_leftovers(sink, known, state=state, owner="test", config=replace(DROP, dry_run=True))
    assert {one.name: one.kind for one in dry} == names
    assert not any(one.dropped for one in dry)
    with hold(state, f"{database}/orders", owner="a load", keys=()):
        loaded = clear_leftovers(sink, known, state=state, owner="test", config=DROP)
    assert not any(one.dropped for one in loaded)
    kept = clear_leftovers(
        sink, known, state=state, owner="test", config=replace(DROP, staging_days=1, quarantine_days=1)
    )
    assert [one.name for one in kept if one.dropped] == [DUE]
    done = clear_leftovers(sink, known, state=state, owner="test", config=DROP)
    assert [one.name for one in done if one.dropped] == ["orders__quarantine", "orders__staging_0123456789ab"]
    left = sink.rows(
        "SELECT name FROM system.tables WHERE database = {database:String}", {"database": database}
    )
    assert {str(name) for (name,) in left} == {
        "orders",
        *(name for name, kind in names.items() if kind in (None, Beside.MIGRATING)),
        NOT_DUE,
    }
