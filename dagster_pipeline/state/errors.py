"""What the drivers' errors mean for a run, by their codes. No connection is opened here.

Codes: sqlite.org/rescode.html and postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from sqlalchemy.exc import DBAPIError

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says about the store (a sentence's end) and what to do.

    Attributes:
        passing: the same call may succeed later.
    """

    what: str
    todo: str
    passing: bool = False


_RETRY = "Try again."
_RESTORE = (
    "Restore it from a backup, or move it away: a new store is created, and cursors are seeded by"
    " `python -m dagster_pipeline state set` or `import`."
)
_LOST = Meaning("lost the connection", _RETRY, passing=True)
_REFUSED = Meaning(
    "refused the connection",
    "Check user, password and database in the address, and the server's pg_hba.conf.",
)
_NOT_TRUSTED = Meaning("cannot be trusted", "Correct sslmode and sslrootcert in the address.")
_DAMAGED = Meaning("is damaged, or is something else than a state store", _RESTORE)
_ALTERED = Meaning("does not have the tables and columns that it must have", _RESTORE)
_READ_ONLY = Meaning("is read-only", "Give this user the right to write to the file and to its directory.")
_NO_ACCESS = Meaning(
    "cannot be opened", "Its directory must exist and this user must have the right to read and write there."
)

# By primary code: the low byte of SQLite's extended code.
_SQLITE: Mapping[int, Meaning] = {
    sqlite3.SQLITE_BUSY: Meaning(
        "is locked by another writer",
        "Try again; a store that many processes share belongs in PostgreSQL.",
        passing=True,
    ),
    sqlite3.SQLITE_LOCKED: Meaning("is locked by another writer", _RETRY, passing=True),
    sqlite3.SQLITE_PROTOCOL: Meaning("is locked by another writer", _RETRY, passing=True),
    sqlite3.SQLITE_SCHEMA: Meaning("was changed meanwhile", _RETRY, passing=True),
    sqlite3.SQLITE_INTERRUPT: Meaning("was interrupted", _RETRY, passing=True),
    sqlite3.SQLITE_NOMEM: Meaning("ran out of memory", _RETRY, passing=True),
    sqlite3.SQLITE_FULL: Meaning("has no room left", "Free space on its disk, then try again.", passing=True),
    sqlite3.SQLITE_IOERR: Meaning(
        "could not be read or written", "Check its disk, then try again.", passing=True
    ),
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _NO_ACCESS,
    sqlite3.SQLITE_PERM: _NO_ACCESS,
    sqlite3.SQLITE_AUTH: _NO_ACCESS,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    # A statement that SQLite does not understand. Ours are fixed, so it is the tables that differ.
    sqlite3.SQLITE_ERROR: _ALTERED,
}

# By SQLSTATE, and below that by its class, the first two characters.
_POSTGRES: Mapping[str, Meaning] = {
    "25006": Meaning("is read-only", "Point the address at the primary server."),
    "25P03": _LOST,
    "3D000": Meaning("does not exist", "Create the database."),
    "3F000": Meaning("has no schema to create tables in", "Create the schema that search_path names."),
    "42501": Meaning("does not allow this user to do that", "Let it own the pipeline_ tables and create some."),
    "42P01": _ALTERED,
    "42703": _ALTERED,
    "53100": Meaning("has no room left", "Free space on the server's disk, then try again.", passing=True),
    "53300": Meaning("has no connection free", "Try again, or raise max_connections.", passing=True),
    "55P03": Meaning("waited too long for another writer", _RETRY, passing=True),
    "57014": Meaning("cancelled the statement", _RETRY, passing=True),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}  # fmt: skip
_POSTGRES_CLASSES: Mapping[str, Meaning] = {
    "08": _LOST,
    "28": _REFUSED,
    "40": Meaning("undid the transaction", _RETRY, passing=True),
    "53": Meaning("is out of resources", _RETRY, passing=True),
    "57": Meaning("is starting or stopping", _RETRY, passing=True),
    "58": Meaning("had a system error", _RETRY, passing=True),
}

# libpq reports a connection that was not made without SQLSTATE, so these are told by the server's own words; in another
# language than English they count as passing, which costs some retries.
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "pg_hba.conf",
    "permission denied for database",
)


def _of_sqlite(error: sqlite3.Error) -> tuple[str, Meaning | None]:
    code = getattr(error, "sqlite_errorcode", None)  # absent when Python's module itself complains
    return str(code or ""), _SQLITE.get(code & 0xFF) if code else None


def _of_postgres(error: psycopg2.Error) -> tuple[str, Meaning | None]:
    code = error.pgcode or ""
    if code:
        return code, _POSTGRES.get(code) or _POSTGRES_CLASSES.get(code[:2])
    if isinstance(error, psycopg2.ProgrammingError):
        return "", Meaning("has an address that libpq does not understand", "Correct its options.")
    if "certificate" in str(error) or "server does not support SSL" in str(error):
        return "", _NOT_TRUSTED
    if any(words in str(error) for words in _REFUSALS):
        return "", _REFUSED
    lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    # The bare DatabaseError is what psycopg2 raises when a result breaks off in the middle.
    return "", _LOST if lost or type(error) is psycopg2.DatabaseError else None


def translate(error: BaseException, url: DatabaseUrl) -> PipelineError:
    """The driver's error as one of ours. A code that is not known is a `FatalError`: nobody has said that it passes."""
    code, meaning = "", None
    if isinstance(error, sqlite3.Error):
        code, meaning = _of_sqlite(error)
    elif isinstance(error, psycopg2.Error):
        code, meaning = _of_postgres(error)
    said = " ".join(str(error).split())
    if meaning is None:
        return FatalError(
            f"The state store {url} failed: {said} [{code or type(error).__name__}].", code=code
        )
    what = f"The state store {url} {meaning.what}: {said}{f' [{code}]' if code else ''}."
    if meaning.passing:
        return RetriableError(what, todo=meaning.todo, code=code)
    return ConfigurationError(what, todo=meaning.todo)


@contextmanager
def translated(url: DatabaseUrl) -> Iterator[None]:
    """Whatever SQLAlchemy or a driver raises inside leaves as one of our errors."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error.orig or error, url) from error
    except (sqlite3.Error, psycopg2.Error) as error:
        raise translate(error, url) from error
