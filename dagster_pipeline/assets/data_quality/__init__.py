"""What proves tables on schedules of its own: reconciliations, contracts, and checks over several tables."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.contract_checks import contracts
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.factories.quality_factory import quality_assets
from dagster_pipeline.factories.reconcile_checks import reconciliations
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.quality_models import QualityFile
from dagster_pipeline.settings import Settings


def data_quality_bundle(
    schemas: Sequence[TableSchema], files: Sequence[KindFile[QualityFile]], settings: Settings
) -> Bundle:
    """Checks, assets of checks over several tables, their jobs and their schedules."""
    enabled = [schema for schema in schemas if schema.enabled]
    pool = EMBEDDED_POOL if settings.warehouse_is_embedded else None
    running = settings.schedules_running
    return (
        reconciliations(enabled, embedded_pool=pool, running=running)
        + contracts(enabled, embedded_pool=pool, running=running)
        + quality_assets(files, enabled, embedded_pool=pool, running=running)
    )
