"""The warehouse."""

from __future__ import annotations

import dagster as dg

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.settings import Settings


class ClickHouseResource(dg.ConfigurableResource[ClickHouseSink]):
    """Opens the warehouse that `CLICKHOUSE_URL` names."""

    def open(self, *, run_id: str) -> ClickHouseSink:
        """A sink, to be used as a context manager. Raises `ConfigurationError` when the URL is wrong."""
        settings = Settings.from_environment()
        return ClickHouseSink(settings.clickhouse_url(), cluster=settings.clickhouse_cluster, run_id=run_id)
