"""When maintenance is due: every night what only looks and merges, every week what cleans up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.maintenance_factory import ADVICE, CLEAN_UP, HEALTH, OPTIMIZE
from dagster_pipeline.factories.table_schedules import default_status

DAILY, WEEKLY = "maintenance_daily", "maintenance_weekly"
NIGHTLY_CRON, SUNDAY_CRON = "17 2 * * *", "37 3 * * 0"


def maintenance_schedules(*, running: bool, dry_run: bool) -> Bundle:
    """Two jobs and their schedules. `dry_run`: the weekly one only tells what it would drop."""
    clean = {"ops": {CLEAN_UP.to_python_identifier(): {"config": {"dry_run": dry_run}}}}
    jobs = [
        _job(
            DAILY,
            [HEALTH, OPTIMIZE],
            "Looks at the health of all tables and merges partitions where it pays.",
        ),
        _job(
            WEEKLY,
            [CLEAN_UP, ADVICE],
            "Cleans the warehouse up, or says what would go; gives advice on storage.",
        ),
    ]
    return Bundle(
        jobs=jobs,
        schedules=[
            _schedule(jobs[0], NIGHTLY_CRON, {}, running=running),
            _schedule(jobs[1], SUNDAY_CRON, clean, running=running),
        ],
    )


def _job(name: str, keys: Sequence[dg.AssetKey], description: str) -> Any:
    return dg.define_asset_job(name, selection=dg.AssetSelection.assets(*keys), description=description)


def _schedule(job: Any, cron: str, run_config: dict[str, Any], *, running: bool) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=job.name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        run_config=run_config,
        default_status=default_status(running=running),
        description=job.description,
    )
