"""One description of a source server for both dialects, so that a test is written once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pymysql

from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    SourceRef,
    SyncMode,
    SyncSettings,
    TableSchema,
)
from dagster_pipeline.type_mapper.mapping import ColumnMapping


@dataclass(frozen=True)
class Server:
    """A database of one dialect; `connect` opens a connection of the driver's own, in transactions."""

    dialect: str
    url: str
    connect: Callable[[], Any]

    def run(self, *statements: str) -> None:
        """Run and commit statements."""
        connection = self.connect()
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()
        connection.close()

    def source(
        self, columns: dict[str, str], *, key: tuple[str, ...] = ("id",), **options: Any
    ) -> BaseSourceConnector:
        """A connector for the table `t`."""
        url = options.pop("url", self.url)
        parsed = DatabaseUrl.parse(url, variable="SOURCE_URL", schemes=())
        kind: Any = MySQLSource if self.dialect == "mysql" else PostgresSource
        made: BaseSourceConnector = kind(
            table_schema(self.dialect, parsed.database, columns, key, **options), url=parsed
        )
        return made


def table_schema(
    dialect: Any, database: str, columns: dict[str, str], key: tuple[str, ...], **source: Any
) -> TableSchema:
    """A table file for `t`; types are as people write them, nullable where the text ends in `null`."""
    return TableSchema(
        path=Path("t.yml"),
        group="g",
        source=SourceRef(dialect=dialect, connection="c", database=database, **{"table": "t"} | source),
        destination=DestinationRef(database="d", table="t", engine="ReplacingMergeTree", order_by=key),
        sync=SyncSettings(mode=SyncMode.INCREMENTAL),
        columns=tuple(
            ColumnSchema(
                name=name,
                type=text.removesuffix(" null"),
                nullable=text.endswith(" null"),
                primary_key=name in key,
            )
            for name, text in columns.items()
        ),
    )


def text_of(dialect: str, name: str) -> ColumnMapping:
    """Read a column as text, so that what both databases send is easily compared."""
    read = "CAST({column} AS CHAR)" if dialect == "mysql" else "{column}::text"
    return ColumnMapping(name, name, "Nullable(String)", read=read)


def postgres(url: str) -> Server:
    """A PostgreSQL database."""
    return Server("postgres", url, lambda: psycopg2.connect(url))


def mariadb(url: str) -> Server:
    """A MariaDB database."""
    parsed = DatabaseUrl.parse(url, variable="URL", schemes=())
    return Server(
        "mysql",
        url,
        lambda: pymysql.connect(
            host=parsed.host,
            port=parsed.port,
            user=parsed.user,
            password=parsed.password,
            database=parsed.database,
            init_command="SET sql_mode=''",
        ),
    )
