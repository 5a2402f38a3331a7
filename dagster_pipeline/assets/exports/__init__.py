"""Rows of the warehouse that leave it for buckets and other databases: every enabled file under `schemas/exports/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.factories.export_factory import export_assets
from dagster_pipeline.settings import Settings


def export_bundle(exports: Sequence[NamedExport], settings: Settings) -> Bundle:
    """Assets, job and schedules."""
    return export_assets(
        [export for export in exports if export.file.enabled],
        embedded_pool=EMBEDDED_POOL if settings.warehouse_is_embedded else None,
        schedules_running=settings.schedules_running,
    )
