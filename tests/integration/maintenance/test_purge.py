"""Rows marked as deleted leave, and nothing that they hid comes back."""

from __future__ import annotations

import pytest

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.maintenance.purge import PurgeConfig, purge
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.table_lock import hold
from tests.integration.maintenance.maintained_tables import a_table

LONG_AGO = "toDateTime64('2024-01-01 00:00:00', 3, 'UTC')"


@pytest.fixture
def table(sink: ClickHouseSink, database: str) -> SinkTable:
    """Row 1 lives; 2 is marked in another part than its older version; 3 was marked just now; 4 moved from part 0 to
    1, where it is marked too; 5 was marked and came back.
    """
    made = a_table(
        database,
        columns=(SinkColumn("id", "UInt64"), SinkColumn("part", "UInt32")),
        order_by=("id",),
        primary_key=("id",),
        tracks_deletes=True,
    )
    sink.ensure_table(made)
    for values in (
        "(1, 0, 1, 0), (2, 0, 1, 0), (3, 0, 1, 0), (4, 0, 1, 0), (5, 0, 1, 0)",
        "(2, 0, 2, 1), (4, 1, 2, 1), (5, 0, 2, 1)",
        "(5, 0, 3, 0)",
    ):
        sink.run(
            f"INSERT INTO {made.full_name} (id, part, _version, _deleted, _synced_at) "
            f"SELECT *, {LONG_AGO} FROM VALUES('a UInt64, b UInt32, c UInt64, d UInt8', {values})",
            doing="Filling",
        )
    sink.run(
        f"INSERT INTO {made.full_name} (id, part, _version, _deleted) VALUES (3, 0, 2, 1)", doing="A new mark"
    )
    return made


def marks(sink: ClickHouseSink, table: SinkTable) -> list[int]:
    found = sink.rows(f"SELECT id FROM {table.full_name} WHERE _deleted ORDER BY id")
    return [int(row[0]) for row in found]


def seen(sink: ClickHouseSink, table: SinkTable) -> list[int]:
    found = sink.rows(
        f"SELECT id FROM {table.full_name} FINAL ORDER BY id SETTINGS do_not_merge_across_partitions_select_final = 0"
    )
    return [int(row[0]) for row in found]


def test_a_dry_run_counts_and_changes_nothing(
    sink: ClickHouseSink, table: SinkTable, state: StateManager
) -> None:
    found = purge(sink, [table], state=state, owner="test", config=PurgeConfig())
    assert [(one.name[:11], one.marks, one.left) for one in found] == [
        ("partition 0", 2, "dry run"),
        ("partition 1", 1, "dry run"),
    ]
    assert marks(sink, table) == [2, 3, 4, 5]


def test_a_mark_leaves_with_all_that_it_hid_and_stays_while_it_hides_something(
    sink: ClickHouseSink, table: SinkTable, state: StateManager
) -> None:
    assert seen(sink, table) == [1, 5]
    found = purge(sink, [table], state=state, owner="test", config=PurgeConfig(dry_run=False))
    assert [one.left for one in found] == ["", ""]
    # 3 is too young, and 4 hides a row of another partition.
    assert marks(sink, table) == [3, 4]
    assert seen(sink, table) == [1, 5]
    assert sink.rows(f"SELECT count() FROM {table.full_name} WHERE id = 2") == [(0,)]
    assert [one.after.rows for one in found if one.after] == [4, 1]


def test_a_table_that_is_loaded_or_shows_its_marks_is_left(
    sink: ClickHouseSink, table: SinkTable, state: StateManager
) -> None:
    config = PurgeConfig(dry_run=False)
    with hold(state, f"{table.database}/orders", owner="a load", keys=()):
        found = purge(sink, [table], state=state, owner="test", config=config)
    assert {one.left for one in found} == {"the table is being loaded"}
    soft = a_table(table.database, tracks_deletes=True, hides_deleted=False)
    assert purge(sink, [soft], state=state, owner="test", config=config) == ()
    assert marks(sink, table) == [2, 3, 4, 5]
