"""Staging tables: made, resumed, found, put in place before a reader's eyes, emptied and dropped."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.errors import ConfigurationError, PipelineError
from tests.contract.sinks.sink_tables import ACCOUNT_COLUMNS, a_table, a_write, numbered, tsv

STAGING = "accounts__staging_0123456789ab"


def test_a_staging_table_has_the_structure_that_the_file_wants(sink: ClickHouseSink, database: str) -> None:
    sink.ensure_table(a_table(database))
    wanted = a_table(database, *ACCOUNT_COLUMNS, SinkColumn("city", "String"), order_by=("id", "city"))
    staging = sink.create_staging(wanted, STAGING)
    assert staging == replace(wanted, name=STAGING)
    sink.write(a_write(staging), [])
    ((key,),) = sink.rows(
        f"SELECT sorting_key FROM system.tables WHERE database = '{database}' AND name = '{STAGING}'"
    )
    assert key == "id, city"


def test_a_staging_table_of_the_same_structure_keeps_its_rows(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database)
    staging = sink.create_staging(table, STAGING)
    identity = sink.table_id(database, STAGING)
    sink.write(a_write(staging), [numbered(0, 10)])
    assert sink.create_staging(replace(table, comment="Described anew."), STAGING).name == STAGING
    assert sink.count_rows(staging) == 10
    assert sink.table_id(database, STAGING) == identity


@pytest.mark.parametrize(
    "column", [SinkColumn("name", "Nullable(FixedString(9))"), SinkColumn("more", "String")]
)
def test_a_staging_table_of_another_structure_is_refused(
    sink: ClickHouseSink, database: str, column: SinkColumn
) -> None:
    sink.create_staging(a_table(database), STAGING)
    changed = a_table(database, *(old for old in ACCOUNT_COLUMNS if old.name != column.name), column)
    with pytest.raises(ConfigurationError, match="another structure"):
        sink.create_staging(changed, STAGING)


def test_only_staging_tables_of_this_table_are_found(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database, name="acc_%")
    names = ["acc_%__staging_0123456789ab", "acc_%__staging_fedcba987654"]
    strangers = [
        "accX%__staging_0123456789ab",
        "acc_%__staging_old",
        "acc_%__staging_0123456789ab_",
        "acc_%2__staging_0123456789ab",
    ]
    for name in [*names, *strangers, "acc_%"]:
        sink.ensure_table(replace(table, name=name))
    assert sink.stagings(table) == tuple(names)
    assert sink.stagings(a_table("no_such_database")) == ()


def test_the_first_swap_puts_the_staging_table_where_nothing_was(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database)
    staging = sink.create_staging(table, STAGING)
    sink.write(a_write(staging), [numbered(0, 10)])
    identity = sink.table_id(database, STAGING)
    sink.swap(table, staging)
    assert sink.table_id(database, "accounts") == identity
    assert sink.stagings(table) == ()
    assert sink.count_rows(table) == 10


def test_a_swap_replaces_structure_and_rows_and_drops_the_old_ones(
    sink: ClickHouseSink, database: str
) -> None:
    old = a_table(database)
    sink.ensure_table(old)
    sink.write(a_write(old), [numbered(0, 100)])
    wanted = a_table(
        database, SinkColumn("id", "Int32"), engine="MergeTree", order_by=("id",), partition_by="id % 2"
    )
    staging = sink.create_staging(wanted, STAGING)
    sink.write(a_write(staging, version=9), [tsv(*((number,) for number in range(7)))])
    identity = sink.table_id(database, STAGING)
    sink.swap(wanted, staging)
    assert sink.table_id(database, "accounts") == identity
    assert sink.ensure_table(wanted) == ()
    assert (sink.count_rows(wanted), sink.highest_version(wanted)) == (7, 9)
    assert sink.stagings(wanted) == ()


def test_a_reader_always_finds_a_whole_table_while_it_is_replaced(
    sink: ClickHouseSink, database: str
) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    sink.write(a_write(table), [numbered(0, 100)])
    seen: set[object] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add(sink.rows(f"SELECT count(), max(_version) FROM {database}.accounts")[0])

    with ThreadPoolExecutor(max_workers=1) as pool:
        watching = pool.submit(watch)
        try:
            for version in range(2, 12):
                staging = sink.create_staging(table, STAGING)
                sink.write(a_write(staging, version=version), [numbered(0, 100 * version)])
                sink.swap(table, staging)
        finally:
            done.set()
        watching.result()
    assert seen <= {(100 * version, version) for version in range(1, 12)}
    assert len(seen) > 1


def test_what_does_not_exist_is_empty(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database)
    for _ in range(2):  # without the database, then with it
        assert (sink.count_rows(table), sink.highest_version(table), sink.table_id(database, "accounts")) == (
            0,
            0,
            "",
        )
        sink.run(f"CREATE DATABASE IF NOT EXISTS {database}", doing="Creating")
        sink.drop(database, "accounts")


def test_the_highest_version_counts_hidden_rows_too(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    assert sink.highest_version(table) == 0
    sink.write(a_write(table, version=7), [numbered(0, 10)])
    sink.write(a_write(table, version=5), [numbered(0, 10)])
    assert sink.highest_version(table) == 7


def test_a_database_that_cannot_exchange_tables_is_refused_before_the_load(
    sink: ClickHouseSink, database: str
) -> None:
    sink.run(
        f"CREATE DATABASE {database} ENGINE = Ordinary",
        doing="Creating",
        settings={"allow_deprecated_database_ordinary": 1},
    )
    with pytest.raises(ConfigurationError, match="Ordinary"):
        sink.create_staging(a_table(database), STAGING)


def test_a_sink_may_be_closed_twice_and_says_so_when_used_after(sink: ClickHouseSink, database: str) -> None:
    sink.close()
    sink.close()
    with pytest.raises(PipelineError, match="closed"):
        sink.count_rows(a_table(database))
