"""Assets for tables that come from objects of a bucket."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.connections import open_bucket_source
from dagster_pipeline.connectors.sources.base_delivery_source import BaseDeliverySource
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.delivery_asset import DeliveryAsset, bundle_of
from dagster_pipeline.landing.object_reader import object_reader
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager


def s3_to_clickhouse(
    files: Sequence[KindFile[S3File]], *, embedded_warehouse: bool, schedules_running: bool
) -> Bundle:
    """One asset per enabled file below `schemas/s3/`."""
    return bundle_of(
        map(_asset, files), embedded_warehouse=embedded_warehouse, schedules_running=schedules_running
    )


def _asset(file: KindFile[S3File]) -> DeliveryAsset:
    source = file.value.source

    def open_source(_state: StateManager, _run_id: str) -> BaseDeliverySource:
        return open_bucket_source(Settings.from_environment(), file.value)

    return DeliveryAsset(
        kind="s3",
        delivered=file,
        connection=source.connection,
        source_key=("s3", source.connection, file.name),
        where=f"{source.format} objects of {source.connection} below {source.prefix or '/'} like {source.pattern}",
        open_source=open_source,
        landing={"parallelism": source.parallelism, "changed": file.value.changed},
        by_warehouse=object_reader if source.read_by == "warehouse" else None,
    )
