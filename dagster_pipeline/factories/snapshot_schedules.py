"""A schedule for each snapshot file that has one: a tick asks for the newest snapshot, unless it is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.snapshot_factory import snapshot_key
from dagster_pipeline.factories.table_schedules import (
    GROUP_TAG,
    PARTITIONED_JOB_NAME,
    Tick,
    busy_assets,
    default_status,
)
from dagster_pipeline.schema.models import Schedule
from dagster_pipeline.schema.snapshot_files import SIZE_CHECK, Snapshot
from dagster_pipeline.snapshots.periods import is_past, latest_ended

PARTITION_TAG = "dagster/partition"


def snapshot_schedules(files: Sequence[Snapshot], *, running: bool) -> Bundle:
    """Schedules of these files."""
    return Bundle(
        schedules=[
            _schedule(each, each.file.schedule, running=running)
            for each in files
            if each.file.schedule is not None
        ]
    )


def snapshot_tick(snapshot: Snapshot, context: dg.ScheduleEvaluationContext) -> Tick:
    """What the schedule answers when its cron comes up.

    A tick after the grace asks for nothing: a run could only fail. Dagster shows the missing partition, and `freshness`
    tells people.
    """
    moment = context.scheduled_execution_time.astimezone(UTC)
    key, period = snapshot_key(snapshot), latest_ended(snapshot, moment)
    if period.first < date.fromisoformat(snapshot.file.start):
        return dg.SkipReason(f"The first {snapshot.file.every} has not ended yet.")
    if period.key in context.instance.get_materialized_partitions(key):
        return dg.SkipReason(f"The snapshot of {period.last} is there.")
    if is_past(snapshot, period, moment):
        return dg.SkipReason(
            f"The snapshot of {period.last} was not taken, and its source shows only the present."
        )
    if run_id := busy_assets(context.instance).get(key):
        return dg.SkipReason(f"Run {run_id} still works on {snapshot.name}.")
    return dg.RunRequest(
        asset_selection=[key],
        asset_check_keys=[dg.AssetCheckKey(key, SIZE_CHECK)],
        tags={GROUP_TAG: f"{key.to_python_identifier()}_schedule", PARTITION_TAG: period.key},
    )


def _schedule(snapshot: Snapshot, cron: Schedule, *, running: bool) -> dg.ScheduleDefinition:
    def tick(context: dg.ScheduleEvaluationContext) -> Tick:
        return snapshot_tick(snapshot, context)

    return dg.ScheduleDefinition(
        name=f"{snapshot_key(snapshot).to_python_identifier()}_schedule",
        job_name=PARTITIONED_JOB_NAME,
        cron_schedule=cron.cron,
        execution_timezone=cron.timezone,
        execution_fn=tick,
        default_status=default_status(running=running),
        description=f"Takes the newest snapshot of {snapshot.name}.",
    )
