"""Partitions that a merge could make smaller: those of several parts, and what of them is duplicate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_table
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse


@dataclass(frozen=True, slots=True)
class PartitionSize:
    """What a partition is made of; bytes on disk."""

    parts: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MergeCandidate:
    """A partition of several parts.

    Attributes:
        table: where it is.
        partition_id: ClickHouse's own identity of it.
        size: what it is made of.
        changed_at: when its newest part was written; the longer ago, the colder it is.
    """

    table: SinkTable
    partition_id: str
    size: PartitionSize
    changed_at: datetime

    @property
    def name(self) -> str:
        """Table and partition, for people."""
        return f"partition {self.partition_id} of {self.table.full_name}"


def merge_candidates(
    warehouse: MaintainedWarehouse, tables: Sequence[SinkTable]
) -> tuple[MergeCandidate, ...]:
    """Partitions of these tables that have more than one part, coldest first. One query.

    A partition of one part has been merged with itself, so no two rows of it share a key.
    """
    known = {(table.database, table.name): table for table in tables}
    found = warehouse.rows(
        "SELECT database, table, partition_id, count(), sum(rows), sum(bytes_on_disk), max(modification_time) AS changed "
        "FROM system.parts WHERE active AND database IN {databases:Array(String)} "
        "GROUP BY database, table, partition_id HAVING count() > 1 ORDER BY changed, database, table, partition_id",
        {"databases": sorted({table.database for table in tables})},
    )
    return tuple(
        MergeCandidate(
            known[database, table], partition, PartitionSize(int(parts), int(rows), int(bytes_)), changed
        )
        for database, table, partition, parts, rows, bytes_, changed in found
        if (database, table) in known
    )


def partition_size(warehouse: MaintainedWarehouse, table: SinkTable, partition_id: str) -> PartitionSize:
    """How large a partition is now."""
    ((parts, rows, bytes_),) = warehouse.rows(
        "SELECT count(), sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active "
        "AND database = {database:String} AND table = {table:String} AND partition_id = {partition:String}",
        {"database": table.database, "table": table.name, "partition": partition_id},
    )
    return PartitionSize(int(parts), int(rows), int(bytes_))


def duplicate_share(warehouse: MaintainedWarehouse, candidate: MergeCandidate) -> float:
    """Which share of the partition's rows a merge would take away; reads the key's columns.

    Counted exactly for few rows, else to about a tenth of a per cent (`uniqCombined64`, 2^20 cells), in a megabyte.
    """
    table = candidate.table
    if not table.collapses_rereads:
        return 0.0
    key = ", ".join(map(quote_identifier, table.primary_key))
    ((rows, keys),) = warehouse.rows(
        f"SELECT count(), uniqCombined64(20)({key}) FROM {quote_table(table.database, table.name)} "
        "WHERE _partition_id = {partition:String}",
        {"partition": candidate.partition_id},
    )
    return max(0.0, 1 - int(keys) / int(rows)) if rows else 0.0
