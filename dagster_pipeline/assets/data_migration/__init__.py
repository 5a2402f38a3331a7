"""Rows from one application database into another, on request: every enabled file under `schemas/data_migration/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.data_migration.migration_files import NamedMigration
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.data_migration_factory import data_migration_assets
from dagster_pipeline.schema.models import TableSchema


def data_migration_bundle(migrations: Sequence[NamedMigration], schemas: Sequence[TableSchema]) -> Bundle:
    """Assets, without a job or schedule of their own; sources of enabled tables stand in the graph already."""
    return data_migration_assets(
        [migration for migration in migrations if migration.file.enabled],
        known_sources={schema.source.asset_key for schema in schemas if schema.enabled},
    )
