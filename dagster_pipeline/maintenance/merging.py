"""One `OPTIMIZE ... PARTITION ... FINAL`, by a caller that has the table's maintenance turn."""

from __future__ import annotations

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_string, quote_table
from dagster_pipeline.errors import RetriableError
from dagster_pipeline.maintenance.merge_candidates import partition_size
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse, comment, still_running

OPTIMIZE = "optimize"
LOADED = "the table is being loaded"
MERGEABLE_PARTS = 2
ENDED_BY_A_LOAD = ("218", "236", "394")
"""A load that replaces a table or a partition ends the merges of what it replaces: dropped, aborted, cancelled."""


def merge_partition(warehouse: MaintainedWarehouse, table: SinkTable, partition_id: str) -> str:
    """Make the partition one part; returns why that was not done, empty when it was or nothing was to do.

    Raises `PipelineError`.
    """
    log_comment = comment(OPTIMIZE, f"{table.database}/{table.name}")
    if still_running(warehouse, log_comment):
        return "a merge of an earlier process still runs"
    before = partition_size(warehouse, table, partition_id)
    if before.parts < MERGEABLE_PARTS:
        return ""
    try:
        warehouse.run(
            f"OPTIMIZE TABLE {quote_table(table.database, table.name)} PARTITION ID {quote_string(partition_id)} FINAL",
            doing=f"Merging partition {partition_id} of {table.full_name}",
            settings={"optimize_throw_if_noop": 0, "max_execution_time": 0, "log_comment": log_comment},
        )
    except RetriableError as error:
        if error.code not in ENDED_BY_A_LOAD:
            raise
        return error.what
    if partition_size(warehouse, table, partition_id).parts >= before.parts:
        return "ClickHouse cannot merge it now: its parts are in other merges, or the disk lacks space"
    return ""
