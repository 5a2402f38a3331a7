"""What is PostgreSQL's own about the store: row locks, the server's clock, connections that die."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    cast,
    create_engine,
    extract,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.state.column_types import Instant

# libpq's own names (postgresql.org/docs/current/libpq-connect.html, "Parameter Key Words"); the address overrides them.
# A server that vanished without a word is noticed within half a minute.
CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "dagster_pipeline state",
}
_MIGRATION_LOCK = 0x64705F7374617465
"""Key of the advisory lock, the letters `dp_state`; advisory locks belong to one database."""


class PostgresBackend:
    """The store in a PostgreSQL database, through psycopg2."""

    # SET LOCAL rather than startup options: it works through a pooler in transaction mode. A process that stands still
    # inside a transaction holds the others up for 30 s at most.
    begin_reading = begin_writing = (
        "SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '30s'"
    )
    reading_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ"}

    def __init__(self, url: DatabaseUrl) -> None:
        """Raises `ConfigurationError` when the address asks for another driver or names no database."""
        if url.scheme not in {"postgresql", "postgres", "postgresql+psycopg2"}:
            raise ConfigurationError(
                f"{url.variable} asks for {url.scheme}, which is not installed here.",
                todo="Write postgresql://.",
            )
        if not url.database:
            raise ConfigurationError(
                f"{url.variable} names no database.", todo="Write postgresql://user@host/database."
            )
        self._address = URL.create(
            "postgresql+psycopg2",
            username=url.user or None,
            password=url.password or None,
            host=url.host or None,
            port=url.port or None,
            database=url.database,
            query={**CONNECTION_DEFAULTS, **url.options},
        )

    def open(self) -> Engine:
        """No connection is made yet."""
        return create_engine(
            self._address,
            max_overflow=-1,  # a heartbeat must never wait for a connection that its own run holds
            pool_pre_ping=True,  # the server may have been restarted since the last chunk
            hide_parameters=True,
        )

    def check(self) -> None:
        """The server itself says when something is wrong."""

    def now(self) -> ColumnElement[Any]:
        """The server's clock, so hosts whose clocks differ agree; not frozen at the transaction's start."""
        return cast(extract("epoch", func.clock_timestamp()) * 1_000_000, Instant)

    def insert(self, table: Table) -> Insert:
        """An INSERT that knows ON CONFLICT."""
        return insert(table)

    def exclude_other_migrations(self, connection: Connection) -> None:
        """Wait until no other process migrates; the lock ends with the transaction."""
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
