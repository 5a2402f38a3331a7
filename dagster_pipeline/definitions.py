"""The one registration point: reads the table files and hands everything to Dagster. It only wires."""

from __future__ import annotations

import dagster as dg

from dagster_pipeline.assets.data_quality import data_quality_bundle
from dagster_pipeline.assets.etl import etl_bundle
from dagster_pipeline.resources.registry import build_resources
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything of this code location. Raises `SchemaFilesError` with every problem of every table file."""
    tables = load_tables(settings)
    bundle = etl_bundle(tables, settings) + data_quality_bundle(tables, settings)
    return dg.Definitions(
        assets=bundle.assets,
        asset_checks=bundle.asset_checks,
        jobs=bundle.jobs,
        schedules=bundle.schedules,
        sensors=bundle.sensors,
        resources=build_resources(),
        # The embedded warehouse is open in one process at a time: its tables run one after another in the run's own.
        executor=dg.in_process_executor if settings.warehouse_is_embedded else None,
    )


defs = build_definitions(Settings.from_environment())
