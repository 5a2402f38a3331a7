"""Examines the state store without changing it: no table is made, nothing is brought up to date."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from dagster_pipeline.connectors.server_facts import Disk, MissingGrant, ServerFacts, measured_skew
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.state import migrations
from dagster_pipeline.state.database import Database

_SITUATION = """
SELECT current_setting('server_version'), current_user, current_schema(),
       coalesce((SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()), false),
       has_schema_privilege(current_schema(), 'CREATE'), quote_ident(current_user), quote_ident(current_schema())
"""
_REFUSED = """
SELECT quote_ident(nspname) || '.' || quote_ident(relname), string_agg(privilege, ', ')
FROM pg_catalog.pg_class relation JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace,
     unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) privilege
WHERE nspname = current_schema() AND relkind = 'r' AND relname LIKE 'pipeline\\_%'
  AND NOT has_table_privilege(relation.oid, privilege)
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class StateFacts:
    """The store as it stands.

    Attributes:
        server: what its server says; a SQLite file has no clock and no rights of its own.
        exists: it has tables; else the first run makes them.
        is_current: it has the schema of this version; else the next start brings it up to date.
    """

    server: ServerFacts
    exists: bool
    is_current: bool


def inspect_state(url: DatabaseUrl, *, seconds: int) -> StateFacts:
    """Ask the store. `seconds` bounds the wait for a connection.

    Raises `ConfigurationError` (wrong password, damaged file, newer than this version) or `RetriableError`.
    """
    if url.scheme.startswith("sqlite"):
        file = Path(url.database)
        here = next(folder for folder in (file.parent, *file.absolute().parents) if folder.exists())
        usage = shutil.disk_usage(here)
        server = ServerFacts("SQLite", "", disks=(Disk(str(here), usage.free, usage.total),))
        if not file.exists():
            return StateFacts(server, exists=False, is_current=False)
        with closing(_database(url)) as database, database.looking() as connection:
            number = migrations.version(connection, url)
        return StateFacts(server, exists=number > 0, is_current=number == migrations.STEPS[-1].number)
    hurried = replace(url, options={**url.options, "connect_timeout": str(seconds)})
    with closing(_database(hurried)) as database, database.looking() as connection:
        server = _postgres(connection, url)
        if any(grant.what.startswith("SELECT") for grant in server.missing):  # its version cannot be read
            return StateFacts(server, exists=True, is_current=True)
        number = migrations.version(connection, url)
    return StateFacts(server, exists=number > 0, is_current=number == migrations.STEPS[-1].number)


def _database(url: DatabaseUrl) -> Database:
    return Database(url, clock=lambda: datetime.now(UTC))


def _postgres(connection: Connection, url: DatabaseUrl) -> ServerFacts:
    version, user, schema, encrypted, creates, quoted_user, quoted_schema = connection.execute(
        text(_SITUATION)
    ).one()
    if schema is None:
        raise ConfigurationError(
            f"The state store {url}: user {user} has no schema to work in.",
            todo=f"GRANT USAGE, CREATE ON SCHEMA public TO {quoted_user};",
        )
    skew, uncertainty = measured_skew(
        lambda: float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    )
    missing = [
        MissingGrant(
            f"{rights} on {table}",
            "no load can be recorded",
            f"GRANT {rights} ON TABLE {table} TO {quoted_user};",
        )
        for table, rights in connection.execute(text(_REFUSED))
    ]
    if not creates:
        grant = f"GRANT CREATE ON SCHEMA {quoted_schema} TO {quoted_user};"
        missing.append(
            MissingGrant(
                f"CREATE on schema {schema}", "the store cannot be made or brought up to date", grant
            )
        )
    return ServerFacts(
        product="PostgreSQL",
        version=version,
        skew=skew,
        uncertainty=uncertainty,
        encrypted=encrypted,
        missing=tuple(missing),
    )
