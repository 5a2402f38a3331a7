"""psycopg2's and libpq's errors into ours, once, by SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html).

A connection that was refused carries no SQLSTATE (libpq gives only the server's words), so those few are told apart
by their English text; what is not recognised there is worth a retry.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg2

from dagster_pipeline.connectors.sources.decoding.copy_rows import CopyError
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError

_RETRIABLE_CLASSES = {
    "08": "The connection broke.",
    "40": "The server rolled the statement back.",
    "53": "The server is short of resources.",
    "57": "The server ended the statement.",
    "58": "The server had a system error.",
}
_LOCK_NOT_AVAILABLE = "55P03"
_CONFIGURATION_CLASSES = {
    "28": "Correct user or password in {variable}.",
    "3D": "Correct the database in {variable}.",
    "3F": "Correct source.schema in the table's file.",
    "42": "Correct the table's file, or the object at the source.",
}
_CONFIGURATION_CODES = {
    "42501": "Grant it: GRANT USAGE ON SCHEMA ... and GRANT SELECT ON TABLE ... to user {user}.",
    "42P01": "Correct source.schema and source.table in the table's file.",
    "42703": "Correct the column's name in the table's file.",
    "42601": "Correct source.where in the table's file.",
}
_REFUSALS = (
    ("certificate", "Correct the TLS options of {variable}."),
    ("password authentication failed", "Correct user and password in {variable}."),
    ("no password supplied", "Put the password into {variable}."),
    ("role ", "Correct the user in {variable}."),
    ("does not exist", "Correct the database in {variable}."),
    (
        "pg_hba.conf",
        "Allow this host in the server's pg_hba.conf, or correct sslmode in {variable}.",
    ),
    ("permission denied for database", "Grant it: GRANT CONNECT ON DATABASE ... to user {user}."),
    ("server does not support SSL", "Correct sslmode in {variable}."),
    ("sslmode value", "Correct sslmode in {variable}."),
    ("invalid connection option", "Correct the options of {variable}."),
)


def translated(error: psycopg2.Error, *, url: DatabaseUrl, doing: str) -> PipelineError:
    """Our error for the driver's. `doing` is what was tried, e.g. `reading public.orders`."""
    is_lost = not error.pgcode and _is_of_the_connection(error)
    return _judged(error.pgcode or "", _first_line(error), url=url, doing=doing, is_lost=is_lost)


def _judged(code: str, words: str, *, url: DatabaseUrl, doing: str, is_lost: bool) -> PipelineError:
    what = f"PostgreSQL at {url.redacted}: {doing}: {words}"
    if is_lost:
        return _without_code(what, words, url)
    facts = {"variable": url.variable, "user": url.user}
    if code == _LOCK_NOT_AVAILABLE or code[:2] in _RETRIABLE_CLASSES:
        return RetriableError(what, code=code, todo=_RETRIABLE_CLASSES.get(code[:2], "The table is locked."))
    todo = _CONFIGURATION_CODES.get(code) or _CONFIGURATION_CLASSES.get(code[:2])
    if todo is not None:
        return ConfigurationError(f"{what} ({code}).", todo=todo.format(**facts))
    return FatalError(f"{what} ({code}).", code=code)


@contextmanager
def translating(url: DatabaseUrl, doing: str) -> Generator[None, None, None]:
    """Around any use of the driver."""
    try:
        yield
    except psycopg2.Error as error:
        raise translated(error, url=url, doing=doing) from error
    except CopyError as error:
        words = _first_line(error).removeprefix("ERROR:").removeprefix("FATAL:").strip()
        raise _judged(error.code, words, url=url, doing=doing, is_lost=not error.code) from error


def _is_of_the_connection(error: psycopg2.Error) -> bool:
    """An error that no server sent. psycopg2 raises its bare `DatabaseError` when a result breaks off in the middle."""
    lost = psycopg2.OperationalError | psycopg2.InterfaceError
    return isinstance(error, lost) or type(error) is psycopg2.DatabaseError


def _without_code(what: str, words: str, url: DatabaseUrl) -> PipelineError:
    for part, todo in _REFUSALS:
        if part in words:
            return ConfigurationError(what, todo=todo.format(variable=url.variable, user=url.user))
    return RetriableError(what, todo=f"If it stays so, check host and port in {url.variable}.")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
