"""Tables whose parts stay as they were inserted until somebody asks for a merge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink

NO_MERGES_OF_ITS_OWN = {
    "max_bytes_to_merge_at_max_space_in_pool": 1,
    "max_bytes_to_merge_at_min_space_in_pool": 1,
    "merge_selector_enable_heuristic_to_remove_small_parts_at_right": 0,
}


def a_table(database: str, name: str = "orders", **changes: Any) -> SinkTable:
    table = SinkTable(
        database=database,
        name=name,
        columns=(SinkColumn("id", "UInt64"), SinkColumn("part", "UInt32"), SinkColumn("text", "String")),
        engine="ReplacingMergeTree",
        order_by=("part", "id"),
        partition_by="part",
        ttl="",
        settings=NO_MERGES_OF_ITS_OWN,
        comment="",
        tracks_deletes=False,
        primary_key=("id", "part"),
    )
    return replace(table, **changes)


def fill(
    sink: ClickHouseSink, table: SinkTable, *, partitions: int, rows: int, loads: int, width: int = 10
) -> None:
    """Every load writes the same keys: `rows` in each of the partitions."""
    for version in range(1, loads + 1):
        sink.run(
            f"INSERT INTO {table.full_name} (id, part, text, _version) SELECT number, number % {partitions}, "
            f"randomPrintableASCII({width}), {version} FROM numbers({partitions * rows})",
            doing="Filling",
            settings={
                "max_partitions_per_insert_block": 0,
                "min_insert_block_size_rows": 1 << 40,
                "max_block_size": 1 << 24,
            },
        )


def parts(sink: ClickHouseSink, table: SinkTable) -> dict[str, int]:
    """Parts by partition, as ClickHouse has them."""
    found = sink.rows(
        f"SELECT partition_id, count() FROM system.parts WHERE active AND database = '{table.database}' "
        f"AND table = '{table.name}' GROUP BY partition_id"
    )
    return {str(partition): int(count) for partition, count in found}
