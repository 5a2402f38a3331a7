"""The demo's four source databases: created, filled and changed with the SQL files of `sql/`.

Which SQL belongs to which moment: `tables` and `rows` make a database; `late` is written by a transaction that opens
before the first run and commits after it; `overtaking` commits in between; `changes` come between the two runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import psycopg2
import pymysql

from scripts.servers import mariadb
from scripts.servers.process import ServerError
from scripts.servers.product import with_database
from scripts.servers.server import Server

SQL = Path(__file__).parent / "sql"
MARKER = "made_by_make_demo"

Dialect = Literal["mysql", "postgres"]
Part = Literal["tables", "rows", "late", "overtaking", "changes"]


class Connection(Protocol):
    """What both drivers' connections have in common."""

    def cursor(self) -> Any: ...  # noqa: D102
    def commit(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Database:
    """One source database on a server.

    Attributes:
        name: of the database; also of its SQL files.
        server: runs it.
    """

    name: str
    dialect: Dialect
    server: Server

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection that commits what was done when the block ends well, and nothing otherwise.

        Raises `ServerError` for whatever the driver raises in the block.
        """
        try:
            connection = self._open()
            try:
                yield connection
                connection.commit()
            finally:
                connection.close()
        except (psycopg2.Error, pymysql.MySQLError) as error:
            raise ServerError(
                f"The database {self.name} ({self.server.origin}): {error}",
                todo="Run it again; when it stays so, `make clean` begins anew.",
            ) from error

    def _open(self) -> Connection:
        url = with_database(self.server.url, self.name)
        if self.dialect == "mysql":
            connection: Connection = mariadb.connect(url, autocommit=False)
            return connection
        return psycopg2.connect(url, options="-c TimeZone=UTC")

    def run(self, connection: Connection, part: Part) -> None:
        """Run one SQL file."""
        cursor = connection.cursor()
        for statement in (SQL / f"{self.name}.{part}.sql").read_text().split(";\n"):
            if statement.strip():
                cursor.execute(statement)

    def one_row(self, query: str) -> Sequence[Any]:
        """The only row of a query's result."""
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return tuple(cursor.fetchone())

    def fill(self) -> None:
        """Create the database anew with its sample data. Raises `ServerError` when it holds somebody's tables."""
        self._refuse_to_replace_others()
        self.server.create_database(self.name)
        with self.connect() as connection:
            connection.cursor().execute(f"CREATE TABLE {MARKER} (n int)")
            self.run(connection, "tables")
            self.run(connection, "rows")

    def _refuse_to_replace_others(self) -> None:
        """The server may be one that a variable names: only a database that the demo made may be replaced."""
        catalog = self._neighbour()
        if (
            self.dialect == "postgres"
            and not catalog.one_row(f"SELECT count(*) FROM pg_database WHERE datname = '{self.name}'")[0]
        ):
            return
        place = self if self.dialect == "postgres" else catalog
        tables, ours = place.one_row(
            f"SELECT COUNT(*), COUNT(CASE WHEN table_name = '{MARKER}' THEN 1 END) FROM information_schema.tables"
            f" WHERE table_schema = '{'public' if self.dialect == 'postgres' else self.name}'"
        )
        if tables and not ours:
            raise ServerError(
                f"The database {self.name} on {self.server.origin} was not made by the demo, so it is left alone.",
                todo=f"Drop it yourself, or unset {self.server.product.variable} to have a server of the demo's own.",
            )

    def _neighbour(self) -> Database:
        return Database(
            "information_schema" if self.dialect == "mysql" else "postgres", self.dialect, self.server
        )


def databases(*, mysql: Server, postgres: Server) -> list[Database]:
    """The four databases."""
    return [
        Database("amtdb", "mysql", mysql),
        Database("sales_service", "mysql", mysql),
        Database("fma", "postgres", postgres),
        Database("sentinel", "postgres", postgres),
    ]
