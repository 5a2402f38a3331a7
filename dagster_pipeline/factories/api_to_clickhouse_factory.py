"""Assets for tables that come from answers of REST APIs."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.connections import open_api_source
from dagster_pipeline.connectors.sources.base_delivery_source import ANSWERS, BaseDeliverySource
from dagster_pipeline.delivery_tree import table_of
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.delivery_asset import DeliveryAsset, bundle_of
from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager


def api_to_clickhouse(
    files: Sequence[KindFile[ApiFile]], *, embedded_warehouse: bool, schedules_running: bool
) -> Bundle:
    """One asset per enabled file below `schemas/apis/`."""
    return bundle_of(
        map(_asset, files), embedded_warehouse=embedded_warehouse, schedules_running=schedules_running
    )


def _asset(file: KindFile[ApiFile]) -> DeliveryAsset:
    source, table = file.value.source, "/".join(table_of(file))

    def open_source(state: StateManager, _run_id: str) -> BaseDeliverySource:
        return open_api_source(
            Settings.from_environment(),
            file.value,
            name=file.name,
            before=lambda: state.cursors(table).get(ANSWERS),
        )

    return DeliveryAsset(
        kind="api",
        delivered=file,
        connection=source.connection,
        source_key=("api", source.connection, file.name),
        where=f"{source.path or '/'} of {source.connection}",
        open_source=open_source,
        landing={"parallelism": 1, "replaces": file.value.replaces},
    )
