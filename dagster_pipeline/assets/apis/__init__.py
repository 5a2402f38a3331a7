"""Tables that come from answers of REST APIs: every enabled file under `schemas/apis/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.api_to_clickhouse_factory import api_to_clickhouse
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.settings import Settings


def api_bundle(files: Sequence[KindFile[ApiFile]], settings: Settings) -> Bundle:
    """Assets and schedules."""
    return api_to_clickhouse(
        files,
        embedded_warehouse=settings.warehouse_is_embedded,
        schedules_running=settings.schedules_running,
    )
