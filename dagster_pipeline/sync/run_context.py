"""What every step of one run works with: gathered once, when the table is locked and source and file were compared."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_pipeline.connectors.batch import SourceTable
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import TableState
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.drift import Agreement
from dagster_pipeline.sync.partition_slice import PartitionSlice
from dagster_pipeline.sync.quarantine import Quarantine
from dagster_pipeline.sync.version import greatest_version


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run of one table.

    Attributes:
        schema: the table's file.
        run_id, origin: this run, and the one of which it is a retry (itself when there is none).
        part: the partitions to replace; `None` for the whole table.
        lock: held until the run ends; whatever changes what others may rely on asserts it first.
        described, agreement: the source's catalog, and the file held against it.
        table: the destination as it is to be.
        quarantine: where rows go that cannot be represented; `None` where they stop the run.
        comment: names table and run in statements.
    """

    schema: TableSchema
    source: BaseSourceConnector
    sink: BaseSinkConnector
    state: BaseStateStore
    config: SyncConfig
    run_id: str
    origin: str
    part: PartitionSlice | None
    lock: TableLock
    described: SourceTable
    agreement: Agreement
    table: SinkTable
    quarantine: Quarantine | None
    comment: str

    @property
    def partition(self) -> str:
        """The partitions' name in the state store; empty for the whole table."""
        return self.part.name if self.part else ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The partitions' keys."""
        return self.part.keys if self.part else ()

    def read_state(self) -> TableState:
        """Where the table, or these partitions of it, stand."""
        return self.state.read(self.schema.name, self.partition)

    def next_version(self, before: TableState) -> int:
        """A version above all before."""
        above = greatest_version(before, self.sink, self.table)
        return self.state.next_version(self.schema.name, above=above)
