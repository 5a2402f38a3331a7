"""Assets for tables that are copied from another ClickHouse."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import dagster as dg

from dagster_pipeline.connections import open_clickhouse_source
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.delivery_asset import DeliveryAsset, bundle_of
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.landing.destination import landing_table
from dagster_pipeline.landing.table_landing import TableLanding
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.settings import Settings


def clickhouse_copies(
    files: Sequence[KindFile[ClickHouseFile]], *, embedded_warehouse: bool, schedules_running: bool
) -> Bundle:
    """One asset per enabled file below `schemas/clickhouse/`."""
    assets = [_asset(file, embedded=embedded_warehouse) for file in files if file.value.enabled]
    return bundle_of(assets, running=schedules_running)


def _asset(file: KindFile[ClickHouseFile], *, embedded: bool) -> DeliveryAsset:
    source, table = file.value.source, landing_table(file.value, file.name)

    @contextmanager
    def open_landing(context: dg.AssetExecutionContext) -> Generator[TableLanding, None, None]:
        resources, run_id = context.resources, context.run.run_id
        comment = f"dagster_pipeline table={table.database}/{table.name} run={run_id}"
        with (
            resources.state.open() as state,
            open_clickhouse_source(Settings.from_environment(), file.value, comment=comment) as answers,
            resources.clickhouse.open(run_id=run_id) as sink,
        ):
            yield TableLanding(
                table=table,
                source=answers,
                sink=sink,
                state=state,
                run_id=run_id,
                parallelism=1,
                replaces=True,
            )

    return DeliveryAsset(
        kind="clickhouse",
        name=file.name,
        path=file.path,
        file=file.value,
        source_key=("clickhouse", source.connection, *(source.table or file.name).split(".", 1)),
        where=f"{source.table or 'a query'} of {source.connection}",
        pool=EMBEDDED_POOL if embedded else f"clickhouse_{source.connection}",
        open_landing=open_landing,
    )
