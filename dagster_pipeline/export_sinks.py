"""Opens the sink of an export: one function for each kind, whose driver is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster_pipeline.connections import bucket_url
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.export_sink_s3 import S3ExportSink
from dagster_pipeline.schema.export_sink_sql import MySQLExportSink, PostgresExportSink
from dagster_pipeline.targets.base_target import Place

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sink.base_export_sink import BaseExportSink
    from dagster_pipeline.database_url import DatabaseUrl
    from dagster_pipeline.exports.named_export import NamedExport
    from dagster_pipeline.schema.models import Dialect
    from dagster_pipeline.settings import Settings


def open_export_sink(settings: Settings, export: NamedExport) -> BaseExportSink:
    """Where an export goes. Raises `ConfigurationError` when no address is set; nothing is connected yet."""
    kind = export.file.sink.kind
    if kind not in OPENERS:
        raise ConfigurationError(f"{export.state_name}: there is no sink of the kind {kind}.")
    return OPENERS[kind](settings, export)


def _s3(settings: Settings, export: NamedExport) -> BaseExportSink:
    from dagster_pipeline.connectors.sink.s3.connector import S3Sink  # noqa: PLC0415 -- pyarrow is slow

    sink = export.file.sink
    if not isinstance(sink, S3ExportSink):
        raise TypeError(sink.kind)
    return S3Sink(sink, url=bucket_url(settings, sink.connection), name=export.state_name)


def _postgres(settings: Settings, export: NamedExport) -> BaseExportSink:
    from dagster_pipeline.connectors.sink.postgres.connector import (  # noqa: PLC0415 -- pyarrow is slow
        PostgresExportSink as PostgresSink,
    )
    from dagster_pipeline.targets.export_access import postgres_access  # noqa: PLC0415

    sink = export.file.sink
    if not isinstance(sink, PostgresExportSink):
        raise TypeError(sink.kind)
    url, database = _database(settings, "postgres", sink.connection, sink.database)
    place = Place(database, sink.table, sink.schema_name)
    return PostgresSink(postgres_access(url, place), place)


def _mysql(settings: Settings, export: NamedExport) -> BaseExportSink:
    from dagster_pipeline.connectors.sink.mysql.connector import (  # noqa: PLC0415 -- pyarrow is slow
        MySQLExportSink as MySQLSink,
    )
    from dagster_pipeline.targets.export_access import mysql_access  # noqa: PLC0415

    sink = export.file.sink
    if not isinstance(sink, MySQLExportSink):
        raise TypeError(sink.kind)
    url, database = _database(settings, "mysql", sink.connection, sink.database)
    place = Place(database, sink.table)
    return MySQLSink(mysql_access(url, place), place)


def _database(
    settings: Settings, dialect: Dialect, connection: str, database: str | None
) -> tuple[DatabaseUrl, str]:
    """The address, and the database: the file's, else the address's, else the connection's name."""
    url = settings.source_url(dialect, connection=connection, database=database or connection)
    return url, database or url.database or connection


OPENERS: dict[str, Callable[[Settings, NamedExport], BaseExportSink]] = {
    "mysql": _mysql,
    "postgres": _postgres,
    "s3": _s3,
}
"""By `sink.kind`."""
