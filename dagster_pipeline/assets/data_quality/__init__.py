"""What proves tables on schedules of its own: reconciliations, contracts, and checks over several tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_pipeline.schema.kind_files import KindFile
    from dagster_pipeline.schema.quality_models import QualityFile


def data_quality_bundle(
    schemas: Sequence[TableSchema], files: Sequence[KindFile[QualityFile]], settings: Settings
) -> Bundle:
    """Checks, assets of checks over several tables, their jobs and their schedules."""
    enabled = [schema for schema in schemas if schema.enabled]
    return sum(_bundles(enabled, files, settings), Bundle())


def _bundles(
    schemas: Sequence[TableSchema], files: Sequence[KindFile[QualityFile]], settings: Settings
) -> Iterator[Bundle]:
    """Only what some file asks for is imported."""
    pool = EMBEDDED_POOL if settings.warehouse_is_embedded else None
    running = settings.schedules_running
    if any(schema.reconcile is not None for schema in schemas):
        from dagster_pipeline.factories.reconcile_checks import reconciliations

        yield reconciliations(schemas, embedded_pool=pool, running=running)
    if any(schema.contract is not None for schema in schemas):
        from dagster_pipeline.factories.contract_checks import contracts

        yield contracts(schemas, embedded_pool=pool, running=running)
    if files:
        from dagster_pipeline.factories.quality_factory import quality_assets

        yield quality_assets(files, schemas, embedded_pool=pool, running=running)
