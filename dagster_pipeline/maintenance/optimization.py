"""Merges partitions where it pays, coldest first, one at a time, within a budget of time and bytes.

`OPTIMIZE ... FINAL` rewrites a partition: that costs its size in reads and writes, so it must save something. What was
merged is one part and no candidate any more, so the next round goes on where this one stopped, without a note of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.errors import TableLockedError
from dagster_pipeline.maintenance.merge_candidates import (
    MergeCandidate,
    PartitionSize,
    duplicate_share,
    merge_candidates,
    partition_size,
)
from dagster_pipeline.maintenance.merging import LOADED, merge_partition
from dagster_pipeline.maintenance.turn import maintenance_turn
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse
from dagster_pipeline.state.state_manager import StateManager


@dataclass(frozen=True, slots=True)
class OptimizeConfig:
    """When a merge pays, and how much may be done.

    Attributes:
        seconds: no statement begins that would not be done by then, as far as the round's own speed tells.
        bytes: of all partitions that are merged, on disk, before.
        min_duplicates: the share of a partition's rows from which on a merge pays.
        min_parts: the number of parts from which on it pays in any case.
        dry_run: only say what would be merged.
    """

    seconds: float = 1800.0
    bytes: int = 100 << 30
    min_duplicates: float = 0.05
    min_parts: int = 10
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class MergedPartition:
    """A partition that was merged, or would be: then `after` is `None`.

    `duplicates` is the share of its rows that was measured before; `None` when its parts alone were enough.
    """

    name: str
    before: PartitionSize
    after: PartitionSize | None
    duplicates: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class OptimizeResult:
    """What a round did.

    Attributes:
        merged: in order.
        left: why other partitions were left as they are, by name.
        stopped: why the round ended before it had seen all; empty when it had.
        candidates: partitions of several parts.
    """

    merged: tuple[MergedPartition, ...]
    left: tuple[tuple[str, str], ...]
    stopped: str
    candidates: int


class Optimizer:
    """One round over some tables."""

    def __init__(
        self,
        warehouse: MaintainedWarehouse,
        *,
        state: StateManager,
        owner: str,
        config: OptimizeConfig | None = None,
        is_wanted_elsewhere: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it ready.

        Args:
            warehouse: where the tables are.
            state: says who loads what, and whose turn it is.
            owner: the run.
            config: the budget, and when a merge pays.
            is_wanted_elsewhere: somebody waits for the warehouse itself; asked before every statement.
            clock: seconds.
        """
        self._warehouse = warehouse
        self._state = state
        self._owner = owner
        self._config = config or OptimizeConfig()
        self._is_wanted_elsewhere = is_wanted_elsewhere
        self._clock = clock
        self._merged: list[MergedPartition] = []
        self._left: list[tuple[str, str]] = []
        self._bytes = 0
        self._busy = 0.0

    def run(self, tables: Sequence[SinkTable]) -> OptimizeResult:
        """Do it. Raises `PipelineError` when the warehouse or the store fails; what was merged stays merged."""
        began = self._clock()
        candidates = merge_candidates(self._warehouse, tables)
        stopped = ""
        for candidate in candidates:
            stopped = self._reason_to_stop(candidate, spent=self._clock() - began)
            if stopped:
                break
            why_not = self._consider(candidate)
            if why_not:
                self._left.append((candidate.name, why_not))
        return OptimizeResult(tuple(self._merged), tuple(self._left), stopped, len(candidates))

    def _reason_to_stop(self, candidate: MergeCandidate, *, spent: float) -> str:
        if spent >= self._config.seconds:
            return f"the time of {self._config.seconds:,.0f} s is over"
        if self._busy and self._bytes:
            expected = candidate.size.bytes * self._busy / self._bytes
            if spent + expected > self._config.seconds:
                return f"{candidate.name} would take longer than the time that is left"
        if self._is_wanted_elsewhere():
            return "a load waits for the warehouse"
        return ""

    def _consider(self, candidate: MergeCandidate) -> str:
        """Merge it, or say why not."""
        if self._bytes + candidate.size.bytes > self._config.bytes:
            return "larger than what is left of the budget in bytes"
        name = f"{candidate.table.database}/{candidate.table.name}"
        if self._state.is_locked(name):
            return LOADED
        duplicates = None
        if candidate.size.parts < self._config.min_parts:
            duplicates = duplicate_share(self._warehouse, candidate)
            if duplicates < self._config.min_duplicates:
                return f"it would not pay: {candidate.size.parts} parts, {duplicates:.1%} duplicates"
        if self._config.dry_run:
            self._merged.append(MergedPartition(candidate.name, candidate.size, None, duplicates, 0.0))
            self._bytes += candidate.size.bytes
            return ""
        try:
            with maintenance_turn(self._state, name, owner=self._owner):
                return self._merge(candidate, name, duplicates)
        except TableLockedError:
            return "another process looks after the table"

    def _merge(self, candidate: MergeCandidate, name: str, duplicates: float | None) -> str:
        if self._state.is_locked(name):
            return LOADED
        table, began = candidate.table, self._clock()
        before = partition_size(self._warehouse, table, candidate.partition_id)
        if left := merge_partition(self._warehouse, table, candidate.partition_id):
            return left
        seconds = self._clock() - began
        self._busy += seconds
        self._bytes += before.bytes
        after = partition_size(self._warehouse, table, candidate.partition_id)
        self._merged.append(MergedPartition(candidate.name, before, after, duplicates, seconds))
        return ""
