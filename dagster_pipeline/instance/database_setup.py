"""A PostgreSQL database with a user of its own, for Dagster's records or for the pipeline's state.

Every statement may run again, so a second set-up changes nothing but a password that is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import psycopg2
from psycopg2 import extensions, sql

from dagster_pipeline.errors import ConfigurationError, FatalError

Statement = tuple[str, sql.Composable]
"""What it is for, in a few words; and itself."""


@dataclass(frozen=True, slots=True)
class OwnedDatabase:
    """What is to be there.

    Attributes:
        database: its name.
        user: who owns it and may do nothing else on the server.
        password: the user's.
    """

    database: str
    user: str
    password: str = field(repr=False)

    def on_the_server(self, *, user_exists: bool, database_exists: bool) -> Iterator[Statement]:
        """Statements for the administrator, in any database of the server."""
        user, database = sql.Identifier(self.user), sql.Identifier(self.database)
        verb = sql.SQL("ALTER ROLE" if user_exists else "CREATE ROLE")
        yield (
            "a user that may log in and nothing else",
            sql.SQL("{} {} LOGIN NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                verb, user, sql.Literal(self.password)
            ),
        )
        if not database_exists:
            # Managed servers have no superuser, and others must be members of the role that they give something to.
            yield "the administrator may act for it", sql.SQL("GRANT {} TO CURRENT_USER").format(user)
            yield (
                "its database",
                sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                    database, user
                ),
            )
        yield (
            "nobody else may connect to it",
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        )

    def in_the_database(self) -> Iterator[Statement]:
        """Statements for the administrator, in the new database."""
        user = sql.Identifier(self.user)
        # PostgreSQL 14 and older let everybody create tables in `public`; since 15 only the owner may.
        yield "nobody else may create tables", sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield "the user may", sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(user)


def set_up(admin_dsn: str, wanted: OwnedDatabase) -> tuple[str, ...]:
    """Make what is missing; returns what each statement was for.

    Args:
        admin_dsn: any database of the server, as a user with CREATEROLE and CREATEDB.
        wanted: what is to be there.

    Raises:
        ConfigurationError: the server cannot be reached, or the database belongs to another user.
        FatalError: the server refused a statement.
    """
    done: list[str] = []
    with closing(_connect(admin_dsn)) as server, server.cursor() as cursor:
        user_exists = _exists(cursor, "SELECT 1 FROM pg_roles WHERE rolname = %s", wanted.user)
        owner = _owner(cursor, wanted.database)
        if owner not in (None, wanted.user):
            raise ConfigurationError(
                f"The database {wanted.database} exists and belongs to {owner}, not to {wanted.user}.",
                todo="Choose another name, or give it to that user: ALTER DATABASE ... OWNER TO ...",
            )
        statements = wanted.on_the_server(user_exists=user_exists, database_exists=owner is not None)
        done += _run(cursor, statements)
    database_dsn = extensions.make_dsn(**{**extensions.parse_dsn(admin_dsn), "dbname": wanted.database})
    with closing(_connect(database_dsn)) as database, database.cursor() as cursor:
        done += _run(cursor, wanted.in_the_database())
    return tuple(done)


def _connect(dsn: str) -> extensions.connection:
    try:
        connection = psycopg2.connect(dsn, connect_timeout=10, application_name="dagster_pipeline setup")
    except psycopg2.Error as error:
        raise ConfigurationError(
            f"The administrator's connection is refused: {' '.join(str(error).split())}.",
            todo="Correct the address; its user needs CREATEROLE and CREATEDB.",
        ) from error
    connection.autocommit = True  # CREATE DATABASE runs in no transaction
    return connection


def _run(cursor: extensions.cursor, statements: Iterator[Statement]) -> list[str]:
    done = []
    for purpose, statement in statements:
        try:
            cursor.execute(statement)
        except psycopg2.Error as error:
            said = error.diag.message_primary or type(error).__name__  # str(error) may repeat the password
            raise FatalError(
                f"{purpose}: the server refuses: {said}.",
                todo="Run this as a user with CREATEROLE and CREATEDB, e.g. the master user of a managed server.",
                code=error.pgcode or "",
            ) from None
        done.append(purpose)
    return done


def _exists(cursor: extensions.cursor, question: str, name: str) -> bool:
    cursor.execute(question, [name])
    return cursor.fetchone() is not None


def _owner(cursor: extensions.cursor, database: str) -> str | None:
    cursor.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database])
    row = cursor.fetchone()
    return None if row is None else str(row[0])
