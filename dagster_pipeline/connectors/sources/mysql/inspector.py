"""Examines one MySQL or MariaDB server as our user sees it: version, clock, encryption, rights.

Rights are not read but tried, since roles, wildcards and proxies decide them in ways that `SHOW GRANTS` does not add up:
each table is asked for no row of its columns.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from dagster_pipeline.connectors.server_facts import MissingGrant, NeededTable, ServerFacts, measured_skew
from dagster_pipeline.connectors.sources.mysql.bounds import ACCESS_DENIED
from dagster_pipeline.connectors.sources.mysql.connection import asking, connect
from dagster_pipeline.connectors.sources.mysql.dialect import DIALECT
from dagster_pipeline.database_url import DatabaseUrl

_DENIED_DATABASE, _DENIED_TABLE, _DENIED_COLUMN = 1044, 1142, 1143
DENIED = (_DENIED_DATABASE, _DENIED_TABLE, _DENIED_COLUMN)
"""Numbers of a missing right (dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html)."""
_NO_DATABASE, _NO_COLUMN, _NO_TABLE = 1049, 1054, 1146
_WITHOUT_PROCESS = (
    "open transactions are not seen: runs keep a distance of sync.settle, and no cursor but a time settles"
)


def inspect_mysql(
    url: DatabaseUrl, *, database: str, tables: Iterable[NeededTable], seconds: int, watches: bool = True
) -> ServerFacts:
    """Ask the server. `seconds` bounds each wait for it; `watches`: windows are read, so open transactions must be seen.

    Raises `ConfigurationError` (wrong password, TLS refused) or `RetriableError` (unreachable).
    """
    database = url.database or database
    # Without a database: a user who may not use it is still told which right is missing.
    with _connected(url, seconds) as connection, asking(connection, url, "examining it") as cursor:
        version = str(_one(cursor, "SELECT VERSION()"))
        skew, uncertainty = measured_skew(lambda: float(str(_one(cursor, "SELECT UNIX_TIMESTAMP(NOW(6))"))))
        our_account = account(str(_one(cursor, "SELECT CURRENT_USER()")))
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        cipher = cursor.fetchone()
        missing, absent = _tried(cursor, database, tuple(tables), our_account)
        if watches and not _sees_transactions(cursor):
            grant = MissingGrant(
                "PROCESS", _WITHOUT_PROCESS, f"GRANT PROCESS ON *.* TO {our_account};", required=False
            )
            missing = (*missing, grant)
    return ServerFacts(
        product="MariaDB" if "mariadb" in version.lower() else "MySQL",
        version=version,
        skew=skew,
        uncertainty=uncertainty,
        encrypted=bool(cipher and cipher[1]),
        missing=missing,
        absent=absent,
    )


@contextmanager
def _connected(url: DatabaseUrl, seconds: int) -> Generator[Connection[Cursor], None, None]:
    connection = connect(url, "", connect_seconds=seconds, answer_seconds=seconds)
    try:
        yield connection
    finally:
        with suppress(pymysql.MySQLError, OSError):
            connection.close()


def _tried(
    cursor: Cursor, database: str, tables: tuple[NeededTable, ...], account: str
) -> tuple[tuple[MissingGrant, ...], tuple[str, ...]]:
    """Rights that are missing, and tables that are."""
    denied: dict[str, list[str]] = {}
    absent: list[str] = []
    for table in tables:
        name, place = f"{database}.{table.name}", f"{DIALECT.quote(database)}.{DIALECT.quote(table.name)}"
        number = _refusal(cursor, place, table.columns)
        if number in (_NO_TABLE, _NO_DATABASE):
            absent.append(name)
        elif number == _DENIED_COLUMN:
            denied[table.name] = [
                column for column in table.columns if _refusal(cursor, place, (column,)) == _DENIED_COLUMN
            ]
        elif number in (_DENIED_TABLE, _DENIED_DATABASE):
            denied[table.name] = []
    return tuple(_grants(database, tables, denied, account)), tuple(absent)


def _refusal(cursor: Cursor, place: str, columns: tuple[str, ...]) -> int:
    """The server's number for reading no row of these columns; 0 when it is allowed."""
    listed = ", ".join(map(DIALECT.quote, columns)) or "*"
    try:
        cursor.execute(f"SELECT {listed} FROM {place} LIMIT 0")
    except pymysql.MySQLError as error:
        number = error.args[0] if error.args else 0
        # A column's name that is wrong: a run says that better.
        if number not in (*DENIED, _NO_DATABASE, _NO_COLUMN, _NO_TABLE):
            raise
        return int(number)
    return 0


def _grants(
    database: str, tables: tuple[NeededTable, ...], denied: dict[str, list[str]], account: str
) -> Generator[MissingGrant, None, None]:
    """One for the database when no table can be read, else one for each table."""
    quoted = DIALECT.quote(database)
    if len(denied) == len(tables) > 1 and not any(denied.values()):
        yield MissingGrant(
            f"SELECT on {database}",
            f"none of its {len(tables)} tables can be read",
            f"GRANT SELECT ON {quoted}.* TO {account};",
        )
        return
    for table, columns in denied.items():
        listed = f" ({', '.join(map(DIALECT.quote, columns))})" if columns else ""
        named = f" of {', '.join(columns)}" if columns else ""
        yield MissingGrant(
            f"SELECT on {database}.{table}",
            f"its rows{named} cannot be read",
            f"GRANT SELECT{listed} ON {quoted}.{DIALECT.quote(table)} TO {account};",
        )


def _sees_transactions(cursor: Cursor) -> bool:
    try:
        cursor.execute("SELECT COUNT(*) FROM information_schema.innodb_trx")
    except pymysql.MySQLError as error:
        if error.args and error.args[0] == ACCESS_DENIED:
            return False
        raise
    return True


def account(current_user: str) -> str:
    """`user@host` as a GRANT takes it; the user's name may hold an @, the host's cannot."""
    user, _, host = current_user.rpartition("@")
    return f"{DIALECT.quote(user)}@{DIALECT.quote(host)}"


def _one(cursor: Cursor, statement: str) -> object:
    cursor.execute(statement)
    ((value,),) = cursor.fetchall()
    return value
