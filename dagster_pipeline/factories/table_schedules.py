"""Schedules: each table has its own switch, and tables that share a cron and a time zone share one run of one job.

Every table has a schedule of its own, so that it can be switched off in the UI without touching another table. When a
cron comes up, the first switched-on schedule of those that share it asks for one run of all switched-on tables; the
others skip and say which one did. A table with partitions has ticks of its own, since a run has one kind of partitions.

One job for all, because a job per table makes loading quadratic in the number of tables (each job resolves the whole
graph); a schedule names its tables in the run request instead.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.schedule_switches import Switches
from dagster_pipeline.factories.table_partitions import due_partitions
from dagster_pipeline.schema.models import OnBadRow, Schedule, TableSchema
from dagster_pipeline.schema.naming import QUARANTINE_CHECK

JOB_NAME = "etl"
RECONCILIATION = "reconciliation"
CONTRACT = "contract"
"""The check that is no part of a load."""

PARTITIONED_JOB_NAME = "__ASSET_JOB"
"""Dagster's own job over all assets: the only one that takes tables of different partitions."""

GROUP_TAG = "etl_schedule"
"""Run tag: which cron asked for the run; tells whether the previous tick still runs."""

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

Tick = dg.RunRequest | dg.SkipReason


def etl_schedules(schemas: Sequence[TableSchema], *, running: bool) -> Bundle:
    """The shared job, and a schedule for each table whose file has one."""
    whole = [schema for schema in schemas if schema.partitions is None]
    sharing: dict[Schedule, list[TableSchema]] = defaultdict(list)
    for schema in whole:
        if schema.schedule is not None:
            sharing[schema.schedule].append(schema)
    switches = Switches(on_by_default=running)
    groups = [
        Group(cron, dict(sorted((schedule_name(table), table) for table in tables)), switches)
        for cron, tables in sharing.items()
    ]
    schedules = [
        *(_shared(group, schema, running=running) for group in groups for schema in group.tables.values()),
        *(_own(schema, running=running) for schema in schemas if schema.partitions and schema.schedule),
    ]
    return Bundle(jobs=[_job(whole)] if whole else [], schedules=schedules)


def asset_key(schema: TableSchema) -> dg.AssetKey:
    """`<destination database>/<table>`."""
    return dg.AssetKey([schema.destination.database, schema.destination.table])


def schedule_name(schema: TableSchema) -> str:
    """Stable and readable; Dagster keeps the on/off switch under this name."""
    return f"{asset_key(schema).to_python_identifier()}_schedule"


@dataclass(frozen=True)
class Group:
    """Tables that share a cron and a time zone, by their schedules' names, in the order in which they take the lead."""

    cron: Schedule
    tables: Mapping[str, TableSchema]
    switches: Switches

    @property
    def name(self) -> str:
        """For the run tag."""
        digest = hashlib.sha256(f"{self.cron.cron}|{self.cron.timezone}".encode()).hexdigest()[:8]
        return f"cron_{digest}"

    def tick(self, context: dg.ScheduleEvaluationContext, ticking: TableSchema) -> Tick:
        """What one table's schedule answers when the cron comes up."""
        on = {schedule_name(ticking), *self.switches.on(context)}
        leader = next(name for name in self.tables if name in on)
        if self.tables[leader] is not ticking:
            return dg.SkipReason(f"{leader} runs {ticking.name} together with its own table.")
        busy = busy_assets(context.instance)
        keys = [asset_key(table) for name, table in self.tables.items() if name in on]
        free = [key for key in keys if key not in busy]
        if not free:
            return _still_running(busy[asset_key(ticking)], ticking)
        return dg.RunRequest(asset_selection=free, tags={GROUP_TAG: self.name})


def partition_tick(schema: TableSchema, context: dg.ScheduleEvaluationContext) -> Tick:
    """What the schedule of a table with partitions answers."""
    due = partition_tags(schema, context.scheduled_execution_time.astimezone(UTC))
    name = schedule_name(schema)
    if due is None:
        return dg.SkipReason("The first partition has not begun yet.")
    if run_id := busy_assets(context.instance).get(asset_key(schema)):
        return _still_running(run_id, schema)
    tags = {GROUP_TAG: name, **due}
    checks = [dg.AssetCheckKey(asset_key(schema), name) for name in checks_of_a_load(schema)]
    return dg.RunRequest(asset_selection=[asset_key(schema)], asset_check_keys=checks, tags=tags)


def checks_of_a_load(schema: TableSchema) -> list[str]:
    """Names of the checks that run in the step of every load."""
    own = [QUARANTINE_CHECK] if schema.sync.on_bad_row is OnBadRow.QUARANTINE else []
    return [*(check.name for check in schema.checks), *own]


def partition_tags(schema: TableSchema, moment: datetime) -> dict[str, str] | None:
    """Run tags that choose the partitions due at a moment, in UTC; `None` before the first one begins."""
    due = due_partitions(schema, moment)
    return None if due is None else {RANGE_START_TAG: due[0], RANGE_END_TAG: due[1]}


def _job(schemas: Sequence[TableSchema]) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*(asset_key(schema) for schema in schemas))
        - dg.AssetSelection.checks(
            *(dg.AssetCheckKey(asset_key(schema), RECONCILIATION) for schema in schemas if schema.reconcile),
            *(dg.AssetCheckKey(asset_key(schema), CONTRACT) for schema in schemas if schema.contract),
        ),
        description="Brings the selected tables forward; all tables without partitions when none is selected.",
    )


def _shared(group: Group, schema: TableSchema, *, running: bool) -> dg.ScheduleDefinition:
    def tick(context: dg.ScheduleEvaluationContext) -> Tick:
        return group.tick(context, schema)

    return dg.ScheduleDefinition(
        name=schedule_name(schema),
        job_name=JOB_NAME,
        cron_schedule=group.cron.cron,
        execution_timezone=group.cron.timezone,
        execution_fn=tick,
        default_status=default_status(running=running),
        description=f"Brings {schema.name} forward, in one run with what shares its cron and time zone.",
    )


def _own(schema: TableSchema, *, running: bool) -> dg.ScheduleDefinition:
    def tick(context: dg.ScheduleEvaluationContext) -> Tick:
        return partition_tick(schema, context)

    cron = schema.schedule or Schedule(cron="0 0 * * *")
    return dg.ScheduleDefinition(
        name=schedule_name(schema),
        job_name=PARTITIONED_JOB_NAME,
        cron_schedule=cron.cron,
        execution_timezone=cron.timezone,
        execution_fn=tick,
        default_status=default_status(running=running),
        description=f"Loads the newest partitions of {schema.name}.",
    )


def default_status(*, running: bool) -> dg.DefaultScheduleStatus:
    """Whether a schedule that nobody has switched is on."""
    return dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED


def busy_assets(instance: dg.DagsterInstance) -> dict[dg.AssetKey, str]:
    """Tables on which a run still works, with the run's id: an earlier tick's, a person's or a backfill's."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return {key: run.run_id for run in runs for key in run.asset_selection or ()}


def _still_running(run_id: str, schema: TableSchema) -> dg.SkipReason:
    return dg.SkipReason(f"Run {run_id} still works on {schema.name}.")
