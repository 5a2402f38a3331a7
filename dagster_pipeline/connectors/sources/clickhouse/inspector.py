"""Examines another ClickHouse as our user sees it: version, clock, encryption.

Whether a file's rows may be read is tried by its own query for no row (`ClickHouseQuerySource.try_out`): rights on the tables
and views that a query names add up in ways that only the server knows.
"""

from __future__ import annotations

from contextlib import closing

from dagster_pipeline.connectors.server_facts import ServerFacts, measured_skew
from dagster_pipeline.connectors.sources.clickhouse.connection import connect
from dagster_pipeline.connectors.sources.clickhouse.errors import reading_errors
from dagster_pipeline.database_url import DatabaseUrl


def inspect_other_clickhouse(url: DatabaseUrl, *, seconds: int) -> ServerFacts:
    """Ask the server; `seconds` bounds each wait. Raises `ConfigurationError` or `RetriableError`."""
    doing = f"Examining {url.redacted}"
    with (
        reading_errors(doing, variable=url.variable),
        closing(connect(url, connect_seconds=seconds, answer_seconds=seconds)) as client,
    ):
        ((version,),) = client.query("SELECT version()").result_rows
        clock = "SELECT toUnixTimestamp64Micro(now64(6))"
        skew, uncertainty = measured_skew(lambda: float(client.query(clock).result_rows[0][0]) / 1e6)
    return ServerFacts(
        product="ClickHouse",
        version=str(version),
        skew=skew,
        uncertainty=uncertainty,
        encrypted=url.scheme == "https",
    )
