"""Takes rows out of the warehouse that no reader sees any more: those marked as deleted, of tables that hide them.

Such a mark must outlive every older version of its row, or the row would be back. So a partition is merged with itself
first, and then a mark goes only when no other row of its key is left, in whatever partition: true at any moment, also
while loads write. A table whose file says `deletes: soft` keeps its marks, since readers are meant to see them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import (
    DELETED_COLUMN,
    SYNCED_AT_COLUMN,
    SinkTable,
)
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.errors import TableLockedError
from dagster_pipeline.maintenance.merge_candidates import PartitionSize, partition_size
from dagster_pipeline.maintenance.merging import LOADED, merge_partition
from dagster_pipeline.maintenance.turn import maintenance_turn
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse, comment, still_running
from dagster_pipeline.state.state_manager import StateManager

WORK = "purge"


@dataclass(frozen=True, slots=True)
class PurgeConfig:
    """What is purged.

    Attributes:
        days: a mark stays for so long, so that a run which stood still and writes late cannot bring its row back.
        min_share: a partition is rewritten when so large a share of its rows is marked.
        seconds: no partition is begun after so long.
        dry_run: only count.
    """

    days: int = 7
    min_share: float = 0.01
    seconds: float = 1800.0
    dry_run: bool = True


@dataclass(frozen=True, slots=True)
class PurgedPartition:
    """A partition with marks.

    Attributes:
        name: of table and partition, for people.
        marks: rows that are marked and old enough.
        before, after: its size; `after` is `None` when nothing was done.
        left: why nothing was done, empty otherwise.
    """

    name: str
    marks: int
    before: PartitionSize
    after: PartitionSize | None = None
    left: str = ""


def purge(
    warehouse: MaintainedWarehouse,
    tables: Sequence[SinkTable],
    *,
    state: StateManager,
    owner: str,
    config: PurgeConfig,
) -> tuple[PurgedPartition, ...]:
    """Purge every table that hides deleted rows. Raises `PipelineError`; what was purged stays purged."""
    until = time.monotonic() + config.seconds
    hiding = (
        table for table in tables if table.tracks_deletes and table.hides_deleted and table.collapses_rereads
    )
    return tuple(
        partition
        for table in hiding
        if _exists(warehouse, table)
        for partition in _TablePurge(warehouse, table, state, owner, config, until).run()
    )


@dataclass(frozen=True)
class _TablePurge:
    warehouse: MaintainedWarehouse
    table: SinkTable
    state: StateManager
    owner: str
    config: PurgeConfig
    until: float

    def run(self) -> list[PurgedPartition]:
        # The moment is fixed: every replica and every part is to judge by the same.
        ((moment,),) = self.warehouse.rows(
            "SELECT toString(toDateTime64(now() - toIntervalDay({days:UInt32}), 3, 'UTC'))",
            {"days": self.config.days},
        )
        old = f"{_DELETED} AND {quote_identifier(SYNCED_AT_COLUMN)} < toDateTime64({quote_string(moment)}, 3, 'UTC')"
        found = self.warehouse.rows(
            f"SELECT _partition_id, count() FROM {self._name} WHERE {old} GROUP BY _partition_id ORDER BY 1"
        )
        return [self._partition(str(partition), int(marks), old) for partition, marks in found]

    @property
    def _name(self) -> str:
        return quote_table(self.table.database, self.table.name)

    def _partition(self, partition_id: str, marks: int, old: str) -> PurgedPartition:
        name = f"partition {partition_id} of {self.table.full_name}"
        before = partition_size(self.warehouse, self.table, partition_id)
        left = self._reason_to_leave(marks, before) or self._purge(partition_id, old)
        after = None if left else partition_size(self.warehouse, self.table, partition_id)
        return PurgedPartition(name, marks, before, after, left)

    def _reason_to_leave(self, marks: int, before: PartitionSize) -> str:
        if marks < self.config.min_share * before.rows:
            return f"it would not pay: {marks:,} of {before.rows:,} rows"
        if self.config.dry_run:
            return "dry run"
        return "the time is over" if time.monotonic() > self.until else ""

    def _purge(self, partition_id: str, old: str) -> str:
        table = f"{self.table.database}/{self.table.name}"
        log_comment = comment(WORK, table)
        try:
            with maintenance_turn(self.state, table, owner=self.owner):
                if self.state.is_locked(table):
                    return LOADED
                if still_running(self.warehouse, log_comment):
                    return "a purge of an earlier process still runs"
                if left := merge_partition(self.warehouse, self.table, partition_id):
                    return left
                keys = ", ".join(map(quote_identifier, self.table.primary_key))
                marked = f"SELECT {keys} FROM {self._name} WHERE _partition_id = {quote_string(partition_id)} AND {old}"
                self.warehouse.run(
                    f"ALTER TABLE {self._name} DELETE IN PARTITION ID {quote_string(partition_id)} WHERE {old} AND "
                    f"({keys}) NOT IN (SELECT {keys} FROM {self._name} WHERE NOT {_DELETED} AND ({keys}) IN ({marked}))",
                    doing=f"Purging partition {partition_id} of {self.table.full_name}",
                    settings={
                        "allow_nondeterministic_mutations": 1,
                        "max_execution_time": 0,
                        "log_comment": log_comment,
                    },
                )
        except TableLockedError:
            return "another process looks after the table"
        return ""


_DELETED = quote_identifier(DELETED_COLUMN)


def _exists(warehouse: MaintainedWarehouse, table: SinkTable) -> bool:
    found = warehouse.rows(
        "SELECT 1 FROM system.columns WHERE database = {database:String} AND table = {table:String} AND name = {name:String}",
        {"database": table.database, "table": table.name, "name": DELETED_COLUMN},
    )
    return bool(found)
