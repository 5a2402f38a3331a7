"""Whether Dagster's own PostgreSQL database can be used: reached, logged in to, new enough, and of this Dagster's schema."""

from __future__ import annotations

import ast
import importlib.util
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import extensions

from dagster_pipeline.errors import ConfigurationError

OLDEST_SERVER = 140000
"""PostgreSQL 14, the oldest with upstream support (postgresql.org/support/versioning)."""
CONNECT_SECONDS = 4
NO_REVISION = "none"
FIRST_START_LOCK = 0x64706670  # any number that nobody else takes; advisory locks are per database


def check_storage(
    database: Mapping[str, Any],
    *,
    variables: tuple[str, ...],
    create_schema: Callable[[], object],
    accept_any_schema: bool = False,
) -> None:
    """Raise `ConfigurationError` with the first thing that is wrong.

    An empty database gets Dagster's tables here, by one service while the others wait: several that make them at once
    would leave them half made.

    Args:
        database: Dagster's `postgres_db` block, with variables put in.
        variables: what the block took them from, to name them.
        create_schema: makes Dagster's tables.
        accept_any_schema: the schema is about to be migrated.
    """
    host, port = str(database.get("hostname", "")), int(database.get("port") or 5432)
    place = (
        f"Dagster's PostgreSQL database ({database.get('username')}@{host}:{port}/{database.get('db_name')})"
    )
    todo = f"Correct {', '.join(variables)}, or start the server." if variables else ""
    _reach(host, port, place, todo)
    with closing(_log_in(database, host, port, place, variables)) as connection:
        connection.autocommit = True
        _check_version(connection, place)
        if accept_any_schema:
            return
        if _schema(connection) is None:
            _create(connection, place, create_schema)
        _check_schema(connection, place)


def _reach(host: str, port: int, place: str, todo: str) -> None:
    if host.startswith("/"):  # a Unix socket's directory
        return
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ConfigurationError(
            f"{place} cannot be reached: {error.strerror or error}.", todo=todo
        ) from error


def _log_in(
    database: Mapping[str, Any], host: str, port: int, place: str, variables: tuple[str, ...]
) -> extensions.connection:
    try:
        connection: extensions.connection = psycopg2.connect(
            host=host,
            port=port,
            user=database.get("username"),
            password=database.get("password") or None,
            dbname=database.get("db_name"),
            connect_timeout=CONNECT_SECONDS,
            application_name="dagster_pipeline serve",
            **database.get("params") or {},
        )
    except psycopg2.OperationalError as error:
        said = " ".join(str(error).split())
        raise ConfigurationError(
            f"{place} refuses the connection: {said}.",
            todo=f"Correct {', '.join(variables)}; scripts/setup_dagster_database.py makes user and database. "
            "PGSSLMODE and PGSSLROOTCERT say how TLS is used.",
        ) from error
    return connection


def _check_version(connection: extensions.connection, place: str) -> None:
    if connection.server_version < OLDEST_SERVER:
        raise ConfigurationError(
            f"{place} is PostgreSQL {connection.server_version // 10000}, which is too old.",
            todo=f"Use PostgreSQL {OLDEST_SERVER // 10000} or newer.",
        )


def _create(connection: extensions.connection, place: str, create_schema: Callable[[], object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema(), has_schema_privilege(current_schema(), 'CREATE')")
        schema, may_create = cursor.fetchone() or (None, False)
        if not may_create:
            raise ConfigurationError(
                f"{place} is empty, and its user may create no tables in schema {schema}.",
                todo="Run scripts/setup_dagster_database.py, which grants that.",
            )
        cursor.execute("SELECT pg_advisory_lock(%s)", [FIRST_START_LOCK])
        try:
            if _schema(connection) is None:
                create_schema()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [FIRST_START_LOCK])


def _check_schema(connection: extensions.connection, place: str) -> None:
    found = _schema(connection)
    known, newest = _revisions()
    if found == newest:
        return
    if found in known:
        raise ConfigurationError(
            f"{place} has the schema of an older Dagster (revision {found}, this one has {newest}).",
            todo="Stop all services, back it up, and run: python -m dagster_pipeline serve migrate",
        )
    raise ConfigurationError(
        f"{place} has the schema of a newer Dagster (revision {found}, this one has {newest}).",
        todo="Deploy the newer image again, or put back the database's copy from before the migration.",
    )


def _schema(connection: extensions.connection) -> str | None:
    """The revision that the database is at, `None` when Dagster never was in it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('runs') IS NOT NULL, to_regclass('alembic_version') IS NOT NULL")
        has_runs, has_revision = cursor.fetchone() or (False, False)
        if not has_runs:
            return None
        if not has_revision:
            return NO_REVISION
        cursor.execute("SELECT string_agg(version_num, '+' ORDER BY version_num) FROM alembic_version")
        return str((cursor.fetchone() or ("",))[0])


def _revisions() -> tuple[frozenset[str], str]:
    """All revisions that the installed Dagster knows, and its newest.

    Read as text: alembic's own ScriptDirectory would import every script, and with the first one Dagster, for seconds.
    """
    spec = importlib.util.find_spec("dagster")
    if spec is None or spec.origin is None:
        raise ConfigurationError("Dagster is not installed.", todo="Install this project's dependencies.")
    before: dict[str, str] = {}
    for script in (Path(spec.origin).parent / "_core" / "storage" / "alembic" / "versions").glob("*.py"):
        assigned = _assigned_texts(script.read_text())
        if "revision" in assigned:
            before[assigned["revision"]] = assigned.get("down_revision", "")
    heads = before.keys() - set(before.values())
    return frozenset(before) | {NO_REVISION}, "+".join(sorted(heads))


def _assigned_texts(script: str) -> dict[str, str]:
    """Names that a script sets to a plain text at its top."""
    return {
        target.id: node.value.value
        for node in ast.parse(script).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
