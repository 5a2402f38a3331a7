"""Puts loaded partitions in the place of those that were there. Every step may be done again after a crash.

The staging table holds the partitions' rows as the source has them; it stands until the load is closed, so a run that is
killed anywhere in between replaces them once more. Which statement does it is told by `schema.partition_cut.Replacing`.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable, SliceRequest
from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.partition_cut import Replacing, replacing
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import Load
from dagster_pipeline.sync.destination import staging_name
from dagster_pipeline.sync.shrink_guard import refuse_shrink
from dagster_pipeline.sync.table_lock import TableLocks, hold_publishing, holds_table


@dataclass(frozen=True, kw_only=True)
class PartitionPublisher:
    """One load's publishing.

    Attributes:
        keys: the partitions that are replaced.
        lock: the run's right to them.
        owner: the run.
        allow_shrink: the partitions may lose most of their rows.
    """

    schema: TableSchema
    keys: tuple[str, ...]
    sink: BaseSinkConnector
    state: BaseStateStore
    lock: TableLock
    owner: str
    allow_shrink: bool

    def publish(self, load: Load, table: SinkTable, staging: SinkTable) -> int:
        """Replace the partitions; returns how many rows they have now.

        Raises `ShrinkRefusedError`, and `DataQualityError` when source and warehouse do not agree on whose rows these are.
        """
        rows = self.sink.count_slice(staging, load.window)
        self._refuse_strangers(load, staging, rows)
        if not self.allow_shrink:
            now = self.sink.count_slice(table, load.window)
            refuse_shrink(f"{load.partition} of {table.full_name}", now=now, then=rows)
        how = replacing(self.schema)
        request = SliceRequest(table, staging, load.window, how, rebuilt_name(load, table))
        with ExitStack() as stack:
            self.sink.replace_slice(request, lock=self._rights(how, stack).assert_held)
        return rows

    def _refuse_strangers(self, load: Load, staging: SinkTable, rows: int) -> None:
        """A row that the warehouse does not find in the partitions could never be replaced again."""
        strangers = self.sink.count_rows(staging) - rows
        if strangers:
            raise DataQualityError(
                f"{staging.full_name}: {strangers:,} row(s) have a {load.window.cursor!r} that ClickHouse does not see in "
                f"{load.partition}, as values have that it cannot hold.",
                todo="Correct them at the source. Nothing was replaced.",
            )

    def _rights(self, how: Replacing, stack: ExitStack) -> TableLock:
        """Building a part of the table anew copies rows of other partitions, so one run at a time may do it."""
        if how is not Replacing.REBUILD or holds_table(self.keys):
            return self.lock
        turn = hold_publishing(self.state, self.schema.name, owner=self.owner)
        return TableLocks((self.lock, stack.enter_context(turn)))


def rebuilt_name(load: Load, table: SinkTable) -> str:
    """Name of the table in which a part of the table is built anew, the same whenever the load is resumed."""
    return staging_name(table.name, hashlib.sha256(load.load_id.encode()).hexdigest()[:12])
