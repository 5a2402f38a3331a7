"""The rows that a control query gives now, as texts that tell them apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from dagster_pipeline.connectors.sources.mysql import connection as mysql
from dagster_pipeline.connectors.sources.postgres import connection as postgres
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import Dialect
from dagster_pipeline.triggers.arrivals import MOST


def control_rows(dialect: Dialect, url: DatabaseUrl, query: str) -> list[str]:
    """Every row, all its values; one more than may be there at most.

    Raises `ConfigurationError`, `RetriableError` or `FatalError`, never with a value of a row.
    """
    rows = _ask_mysql(url, query) if dialect == "mysql" else _ask_postgres(url, query)
    return [json.dumps([None if value is None else str(value) for value in row]) for row in rows]


def _ask_mysql(url: DatabaseUrl, query: str) -> Sequence[Sequence[Any]]:
    with (
        closing(mysql.connect(url, url.database)) as connection,
        mysql.asking(connection, url, "asking for control rows") as cursor,
    ):
        cursor.execute(query)
        return cursor.fetchmany(MOST + 1)


def _ask_postgres(url: DatabaseUrl, query: str) -> Sequence[Sequence[Any]]:
    with (
        closing(postgres.connect(url, url.database)) as connection,
        translating(url, "asking for control rows"),
        postgres.session(connection) as cursor,
    ):
        cursor.execute(query)
        return cursor.fetchmany(MOST + 1)
