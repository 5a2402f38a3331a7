"""A schedule of its own for an asset that is no table of the warehouse."""

from __future__ import annotations

import dagster as dg

from dagster_pipeline.factories.table_schedules import UNFINISHED, default_status
from dagster_pipeline.schema.models import Schedule

SCHEDULE_TAG = "kind_schedule"


def kind_schedule(
    name: str,
    key: dg.AssetKey,
    job: dg.UnresolvedAssetJobDefinition,
    schedule: Schedule | None,
    *,
    running: bool,
) -> dg.ScheduleDefinition:
    """Asks for a run of one asset, unless the one that it asked for before is still at work."""
    if schedule is None:
        raise ValueError(f"{name} has no schedule")

    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        busy = context.instance.get_run_records(
            dg.RunsFilter(statuses=UNFINISHED, tags={SCHEDULE_TAG: name}), limit=1
        )
        if busy:
            return dg.SkipReason(f"Run {busy[0].dagster_run.run_id} is still at work.")
        return dg.RunRequest(asset_selection=[key], tags={SCHEDULE_TAG: name})

    return dg.ScheduleDefinition(
        name=f"{name}_schedule",
        job=job,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        execution_fn=tick,
        default_status=default_status(running=running),
    )
