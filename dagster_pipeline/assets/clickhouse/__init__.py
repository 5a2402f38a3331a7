"""Tables that are copied from another ClickHouse: every enabled file under `schemas/clickhouse/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.clickhouse_copy_factory import clickhouse_copies
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.settings import Settings


def clickhouse_bundle(files: Sequence[KindFile[ClickHouseFile]], settings: Settings) -> Bundle:
    """Assets and schedules."""
    return clickhouse_copies(
        files,
        embedded_warehouse=settings.warehouse_is_embedded,
        schedules_running=settings.schedules_running,
    )
