"""Examines one PostgreSQL database as our user sees it: version, clock, encryption, rights."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

from dagster_pipeline.connectors.server_facts import MissingGrant, NeededTable, ServerFacts, measured_skew
from dagster_pipeline.connectors.sources.postgres.bounds import GRANT
from dagster_pipeline.connectors.sources.postgres.connection import Cursor, connect, session
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.database_url import DatabaseUrl

_WITHOUT_STATS = "open transactions' times are not seen: runs keep a distance of sync.settle"

_SITUATION = f"""
SELECT current_setting('server_version'), current_user,
       coalesce((SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()), false),
       pg_has_role(current_user, '{GRANT}', 'USAGE')
"""
_RIGHTS = """
SELECT wanted.schema_name, wanted.table_name, namespace.oid IS NOT NULL, relation.oid IS NOT NULL,
       coalesce(has_schema_privilege(namespace.oid, 'USAGE'), false),
       ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
             WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
               AND NOT has_column_privilege(relation.oid, attnum, 'SELECT')),
       coalesce(row_security_active(relation.oid), false)
FROM unnest(%s::text[], %s::text[]) AS wanted (schema_name, table_name)
LEFT JOIN pg_catalog.pg_namespace namespace ON namespace.nspname = wanted.schema_name
LEFT JOIN pg_catalog.pg_class relation ON relation.relnamespace = namespace.oid AND relation.relname = wanted.table_name
ORDER BY wanted.schema_name, wanted.table_name
"""


def inspect_postgres(
    url: DatabaseUrl, *, database: str, tables: Iterable[NeededTable], seconds: int, watches: bool = True
) -> ServerFacts:
    """Ask the server. `seconds` bounds the wait for a connection; `watches` as for `inspect_mysql`.

    Raises `ConfigurationError` (wrong password, TLS refused, no CONNECT) or `RetriableError` (unreachable).
    """
    hurried = replace(url, options={**url.options, "connect_timeout": str(seconds)})
    needed = tuple(tables)
    with closing(connect(hurried, url.database or database)) as connection, translating(url, "examining it"):
        with session(connection) as cursor:
            version, user, encrypted, sees_others = _rows(cursor, _SITUATION)[0]
            skew, uncertainty = measured_skew(
                lambda: float(_rows(cursor, "SELECT extract(epoch FROM clock_timestamp())")[0][0])
            )
            rights = _rows(
                cursor, _RIGHTS, [table.schema for table in needed], [table.name for table in needed]
            )
        account = DIALECT.quote(user)
        missing = list(_missing(needed, rights, account))
        if watches and not sees_others:
            missing.append(
                MissingGrant(GRANT, _WITHOUT_STATS, f"GRANT {GRANT} TO {account};", required=False)
            )
    return ServerFacts(
        product="PostgreSQL",
        version=version,
        skew=skew,
        uncertainty=uncertainty,
        encrypted=encrypted,
        missing=tuple(missing),
        absent=tuple(f"{schema}.{table}" for schema, table, _, exists, *_ in rights if not exists),
    )


def _missing(
    needed: tuple[NeededTable, ...], rights: list[tuple[Any, ...]], account: str
) -> Generator[MissingGrant, None, None]:
    columns_of = {(table.schema, table.name): table.columns for table in needed}
    closed: dict[str, int] = {}
    for schema, table, has_schema, exists, may_use, unreadable, hides_rows in rights:
        if has_schema and not may_use:
            closed[schema] = closed.get(schema, 0) + 1
        place = f"{DIALECT.quote(schema)}.{DIALECT.quote(table)}"
        wanted = columns_of[schema, table]
        columns = [column for column in wanted or unreadable if column in unreadable]
        if exists and columns:
            listed = "" if not wanted or len(columns) == len(wanted) else f" of {', '.join(columns)}"
            quoted = f" ({', '.join(map(DIALECT.quote, columns))})" if listed else ""
            yield MissingGrant(
                f"SELECT on {schema}.{table}",
                f"its rows{listed} cannot be read",
                f"GRANT SELECT{quoted} ON TABLE {place} TO {account};",
            )
        if hides_rows:
            yield MissingGrant(
                f"BYPASSRLS for {schema}.{table}",
                "row level security may hide rows from us, and nothing would tell",
                f"ALTER ROLE {account} BYPASSRLS;",
                required=False,
            )
    for schema, tables in closed.items():
        yield MissingGrant(
            f"USAGE on schema {schema}",
            f"{tables} table(s) of it cannot be read",
            f"GRANT USAGE ON SCHEMA {DIALECT.quote(schema)} TO {account};",
        )


def _rows(cursor: Cursor, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    cursor.execute(statement, arguments or None)
    return cursor.fetchall()
