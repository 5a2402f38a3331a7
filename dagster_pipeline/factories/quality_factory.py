"""A file of `schemas/data_quality/` as an asset whose checks are run when it is materialized, on a schedule of its own.

An asset, so that the file has an owner, a place in the graph below its tables, and a history. No postponed annotations here:
Dagster looks at the asset function's own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from dagster_pipeline.checks.across import Across, across_question, subject_of, tables_of
from dagster_pipeline.checks.questions import Subject
from dagster_pipeline.checks.run import Rows, run_question
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.check_schedules import schedule_name
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.table_checks import check_result
from dagster_pipeline.factories.table_schedules import asset_key, default_status
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.models import Schedule, TableSchema
from dagster_pipeline.schema.quality_models import QualityFile
from dagster_pipeline.schema.rules_quality import QUALITY
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

JOB_NAME = "check_data_quality"

File = KindFile[QualityFile]


def quality_assets(
    files: Sequence[File], schemas: Sequence[TableSchema], *, embedded_pool: str | None, running: bool
) -> Bundle:
    """Assets, job and schedules of all enabled files; `schemas` are the enabled tables."""
    enabled = [file for file in files if file.value.enabled]
    if not enabled:
        return Bundle()
    by_name = {schema.name: schema for schema in schemas}
    job = dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*(_key(file) for file in enabled)),
        description="Runs the selected data quality files; all of them when none is selected.",
    )
    due: dict[Schedule, list[dg.AssetKey]] = defaultdict(list)
    for file in enabled:
        if file.value.schedule is not None:
            due[file.value.schedule].append(_key(file))
    return Bundle(
        assets=[_asset(file, by_name, embedded_pool) for file in enabled],
        jobs=[job],
        schedules=[_schedule(job, schedule, keys, running=running) for schedule, keys in due.items()],
    )


def _key(file: File) -> dg.AssetKey:
    return dg.AssetKey([QUALITY, file.name])


def _asset(file: File, schemas: Mapping[str, TableSchema], embedded_pool: str | None) -> dg.AssetsDefinition:
    key, checks = _key(file), [entry.check for entry in file.value.checks]
    named = tuple(dict.fromkeys(name for check in checks for name in tables_of(check)))
    tables = {name: sink_table(schemas[name], TypeMapper().map(schemas[name])) for name in named}
    masked = {
        name: frozenset(column.name for column in schemas[name].columns if column.mask is not None)
        for name in named
    }

    @dg.asset(
        key=key,
        deps=[asset_key(schemas[name]) for name in named],
        group_name=file.value.group,
        description=file.value.description or None,
        owners=list(file.value.owners),
        tags=dict(file.value.tags),
        kinds={"clickhouse"},
        metadata={"data quality file": dg.MetadataValue.path(shown_path(file.path))},
        check_specs=[dg.AssetCheckSpec(check.name, asset=key, description=_said(check)) for check in checks],
        pool=embedded_pool,
        required_resource_keys={"clickhouse"},
    )
    def check_tables(context: dg.AssetExecutionContext) -> Iterator[Any]:
        with (
            as_dagster_failures(context, table=key.to_user_string()),
            context.resources.clickhouse.open(run_id=context.run.run_id) as sink,
        ):
            results = [_result(check, file, key, tables, masked, sink.rows) for check in checks]
        failed = sum(not result.passed for result in results)
        yield dg.MaterializeResult(
            metadata={"checks": len(results), "failed checks": failed}, check_results=results
        )

    return check_tables


def _result(
    check: Across,
    file: File,
    key: dg.AssetKey,
    tables: Mapping[str, SinkTable],
    masked: Mapping[str, frozenset[str]],
    rows: Rows,
) -> dg.AssetCheckResult:
    """A query that fails is an error of its check; the others are run nevertheless."""
    subject = subject_of(check, tables)
    hidden = masked[f"{subject.database}/{subject.name}"]
    outcome = run_question(across_question(check, tables), Subject(subject), rows, masked=hidden)
    return check_result(check.name, check.severity or file.value.severity, key, outcome)


def _said(check: Across) -> str:
    return f"{type(check).__name__} over {', '.join(tables_of(check)) or 'no table of a file'}"


def _schedule(
    job: Any, schedule: Schedule, keys: list[dg.AssetKey], *, running: bool
) -> dg.ScheduleDefinition:
    def tick(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(asset_selection=keys, tags={"schedule_cron": schedule.cron})

    return dg.ScheduleDefinition(
        name=schedule_name(JOB_NAME, schedule.cron, schedule.timezone),
        job=job,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        execution_fn=tick,
        default_status=default_status(running=running),
        description=f"{len(keys)} file(s): {', '.join(key.to_user_string() for key in keys[:10])}",
    )
