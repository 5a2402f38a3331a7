"""Rows from one application database into another, on request: every enabled file under `schemas/data_migration/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.data_migration.migration_files import NamedMigration
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.data_migration_factory import data_migration_assets


def data_migration_bundle(migrations: Sequence[NamedMigration]) -> Bundle:
    """Assets, without a job or schedule of their own."""
    return data_migration_assets([migration for migration in migrations if migration.file.enabled])
