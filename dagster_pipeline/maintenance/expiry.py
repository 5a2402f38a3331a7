"""Drops partitions all of whose rows have expired by the table's TTL.

The file's `destination.ttl` is the one place where a table says how long rows stay: ClickHouse keeps to it by itself, row by
row, when it merges. A partition that has expired as a whole need not wait for that, nor be rewritten. A second key for the
same thing could only contradict it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_string, quote_table
from dagster_pipeline.errors import TableLockedError
from dagster_pipeline.maintenance.merge_candidates import PartitionSize
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse
from dagster_pipeline.state.state_manager import StateManager

MORE_THAN_A_MOMENT = re.compile(
    r",(?![^(]*\))|\b(DELETE|WHERE|GROUP\s+BY|RECOMPRESS|TO\s+(DISK|VOLUME))\b", re.IGNORECASE
)
"""A TTL that says more than when a row goes: several rules, conditions, moves."""


@dataclass(frozen=True, slots=True)
class ExpiredPartition:
    """A partition that has expired. `left` says why it was not dropped; empty when it was."""

    name: str
    size: PartitionSize
    left: str = ""


def expire(
    warehouse: MaintainedWarehouse,
    tables: Sequence[SinkTable],
    *,
    state: StateManager,
    owner: str,
    dry_run: bool,
) -> tuple[ExpiredPartition, ...]:
    """Drop what has expired as a whole. Raises `PipelineError`; what was dropped is gone.

    ClickHouse's own books name the candidates. They are as old as the parts, so the file's own expression is asked before
    anything is dropped: a TTL that was made longer may not be in the books yet.
    """
    expiring = {
        (table.database, table.name): table
        for table in tables
        if table.ttl and table.partition_by and not MORE_THAN_A_MOMENT.search(table.ttl)
    }
    found = warehouse.rows(
        "SELECT database, table, partition_id, count(), sum(rows), sum(bytes_on_disk) FROM system.parts "
        "WHERE active AND database IN {databases:Array(String)} GROUP BY database, table, partition_id "
        "HAVING min(delete_ttl_info_max) > 0 AND max(delete_ttl_info_max) < now() "
        "ORDER BY database, table, partition_id",
        {"databases": sorted({database for database, _ in expiring})},
    )
    expired = []
    for database, name, partition, parts, rows, bytes_ in found:
        table = expiring.get((database, name))
        if table is not None:
            left = "dry run" if dry_run else _drop(warehouse, table, str(partition), state, owner)
            size = PartitionSize(int(parts), int(rows), int(bytes_))
            expired.append(ExpiredPartition(f"partition {partition} of {table.full_name}", size, left))
    return tuple(expired)


def _drop(
    warehouse: MaintainedWarehouse, table: SinkTable, partition_id: str, state: StateManager, owner: str
) -> str:
    """Drop it under the table's lock, so that no load writes between the question and the answer; says why not."""
    name = quote_table(table.database, table.name)
    try:
        with state.lock(f"{table.database}/{table.name}", owner=owner):
            ((staying,),) = warehouse.rows(
                f"SELECT count() FROM {name} WHERE _partition_id = {{partition:String}} AND ifNull(({table.ttl}) > now(), 1)",
                {"partition": partition_id},
            )
            if staying:
                return f"{int(staying):,} rows stay by the file's ttl"
            warehouse.run(
                f"ALTER TABLE {name} DROP PARTITION ID {quote_string(partition_id)}",
                doing=f"Dropping partition {partition_id} of {table.full_name}",
                settings={"max_partition_size_to_drop": 0},
            )
    except TableLockedError:
        return "the table is being loaded"
    return ""
