"""Checks that have a step of their own: one job for all of a kind, and a schedule for each distinct cron and time zone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.table_schedules import default_status
from dagster_pipeline.schema.models import Schedule


def check_schedules(
    job_name: str, checks: Mapping[dg.AssetCheckKey, Schedule | None], *, description: str, running: bool
) -> Bundle:
    """The job `job_name`, and schedules of the checks that have one; `running` switches them on by default."""
    job = dg.define_asset_job(job_name, selection=dg.AssetSelection.checks(*checks), description=description)
    due: dict[tuple[str, str], list[dg.AssetCheckKey]] = defaultdict(list)
    for key, schedule in checks.items():
        if schedule is not None:
            due[schedule.cron, schedule.timezone].append(key)
    schedules = [_schedule(job, cron, zone, keys, running=running) for (cron, zone), keys in due.items()]
    return Bundle(jobs=[job], schedules=schedules)


def schedule_name(job_name: str, cron: str, zone: str) -> str:
    """Stable, valid, and readable as far as a cron can be; Dagster keeps the on/off switch under this name."""
    readable = cron.replace("*/", "every").replace("*", "any").replace(" ", "_")
    safe = "".join(letter if letter.isalnum() else "_" for letter in readable)
    return f"{job_name}_{safe}_{hashlib.sha256(f'{cron}|{zone}'.encode()).hexdigest()[:6]}"


def _schedule(
    job: dg.UnresolvedAssetJobDefinition,
    cron: str,
    zone: str,
    keys: list[dg.AssetCheckKey],
    *,
    running: bool,
) -> dg.ScheduleDefinition:
    def tick(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(asset_selection=[], asset_check_keys=keys, tags={"schedule_cron": cron})

    return dg.ScheduleDefinition(
        name=schedule_name(job.name, cron, zone),
        job=job,
        cron_schedule=cron,
        execution_timezone=zone,
        execution_fn=tick,
        default_status=default_status(running=running),
        description=f"{len(keys)} table(s): {', '.join(key.asset_key.to_user_string() for key in keys[:10])}",
    )
