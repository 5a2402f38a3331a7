"""Reads from Dagster's instance what the metrics tell. Bounded: a day of failures, and never longer than a budget."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from dagster_pipeline.alerts.dagster_runs import Position, ended_runs
from dagster_pipeline.alerts.watched_table import WatchedTable

FAILURES_OF = timedelta(days=1)
READING_SECONDS = 10.0
_NUMBERS = {
    "dagster/row_count": "rows",
    "rows": "loaded_rows",
    "bytes": "loaded_bytes",
    "seconds": "load_seconds",
    "lag seconds": "lag_seconds",
    "coerced rows": "coerced_rows",
}
"""Metadata of a load (`factories/table_metadata`) and what it is called here."""


@dataclass(frozen=True, slots=True)
class TableReading:
    """One table.

    Attributes:
        last_success: when it was last brought forward; `None` before the first time.
        numbers: of that load, by the names of `_NUMBERS`.
        failures: steps that failed for good within `FAILURES_OF`.
    """

    table: WatchedTable
    last_success: datetime | None
    numbers: Mapping[str, float]
    failures: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything at one moment.

    Attributes:
        runs: how many runs are in each state that is not over.
        heartbeats: when each daemon last reported, in seconds since 1970.
        seconds: how long the reading took.
    """

    now: datetime
    tables: Sequence[TableReading]
    runs: Mapping[str, int] = field(default_factory=dict)
    heartbeats: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def read(instance: dg.DagsterInstance, tables: Sequence[WatchedTable]) -> Reading:
    """Ask the instance. Raises what its storage raises."""
    began, now = time.monotonic(), datetime.now(UTC)
    failures = _failures(instance, now)
    latest = {
        "/".join(record.asset_entry.asset_key.path): record.asset_entry.last_materialization
        for record in instance.get_asset_records([dg.AssetKey(table.name.split("/")) for table in tables])
    }
    return Reading(
        now=now,
        tables=[_table(table, latest.get(table.name), failures[table.name]) for table in tables],
        runs={
            status.value.lower(): instance.get_runs_count(dg.RunsFilter(statuses=[status]))
            for status in (
                dg.DagsterRunStatus.QUEUED,
                dg.DagsterRunStatus.STARTING,
                dg.DagsterRunStatus.STARTED,
                dg.DagsterRunStatus.CANCELING,
            )
        },
        heartbeats={kind: beat.timestamp for kind, beat in instance.get_daemon_heartbeats().items()},
        seconds=time.monotonic() - began,
    )


def _table(table: WatchedTable, latest: dg.EventLogEntry | None, failures: int) -> TableReading:
    if latest is None:
        return TableReading(table, None, {}, failures)
    numbers: dict[str, float] = {}
    materialization = latest.asset_materialization
    for name, value in (materialization.metadata if materialization else {}).items():
        if name in _NUMBERS and isinstance(value.value, int | float):
            numbers[_NUMBERS[name]] = float(value.value)
    return TableReading(table, datetime.fromtimestamp(latest.timestamp, UTC), numbers, failures)


def _failures(instance: dg.DagsterInstance, now: datetime) -> Counter[str]:
    """Failed steps by table. Many runs come in pages; what does not fit into the budget is left out."""
    found: Counter[str] = Counter()
    position = Position(now - FAILURES_OF)
    deadline = time.monotonic() + READING_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        before = position
        for report, after in ended_runs(instance, position, seconds=left):
            position = after
            found.update(report.errors.keys())
        if position is before:
            break
    return found
