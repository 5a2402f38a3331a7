"""MySQL and MariaDB sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
    from dagster_pipeline.schema.models import TableSchema


class MySQLResource(dg.ConfigurableResource[Any]):  # Any: the source's driver is imported when one is opened
    """Opens the database that `MYSQL_<CONNECTION>_URL` or `MYSQL_URL` names."""

    def open(self, schema: TableSchema) -> MySQLSource:
        """A table's source, to be used as a context manager. Raises `ConfigurationError` when no URL is set."""
        from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource

        settings = Settings.from_environment()
        url = settings.source_url(
            "mysql", connection=schema.source.connection, database=schema.source.database
        )
        return MySQLSource(schema, url=url, mask_key=settings.mask_keys)
