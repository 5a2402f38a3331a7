"""What looks after the warehouse: its health, merges, and what may go from it."""

from __future__ import annotations

from dagster_pipeline.connectors.sink.clickhouse.cluster import DISTRIBUTED_SUFFIX
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.factories.maintenance_factory import MaintenanceFactory
from dagster_pipeline.factories.maintenance_schedules import maintenance_schedules
from dagster_pipeline.schema_tree import SchemaTree
from dagster_pipeline.settings import Settings


def maintenance_bundle(tree: SchemaTree, settings: Settings) -> Bundle:
    """Assets, jobs and schedules; nothing when no file names a table."""
    assets = MaintenanceFactory(
        schemas=tree.tables,
        known=named_by_a_file(tree),
        embedded_pool=EMBEDDED_POOL if settings.warehouse_is_embedded else None,
    ).build()
    if not assets.assets:
        return assets
    dry_run = settings.maintenance_dry_run
    return assets + maintenance_schedules(running=settings.schedules_running, dry_run=dry_run)


def named_by_a_file(tree: SchemaTree) -> set[tuple[str, str]]:
    """Database and name of everything in the warehouse that a file of any kind keeps, disabled ones too."""
    tables = {(table.destination.database, table.destination.table) for table in tree.tables}
    snapshots = {(snapshot.database, snapshot.table) for snapshot in tree.snapshots}
    views = {
        (snapshot.database, snapshot.file.slowly_changing.view)
        for snapshot in tree.snapshots
        if snapshot.file.slowly_changing
    }
    deliveries = {
        (file.value.destination.database, file.value.destination.table or file.name)
        for file in tree.deliveries
    }
    named = tables | snapshots | deliveries
    return named | views | {(database, f"{name}{DISTRIBUTED_SUFFIX}") for database, name in named}
