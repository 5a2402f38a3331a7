"""Assets of reverse ETL: one step a flow, thin, around `ReverseEtl`; its job and schedules.

No postponed annotations here: Dagster looks at the asset function's own to find its config.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from dagster_pipeline.connections import open_target
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.kind_schedules import kind_schedule
from dagster_pipeline.factories.table_policies import retry_policy_of
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.reverse_etl.result import ReverseEtlResult
from dagster_pipeline.reverse_etl.run import ReverseEtl, ReverseEtlConfig
from dagster_pipeline.schema.reverse_etl_file import KIND
from dagster_pipeline.settings import Settings

RECONCILIATION = "reconciliation"


class ReverseEtlRunConfig(dg.Config):
    """Choices for one run of a flow; a schedule makes none."""

    dry_run: bool = Field(
        default=False,
        description="Count what would be written, and what would not fit. The target is only asked for its catalog.",
    )
    allow_change: bool = Field(default=False, description="Change also more rows than max_change allows.")
    full_refresh: bool = Field(
        default=False,
        description="Take no row for known: read each from the target and write it where it differs.",
    )


def reverse_etl_assets(
    flows: Sequence[Flow], *, embedded_pool: str | None, schedules_running: bool
) -> Bundle:
    """Assets, the one job over them, and a schedule for each flow that has one."""
    if not flows:
        return Bundle()
    job = dg.define_asset_job(
        KIND,
        selection=dg.AssetSelection.assets(*(flow_key(flow) for flow in flows)),
        description="Writes the selected flows into their targets; all of them when none is selected.",
    )
    return Bundle(
        assets=[_asset(flow, embedded_pool) for flow in flows],
        jobs=[job],
        schedules=[
            kind_schedule(
                f"{KIND}__{flow.name}".replace("-", "_"), flow_key(flow), job, flow.file.schedule,
                running=schedules_running,
            )
            for flow in flows
            if flow.file.schedule is not None
        ],
    )  # fmt: skip


def flow_key(flow: Flow) -> dg.AssetKey:
    """`reverse_etl/<file>`."""
    return dg.AssetKey([KIND, flow.name])


def _asset(flow: Flow, embedded_pool: str | None) -> dg.AssetsDefinition:
    key, target = flow_key(flow), flow.file.target

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(name.split("/")) for name in flow.sources],
        group_name=flow.file.group,
        description=flow.file.description or None,
        owners=list(flow.file.owners),
        tags=dict(flow.file.tags),
        kinds={"clickhouse", target.dialect},
        metadata={
            "dagster/table_name": target.full_name,
            "dagster/storage_kind": target.dialect,
            "mode": flow.file.mode,
            "key": ", ".join(flow.file.key),
            "columns": ", ".join(flow.column_names),
        },
        check_specs=[
            dg.AssetCheckSpec(
                RECONCILIATION, asset=key, description="What was to be written stands in the target."
            )
        ],
        retry_policy=retry_policy_of(flow.file.retries),
        pool=embedded_pool or f"{target.dialect}_{target.connection}",
        required_resource_keys={"clickhouse", "state"},
        output_required=False,  # a dry run materializes nothing
    )
    def write_flow(context: dg.AssetExecutionContext, config: ReverseEtlRunConfig) -> Iterator[Any]:
        yield from _results(context, flow, key, config)

    return write_flow


def _results(
    context: dg.AssetExecutionContext, flow: Flow, key: dg.AssetKey, config: ReverseEtlRunConfig
) -> list[Any]:
    resources, run_id = context.resources, context.run.run_id
    with (
        as_dagster_failures(context, table=flow.state_name),
        resources.state.open() as state,
        open_target(
            Settings.from_environment(), flow.file.target, comment=f"{flow.state_name} run {run_id}"
        ) as target,
        resources.clickhouse.open(run_id=run_id) as sink,
    ):
        result = ReverseEtl(
            flow,
            sink=sink,
            target=target,
            state=state,
            run_id=run_id,
            config=ReverseEtlConfig(config.dry_run, config.allow_change, config.full_refresh),
            report=lambda done, of: context.log.info("%s: %s of %s changes", flow.state_name, done, of),
        ).run()
    context.log.info(result.says)
    if result.dry_run:
        context.log_event(dg.AssetObservation(key, metadata=result_metadata(result)))
        return [
            dg.AssetCheckResult(
                passed=True, check_name=RECONCILIATION, description="Dry run: nothing was written."
            )
        ]
    return [dg.MaterializeResult(metadata=result_metadata(result), check_results=[_check(result)])]


def _check(result: ReverseEtlResult) -> dg.AssetCheckResult:
    counts = result.counts
    found = {
        "rejected rows": counts.rejected,
        "rows that read back differently": counts.differing,
        "rows of the target": result.target_rows,
        "rows written": result.source_rows,
    }
    return dg.AssetCheckResult(
        passed=result.is_reconciled,
        check_name=RECONCILIATION,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={name: number for name, number in found.items() if number is not None},
    )


def result_metadata(result: ReverseEtlResult) -> dict[str, Any]:
    """One run as metadata; numbers stay numbers, so that they plot."""
    counts = result.counts
    return {
        "summary": result.says,
        "load": result.load,
        "changes": result.changes,
        "inserted rows": counts.inserted,
        "updated rows": counts.updated,
        "deleted rows": counts.deleted,
        "unchanged rows": counts.unchanged,
        "kept rows": counts.kept,
        "absent rows": counts.absent,
        "rejected rows": counts.rejected,
        "rows that read back differently": counts.differing,
        "rows read from the target": counts.read,
        "batches": result.batches,
        "seconds": round(result.seconds, 3),
        "dagster/row_count": result.source_rows,
        "reasons of rejects": dg.MetadataValue.md(
            "\n".join(f"- {rows:,} row(s): {reason}" for reason, rows in result.reasons) or "none"
        ),
        **(
            {"undo": f"python -m dagster_pipeline reverse-etl undo {result.flow} {result.load}"}
            if counts.written
            else {}
        ),
    }
