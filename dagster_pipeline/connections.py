"""Opens what a command needs, outside Dagster: one table's source, what surveys a database, the warehouse, the state store."""

from __future__ import annotations

from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.base_surveyor import BaseSurveyor
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.mysql.surveyor import MySQLSurveyor
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.connectors.sources.postgres.surveyor import PostgresSurveyor
from dagster_pipeline.connectors.sources.sql_source import SqlSource
from dagster_pipeline.schema.models import Dialect, TableSchema
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager


def open_source(settings: Settings, schema: TableSchema) -> SqlSource[Any]:
    """A table's source. Raises `ConfigurationError` when no address is set."""
    place = schema.source
    url = settings.source_url(place.dialect, connection=place.connection, database=place.database)
    if place.dialect == "mysql":
        return MySQLSource(schema, url=url, mask_key=settings.mask_keys)
    return PostgresSource(schema, url=url, mask_key=settings.mask_keys)


def open_surveyor(
    settings: Settings, dialect: Dialect, *, connection: str, database: str, schema_name: str
) -> BaseSurveyor:
    """A source database whose tables may have no file yet. Raises `ConfigurationError` or `RetriableError`."""
    url = settings.source_url(dialect, connection=connection, database=database)
    if dialect == "mysql":
        return MySQLSurveyor(url, database=database)
    return PostgresSurveyor(url, database=database, schema=schema_name)


def open_warehouse(settings: Settings, *, run_id: str) -> ClickHouseSink:
    """The warehouse. Raises `ConfigurationError` when its address is wrong."""
    return ClickHouseSink(
        settings.clickhouse_url(),
        cluster=settings.clickhouse_cluster,
        insert_quorum=settings.clickhouse_insert_quorum,
        run_id=run_id,
    )


def open_state(settings: Settings) -> StateManager:
    """The state store. Raises `ConfigurationError` when its address is wrong."""
    return StateManager(settings.state_url())
