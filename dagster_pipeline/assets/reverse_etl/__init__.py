"""Rows of the warehouse into applications' databases: every enabled file under `schemas/reverse_etl/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.factories.reverse_etl_factory import reverse_etl_assets
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.settings import Settings


def reverse_etl_bundle(flows: Sequence[Flow], settings: Settings) -> Bundle:
    """Assets, job and schedules."""
    return reverse_etl_assets(
        [flow for flow in flows if flow.file.enabled],
        embedded_pool=EMBEDDED_POOL if settings.warehouse_is_embedded else None,
        schedules_running=settings.schedules_running,
    )
