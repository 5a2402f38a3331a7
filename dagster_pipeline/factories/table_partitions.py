"""A table file's `partitions:` as Dagster's own definitions, and a run's choice of partitions back as rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import dagster as dg

from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.sync.partition_slice import PartitionSlice, partition_key, partition_slice

MONDAY = 1
"""Dagster counts the days of the week from Sunday, 0."""

CURRENT = 1
"""The partition that is still filling up exists, too."""


def partitions_def(schema: TableSchema) -> dg.PartitionsDefinition | None:
    """The table's partitions; `None` without `partitions:`. Days, weeks and months begin at midnight UTC."""
    cut = schema.partitions
    if cut is None:
        return None
    start = cut.start or ""
    match cut.every:
        case None:
            return dg.StaticPartitionsDefinition(list(cut.values))
        case "hour":
            return dg.HourlyPartitionsDefinition(start_date=f"{start}-00:00", end_offset=CURRENT)
        case "day":
            return dg.DailyPartitionsDefinition(start_date=start, end_offset=CURRENT)
        case "week":
            return dg.WeeklyPartitionsDefinition(start_date=start, end_offset=CURRENT, day_offset=MONDAY)
        case "month":
            return dg.MonthlyPartitionsDefinition(start_date=start, end_offset=CURRENT)


def chosen_partitions(context: dg.AssetExecutionContext, schema: TableSchema) -> PartitionSlice | None:
    """The partitions that the run was started for; `None` for a table without any.

    Raises `ConfigurationError` when a table with partitions is run without one.
    """
    if schema.partitions is None:
        return None
    has_any = context.has_partition_key or context.has_partition_key_range
    return partition_slice(schema, context.partition_keys if has_any else ())


def due_partitions(schema: TableSchema, now: datetime) -> tuple[str, str] | None:
    """First and last partition that a tick loads, `None` before the first one begins; `schema` has partitions.

    By time: the one that is filling up, the one before it, for rows that came late, and as many more as `sync.lookback`
    reaches back. By values: all of them.
    """
    cut = schema.partitions
    if cut is None:
        return None
    if cut.every is None:
        return cut.values[0], cut.values[-1]
    moment = now.replace(tzinfo=None)
    last = partition_key(cut, moment)
    before_last = datetime.strptime(last[:10], "%Y-%m-%d")
    if cut.every == "hour":
        before_last = datetime.strptime(last, "%Y-%m-%d-%H:%M")
    reach = max(schema.sync.lookback, moment - before_last + timedelta(microseconds=1))
    first_moment = max(moment - reach, datetime.fromisoformat(cut.start or ""))
    first = partition_key(cut, first_moment)
    return (first, last) if first <= last else None
