"""PostgreSQL sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
    from dagster_pipeline.schema.models import TableSchema


class PostgresResource(
    dg.ConfigurableResource[Any]
):  # Any: the source's driver is imported when one is opened
    """Opens the database that `POSTGRES_<CONNECTION>_URL` or `POSTGRES_URL` names."""

    def open(self, schema: TableSchema) -> PostgresSource:
        """A table's source, to be used as a context manager. Raises `ConfigurationError` when no URL is set."""
        from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource

        settings = Settings.from_environment()
        url = settings.source_url(
            "postgres", connection=schema.source.connection, database=schema.source.database
        )
        return PostgresSource(schema, url=url, mask_key=settings.mask_keys)
