"""Opens what a command needs, outside Dagster: sources and what surveys them, targets, the warehouse, the state store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
    from dagster_pipeline.connectors.sources.api.connector import ApiAnswerSource
    from dagster_pipeline.connectors.sources.base_surveyor import BaseSurveyor
    from dagster_pipeline.connectors.sources.clickhouse.connector import ClickHouseQuerySource
    from dagster_pipeline.connectors.sources.s3.connector import S3ObjectSource
    from dagster_pipeline.connectors.sources.sql_source import SqlSource
    from dagster_pipeline.schema.api_models import ApiFile
    from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
    from dagster_pipeline.schema.models import Dialect, TableSchema
    from dagster_pipeline.schema.s3_models import S3File
    from dagster_pipeline.schema.target_models import DatabaseTable
    from dagster_pipeline.state.state_manager import StateManager
    from dagster_pipeline.targets.base_target import Target


def open_source(settings: Settings, schema: TableSchema) -> SqlSource[Any]:
    """A table's source. Raises `ConfigurationError` when no address is set."""
    place = schema.source
    url = settings.source_url(place.dialect, connection=place.connection, database=place.database)
    if place.dialect == "mysql":
        from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource

        return MySQLSource(schema, url=url, mask_key=settings.mask_keys)
    from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource

    return PostgresSource(schema, url=url, mask_key=settings.mask_keys)


def open_surveyor(
    settings: Settings, dialect: Dialect, *, connection: str, database: str, schema_name: str
) -> BaseSurveyor:
    """A source database whose tables may have no file yet. Raises `ConfigurationError` or `RetriableError`."""
    url = settings.source_url(dialect, connection=connection, database=database)
    if dialect == "mysql":
        from dagster_pipeline.connectors.sources.mysql.surveyor import MySQLSurveyor

        return MySQLSurveyor(url, database=database)
    from dagster_pipeline.connectors.sources.postgres.surveyor import PostgresSurveyor

    return PostgresSurveyor(url, database=database, schema=schema_name)


def open_target(settings: Settings, table: DatabaseTable, *, comment: str) -> Target:
    """A table of an application's database. Raises `ConfigurationError` when no address is set."""
    from dagster_pipeline.targets.base_target import Place

    url = settings.source_url(table.dialect, connection=table.connection, database=table.database_name)
    place = Place(table.database or url.database or table.connection, table.table, table.schema_name)
    if table.dialect == "mysql":
        from dagster_pipeline.targets.mysql import MySQLTarget

        return MySQLTarget(url, place, comment=comment)
    from dagster_pipeline.targets.postgres import PostgresTarget

    return PostgresTarget(url, place, comment=comment)


def open_warehouse(settings: Settings, *, run_id: str) -> ClickHouseSink:
    """The warehouse. Raises `ConfigurationError` when its address is wrong."""
    from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink

    return ClickHouseSink(
        settings.clickhouse_url(),
        cluster=settings.clickhouse_cluster,
        insert_quorum=settings.clickhouse_insert_quorum,
        run_id=run_id,
    )


def open_state(settings: Settings) -> StateManager:
    """The state store. Raises `ConfigurationError` when its address is wrong."""
    from dagster_pipeline.state.state_manager import StateManager

    return StateManager(settings.state_url())


def open_bucket_source(settings: Settings, file: S3File) -> S3ObjectSource:
    """The objects that a file below `schemas/s3/` means. Raises `ConfigurationError` when no address is set."""
    from dagster_pipeline.connectors.sources.s3.connector import S3ObjectSource

    return S3ObjectSource(file, url=bucket_url(settings, file.source.connection))


def open_api_source(
    settings: Settings,
    file: ApiFile,
    *,
    name: str,
    before: Callable[[], str | None] = lambda: None,
    is_impatient: bool = False,
) -> ApiAnswerSource:
    """The answers that a file below `schemas/apis/` asks for; the impatient ask once.

    Raises `ConfigurationError` when no address is set.
    """
    from dagster_pipeline.connectors.sources.api.client import ATTEMPTS, ApiClient, ApiSecrets
    from dagster_pipeline.connectors.sources.api.connector import ApiAnswerSource

    connection = file.source.connection
    url = settings.place_url(
        "API", connection=connection, schemes=("https", "http"), example="https://api.example.com/v1"
    )
    secrets = ApiSecrets(
        token=settings.secret_of("API", connection, "TOKEN"),
        client_id=settings.secret_of("API", connection, "CLIENT_ID"),
        client_secret=settings.secret_of("API", connection, "CLIENT_SECRET"),
    )
    client = ApiClient(file.source, url=url, secrets=secrets, attempts=1 if is_impatient else ATTEMPTS)
    return ApiAnswerSource(file, name=name, client=client, before=before)


def open_clickhouse_source(
    settings: Settings, file: ClickHouseFile, *, comment: str
) -> ClickHouseQuerySource:
    """What a file below `schemas/clickhouse/` asks for. Raises `ConfigurationError` when no address is set."""
    from dagster_pipeline.connectors.sources.clickhouse.connector import ClickHouseQuerySource

    url = other_clickhouse_url(settings, file.source.connection)
    return ClickHouseQuerySource(file, url=url, query_comment=comment)


def other_clickhouse_url(settings: Settings, connection: str) -> DatabaseUrl:
    """The address of a ClickHouse that is a source. Raises `ConfigurationError` when none is set."""
    return settings.place_url(
        "CLICKHOUSE",
        connection=connection,
        schemes=("http", "https"),
        example="https://user:password@host:8443/database",
    )


def bucket_url(settings: Settings, connection: str) -> DatabaseUrl:
    """A bucket's address. Raises `ConfigurationError` when none is set."""
    return settings.place_url(
        "S3",
        connection=connection,
        schemes=("s3", "http", "https"),
        example="s3://bucket?region=eu-central-1, or https://KEY:SECRET@host:9000/bucket",
    )
