"""Snapshot files as partitioned assets: a partition for each day or month, thin around `SnapshotRun`.

No postponed annotations here: Dagster looks at the asset function's own to find its config.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.snapshot_metadata import definition_metadata, to_metadata
from dagster_pipeline.factories.table_policies import freshness_policy, retry_policy
from dagster_pipeline.factories.table_schedules import asset_key
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.snapshot_files import SIZE_CHECK, Every, Snapshot
from dagster_pipeline.snapshots.snapshot_run import SnapshotResult, SnapshotRun


class SnapshotRunConfig(dg.Config):
    """Choices for one run of a snapshot; a schedule makes none."""

    allow_shrink: bool = Field(
        default=False,
        description="Let a snapshot that exists be replaced by an empty one, or by one with fewer rows than max_shrink allows.",
    )


def snapshots(files: Sequence[Snapshot], *, embedded_warehouse: bool) -> Bundle:
    """An asset for each of these files."""
    return Bundle(assets=[_asset(each, EMBEDDED_POOL if embedded_warehouse else None) for each in files])


def snapshot_key(snapshot: Snapshot) -> dg.AssetKey:
    """`<destination database>/<table>`."""
    return dg.AssetKey([snapshot.database, snapshot.table])


def snapshot_partitions(snapshot: Snapshot) -> dg.TimeWindowPartitionsDefinition:
    """A partition for each period that has ended, named by its first day."""
    file = snapshot.file
    if file.every is Every.MONTH:
        return dg.MonthlyPartitionsDefinition(start_date=file.start, timezone=file.timezone)
    return dg.DailyPartitionsDefinition(start_date=file.start, timezone=file.timezone)


def _asset(snapshot: Snapshot, pool: str | None) -> dg.AssetsDefinition:
    key, file = snapshot_key(snapshot), snapshot.file

    @dg.asset(
        key=key,
        deps=[_dependency(table) for table in snapshot.reads.values()],
        group_name=file.group,
        description=file.description or None,
        owners=list(file.owners),
        tags=dict(file.tags),
        kinds={"clickhouse"},
        metadata=definition_metadata(snapshot),
        check_specs=[
            dg.AssetCheckSpec(
                SIZE_CHECK,
                asset=key,
                description=f"Not empty, and at most {file.max_shrink:.0%} fewer rows than the snapshot before.",
            )
        ],
        retry_policy=retry_policy(file),
        freshness_policy=freshness_policy(file),
        partitions_def=snapshot_partitions(snapshot),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),  # each has its own fate
        pool=pool,
        required_resource_keys={"clickhouse", "state"},
    )
    def take_snapshot(context: dg.AssetExecutionContext, config: SnapshotRunConfig) -> Iterator[Any]:
        result, metadata = _take(context, config, snapshot)
        yield dg.MaterializeResult(metadata=metadata, check_results=[_check(key, result)])

    return take_snapshot


def _take(
    context: dg.AssetExecutionContext, config: SnapshotRunConfig, snapshot: Snapshot
) -> tuple[SnapshotResult, dict[str, Any]]:
    """Everything is closed again when Dagster hears of it."""
    resources, run_id = context.resources, context.run.run_id
    with (
        as_dagster_failures(context, table=snapshot.name),
        resources.state.open() as state,
        resources.clickhouse.open(run_id=run_id) as sink,
    ):
        run = SnapshotRun(snapshot, sink=sink, state=state, run_id=run_id, allow_shrink=config.allow_shrink)
        result = run.take(_chosen(context, snapshot))
        return result, to_metadata(result, snapshot, sink.rows)


def _dependency(table: TableSchema) -> dg.AssetDep:
    """A snapshot is one of the whole table, however the table is cut."""
    mapping = dg.AllPartitionMapping() if table.partitions is not None else None
    return dg.AssetDep(asset_key(table), partition_mapping=mapping)


def _chosen(context: dg.AssetExecutionContext, snapshot: Snapshot) -> str:
    """The run's partition. Raises `ConfigurationError` when it was started for none, or for several."""
    if not context.has_partition_key:
        raise ConfigurationError(
            f"{snapshot.name} is taken one {snapshot.file.every} at a time.",
            todo="Start the run for one partition; a backfill starts one for each.",
        )
    return str(context.partition_key)


def _check(key: dg.AssetKey, result: SnapshotResult) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"rows": result.rows}
    if result.size.before is not None:
        day, rows = result.size.before
        metadata |= {"compared with": str(day), "rows before": rows}
    return dg.AssetCheckResult(
        check_name=SIZE_CHECK,
        asset_key=key,
        passed=result.size.passed,
        description=result.size.says,
        metadata=metadata,
    )
