"""Reads the YAML tree and hands everything to Dagster. It only wires.

A kind of assets that has no file is not even imported: each run is a process of its own, and would pay for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from dagster_pipeline.alerts.sensors import alert_bundle
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.assets.data_quality import data_quality_bundle
from dagster_pipeline.assets.etl import etl_bundle
from dagster_pipeline.assets.maintenance import maintenance_bundle
from dagster_pipeline.execution.thread_executor import thread_executor
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.resources.registry import build_resources
from dagster_pipeline.schema_tree import SchemaTree, load_tree
from dagster_pipeline.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything of this code location. Raises `SchemaFilesError` with every problem of every file."""
    tree = load_tree(settings)
    bundle = sum(_bundles(tree, settings), Bundle())
    return dg.Definitions(
        assets=bundle.assets,
        asset_checks=bundle.asset_checks,
        jobs=bundle.jobs,
        schedules=bundle.schedules,
        sensors=bundle.sensors,
        resources=build_resources(),
        executor=thread_executor(steps_at_once=settings.tables_at_once, pool_limits={EMBEDDED_POOL: 1}),
    )


def _bundles(tree: SchemaTree, settings: Settings) -> Iterator[Bundle]:
    yield etl_bundle(tree.tables, settings)
    yield data_quality_bundle(tree.tables, tree.data_quality, settings)
    yield from _copies(tree, settings)
    yield from _writing(tree, settings)
    yield from _deliveries(tree, settings)
    yield maintenance_bundle(tree, settings)
    yield alert_bundle(tree.tables, settings, also=_also_watched(tree))


def _copies(tree: SchemaTree, settings: Settings) -> Iterator[Bundle]:
    if tree.snapshots:
        from dagster_pipeline.assets.snapshots import snapshot_bundle

        yield snapshot_bundle(tree.snapshots, settings)
    if tree.exports:
        from dagster_pipeline.assets.exports import export_bundle

        yield export_bundle(tree.exports, settings)


def _writing(tree: SchemaTree, settings: Settings) -> Iterator[Bundle]:
    if tree.reverse_etl:
        from dagster_pipeline.assets.reverse_etl import reverse_etl_bundle

        yield reverse_etl_bundle(tree.reverse_etl, settings)
    if tree.data_migration:
        from dagster_pipeline.assets.data_migration import data_migration_bundle

        yield data_migration_bundle(tree.data_migration, tree.tables)


def _deliveries(tree: SchemaTree, settings: Settings) -> Iterator[Bundle]:
    if tree.s3:
        from dagster_pipeline.assets.s3 import s3_bundle

        yield s3_bundle(tree.s3, settings)
    if tree.apis:
        from dagster_pipeline.assets.apis import api_bundle

        yield api_bundle(tree.apis, settings)
    if tree.clickhouse:
        from dagster_pipeline.assets.clickhouse import clickhouse_bundle

        yield clickhouse_bundle(tree.clickhouse, settings)


def _also_watched(tree: SchemaTree) -> list[WatchedTable]:
    """What is no table file and has alerts."""
    if tree.has_only_tables:
        return []
    from dagster_pipeline.alerts.watched_kinds import watch_deliveries, watch_snapshots, watch_writing

    snapshots = [snapshot for snapshot in tree.snapshots if snapshot.file.enabled]
    return [*watch_snapshots(snapshots), *watch_deliveries(tree.deliveries), *watch_writing(tree)]
