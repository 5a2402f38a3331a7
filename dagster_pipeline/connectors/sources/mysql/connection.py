"""A connection to MySQL or MariaDB for small questions, and the session that every statement of ours runs in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from dagster_pipeline.connectors.sources import pace
from dagster_pipeline.connectors.sources.mysql.errors import translating
from dagster_pipeline.connectors.sources.query_comment import APPLICATION
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError

CONNECT_SECONDS = 10
SMALL_QUERY_SECONDS = 900
DEFAULT_PORT = 3306

CHARACTER_SET = "SET NAMES utf8mb4"
"""PyMySQL sends it by itself."""

SESSION = (
    "SET time_zone = '+00:00', sql_mode = '', net_write_timeout = 3600, lock_wait_timeout = 10",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
)
"""Values read the same whatever the server's defaults; zero dates are readable; a slow warehouse does not cut us off."""

TLS_MODES = ("disabled", "required", "verify_ca", "verify_identity")
OPTIONS = ("ssl_mode", "ssl_ca", pace.OPTION)


def tls_mode(url: DatabaseUrl) -> str:
    """How the connection is secured: `ssl_mode`, or `verify_identity` when only `ssl_ca` is given.

    Raises `ConfigurationError` for options that cannot be honoured: the reader of rows knows no client certificates.
    """
    unknown = sorted(set(url.options) - set(OPTIONS))
    if unknown:
        raise ConfigurationError(
            f"{url.variable} has options that are not known: {', '.join(unknown)}.",
            todo=f"Known: {', '.join(OPTIONS)}.",
        )
    mode = url.options.get("ssl_mode", "verify_identity" if "ssl_ca" in url.options else "disabled").lower()
    if mode not in TLS_MODES:
        raise ConfigurationError(f"{url.variable}: ssl_mode is not one of {', '.join(TLS_MODES)}.")
    return mode


def connect(
    url: DatabaseUrl,
    database: str,
    *,
    session: Sequence[str] = SESSION,
    client_flag: int = 0,
    connect_seconds: int = CONNECT_SECONDS,
    answer_seconds: int = SMALL_QUERY_SECONDS,
) -> Connection[Cursor]:
    """Open a connection whose session runs `session` first; an empty `database` uses none.

    Raises `ConfigurationError` (wrong password, unknown database) or `RetriableError` (unreachable).
    """
    tls = _tls(url)
    with translating(url, "connecting"):
        connection: Connection[Cursor] = pymysql.connect(
            host=url.host,
            port=url.port or DEFAULT_PORT,
            user=url.user,
            password=url.password,
            database=database,
            charset="utf8mb4",
            connect_timeout=connect_seconds,
            read_timeout=answer_seconds,
            write_timeout=answer_seconds,
            autocommit=True,
            program_name=APPLICATION,
            client_flag=client_flag,
            ssl=tls,
            ssl_disabled=tls is None,
        )
        with connection.cursor() as cursor:
            for statement in session:
                cursor.execute(statement)
    return connection


def _tls(url: DatabaseUrl) -> ssl.SSLContext | None:
    """What the connection is secured with. PyMySQL's own options would not verify the host against the system's authorities."""
    mode = tls_mode(url)
    if mode == "disabled":
        return None
    authority = url.options.get("ssl_ca") if mode != "required" else None
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"{url.variable}: ssl_ca is {authority}, which cannot be used: {error.strerror or error}.",
            todo="Name a readable file of PEM certificates.",
        ) from error
    context.check_hostname = mode == "verify_identity"
    if mode == "required":
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def asking(connection: Connection[Cursor], url: DatabaseUrl, doing: str) -> Generator[Cursor, None, None]:
    """A cursor whose errors are ours."""
    with translating(url, doing), connection.cursor() as cursor:
        yield cursor


def cut(connection: Connection[Cursor]) -> None:
    """Break the connection under a statement that runs in another thread, which gets an error and closes it."""
    with suppress(OSError, AttributeError):
        connection._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]


def hang_up(connection: Connection[Cursor]) -> None:
    """End a connection without a word to the server, which ends its statement."""
    cut(connection)
    with suppress(pymysql.MySQLError, OSError):
        connection.close()
