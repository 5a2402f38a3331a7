"""The databases that exports write to, as their sinks reach them."""

from __future__ import annotations

from functools import partial

from dagster_pipeline.connectors.sink.database_access import DatabaseAccess
from dagster_pipeline.connectors.sources.mysql import connection as mysql_connection
from dagster_pipeline.connectors.sources.mysql import errors as mysql_errors
from dagster_pipeline.connectors.sources.mysql.dialect import DIALECT as MYSQL
from dagster_pipeline.connectors.sources.postgres import connection as postgres_connection
from dagster_pipeline.connectors.sources.postgres import errors as postgres_errors
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT as POSTGRES
from dagster_pipeline.connectors.sources.query_comment import commented
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.targets.base_target import Place, TargetTable
from dagster_pipeline.targets.mysql import MySQLTarget
from dagster_pipeline.targets.postgres import PostgresTarget
from dagster_pipeline.type_mapper import outbound_mysql, outbound_postgres


def postgres_access(url: DatabaseUrl, place: Place) -> DatabaseAccess:
    """Nothing is connected yet."""
    return DatabaseAccess(
        address=f"PostgreSQL at {url.redacted}",
        user=url.user,
        connect=partial(postgres_connection.connect, url, place.database),
        translating=partial(postgres_errors.translating, url),
        describe=partial(_described, PostgresTarget, url, place),
        rule=outbound_postgres.rule,
        quote=POSTGRES.quote,
        text=POSTGRES.text,
        commented=commented,
    )


def mysql_access(url: DatabaseUrl, place: Place) -> DatabaseAccess:
    """Nothing is connected yet."""
    return DatabaseAccess(
        address=f"MySQL at {url.redacted}",
        user=url.user,
        connect=partial(mysql_connection.connect, url, place.database),
        translating=partial(mysql_errors.translating, url),
        describe=partial(_described, MySQLTarget, url, place),
        rule=outbound_mysql.rule,
        quote=MYSQL.quote,
        text=MYSQL.text,
        commented=commented,
    )


def _described(kind: type[PostgresTarget | MySQLTarget], url: DatabaseUrl, place: Place) -> TargetTable:
    with kind(url, place, comment="") as target:
        return target.describe()
