"""Adding a staging table's rows to a table, and taking a load's rows back: what landing deliveries asks of a sink."""

from __future__ import annotations

from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from tests.contract.sinks.sink_tables import a_write, an_append_table, numbered


def filled(sink: ClickHouseSink, database: str) -> tuple[Any, Any]:
    """A table with rows of version 1, and a staging table with others of version 2, in three partitions each."""
    table = an_append_table(database, partition_by="id % 3")
    sink.ensure_table(table)
    sink.write(a_write(table, version=1), [numbered(0, 300)])
    staging = sink.create_like(table, "accounts__staging_0123456789ab")
    sink.write(a_write(staging, version=2), [numbered(300, 600)])
    return table, staging


def ids(sink: ClickHouseSink, database: str) -> tuple[int, int, int]:
    ((rows, different, total),) = sink.rows(
        f"SELECT count(), uniqExact(id), sum(id) FROM `{database}`.accounts"
    )
    return rows, different, int(total)


EVERYTHING = (900, 900, 899 * 900 // 2)


def test_all_rows_of_a_staging_table_are_added_once(sink: ClickHouseSink, database: str) -> None:
    table, staging = filled(sink, database)
    asked: list[bool] = []
    for _ in range(2):
        sink.absorb(table, staging, lock=lambda: asked.append(True))
    assert ids(sink, database) == EVERYTHING
    assert sink.count_rows(staging) == 0
    assert len(asked) == 3  # before each partition, and nothing is left for the second time


def test_what_had_arrived_when_the_server_died_is_not_there_twice(
    sink: ClickHouseSink, database: str
) -> None:
    table, staging = filled(sink, database)
    # A server that is killed between showing a part here and removing it there leaves it in both.
    sink.run(
        f"INSERT INTO `{database}`.accounts SELECT * FROM `{database}`.`{staging.name}` WHERE id % 3 = 1 AND id < 500",
        doing="As if killed",
    )
    sink.absorb(table, staging, lock=lambda: None)
    assert ids(sink, database) == EVERYTHING


def test_a_loads_rows_are_taken_back_and_no_others(sink: ClickHouseSink, database: str) -> None:
    table, staging = filled(sink, database)
    sink.absorb(table, staging, lock=lambda: None)
    sink.remove_version(table, 2)
    assert ids(sink, database) == (300, 300, 299 * 300 // 2)
    sink.remove_version(an_append_table(database, name="nothing"), 2)
