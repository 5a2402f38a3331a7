"""The one job of all reconciliations, and a schedule for each distinct cron and time zone, as loads have them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.table_schedules import RECONCILIATION, asset_key
from dagster_pipeline.schema.models import TableSchema

JOB_NAME = "reconcile"


def reconcile_schedules(schemas: Sequence[TableSchema], *, running: bool) -> Bundle:
    """Job and schedules of these tables, each of which says `reconcile`."""
    job = dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.checks(*(check_key(schema) for schema in schemas)),
        description="Holds the selected tables against their sources; all of them when none is selected.",
    )
    due: dict[tuple[str, str], list[dg.AssetCheckKey]] = defaultdict(list)
    for schema in schemas:
        wanted = schema.reconcile
        if wanted is not None and wanted.schedule is not None:
            due[wanted.schedule.cron, wanted.schedule.timezone].append(check_key(schema))
    schedules = [_schedule(job, cron, zone, keys, running=running) for (cron, zone), keys in due.items()]
    return Bundle(jobs=[job], schedules=schedules)


def check_key(schema: TableSchema) -> dg.AssetCheckKey:
    """The reconciliation of one table."""
    return dg.AssetCheckKey(asset_key(schema), RECONCILIATION)


def _schedule_name(cron: str, zone: str) -> str:
    """Stable, valid, and readable as far as a cron can be; Dagster keeps the on/off switch under this name."""
    readable = cron.replace("*/", "every").replace("*", "any").replace(" ", "_")
    safe = "".join(letter if letter.isalnum() else "_" for letter in readable)
    return f"reconcile_{safe}_{hashlib.sha256(f'{cron}|{zone}'.encode()).hexdigest()[:6]}"


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

    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name=_schedule_name(cron, zone),
        job=job,
        cron_schedule=cron,
        execution_timezone=zone,
        execution_fn=tick,
        default_status=status,
        description=f"{len(keys)} table(s): {', '.join(key.asset_key.to_user_string() for key in keys[:10])}",
    )
