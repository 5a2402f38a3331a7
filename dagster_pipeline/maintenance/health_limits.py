"""Which of a table's figures are too high. Pure.

The limits follow ClickHouse's own advice: some hundred partitions at most (clickhouse.com/docs/optimize/partitioning-key,
"low cardinality": below 100 to 1,000), inserts that slow down at 1,000 parts of a partition and stop at 3,000
(`parts_to_delay_insert`, `parts_to_throw_insert`). They warn well before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_pipeline.maintenance.table_health import TableHealth

PARTITIONS = "partitions"
PARTS = "parts_per_partition"
BACKLOG = "merge_backlog"
MUTATIONS = "stuck_mutations"
DETACHED = "detached_parts"
REPLICAS = "broken_replicas"

CHECKS = {
    PARTITIONS: "No table has many more partitions than ClickHouse advises.",
    PARTS: "No partition has so many parts that inserts slow down.",
    BACKLOG: "Merges keep up with inserts.",
    MUTATIONS: "No mutation fails or waits for too long.",
    DETACHED: "ClickHouse has put no part aside.",
    REPLICAS: "Every replica is there, writable and up to date.",
}
"""What each check promises, by its name."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Above `warn` somebody should look; above `error` something is about to break."""

    warn: int
    error: int


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Limits of all checks that count."""

    partitions: Limit = Limit(200, 1000)
    parts_per_partition: Limit = Limit(100, 500)
    merge_backlog: Limit = Limit(100, 1000)
    mutation_seconds: Limit = Limit(3600, 24 * 3600)
    detached_parts: Limit = Limit(0, 100)


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One table that is not well.

    Attributes:
        check: one of `CHECKS`.
        table: `database.name`.
        is_error: it is about to break; else somebody should look.
        says: what is wrong and what to do, as one sentence or two.
    """

    check: str
    table: str
    is_error: bool
    says: str


def judge(tables: Iterable[TableHealth], limits: HealthLimits) -> tuple[HealthFinding, ...]:
    """What is wrong, in the order of the tables."""
    return tuple(finding for table in tables for finding in _of_table(table, limits))


def _of_table(table: TableHealth, limits: HealthLimits) -> list[HealthFinding]:
    name = table.full_name
    counted = (
        (PARTITIONS, table.partitions, limits.partitions, "partitions. Choose a coarser partition_by."),
        (
            PARTS,
            table.most_parts,
            limits.parts_per_partition,
            f"parts in partition {table.crowded}. Load larger chunks, or let `maintenance/optimize` merge them.",
        ),
        (
            BACKLOG,
            table.waiting_parts,
            limits.merge_backlog,
            "parts have waited for a merge for an hour. Look whether merges are stopped, or the disk is full or slow.",
        ),
        (
            DETACHED,
            table.detached_parts,
            limits.detached_parts,
            "detached parts. Look into system.detached_parts: attach or drop them.",
        ),
    )
    found = [
        HealthFinding(check, name, value > limit.error, f"{name} has {value:,} {rest}")
        for check, value, limit, rest in counted
        if value > limit.warn
    ]
    if table.failed_mutations or table.oldest_mutation > limits.mutation_seconds.warn:
        is_error = bool(table.failed_mutations) or table.oldest_mutation > limits.mutation_seconds.error
        found.append(HealthFinding(MUTATIONS, name, is_error, _mutation(table)))
    if table.replica_trouble:
        says = f"The replica of {name}: {table.replica_trouble}. Look into system.replicas."
        found.append(HealthFinding(REPLICAS, name, is_error=True, says=says))
    return found


def _mutation(table: TableHealth) -> str:
    age = f"{table.full_name} has {table.mutations:,} open mutation(s), the oldest {table.oldest_mutation:,} seconds old"
    why = (
        f"; {table.failed_mutations:,} failed: {table.mutation_error[:300]}" if table.failed_mutations else ""
    )
    return f"{age}{why}. KILL MUTATION ends one that cannot succeed."
