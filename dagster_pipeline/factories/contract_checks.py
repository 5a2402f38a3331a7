"""`contract:` of a table file as an asset check with a step of its own, which asks two catalogs and reads no row.

No postponed annotations here: Dagster looks at the check function's own.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from dagster_pipeline.contract.shown import as_markdown, says
from dagster_pipeline.contract.table_contract import TableContract, contract_of
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.check_schedules import check_schedules
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.table_policies import retry_policy
from dagster_pipeline.factories.table_schedules import CONTRACT, asset_key
from dagster_pipeline.schema.models import TableSchema

JOB_NAME = "check_contracts"


def contracts(schemas: Sequence[TableSchema], *, embedded_pool: str | None, running: bool) -> Bundle:
    """Checks, job and schedules of all tables whose file says `contract`.

    `embedded_pool` is the pool of the embedded warehouse, `None` for a server.
    """
    chosen = [(schema, schema.contract) for schema in schemas if schema.contract is not None]
    if not chosen:
        return Bundle()
    due = {dg.AssetCheckKey(asset_key(schema), CONTRACT): wanted.schedule for schema, wanted in chosen}
    described = "Holds the selected tables' files against both catalogs; all of them when none is selected."
    return check_schedules(JOB_NAME, due, description=described, running=running) + Bundle(
        asset_checks=[_check(schema, embedded_pool) for schema, _wanted in chosen]
    )


def _check(schema: TableSchema, embedded_pool: str | None) -> dg.AssetChecksDefinition:
    key, dialect = asset_key(schema), schema.source.dialect

    @dg.multi_asset_check(
        name=f"contract_{'__'.join(key.path)}".replace("-", "_").replace(".", "_"),
        specs=[dg.AssetCheckSpec(CONTRACT, asset=key, description="File, source and warehouse agree.")],
        can_subset=True,  # so that a run beside a load may leave it out
        pool=embedded_pool or f"{dialect}_{schema.source.connection}",
        retry_policy=retry_policy(schema),
        required_resource_keys={"clickhouse", dialect},
    )
    def hold_contract(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        if key in (context.run.asset_selection or ()):
            context.log.info("%s is loaded in this run, so its contract is not looked at.", schema.name)
            return
        resources = context.resources
        with (
            as_dagster_failures(context, table=schema.name),
            getattr(resources, dialect).open(schema) as source,
            resources.clickhouse.open(run_id=context.run.run_id) as sink,
        ):
            contract = contract_of(schema, source=source, sink=sink)
        yield _result(key, contract)

    return hold_contract


def _result(key: dg.AssetKey, contract: TableContract) -> dg.AssetCheckResult:
    """What stops the next load is an error; what it follows, or does itself, a warning."""
    severity = dg.AssetCheckSeverity.ERROR if contract.stops_load else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=CONTRACT,
        asset_key=key,
        passed=contract.is_kept,
        severity=severity,
        description=says(contract),
        metadata={
            "differences": len(contract.differences),
            "what settles them": dg.MetadataValue.md(as_markdown(contract)),
        },
    )
