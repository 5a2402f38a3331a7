"""A client of another ClickHouse server."""

from __future__ import annotations

from typing import Any

import clickhouse_connect

from dagster_pipeline.database_url import DatabaseUrl

CONNECT_SECONDS = 10
ANSWER_SECONDS = 300


def connect(
    url: DatabaseUrl, *, connect_seconds: int = CONNECT_SECONDS, answer_seconds: int = ANSWER_SECONDS
) -> Any:
    """Open it. Raises what the driver raises; `reading_errors` translates."""
    return clickhouse_connect.get_client(
        interface=url.scheme,
        host=url.host,
        port=url.port or (8443 if url.scheme == "https" else 8123),
        username=url.user or "default",
        password=url.password,
        database=url.database or "default",
        connect_timeout=connect_seconds,
        send_receive_timeout=answer_seconds,
        autogenerate_session_id=False,
        show_clickhouse_errors="scrub",
        verify=url.options.get("verify", True),
        ca_cert=url.options.get("ca_cert"),
    )
