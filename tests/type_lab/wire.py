"""The two ways that rows travel, as short as they can be: binary rows of both databases as an Arrow stream into the engine.

The pipeline's own connectors do the same in pieces; here one small table is read at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2.extensions

from dagster_pipeline.connectors.sources.mysql.connection import connect
from dagster_pipeline.connectors.sources.mysql.reading import RowStream
from dagster_pipeline.connectors.sources.postgres.binary_forms import wire_column
from dagster_pipeline.connectors.sources.postgres.reading import CopyStream
from dagster_pipeline.connectors.sources.select_list import plain_list
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import Dialect
from dagster_pipeline.type_mapper.mapping import LOAD_SETTINGS, ColumnMapping

POSTGRES_SESSION = (
    "SET client_encoding = 'UTF8'",
    "SET DateStyle = 'ISO'",
    "SET IntervalStyle = 'iso_8601'",
    "SET TimeZone = 'UTC'",
    "SET bytea_output = 'hex'",
    "SET extra_float_digits = 3",
)
MYSQL_SESSION = ("SET time_zone = '+00:00'", "SET sql_mode = ''", "SET NAMES utf8mb4")


def select_list(mappings: Sequence[ColumnMapping], quote: str) -> str:
    """What to select for the mappings, guards applied."""
    items = []
    for mapping in mappings:
        column = f"{quote}{mapping.source_name}{quote}"
        item = mapping.read.replace("{column}", column)
        if mapping.guard is not None:
            violated, replacement = (
                sql.replace("{column}", column) for sql in (mapping.guard.violated, mapping.guard.replacement)
            )
            item = f"CASE WHEN {violated} THEN {replacement} ELSE {item} END"
        items.append(f"{item} AS {column}")
    return ", ".join(items)


def read_postgres(cursor: psycopg2.extensions.cursor, mappings: Sequence[ColumnMapping]) -> bytes:
    """All rows of table t as an Arrow IPC stream; the connection's transaction is rolled back then."""
    query = f"SELECT {select_list(mappings, chr(34))} FROM t"
    plain = plain_list(query, tuple(mapping.name for mapping in mappings))
    stream = CopyStream(
        connection=cursor.connection,
        url=DatabaseUrl.parse("postgresql://lab/lab", variable="POSTGRES_URL", schemes=("postgresql",)),
        query=query,
        statements=(),
        select=replace(plain, wire_types=tuple(mapping.wire_column.wire_type for mapping in mappings)),
        table="lab",
        source="lab",
    )
    with stream.open() as batches:
        return b"".join(batch.payload for batch in batches)


def read_mysql(url: str, query: str, session: Sequence[str] = MYSQL_SESSION) -> bytes:
    """All rows as an Arrow IPC stream."""
    address = DatabaseUrl.parse(url, variable="MYSQL_URL", schemes=("mysql",))
    connection = connect(address, address.database, session=session)
    with connection.cursor() as cursor:
        cursor.execute(f"{query} LIMIT 0")
        names = tuple(column[0] for column in cursor.description or ())
    stream = RowStream(
        connection=connection,
        url=address,
        query=query,
        select=plain_list(query, names),
        table="lab",
        source="lab",
    )
    with stream.open() as batches:
        return b"".join(batch.payload for batch in batches)


def load(
    client: Any, table: str, mappings: Sequence[ColumnMapping], payload: bytes, dialect: Dialect
) -> None:
    """Create the table anew and insert the payload."""
    wired = [mapping.wire_column for mapping in mappings]
    if dialect == "postgres":
        wired = [wire_column(column) for column in wired]
    columns = ", ".join(f"`{mapping.name}` {mapping.clickhouse_type}" for mapping in mappings)
    client.command(f"CREATE OR REPLACE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY tuple()")
    structure = ", ".join(f"`{column.name}` {column.wire_type}" for column in wired)
    structure = structure.replace("\\", "\\\\").replace("'", "\\'")
    values = ", ".join(column.load.replace("{column}", f"`{column.name}`") for column in wired)
    names = ", ".join(f"`{column.name}`" for column in wired)
    with tempfile.NamedTemporaryFile(dir=Path(tempfile.gettempdir())) as file:
        file.write(payload)
        file.flush()
        client.command(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM file('{file.name}', 'ArrowStream', '{structure}')",
            settings=dict(LOAD_SETTINGS),
        )
