"""A connection to PostgreSQL, and the session that every statement of ours runs in.

Settings are made with `SET LOCAL` in the statement's own transaction, not once per connection: behind PgBouncer in
transaction mode another transaction may run in another server session (pgbouncer.org/features.html), and a wrong
DateStyle there would change values without an error.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
import psycopg2.extensions

from dagster_pipeline.connectors.sources import pace
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT
from dagster_pipeline.connectors.sources.postgres.errors import translating
from dagster_pipeline.connectors.sources.query_comment import APPLICATION
from dagster_pipeline.database_url import DatabaseUrl

CONNECT_SECONDS = 10
SMALL_QUERY_SECONDS = 900
"""How long a question to the catalog, about bounds or about ranges may take; reading is left to the server's own limit."""

_VALUES_AS_TEXT = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    "standard_conforming_strings": "on",
    "xmloption": "content",
}
_WAITING = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "0", "jit": "off"}
_NOTICES_A_GONE_CLIENT = 140_000
"""Since version 14 a statement looks now and then whether its client is still there."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
BEGIN_WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

Connection = psycopg2.extensions.connection


class Cursor(psycopg2.extensions.cursor):
    """Sends what opens its transaction together with the first statement: one way to the server and back, not three."""

    opening = ""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 -- the base class's name
        """See psycopg2."""
        opening, self.opening = self.opening, ""
        super().execute(opening + query if opening else query, vars)


def connect(url: DatabaseUrl, database: str) -> Connection:
    """Open a connection.

    Options of the URL are libpq's own (postgresql.org/docs/current/libpq-connect.html), but for `max_rows_per_second`.
    Raises `ConfigurationError` (wrong password, unknown database, bad option) or `RetriableError` (unreachable host).
    """
    parameters: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
        "application_name": APPLICATION,
        **{name: value for name, value in url.options.items() if name != pace.OPTION},
        "client_encoding": "UTF8",
        "dbname": database,
    }
    address: dict[str, Any] = {"host": url.host, "port": url.port, "user": url.user, "password": url.password}
    parameters |= {name: value for name, value in address.items() if value}
    with translating(url, "connecting"):
        connection: Connection = psycopg2.connect(**parameters)
        connection.autocommit = True  # `session` opens its transactions itself
    return connection


@contextmanager
def session(
    connection: Connection, *, statements: tuple[str, ...] = (), bounded: bool = True, begin: str = _BEGIN
) -> Generator[Cursor, None, None]:
    """One transaction with our settings, read-only unless `begin` is `BEGIN_WRITING`; it is rolled back at its end.

    `statements` run after the settings. `bounded` limits each statement to `SMALL_QUERY_SECONDS`. The transaction begins
    with the first statement.
    """
    with connection.cursor(cursor_factory=Cursor) as cursor:
        settings = _settings(connection, bounded=bounded)
        cursor.opening = f"{begin}; {settings}; "
        try:
            for statement in statements:
                cursor.execute(statement)
            yield cursor
        finally:
            with suppress(psycopg2.Error):
                if not cursor.opening:
                    cursor.execute("ROLLBACK")


def hang_up(connection: Connection) -> None:
    """Break the connection under a statement that runs in another thread, which then gets an error at once.

    Not `connection.cancel()`: psycopg2 holds the interpreter's lock while it asks the server to cancel, for minutes
    when the server is out of reach. Not only `shutdown` either: a server that waits for room to write does not notice
    an orderly end until the kernel forgets the connection, a minute later. With a linger time of zero the last close
    sends a reset (`man 7 socket`), which breaks its write at once.
    """
    with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as broken:
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        broken.shutdown(socket.SHUT_RDWR)


def _settings(connection: Connection, *, bounded: bool) -> str:
    values = _VALUES_AS_TEXT | _WAITING
    if connection.server_version >= _NOTICES_A_GONE_CLIENT:
        values = values | {"client_connection_check_interval": "1s"}
    if bounded:
        values = values | {"statement_timeout": f"{SMALL_QUERY_SECONDS}s"}
    calls = (
        f"set_config({DIALECT.text(name)}, {DIALECT.text(value)}, true)" for name, value in values.items()
    )
    return f"SELECT {', '.join(calls)}"
