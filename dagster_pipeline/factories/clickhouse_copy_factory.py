"""Assets for tables that are copied from another ClickHouse."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.connections import open_clickhouse_source
from dagster_pipeline.connectors.sources.base_delivery_source import BaseDeliverySource
from dagster_pipeline.delivery_tree import table_of
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.delivery_asset import DeliveryAsset, bundle_of
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager


def clickhouse_copies(
    files: Sequence[KindFile[ClickHouseFile]], *, embedded_warehouse: bool, schedules_running: bool
) -> Bundle:
    """One asset per enabled file below `schemas/clickhouse/`."""
    return bundle_of(
        map(_asset, files), embedded_warehouse=embedded_warehouse, schedules_running=schedules_running
    )


def _asset(file: KindFile[ClickHouseFile]) -> DeliveryAsset:
    source = file.value.source

    def open_source(_state: StateManager, run_id: str) -> BaseDeliverySource:
        comment = f"dagster_pipeline table={'/'.join(table_of(file))} run={run_id}"
        return open_clickhouse_source(Settings.from_environment(), file.value, comment=comment)

    return DeliveryAsset(
        kind="clickhouse",
        delivered=file,
        connection=source.connection,
        source_key=("clickhouse", source.connection, *(source.table or file.name).split(".", 1)),
        where=f"{source.table or 'a query'} of {source.connection}",
        open_source=open_source,
        landing={"parallelism": 1, "replaces": file.value.replaces},
    )
