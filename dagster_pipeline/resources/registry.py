"""Every resource, by the key that assets ask for."""

from __future__ import annotations

from typing import Any

from dagster_pipeline.resources.clickhouse import ClickHouseResource
from dagster_pipeline.resources.mysql import MySQLResource
from dagster_pipeline.resources.postgres import PostgresResource
from dagster_pipeline.resources.state import StateResource


def build_resources() -> dict[str, Any]:
    """All resources; none of them connects yet."""
    return {
        "clickhouse": ClickHouseResource(),
        "mysql": MySQLResource(),
        "postgres": PostgresResource(),
        "state": StateResource(),
    }
