"""How the warehouse's tables stand by ClickHouse's own books, in one query for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse

UNMERGED_SECONDS = 3600
"""A part as it was inserted, an hour old and beside others of its partition, waits for a merge that does not come."""
MUTATION_SECONDS = 3600
"""A mutation that is not done by then is stuck, or its table is very large."""


@dataclass(frozen=True, slots=True)
class TableHealth:
    """One table of a MergeTree engine.

    Attributes:
        partitions, parts, rows, bytes: what is active; bytes on disk.
        most_parts: parts of the partition that has most of them.
        crowded: that partition, as ClickHouse prints it.
        waiting_parts: parts that wait for a merge for more than an hour; on a replica also merges in its queue.
        mutations: those that are not done.
        oldest_mutation: age of the oldest of them in seconds.
        failed_mutations: those that failed at least once.
        mutation_error: why, as ClickHouse says.
        detached_parts: parts that ClickHouse put aside and nobody reads.
        replica_trouble: why the replica is not well; empty when it is, or when the table has none.
    """

    database: str
    name: str
    engine: str
    partitions: int
    parts: int
    rows: int
    bytes: int
    most_parts: int
    crowded: str
    waiting_parts: int
    mutations: int
    oldest_mutation: int
    failed_mutations: int
    mutation_error: str
    detached_parts: int
    replica_trouble: str

    @property
    def full_name(self) -> str:
        """`database.name`."""
        return f"{self.database}.{self.name}"


# Each system table is read once, narrowed to the databases, and brought to one row a table before it is joined.
_QUERY = """
SELECT
    tables.database, tables.name, tables.engine,
    parts.partitions, parts.parts, parts.rows, parts.bytes, parts.most_parts, parts.crowded,
    parts.waiting + replicas.merges,
    mutations.open, mutations.oldest, mutations.failed, mutations.error,
    detached.parts, replicas.trouble
FROM
(
    SELECT database, name, engine FROM system.tables
    WHERE database IN {databases:Array(String)} AND endsWith(engine, 'MergeTree')
) AS tables
LEFT JOIN
(
    SELECT database, table, count() AS partitions, sum(its_parts) AS parts, sum(its_rows) AS rows, sum(its_bytes) AS bytes,
        max(its_parts) AS most_parts, argMax(its_name, its_parts) AS crowded, sum(if(its_parts > 1, its_fresh, 0)) AS waiting
    FROM
    (
        SELECT database, table, any(partition) AS its_name, count() AS its_parts, sum(rows) AS its_rows,
            sum(bytes_on_disk) AS its_bytes,
            countIf(level = 0 AND modification_time < now() - {unmerged:UInt32}) AS its_fresh
        FROM system.parts WHERE active AND database IN {databases:Array(String)}
        GROUP BY database, table, partition_id
    )
    GROUP BY database, table
) AS parts ON parts.database = tables.database AND parts.table = tables.name
LEFT JOIN
(
    SELECT database, table, count() AS open, max(dateDiff('second', create_time, now())) AS oldest,
        countIf(latest_fail_reason != '') AS failed, anyIf(latest_fail_reason, latest_fail_reason != '') AS error
    FROM system.mutations WHERE NOT is_done AND database IN {databases:Array(String)}
    GROUP BY database, table
) AS mutations ON mutations.database = tables.database AND mutations.table = tables.name
LEFT JOIN
(
    SELECT database, table, count() AS parts FROM system.detached_parts
    WHERE database IN {databases:Array(String)} GROUP BY database, table
) AS detached ON detached.database = tables.database AND detached.table = tables.name
LEFT JOIN
(
    SELECT database, table, merges_in_queue AS merges,
        multiIf(
            is_readonly, 'it is read-only',
            is_session_expired, 'its session with Keeper has expired',
            active_replicas < total_replicas,
                concat(toString(total_replicas - active_replicas), ' of ', toString(total_replicas), ' replicas are away'),
            lost_part_count > 0, concat(toString(lost_part_count), ' parts were lost'),
            absolute_delay > 600, concat('it is ', toString(absolute_delay), ' seconds behind'),
            '') AS trouble
    FROM system.replicas WHERE database IN {databases:Array(String)}
) AS replicas ON replicas.database = tables.database AND replicas.table = tables.name
ORDER BY tables.database, tables.name
SETTINGS join_use_nulls = 0
"""


def read_health(warehouse: MaintainedWarehouse, databases: Iterable[str]) -> tuple[TableHealth, ...]:
    """Every MergeTree table of these databases, sorted by name. One query."""
    found = warehouse.rows(_QUERY, {"databases": sorted(set(databases)), "unmerged": UNMERGED_SECONDS})
    return tuple(_health(row) for row in found)


def total_bytes(tables: Sequence[TableHealth]) -> int:
    """Bytes on disk of all of them."""
    return sum(table.bytes for table in tables)


def _health(row: Sequence[object]) -> TableHealth:
    texts = {0, 1, 2, 8, 13, 15}
    values = [str(value) if place in texts else int(str(value)) for place, value in enumerate(row)]
    return TableHealth(*values)  # type: ignore[arg-type]  # texts and numbers by place, as the query has them
