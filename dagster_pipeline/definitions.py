"""The one registration point: reads the YAML tree and hands everything to Dagster. It only wires."""

from __future__ import annotations

import dagster as dg

from dagster_pipeline.alerts.sensors import alert_bundle
from dagster_pipeline.alerts.watched_table import watch_deliveries, watch_snapshots, watch_writing
from dagster_pipeline.assets.apis import api_bundle
from dagster_pipeline.assets.clickhouse import clickhouse_bundle
from dagster_pipeline.assets.data_migration import data_migration_bundle
from dagster_pipeline.assets.data_quality import data_quality_bundle
from dagster_pipeline.assets.etl import etl_bundle
from dagster_pipeline.assets.exports import export_bundle
from dagster_pipeline.assets.maintenance import maintenance_bundle
from dagster_pipeline.assets.reverse_etl import reverse_etl_bundle
from dagster_pipeline.assets.s3 import s3_bundle
from dagster_pipeline.assets.snapshots import enabled, snapshot_bundle
from dagster_pipeline.execution.loading import collector_paused
from dagster_pipeline.execution.thread_executor import thread_executor
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.resources.registry import build_resources
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything of this code location. Raises `SchemaFilesError` with every problem of every file."""
    tree = load_tree(settings)
    also = [
        *watch_snapshots(enabled(tree.snapshots)),
        *watch_deliveries(tree.deliveries),
        *watch_writing(tree),
    ]
    bundle = (
        etl_bundle(tree.tables, settings)
        + data_quality_bundle(tree.tables, tree.data_quality, settings)
        + snapshot_bundle(tree.snapshots, settings)
        + export_bundle(tree.exports, settings)
        + reverse_etl_bundle(tree.reverse_etl, settings)
        + data_migration_bundle(tree.data_migration, tree.tables)
        + s3_bundle(tree.s3, settings)
        + api_bundle(tree.apis, settings)
        + clickhouse_bundle(tree.clickhouse, settings)
        + maintenance_bundle(tree, settings)
        + alert_bundle(tree.tables, settings, also=also)
    )
    return dg.Definitions(
        assets=bundle.assets,
        asset_checks=bundle.asset_checks,
        jobs=bundle.jobs,
        schedules=bundle.schedules,
        sensors=bundle.sensors,
        resources=build_resources(),
        executor=thread_executor(steps_at_once=settings.tables_at_once, pool_limits={EMBEDDED_POOL: 1}),
    )


with collector_paused():
    defs = build_definitions(Settings.from_environment())
