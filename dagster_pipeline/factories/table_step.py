"""What a table's asset does when it is run: opens both sides, moves the rows, judges them. Imported by the first step."""

from __future__ import annotations

import time

import dagster as dg

from dagster_pipeline.factories.etl_run_config import EtlRunConfig
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.progress_events import ProgressEvents
from dagster_pipeline.factories.quarantine_check import quarantine_result
from dagster_pipeline.factories.table_checks import run_checks, subject_of, whole_table
from dagster_pipeline.factories.table_metadata import to_metadata, warehouse_metadata
from dagster_pipeline.factories.table_partitions import chosen_partitions
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.sync.engine import TableSync


def step_results(
    context: dg.AssetExecutionContext, config: EtlRunConfig, schema: TableSchema, key: dg.AssetKey
) -> list[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """What the step hands to Dagster when everything is closed again."""
    resources, began = context.resources, time.monotonic()
    with (
        as_dagster_failures(context, table=schema.name),
        resources.state.open() as state,
        getattr(resources, schema.source.dialect).open(schema) as source,
        resources.clickhouse.open(run_id=context.run.run_id) as sink,
    ):
        part = chosen_partitions(context, schema)
        if config.dry_run:
            from dagster_pipeline.factories.dry_run_metadata import dry_run_metadata  # noqa: PLC0415 -- few runs are dry
            from dagster_pipeline.sync.dry_run import dry_run  # noqa: PLC0415

            dry = dry_run(schema, source=source, sink=sink, state=state, config=config.choices(), part=part)
            context.log_event(dg.AssetObservation(key, metadata=dry_run_metadata(dry)))
            return [  # declared ones must have a result
                *run_checks(
                    schema.checks, whole_table(dry.table), key, sink.rows, masked=schema.masked_columns
                ),
                *quarantine_result(schema, key, dry.table, sink),
            ]
        result = TableSync(
            schema,
            source=source,
            sink=sink,
            state=state,
            run_id=context.run.run_id,
            part=part,
            origin=context.run.root_run_id or context.run.run_id,
            config=config.choices(),
            report=ProgressEvents(context, key, table=schema.name),
        ).run()
        for note in result.notes:
            context.log.warning("%s: %s", schema.name, note)
        subject = subject_of(result, seconds=time.monotonic() - began)
        sink.catch_up(subject.table)
        checks = [
            *run_checks(schema.checks, subject, key, sink.rows, masked=schema.masked_columns),
            *quarantine_result(schema, key, result.table, sink),
        ]
        metadata = to_metadata(result, schema) | warehouse_metadata(result, schema, sink.rows)
        return [dg.MaterializeResult(metadata=metadata, check_results=checks)]
