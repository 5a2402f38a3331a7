"""`reconcile:` of a table file as an asset check with a step of its own.

It never runs beside a load: a run that materializes the table leaves it out, since it reads whole tables.

No postponed annotations here: Dagster looks at the check function's own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.check_schedules import check_schedules
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.table_policies import retry_policy
from dagster_pipeline.factories.table_schedules import RECONCILIATION, asset_key
from dagster_pipeline.reconcile.result import ReconcileResult
from dagster_pipeline.reconcile.shown import shown_samples
from dagster_pipeline.reconcile.table_reconciliation import ReconcileConfig, TableReconciliation
from dagster_pipeline.schema.models import TableSchema

JOB_NAME = "reconcile"
JOB_DESCRIPTION = "Holds the selected tables against their sources; all of them when none is selected."


def reconciliations(schemas: Sequence[TableSchema], *, embedded_pool: str | None, running: bool) -> Bundle:
    """Checks, job and schedules of all tables whose file says `reconcile`.

    `embedded_pool` is the pool of the embedded warehouse, `None` for a server.
    """
    chosen = [schema for schema in schemas if schema.reconcile is not None]
    if not chosen:
        return Bundle()
    due = {
        dg.AssetCheckKey(asset_key(schema), RECONCILIATION): schema.reconcile.schedule
        for schema in chosen
        if schema.reconcile is not None
    }
    return check_schedules(JOB_NAME, due, description=JOB_DESCRIPTION, running=running) + Bundle(
        asset_checks=[_check(schema, embedded_pool) for schema in chosen]
    )


def _check(schema: TableSchema, embedded_pool: str | None) -> dg.AssetChecksDefinition:
    key, dialect = asset_key(schema), schema.source.dialect

    @dg.multi_asset_check(
        name=f"reconcile_{'__'.join(key.path)}".replace("-", "_").replace(".", "_"),
        specs=[dg.AssetCheckSpec(RECONCILIATION, asset=key, description="Every row equals its source.")],
        can_subset=True,  # so that a run beside a load may leave it out
        pool=embedded_pool or f"{dialect}_{schema.source.connection}",
        retry_policy=retry_policy(schema),
        required_resource_keys={"clickhouse", "state", dialect},
    )
    def reconcile_table(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        if key in (context.run.asset_selection or ()):
            context.log.info("%s is loaded in this run, so it is not reconciled.", schema.name)
            return
        yield _result(schema, key, _reconcile(context, schema))

    return reconcile_table


def _reconcile(context: dg.AssetCheckExecutionContext, schema: TableSchema) -> ReconcileResult:
    wanted, resources = schema.reconcile, context.resources
    with (
        as_dagster_failures(context, table=schema.name),
        resources.state.open() as state,
        getattr(resources, schema.source.dialect).open(schema) as source,
        resources.clickhouse.open(run_id=context.run.run_id) as sink,
    ):
        config = ReconcileConfig(
            repair=wanted is not None and wanted.repair,
            rows_per_second=wanted.rows_per_second if wanted else None,
        )
        return TableReconciliation(
            schema, source=source, sink=sink, state=state, run_id=context.run.run_id, config=config
        ).run()


def _result(schema: TableSchema, key: dg.AssetKey, result: ReconcileResult) -> dg.AssetCheckResult:
    """A difference that was mended is still a failed check: somebody wants to know why there was one."""
    samples = shown_samples(schema, result)
    metadata: dict[str, Any] = {
        "source rows": result.source_rows,
        "warehouse rows": result.warehouse_rows,
        **{f"{kind} rows": count for kind, count in result.found.items()},
        "pending rows": result.pending,
        "quarantined rows": result.quarantined,
        "tolerated rows": result.tolerated,
        "repaired rows": result.repaired,
        "marked rows": result.marked,
        "rows read again": result.reread_rows,
        "parts": result.parts,
        "seconds": round(result.seconds, 3),
    }
    if samples:
        columns = [dg.TableColumn("kind", "string"), dg.TableColumn("key", "string")]
        metadata["samples"] = dg.TableMetadataValue(
            [dg.TableRecord(sample) for sample in samples], dg.TableSchema(columns)
        )
    if result.notes:
        metadata["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in result.notes))
    return dg.AssetCheckResult(
        check_name=RECONCILIATION,
        asset_key=key,
        passed=result.is_equal,
        severity=dg.AssetCheckSeverity.WARN if result.is_mended else dg.AssetCheckSeverity.ERROR,
        description=result.says,
        metadata=metadata,
    )
