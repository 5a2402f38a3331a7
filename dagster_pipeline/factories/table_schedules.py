"""Schedules: tables that share a cron and a time zone are one tick and one run of the one shared job.

One job for all, because a job per table makes loading quadratic in the number of tables (each job resolves the whole
graph); a schedule names its tables in the run request instead.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.schema.models import TableSchema

JOB_NAME = "etl"
RECONCILIATION = "reconciliation"
"""The check that is no part of a load."""


def etl_schedules(schemas: Sequence[TableSchema], *, running: bool) -> Bundle:
    """The shared job and a schedule for each distinct cron and time zone."""
    if not schemas:
        return Bundle()
    job = dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*(asset_key(schema) for schema in schemas))
        - dg.AssetSelection.checks(
            *(dg.AssetCheckKey(asset_key(s), RECONCILIATION) for s in schemas if s.reconcile)
        ),
        description="Brings the selected tables forward; all of them when none is selected.",
    )
    due: dict[tuple[str, str], list[dg.AssetKey]] = defaultdict(list)
    for schema in schemas:
        if schema.schedule is not None:
            due[schema.schedule.cron, schema.schedule.timezone].append(asset_key(schema))
    schedules = [_schedule(job, cron, zone, keys, running=running) for (cron, zone), keys in due.items()]
    return Bundle(jobs=[job], schedules=schedules)


def asset_key(schema: TableSchema) -> dg.AssetKey:
    """`<destination database>/<table>`."""
    return dg.AssetKey([schema.destination.database, schema.destination.table])


def _schedule(
    job: dg.UnresolvedAssetJobDefinition, cron: str, zone: str, keys: list[dg.AssetKey], *, running: bool
) -> dg.ScheduleDefinition:
    def tick(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(asset_selection=keys, tags={"schedule_cron": cron})

    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name=schedule_name(cron, zone),
        job=job,
        cron_schedule=cron,
        execution_timezone=zone,
        execution_fn=tick,
        default_status=status,
        description=f"{len(keys)} table(s): {', '.join(key.to_user_string() for key in keys[:10])}",
    )


def schedule_name(cron: str, zone: str) -> str:
    """Stable, valid, and readable as far as a cron can be; Dagster keeps the on/off switch under this name."""
    readable = cron.replace("*/", "every").replace("*", "any").replace(" ", "_")
    safe = "".join(letter if letter.isalnum() or letter == "_" else "-" for letter in readable).replace(
        "-", "_"
    )
    digest = hashlib.sha256(f"{cron}|{zone}".encode()).hexdigest()[:6]
    return f"etl_{safe}_{digest}"
