"""PyMySQL's errors into ours, once, by number (dev.mysql.com/doc/mysql-errors/8.4/en, mariadb.com/kb/en/mariadb-error-codes)."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import contextmanager

import pymysql

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError

BAD_TLS = 2026

_CONFIGURATION = {
    1044: "Grant access to the database to user {user}.",
    1045: "Correct user and password in {variable}.",
    1698: "Correct user and password in {variable}.",
    1049: "Correct the database in {variable}.",
    1146: "Correct source.database and source.table in the table's file.",
    1054: "Correct the column's name in the table's file, or source.where.",
    1064: "Correct source.where in the table's file.",
    1130: "Let user {user} connect from this host.",
    1142: "Grant it: GRANT SELECT ON the table TO user {user}.",
    1143: "Grant it: GRANT SELECT ON the table TO user {user}.",
    1227: "Grant it to user {user}.",
    1251: "Give the user another authentication plugin, or correct {variable}.",
    1862: "Change the expired password of user {user}.",
    BAD_TLS: "Correct the TLS options of {variable}.",
    3118: "Unlock the account of user {user}.",
    3159: "The server wants TLS: add ssl_mode=required to {variable}.",
}
_RETRIABLE = {
    1021: "A disk of the server is full.",
    1037: "The server is out of memory.",
    1038: "The server is out of memory.",
    1040: "The server has too many connections.",
    1041: "The server is out of memory.",
    1053: "The server is shutting down.",
    1114: "A temporary table of the server is full.",
    1152: "The connection broke.",
    1158: "The connection broke.",
    1159: "The connection timed out.",
    1160: "The connection broke.",
    1161: "The connection timed out.",
    1184: "The connection broke.",
    1203: "The user has too many connections.",
    1205: "A lock was not released in time.",
    1213: "The server rolled the statement back.",
    1226: "The user's resources are used up.",
    1317: "The statement was interrupted.",
    1412: "The table was altered meanwhile.",
    1461: "The server has too many prepared statements.",
    1927: "The connection was killed.",
    1969: "The statement ran into the server's time limit.",
    2002: "Check host and port in {variable} if it stays so.",
    2003: "Check host and port in {variable} if it stays so.",
    2006: "The connection broke.",
    2013: "The connection broke.",
    2014: "The connection broke.",
    2055: "The connection broke.",
    3024: "The statement ran into the server's time limit.",
    4031: "The connection was idle for too long.",
}


def translated(error: Exception, *, url: DatabaseUrl, doing: str) -> PipelineError:
    """Our error for the driver's. `doing` is what was tried, e.g. `reading amtdb.accounts`."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    words = str(error.args[1]) if len(error.args) > 1 else str(error)
    what = f"MySQL at {url.redacted}: {doing}: {words} ({number})."
    if isinstance(
        getattr(error, "original_exception", None), ssl.SSLError
    ):  # PyMySQL says 2003, as of any broken way
        number = BAD_TLS
    known = by_number(number, what, url=url)
    if known is not None:
        return known
    if isinstance(error, OSError) or (number == 0 and isinstance(error, pymysql.InterfaceError)):
        return RetriableError(what, code=str(number), todo="The connection broke.")
    return FatalError(what, code=str(number))


def by_number(number: int, what: str, *, url: DatabaseUrl) -> PipelineError | None:
    """Our error for the server's number; `None` when it is not known here."""
    facts = {"variable": url.variable, "user": url.user}
    if number in _CONFIGURATION:
        return ConfigurationError(what, todo=_CONFIGURATION[number].format(**facts))
    if number in _RETRIABLE:
        return RetriableError(what, code=str(number), todo=_RETRIABLE[number].format(**facts))
    return None


@contextmanager
def translating(url: DatabaseUrl, doing: str) -> Generator[None, None, None]:
    """Around any use of the driver."""
    try:
        yield
    except (pymysql.MySQLError, OSError) as error:
        raise translated(error, url=url, doing=doing) from error
