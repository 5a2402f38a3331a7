"""Tables that follow a source database: every enabled file under `schemas/mysql/` and `schemas/postgres/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_mysql_to_clickhouse_factory import mysql_to_clickhouse
from dagster_pipeline.factories.etl_postgres_to_clickhouse_factory import postgres_to_clickhouse
from dagster_pipeline.factories.table_schedules import etl_schedules
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.settings import Settings


def etl_bundle(schemas: Sequence[TableSchema], settings: Settings) -> Bundle:
    """Assets and schedules of all enabled tables."""
    enabled = [schema for schema in schemas if schema.enabled]
    embedded = settings.warehouse_is_embedded
    bundle = (
        mysql_to_clickhouse(enabled, embedded_warehouse=embedded)
        + postgres_to_clickhouse(enabled, embedded_warehouse=embedded)
        + etl_schedules(enabled, running=settings.schedules_running)
    )
    if all(schema.trigger is None for schema in enabled):
        return bundle
    from dagster_pipeline.factories.table_triggers import trigger_sensors

    return bundle + trigger_sensors(enabled, running=settings.schedules_running)
